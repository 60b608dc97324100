"""Who is signed in at the web pages: kept here alone, so that a kill, a sign-out or a restart ends it at once.

The browser holds a random cookie; here lies its digest. Times are monotonic: no clock that is put back lengthens one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cockpit.model.clock import Clock
from oauth.decision import Random

MOST_SESSIONS: Final = 20
_COOKIE: Final = re.compile(r"[A-Za-z0-9_\-]{43}")


@dataclass(slots=True)
class Session:
    """One browser that is signed in."""

    digest: bytes
    began: float
    used: float
    epoch: int
    """The kill counter of its sign-in; another one now means that it has ended."""
    how: str
    """``password`` or ``passkey``."""
    code_at: float | None
    """When a code of the operator's authenticator was last typed in it."""


class Sessions:
    """The sessions of one cockpit; the oldest gives way when there are too many."""

    def __init__(self, clock: Clock, random: Random, idle_seconds: float, absolute_seconds: float) -> None:
        self._clock = clock
        self._random = random
        self._idle = idle_seconds
        self._absolute = absolute_seconds
        self._open: dict[bytes, Session] = {}
        self.ended = 0
        """Grows when every browser is signed out: a sign-in that was under way then must not begin a session."""

    def begin(self, how: str, epoch: int, *, code_typed: bool) -> str:
        """Sign a browser in and return its new cookie: never one that it brought along."""
        cookie = base64.urlsafe_b64encode(self._random(32)).rstrip(b"=").decode()
        now = self._clock.monotonic()
        session = Session(_digest(cookie), now, now, epoch, how, now if code_typed else None)
        self._open[session.digest] = session
        while len(self._open) > MOST_SESSIONS:
            del self._open[next(iter(self._open))]
        return cookie

    def of(self, cookie: str, epoch: int) -> Session | None:
        """Return the session of a cookie, which counts as a use of it; None where it has ended."""
        session = self._open.get(_digest(cookie)) if _COOKIE.fullmatch(cookie) else None
        if session is None:
            return None
        if not self._lives(session, epoch):
            del self._open[session.digest]
            return None
        session.used = self._clock.monotonic()
        return session

    def end(self, cookie: str) -> bool:
        """Sign out; whether there was anything to end."""
        return self._open.pop(_digest(cookie), None) is not None

    def end_all(self) -> int:
        """Sign every browser out; return how many there were."""
        self.ended += 1
        ended = len(self._open)
        self._open.clear()
        return ended

    def count(self, epoch: int) -> int:
        """Return how many are signed in now."""
        return sum(self._lives(session, epoch) for session in self._open.values())

    def _lives(self, session: Session, epoch: int) -> bool:
        now = self._clock.monotonic()
        return (
            session.epoch == epoch
            and now - session.used < self._idle
            and now - session.began < self._absolute
        )  # fmt: skip


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
