"""The time, as a value that is passed in."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
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

    # Every call reads them several times; these are the interpreter's own functions without a frame around them.
    now = staticmethod(partial(datetime.now, UTC))
    monotonic = staticmethod(time.monotonic)
