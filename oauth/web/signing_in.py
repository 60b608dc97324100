"""Whether somebody at the sign-in page is the operator. Whatever is wrong looks and lasts alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.text import safe
from cockpit.store.writes import WriteConflict
from oauth.decision import Random
from oauth.totp import Totp
from oauth.web import records
from oauth.web.config import WebConfig
from oauth.web.credentials import Credentials
from oauth.web.hashing import LONGEST, TooManyAtOnce
from oauth.web.passkeys import CHALLENGE_BYTES, CHALLENGE_SECONDS, BadPasskey, shown
from oauth.web.tries import Closed, Tries

EVEN_SECONDS: Final = 0.4
"""How long the answer to a wrong password or code takes: longer than a digest and a write."""
FACE: Final = "web"
"""Under which wrong codes of the sign-in page are counted; guesses there pause no other face."""
_MOST_CHALLENGES: Final = 1000


class Outcome(StrEnum):
    """How an attempt ended."""

    IN = "in"
    WRONG = "wrong"
    CLOSED = "closed"
    CROWDED = "crowded"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that is over."""

    outcome: Outcome
    how: str = ""
    """``password`` or ``passkey``."""


class SigningIn:
    """Looks at passwords with codes, and at passkeys."""

    def __init__(
        self,
        config: WebConfig,
        credentials: Credentials,
        tries: Tries,
        totp: Totp,
        clock: Clock,
        random: Random,
        publish: Callable[[Event], None],
    ) -> None:
        self._config = config
        self._credentials = credentials
        self._tries = tries
        self._totp = totp
        self._clock = clock
        self._random = random
        self._publish = publish
        self._challenges: dict[str, tuple[bytes, float]] = {}

    @property
    def takes_password(self) -> bool:
        """Whether a password counts now: never without an authenticator beside it."""
        return self._credentials.password is not None and self._totp.enrolled

    @property
    def takes_passkeys(self) -> bool:
        """Whether there is a passkey."""
        return bool(self._credentials.passkeys) and self._config.takes_passkeys

    def challenge(self, request_id: str) -> bytes:
        """Draw what a passkey has to sign for one waiting browser; the one before ends."""
        challenge = self._random(CHALLENGE_BYTES)
        self._challenges.pop(request_id, None)
        self._challenges[request_id] = (challenge, self._clock.monotonic() + CHALLENGE_SECONDS)
        while len(self._challenges) > _MOST_CHALLENGES:
            del self._challenges[next(iter(self._challenges))]
        return challenge

    async def by_password(self, password: str, code: str, address: str) -> Attempt:
        """Look at a password, and if it is right at the code. Raises like `Store.commit`."""
        if not self.takes_password or len(password) > LONGEST:
            return Attempt(Outcome.WRONG)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            with self._tries.one():
                began = loop.time()
                right = await self._credentials.fits(password)
                if right and await self._totp.check(code, FACE, "web sign-in") is None:
                    await self._credentials.write([], "web sign-in", "ok", how="password", address=address)
                    return self._in("password", address)
                await self._failed("password", address)
        except Closed:
            return Attempt(Outcome.CLOSED)
        except TooManyAtOnce:
            return Attempt(Outcome.CROWDED)
        await asyncio.sleep(max(0.0, began + EVEN_SECONDS - loop.time()))
        return Attempt(Outcome.WRONG)

    async def by_passkey(self, request_id: str, answer: str, address: str) -> Attempt:
        """Look at a passkey's answer; what it had to sign counts once. Raises like `Store.commit`."""
        challenge, until = self._challenges.pop(request_id, (b"", 0.0))
        try:
            if not self.takes_passkeys or self._clock.monotonic() >= until:
                raise BadPasskey("nothing was asked")
            passkey = shown(self._config, challenge, answer, self._credentials.passkeys)
            used = self._credentials.count(passkey)
            await self._credentials.write(
                [used], "web sign-in", "ok", how="passkey", passkey=passkey.name, address=address
            )
        except (BadPasskey, WriteConflict):  # a conflict: it was removed while its answer was looked at
            await self._credentials.write([], "web sign-in", "denied", "WEB_WRONG", how="passkey", address=address)
            return Attempt(Outcome.WRONG)
        return self._in("passkey", address)

    def _in(self, how: str, address: str) -> Attempt:
        says = f"Somebody signed in at the web page by {how}, from {address}."
        self._publish(Notice(self._clock.now(), safe(says), False))
        return Attempt(Outcome.IN, how)

    async def _failed(self, how: str, address: str) -> None:
        # In memory first: what could not be written was tried all the same.
        closes = self._tries.failed()
        now = self._clock.now()
        if closes:
            says = f"Signing in by password is closed: too many tries went wrong, the last from {address}. Open it with web unlock."
            self._publish(Notice(now, safe(says), True))
        await self._credentials.write(
            records.count_failure(now), "web sign-in", "denied", "WEB_WRONG", how=how, address=address
        )
        if closes:
            await self._credentials.write([], "web lock", "done", address=address)
