"""Signing in at a web page as the rest of the cockpit sees it: pages for browsers, and the operator's acts about it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.database import Store
from oauth.authority import Authority
from oauth.decision import Random
from oauth.totp import Totp
from oauth.web import records
from oauth.web.config import WebConfig
from oauth.web.credentials import MOST_PASSKEYS, PASSWORD_NAME, Credentials
from oauth.web.enrolment import Enrolment
from oauth.web.hashing import LONGEST, SHORTEST, Hashing, TooManyAtOnce
from oauth.web.making import MakingPasskeys
from oauth.web.pages import WebPages
from oauth.web.records import Passkey
from oauth.web.sessions import Sessions
from oauth.web.signing_in import SigningIn
from oauth.web.site import Limit, Seeing, WebSite
from oauth.web.tries import Tries


@dataclass(frozen=True, slots=True)
class WebStanding:
    """How it stands with signing in."""

    password_since: datetime | None
    passkeys: tuple[Passkey, ...]
    sessions: int
    closed: bool
    """Whether signing in by password is closed because too many tries went wrong."""


class WebAccess:
    """Builds the pages and carries out what the operator decides about them."""

    def __init__(
        self,
        config: WebConfig,
        authority: Authority,
        totp: Totp,
        store: Store,
        clock: Clock,
        publish: Callable[[Event], None],
        seeing: Seeing,
        limit: Limit,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._config = config
        self._authority = authority
        self._totp = totp
        self._store = store
        self._clock = clock
        self._publish = publish
        self._credentials = Credentials(store, clock, Hashing())
        self._sessions = Sessions(clock, random, config.idle_seconds, config.absolute_seconds)
        self._tries = Tries(clock, config.failures_per_hour)
        self._enrolment = Enrolment(clock, random)
        signing_in = SigningIn(config, self._credentials, self._tries, totp, clock, random, publish)
        pages = WebPages(authority.config.secure, random)
        self.site = WebSite(
            config, authority, totp, clock, random, seeing, limit, pages,
            signing_in, self._tries, self._sessions, self._credentials,
        )  # fmt: skip
        """Where the operator signs in and decides."""
        self.making = MakingPasskeys(
            config, authority, clock, publish, limit, pages, self._credentials, self._enrolment
        )  # fmt: skip
        """Where a passkey is made."""

    async def load(self) -> None:
        """Take up what was set before, and offer the page to browsers that wait."""
        await self._credentials.load()
        self._tries.load(await records.failures(self._store, self._clock.now()))
        self._totp.when_changed = self._end_all
        self._authority.consent.sign_in_at = "/oauth/web/sign-in"

    def standing(self) -> WebStanding:
        """Return how it stands."""
        password = self._credentials.password
        return WebStanding(
            None if password is None else password.set_at,
            tuple(self._credentials.passkeys),
            self._sessions.count(self._authority.epoch),
            self._tries.closed,
        )

    async def set_password(self, password: str, by: str) -> Refusal | None:
        """Set the password; every browser is signed out."""
        if not self._totp.enrolled:
            return refuse("TOTP_NOT_ENROLLED", "A password counts only beside an authenticator: totp enroll first.")
        if not SHORTEST <= len(password) <= LONGEST:
            return refuse("BAD_ACT_ARGUMENTS", f"A password has {SHORTEST} to {LONGEST} characters.")
        try:
            await self._credentials.set_password(password, by)
        except TooManyAtOnce:
            return refuse("BUSY")
        self._end_all()
        self._say(f"The password of the web sign-in was set ({by}).")
        return None

    def begin_passkey(self) -> str | Refusal:
        """Return the address under which one passkey can be made, once and soon."""
        if not self._config.takes_passkeys:
            return refuse("WEB_OFF", "Browsers make passkeys for names alone, and public_url holds an address.")
        if len(self._credentials.passkeys) >= MOST_PASSKEYS:
            return refuse("BAD_ACT_ARGUMENTS", f"There are {MOST_PASSKEYS} passkeys; remove one first.")
        return f"{self._config.origin}/oauth/web/enrol/{self._enrolment.begin(self._authority.epoch)}"

    async def remove(self, what: str, by: str) -> Refusal | None:
        """Let the password, or the passkey of a name, count no more; every browser is signed out."""
        removed = what.casefold() == PASSWORD_NAME and await self._credentials.remove_password(by)
        if not removed and not await self._credentials.remove(what, by):
            return refuse("BAD_ACT_ARGUMENTS", "There is no such thing: web status lists what there is.")
        self._end_all()
        return None

    async def unlock(self, by: str) -> bool:
        """Open signing in by password again; whether it was closed."""
        was_closed = self._tries.closed
        await self._credentials.write([records.forget_failures()], "web unlock", "done", by=by)
        self._tries.open()
        return was_closed

    async def sign_out(self, by: str) -> int:
        """Sign every browser out, in memory first; return how many there were."""
        ended = self._end_all()
        await self._credentials.write([], "web sign-out", "done", by=by)
        return ended

    def _end_all(self) -> int:
        """Sign every browser out, with the link for a passkey; return how many there were."""
        self._enrolment.end()
        return self._sessions.end_all()

    def _say(self, text: str) -> None:
        self._publish(Notice(self._clock.now(), safe(text), False))
