"""The time by which authorities end: it follows the host's clock forward, and goes on at its pace where that is put back.

A clock that is put back, by hand or by its source, must not lengthen any token, code or grant. Within a process
monotonic seconds bridge it; the latest time is kept every ten seconds, and a start begins no earlier than that. While
nothing lives that could be lengthened, the clock is believed again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cockpit.model.clock import Clock


class SteadyClock:
    """A clock that never goes back. Implements `Clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen, self._monotonic = clock.now, clock.monotonic
        self._latest = clock.now()
        self._since = clock.monotonic()

    def now(self) -> datetime:
        """Return the later of the host's time and of the latest one seen with the seconds that went by since."""
        seen, monotonic = self._seen(), self._monotonic()
        steady = self._latest + timedelta(0, monotonic - self._since)
        if seen >= steady:
            self._latest, self._since = seen, monotonic
            return seen
        return steady

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return self._clock.monotonic()

    def not_before(self, latest: datetime) -> None:
        """Go on from ``latest`` if the host's clock is behind it."""
        if latest > self.now():
            self._latest, self._since = latest, self._clock.monotonic()

    def believe(self) -> None:
        """Take the host's time as it is: nothing lives that it could lengthen."""
        self._latest, self._since = self._clock.now(), self._clock.monotonic()

    @property
    def behind(self) -> timedelta:
        """How far the host's clock is behind; zero where it was never put back."""
        return max(timedelta(0), self.now() - self._clock.now())
