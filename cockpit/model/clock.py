"""The time, as a value that is passed in."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where a room gets the time from; tests pass one that stands still until told."""

    def now(self) -> datetime:
        """Return the wall clock in UTC: for what people read and what is stored."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump: for deadlines and durations."""
        ...


class SystemClock:
    """The host's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
