"""What browsers get on the operator's pages: sign in, and decide about the request that waits in this browser."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.identity import WRITE_SCOPES, ClientName
from cockpit.model.refusals import Refusal
from cockpit.model.text import safe
from oauth.authority import Authority
from oauth.decision import Random
from oauth.messages import HttpAnswer, HttpRequest
from oauth.totp import Totp
from oauth.waiting import Stage, WaitingRequest
from oauth.web.choosing import Chosen, Seen, chosen_in, fault_of
from oauth.web.config import WebConfig
from oauth.web.credentials import Credentials
from oauth.web.forms import BadForm, Form, FormTokens, came_from, read_form
from oauth.web.pages import WebPages
from oauth.web.passkeys import asked_to_show
from oauth.web.sessions import Session, Sessions
from oauth.web.signing_in import Outcome, SigningIn
from oauth.web.tries import Tries

Limit = Callable[[str], int | None]
"""Counts one attempt of an address; None lets it through, otherwise after how many seconds to come again."""
Seeing = Callable[[str], Awaitable[Seen | Refusal]]
"""Shows a request as the operator decides on it."""

BY: Final = "web"
CODE_FRESH_SECONDS: Final = 60
"""How long a code that was typed counts for what changes something."""
CONSENT_FACE: Final = "web consent"
"""Wrong codes of a browser that is signed in are counted apart from those of strangers."""
_WRONG: Final = "That was not right."
_MEANWHILE: Final = "Every browser was signed out meanwhile. Sign in again."
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")


class WebSite:
    """Answers browsers. Each form comes from our own page, in the browser that began the request it is about."""

    def __init__(
        self,
        config: WebConfig,
        authority: Authority,
        totp: Totp,
        clock: Clock,
        random: Random,
        seeing: Seeing,
        limit: Limit,
        pages: WebPages,
        signing_in: SigningIn,
        tries: Tries,
        sessions: Sessions,
        credentials: Credentials,
    ) -> None:
        self._config = config
        self._authority = authority
        self._totp = totp
        self._clock = clock
        self._seeing = seeing
        self._limit = limit
        self._signing_in = signing_in
        self._tries = tries
        self._sessions = sessions
        self._credentials = credentials
        secure = authority.config.secure
        self._pages = pages
        self._tokens = FormTokens(random)
        self._cookie = "__Host-cockpit_session" if secure else "cockpit_session"
        self._cookie_end = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    # sign in

    async def sign_in_page(self, request: HttpRequest, request_id: str) -> HttpAnswer:
        """Show the sign-in page, or the request where this browser is signed in."""
        waiting = self._waiting(request, request_id)
        if isinstance(waiting, HttpAnswer):
            return waiting
        if self._session(request) is not None:
            return self._pages.see(f"/oauth/web/consent/{request_id}")
        return self._sign_in_page(200, waiting)

    async def sign_in(self, request: HttpRequest, request_id: str) -> HttpAnswer:
        """Take a password with a code, or a passkey's answer."""
        waiting = self._waiting(request, request_id)
        if isinstance(waiting, HttpAnswer):
            return waiting
        form = self._form(request, "sign-in", waiting.bind, request_id)
        if isinstance(form, HttpAnswer):
            return form
        again = self._limit(request.address)
        if again is not None:
            return self._pages.crowded(again)
        address, epoch, ended = safe(request.address, 64), self._authority.epoch, self._sessions.ended
        if form.get("credential"):
            attempt = await self._signing_in.by_passkey(request_id, form.get("credential"), address)
        else:
            attempt = await self._signing_in.by_password(form.get("password"), form.get("totp"), address)
        if attempt.outcome is Outcome.CROWDED or (attempt.outcome is Outcome.CLOSED and not self._tries.closed):
            return self._pages.crowded(1)
        if attempt.outcome is not Outcome.IN:
            return self._sign_in_page(401, waiting, _WRONG if attempt.outcome is Outcome.WRONG else "")
        if self._authority.epoch != epoch:
            return self._pages.stopped()
        if self._sessions.ended != ended:
            return self._sign_in_page(401, waiting, _MEANWHILE)
        self._sessions.end(request.cookies.get(self._cookie, ""))
        cookie = self._sessions.begin(attempt.how, epoch, code_typed=attempt.how == "password")
        age = int(self._config.absolute_seconds)
        return self._pages.see(
            f"/oauth/web/consent/{request_id}",
            ("Set-Cookie", f"{self._cookie}={cookie}; Max-Age={age}{self._cookie_end}"),
        )

    async def sign_out(self, request: HttpRequest, request_id: str) -> HttpAnswer:
        """End this browser's session."""
        if not _REQUEST_ID.fullmatch(request_id):
            return self._pages.foreign()
        session = self._session(request)
        if session is not None:
            form = self._form(request, "sign-out", session.digest, request_id)
            if isinstance(form, HttpAnswer):
                return form
            self._sessions.end(request.cookies.get(self._cookie, ""))
            await self._credentials.write([], "web sign-out", "done", by=BY, address=safe(request.address, 64))
        elif not came_from(request, self._config.origin):
            return self._pages.foreign()
        gone = ("Set-Cookie", f"{self._cookie}=; Max-Age=0{self._cookie_end}")
        return self._pages.see(f"/oauth/wait/{request_id}", gone)

    # decide

    async def consent_page(self, request: HttpRequest, request_id: str) -> HttpAnswer:
        """Show the request of this browser, always anew, to the operator who is signed in."""
        waiting = self._waiting(request, request_id)
        if isinstance(waiting, HttpAnswer):
            return waiting
        session = self._session(request)
        if session is None:
            return self._pages.see(f"/oauth/web/sign-in/{request_id}")
        seen = await self._seeing(request_id)
        if isinstance(seen, Refusal):
            return self._refused(seen)
        return self._consent_page(200, seen, Chosen.at_first(seen), session)

    async def decide(self, request: HttpRequest, request_id: str) -> HttpAnswer:
        """Let the client of this browser's request in, or turn it away."""
        waiting = self._waiting(request, request_id)
        if isinstance(waiting, HttpAnswer):
            return waiting
        session = self._session(request)
        if session is None:
            return self._sign_in_page(401, waiting, "Sign in first." if came_from(request, self._config.origin) else "")
        form = self._form(request, "consent", session.digest, request_id)
        if isinstance(form, HttpAnswer):
            return form
        if form.get("decision") == "deny":
            refusal = await self._authority.deny(request_id, BY)
            return self._pages.go_on(request_id) if refusal is None else self._refused(refusal)
        if form.get("decision") != "approve":
            return self._pages.foreign()
        seen = await self._seeing(request_id)
        if isinstance(seen, Refusal):
            return self._refused(seen)
        return await self._approve(request, form, seen, session)

    async def _approve(self, request: HttpRequest, form: Form, seen: Seen, session: Session) -> HttpAnswer:
        chosen = chosen_in(form)
        problem = fault_of(chosen, seen)
        if problem:
            return self._consent_page(400, seen, chosen, session, problem)
        if chosen.scopes & WRITE_SCOPES:
            problem = await self._code_missing(form, session)
            if problem:
                return self._consent_page(403, seen, chosen, session, problem)
        request_id = seen.waiting.request_id
        # It may have ended while the code was looked at, or while the client's document was fetched.
        if self._session(request) is not session:
            return self._pages.see(f"/oauth/web/sign-in/{request_id}")
        grant = await self._authority.approve(
            request_id, ClientName(chosen.name), chosen.scopes, chosen.connection, chosen.lives, BY,
            lambda: self._session(request) is session,
        )  # fmt: skip
        if isinstance(grant, Refusal) and self._session(request) is not session:
            return self._pages.see(f"/oauth/web/sign-in/{request_id}")
        return self._refused(grant) if isinstance(grant, Refusal) else self._pages.go_on(request_id)

    async def _code_missing(self, form: Form, session: Session) -> str:
        """Say why what changes something can't be granted now; empty where a fresh code was typed."""
        now = self._clock.monotonic()
        if not self._totp.enrolled:
            return "What changes something takes a code, and no authenticator is enrolled."
        if not form.get("totp"):
            fresh = session.code_at is not None and now - session.code_at <= CODE_FRESH_SECONDS
            return "" if fresh else "What changes something takes a fresh code of your authenticator."
        refusal = await self._totp.check(form.get("totp"), CONSENT_FACE, "client.approve")
        if refusal is not None:
            return refusal.message
        session.code_at = now
        return ""

    # what the pages have in common

    def _waiting(self, request: HttpRequest, request_id: str) -> WaitingRequest | HttpAnswer:
        """Return this browser's request while it waits, or what is said instead."""
        if self._authority.stopped:
            return self._pages.stopped()
        waiting = self._authority.consent.of_browser(request, request_id)
        if waiting is None:
            return self._pages.message(
                400, "Nothing waits here", "This page belongs to another browser, or it is over.",
                "Start the connection again in the program that sent you here.",
            )  # fmt: skip
        if waiting.stage is not Stage.WAITING or waiting.shown.decide_by <= self._clock.now():
            return self._pages.see(f"/oauth/wait/{request_id}")
        return waiting

    def _session(self, request: HttpRequest) -> Session | None:
        return self._sessions.of(request.cookies.get(self._cookie, ""), self._authority.epoch)

    def _form(self, request: HttpRequest, purpose: str, whose: bytes, request_id: str) -> Form | HttpAnswer:
        if not came_from(request, self._config.origin):
            return self._pages.foreign()
        try:
            form = read_form(request)
        except BadForm:
            return self._pages.foreign()
        return form if self._tokens.fits(form.get("token"), purpose, whose, request_id) else self._pages.foreign()

    def _sign_in_page(self, status: int, waiting: WaitingRequest, problem: str = "") -> HttpAnswer:
        request_id = waiting.shown.request_id
        takes, closed = self._signing_in.takes_password, self._tries.closed
        options = ""
        if self._signing_in.takes_passkeys:
            options = asked_to_show(self._config, self._signing_in.challenge(request_id))
        return self._pages.sign_in(
            status, request_id, self._tokens.make("sign-in", waiting.bind, request_id), options=options,
            password=takes and not closed, closed=takes and closed, problem=problem,
        )  # fmt: skip

    def _consent_page(self, status: int, seen: Seen, chosen: Chosen, session: Session, problem: str = "") -> HttpAnswer:
        request_id = seen.waiting.request_id
        tokens = (
            self._tokens.make("consent", session.digest, request_id),
            self._tokens.make("sign-out", session.digest, request_id),
        )
        return self._pages.consent(status, seen, chosen, tokens, enrolled=self._totp.enrolled, problem=problem)

    def _refused(self, refusal: Refusal) -> HttpAnswer:
        return self._pages.message(409, "That can't be decided now", refusal.message, "Go back to the code's page.")
