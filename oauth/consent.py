"""What a browser sees: a code that waits for the operator, and then the way back to the client."""

from __future__ import annotations

import base64
import math
import re
from contextlib import suppress
from datetime import timedelta
from typing import Final

from authlib.oauth2.rfc6749 import OAuth2Error

from cockpit.model.events import ClientAsked
from cockpit.model.identity import Scope, scopes_of
from cockpit.model.text import Safe, safe
from cockpit.store.writes import StoreBusy, StoreUnavailable
from oauth import records
from oauth.cimd import BadDocument, document_address, host_of, is_address
from oauth.documents import Documents, DocumentUnusable
from oauth.messages import HttpAnswer, HttpRequest
from oauth.pages import Pages
from oauth.parameters import BadParameters, Parameters, read_parameters
from oauth.records import Kind, Registration
from oauth.redirects import may_be_registered, shown_host
from oauth.state import State, entry
from oauth.waiting import Stage, WaitingClient, WaitingRequest
from oauth.way_back import asking, deciding_for, way_back

LONGEST_QUERY: Final = 8192
_BIND: Final = re.compile(r"[A-Za-z0-9_\-]{43}")
_LONGEST_LIFE: Final = timedelta(days=3650)


class Consent:
    """The authorization endpoint and the page that waits."""

    def __init__(self, state: State, pages: Pages, documents: Documents) -> None:
        self._state = state
        self._pages = pages
        self._documents = documents
        self.sign_in_at = ""
        """Path of the page where the operator may sign in, once there is one."""
        secure = state.config.secure
        self._cookie = "__Host-cockpit_bind" if secure else "cockpit_bind"
        self._cookie_end = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    async def authorize(self, request: HttpRequest) -> HttpAnswer:
        """Take an authorization request (RFC 6749, 4.1.1) and let its browser wait."""
        if self._state.stopped:
            return self._stopped()
        try:
            if len(request.query) > LONGEST_QUERY:
                raise BadParameters("The request is too long.")
            parameters = read_parameters(request.query)
        except BadParameters as error:
            return self._wrong(str(error))
        if request.method == "HEAD":
            return self._pages.message(200, "Ready")
        try:
            registration = await self._asking_client(request, parameters)
            if isinstance(registration, HttpAnswer):
                return registration
            alike = await records.alike(self._state.store, registration) if registration.kind is Kind.DCR else 0
        except (StoreBusy, StoreUnavailable):
            return self._unavailable()
        decision = deciding_for(self._state, registration)
        try:
            grant = decision.get_consent_grant(asking(self._state, parameters))
        except OAuth2Error as error:
            # Nobody has vouched yet for the redirect of a client whose document was not read.
            if error.redirect_uri and not _unfetched(registration):
                return decision.refused(error)
            return self._wrong(error.get_error_description())
        if self._state.stopped:
            return self._stopped()
        if not self._state.room.has_room(safe(request.address, 64)):
            return self._full(request)
        asked = scopes_of(grant.request.scope or "")
        return self._let_wait(request, parameters, registration, grant.redirect_uri or "", asked, alike)

    def embedded(self) -> HttpAnswer:
        """Turn away what another page loads as a part of itself, such as a picture or a frame."""
        return self._wrong("Another page tried to load this one as a part of itself.")

    async def wait(self, request: HttpRequest, request_id: str) -> HttpAnswer:
        """Answer the page's question whether the operator has decided; only to the browser that began."""
        if self._state.stopped:
            return self._stopped()
        waiting = self.of_browser(request, request_id)
        if waiting is None:
            return self._gone()
        if waiting.stage is Stage.APPROVED and request.method != "HEAD":
            # A host that can't write now lets the page ask again.
            with suppress(StoreBusy, StoreUnavailable):
                await self._hand_over(waiting)
        if waiting.location is not None:
            return HttpAnswer(303, (("Location", waiting.location), ("Cache-Control", "no-store")))
        if waiting.stage is Stage.UNUSABLE:
            return self._wrong(
                "The program's own description can't be had, or it doesn't name where it wants its code."
            )
        if waiting.stage is Stage.DENIED:
            return self._pages.message(403, "Turned away", "The operator has turned this program away.")
        left = (waiting.shown.decide_by - self._state.clock.now()).total_seconds()
        if waiting.stage in {Stage.WAITING, Stage.APPROVED} and left > 0:
            return self._show(waiting, math.ceil(left))
        return self._expired()

    def of_browser(self, request: HttpRequest, request_id: str) -> WaitingRequest | None:
        """Return a request only to the browser that began it."""
        waiting, bind = self._state.room.get(request_id), self._bind(request)
        return None if waiting is None or bind is None or records.digest(bind) != waiting.bind else waiting

    def crowded(self, retry_after: int) -> HttpAnswer:
        """Tell a browser that asks too often to come again."""
        return self._pages.message(
            429, "Too many requests", "They come too fast from your address; try again.", retry_after=retry_after
        )

    async def _asking_client(self, request: HttpRequest, parameters: Parameters) -> Registration | HttpAnswer:
        """Return who asks. Nothing is fetched for a stranger: not from a host that only its client_id names, and not
        while nobody more may wait."""
        client_id = parameters.get("client_id")
        unknown = "No program is registered here under that client_id."
        if not is_address(client_id):
            found = await records.registration(self._state.store, client_id)
            return found or self._wrong(unknown)
        try:
            address = document_address(client_id)
        except BadDocument:
            return self._wrong(unknown)
        kept = await self._documents.kept(address)
        if kept is not None:
            return kept
        if not self._state.room.has_room(safe(request.address, 64)):
            return self._full(request)
        if self._documents.may_fetch(address):
            try:
                return await self._documents.fetched(address, request.address)
            except DocumentUnusable:
                return self._wrong("The program's own description can't be had, or it can't be used.")
        redirect_uri = parameters.get("redirect_uri")
        if not may_be_registered(redirect_uri):
            return self._wrong("The program must say where it wants its code.")
        return self._documents.provisional(address, redirect_uri, request.address)

    def _let_wait(
        self,
        request: HttpRequest,
        parameters: Parameters,
        registration: Registration,
        redirect_uri: str,
        asked: frozenset[Scope],
        alike: int,
    ) -> HttpAnswer:
        state, now = self._state, self._state.clock.now()
        bind = self._bind(request)
        if bind is None or not state.room.knows_browser(records.digest(bind)):
            bind = _secret(state.random(32))
        shown = WaitingClient(
            request_id=_secret(state.random(16)),
            claimed_name=registration.claimed_name,
            client_id=registration.client_id,
            host=_identity(registration, redirect_uri),
            redirect_uri=safe(redirect_uri, 512),
            address=safe(request.address, 64),
            asked=tuple(scope for scope in Scope if scope in asked),
            asked_at=now,
            decide_by=now + timedelta(seconds=state.config.ask_seconds),
            kind=registration.kind,
            redirect_host=shown_host(redirect_uri),
            unfetched=_unfetched(registration),
            changed=registration.changed,
            alike=alike,
        )
        note = entry(
            now, "asked", "wait", client_id=shown.client_id, host=shown.host, address=shown.address,
            claimed_name=shown.claimed_name, scopes=sorted(asked), redirect_uri=shown.redirect_uri,
        )  # fmt: skip
        try:
            state.store.record(note)
        except (StoreBusy, StoreUnavailable):
            return self._unavailable()
        waiting = WaitingRequest(shown, state.room.new_code(), records.digest(bind), parameters, registration.shape)
        state.room.add(waiting)
        state.publish(ClientAsked(now, shown.request_id))
        age = state.config.ask_seconds * 2
        cookie = ("Set-Cookie", f"{self._cookie}={bind}; Max-Age={age}{self._cookie_end}")
        return self._show(waiting, state.config.ask_seconds, cookie)

    def _show(self, waiting: WaitingRequest, seconds_left: int, *headers: tuple[str, str]) -> HttpAnswer:
        offers = self.sign_in_at and waiting.stage is Stage.WAITING
        sign_in = f"{self.sign_in_at}/{waiting.shown.request_id}" if offers else ""
        return self._pages.waiting(waiting, seconds_left, *headers, sign_in=sign_in)

    async def _hand_over(self, waiting: WaitingRequest) -> None:
        """Issue the authorization code of an approved request, once."""
        state = self._state
        async with state.lock:
            now = state.clock.now()
            stored = state.usable(waiting.grant_id)
            if waiting.stage is not Stage.APPROVED:
                return
            if stored is None or waiting.ends_at is None or waiting.ends_at <= now:
                waiting.stage = Stage.EXPIRED
                return
            location = await way_back(state, waiting, stored)
            if location is not None:
                waiting.stage, waiting.location = Stage.DONE, location
                waiting.ends_at = now + timedelta(seconds=state.config.code_seconds)

    def _bind(self, request: HttpRequest) -> str | None:
        value = request.cookies.get(self._cookie, "")
        return value if _BIND.fullmatch(value) else None

    def _wrong(self, what: str) -> HttpAnswer:
        return self._pages.message(
            400, "This link doesn't work", what, "Start the connection again in the program that sent you here."
        )

    def _gone(self) -> HttpAnswer:
        return self._pages.message(
            400,
            "Nothing waits here",
            "This page belongs to another browser, or it is over.",
            "Start the connection again in the program that sent you here.",
        )

    def _expired(self) -> HttpAnswer:
        return self._pages.message(
            410, "The code has expired", "Nobody typed it in time, or the access has ended. Start the connection again."
        )

    def _stopped(self) -> HttpAnswer:
        return self._pages.message(
            503, "Stopped", "The operator has stopped everything; nobody is let in now.", retry_after=60
        )

    def _unavailable(self) -> HttpAnswer:
        return self._pages.message(503, "Please try again", "The host can't take this now.", retry_after=5)

    def _full(self, request: HttpRequest) -> HttpAnswer:
        status = 429 if self._state.room.is_full_for(safe(request.address, 64)) else 503
        return self._pages.message(
            status, "Too many wait already", "Try again when the operator has decided on them.", retry_after=30
        )


def _unfetched(registration: Registration) -> bool:
    return registration.kind is Kind.CIMD and registration.fetched_at is None


def _identity(registration: Registration, redirect_uri: str) -> Safe:
    """Return what a client can't invent: the host of its document, or else where its code goes."""
    if registration.kind is Kind.CIMD:
        return safe(host_of(registration.client_id), 100)
    return shown_host(redirect_uri)


def _secret(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()
