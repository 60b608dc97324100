"""How many wrong passwords and codes are looked at: so few in an hour that guessing is hopeless, wherever they come from.

When they are used up, signing in by password is closed until the operator opens it or the hour has gone by. Passkeys
can't be guessed and stay open, and so does the way by the code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from cockpit.model.clock import Clock

_WINDOW: Final = timedelta(hours=1)


class Closed(Exception):
    """Signing in by password is closed."""


class Tries:
    """Counts failures within the last hour, those under way included."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._failures: deque[float] = deque()
        self._under_way = 0
        self._told = False

    def load(self, failures: list[datetime]) -> None:
        """Take up what was counted before the start. Times that the host's clock puts into the future count as now."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        for at in sorted(failures):
            self._failures.append(monotonic - max(timedelta(0), now - at).total_seconds())

    @property
    def closed(self) -> bool:
        """Whether no password is looked at."""
        return self._count() >= self._most

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place while a password is looked at; `Closed` where too many failed, or might."""
        if self._count() + self._under_way >= self._most:
            raise Closed
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def failed(self) -> bool:
        """Count a failure; whether it is the one that closes, and nobody was told yet."""
        self._failures.append(self._clock.monotonic())
        if not self.closed or self._told:
            return False
        self._told = True
        return True

    def open(self) -> bool:
        """Begin to count anew; whether it was closed."""
        closed = self.closed
        self._failures.clear()
        self._told = False
        return closed

    def _count(self) -> int:
        past = self._clock.monotonic() - _WINDOW.total_seconds()
        while self._failures and self._failures[0] <= past:
            self._failures.popleft()
        if len(self._failures) < self._most:
            self._told = False
        return len(self._failures)
