"""When a wait is over, by the wall clock or by the one that never jumps, whichever comes first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from cockpit.model.clock import Clock


class Deadlines:
    """Remembers when each deadline was first looked at, so that a clock that is put back lengthens no wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: dict[str, tuple[datetime, float]] = {}

    def over(self, key: str, since: datetime, until: datetime) -> bool:
        """Whether the wait of that name is over; one whose end was moved is a new one."""
        now, steady = self._clock.now(), self._clock.monotonic()
        seen = self._ends.get(key)
        if seen is None or seen[0] != until:
            left = min(until - now, until - since)
            seen = self._ends[key] = (until, steady + left.total_seconds())
        return now >= until or steady >= seen[1]

    def keep(self, keys: Collection[str]) -> None:
        """Forget every wait but these."""
        self._ends = {key: end for key, end in self._ends.items() if key in keys}
