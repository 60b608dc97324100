"""When the terminal calls the operator, and what its window is called: for what newly waits, and when it is nearly over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from cockpit.model.text import safe
from tui.rows.waiting_row import URGENT_SECONDS, said, seconds_left
from tui.waiting import Waiting, key_of
from tui.words import countdown

CALL_SECONDS: Final = 10.0
"""How long the terminal stays silent after a call. What comes meanwhile is called for once they are over."""
TITLE_SECONDS: Final = 0.9
"""How long a title stays at least; a little less than the second between two ticks, which come early or late."""
_LONGEST: Final = 120


class Attention:
    """Remembers what it has called for, and what the window is called."""

    def __init__(self) -> None:
        self._warned: set[str] = set()
        self._due: tuple[str, ...] = ()
        self._called_at = float("-inf")
        self._title = ""
        self._titled_at = float("-inf")

    def calls_for(
        self, items: Sequence[Waiting], new: Collection[str], now: datetime, monotonic: float
    ) -> tuple[Waiting, ...]:
        """Return what to call the operator for at this moment: what is new, and what has just become urgent."""
        waiting = {key_of(item): item for item in items}
        self._warned &= waiting.keys()
        urgent = {key for key, item in waiting.items() if seconds_left(item, now) <= URGENT_SECONDS}
        asked = {*self._due, *new, *(urgent - self._warned)}
        self._warned |= urgent
        self._due = tuple(key for key in waiting if key in asked)
        if not self._due or monotonic - self._called_at < CALL_SECONDS:
            return ()
        self._called_at = monotonic
        due, self._due = self._due, ()
        return tuple(waiting[key] for key in due)

    def title(self, items: Sequence[Waiting], now: datetime, monotonic: float) -> str | None:
        """Return the window's new name; None while the old one stays, for it changes once a second at most."""
        title = window_title(items, now)
        if title == self._title or monotonic - self._titled_at < TITLE_SECONDS:
            return None
        self._title, self._titled_at = title, monotonic
        return title


def window_title(items: Sequence[Waiting], now: datetime) -> str:
    """Name the window so that a row of tabs shows how much waits, and how long the first of it still does."""
    if not items:
        return "cockpit"
    soonest = min(seconds_left(item, now) for item in items)
    return f"({len(items)}) cockpit {countdown(soonest)}"


def call_words(items: Sequence[Waiting], now: datetime) -> str:
    """Say what waits in one line: kind, client and order as the queue says them, and never a code or an id."""
    item = min(items, key=lambda one: seconds_left(one, now))
    what = said(item, "")
    wish = what.what if what.role else "asks to be let in"
    more = f", and {len(items) - 1} more" if len(items) > 1 else ""
    return safe(f"{what.kind} {what.who}: {wish}, {countdown(seconds_left(item, now))} left{more}", _LONGEST)
