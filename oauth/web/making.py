"""The page under the operator's link: a browser makes a passkey there, once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.text import safe
from oauth.authority import Authority
from oauth.messages import HttpAnswer, HttpRequest
from oauth.web.config import WebConfig
from oauth.web.credentials import Credentials
from oauth.web.enrolment import Enrolment
from oauth.web.forms import BadForm, came_from, read_form
from oauth.web.pages import WebPages
from oauth.web.passkeys import BadPasskey, asked_to_make, made
from oauth.web.records import Passkey
from oauth.web.site import BY, Limit


class MakingPasskeys:
    """Answers browsers that come with the link. Whoever has it may make the passkey, and the operator is told."""

    def __init__(
        self,
        config: WebConfig,
        authority: Authority,
        clock: Clock,
        publish: Callable[[Event], None],
        limit: Limit,
        pages: WebPages,
        credentials: Credentials,
        enrolment: Enrolment,
    ) -> None:
        self._config = config
        self._authority = authority
        self._clock = clock
        self._publish = publish
        self._limit = limit
        self._pages = pages
        self._credentials = credentials
        self._enrolment = enrolment

    async def page(self, request: HttpRequest, secret: str) -> HttpAnswer:
        """Show the page of a link that the operator made."""
        return self._over(secret) or self._enrol_page(200, secret)

    async def make(self, request: HttpRequest, secret: str) -> HttpAnswer:
        """Take the passkey that a browser made."""
        if not came_from(request, self._config.origin):
            return self._pages.foreign()
        again = self._limit(request.address)
        if again is not None:
            return self._pages.crowded(again)
        over = self._over(secret)
        if over is not None:
            return over
        challenge = self._enrolment.take_challenge()
        try:
            form = read_form(request)
            if challenge is None:
                raise BadPasskey("nothing was asked")
            made_now = made(self._config, challenge, form.get("credential"))
        except BadForm:
            return self._pages.foreign()
        except BadPasskey:
            await self._credentials.write(
                [], "web passkey", "denied", "WEB_WRONG", by=BY, address=safe(request.address, 64)
            )
            return self._enrol_page(400, secret, "That was no passkey for this cockpit; try again.")
        if any(one.credential_id == made_now[0] for one in self._credentials.passkeys):
            return self._enrol_page(400, secret, "That passkey is known already.")
        # The link ends before the passkey counts: of two browsers at once one makes it.
        self._enrolment.end()
        name = safe(form.get("name").strip(), 40) or "passkey"
        kept = await self._credentials.add(Passkey(str(name), *made_now, self._clock.now()), BY)
        says = f"A passkey was made for the web sign-in: {kept.name}, from {request.address}."
        self._publish(Notice(self._clock.now(), safe(says), True))
        return self._pages.message(
            200,
            "Your passkey is made",
            "From now on it signs you in where a program's page shows its code.",
            "Close this page.",
        )

    def _over(self, secret: str) -> HttpAnswer | None:
        if self._authority.stopped:
            return self._pages.stopped()
        return None if self._enrolment.knows(secret, self._authority.epoch) else self._pages.no_link()

    def _enrol_page(self, status: int, secret: str, problem: str = "") -> HttpAnswer:
        options = asked_to_make(self._config, self._enrolment.challenge(), self._credentials.passkeys)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        return self._pages.enrol(status, f"/oauth/web/enrol/{secret}", options, f"passkey {digest[:4]}", problem)
