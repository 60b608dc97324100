"""When the terminal rings, and what its window is called: once for what newly waits, once more when it is nearly over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from tui.rows.waiting_row import URGENT_SECONDS, seconds_left
from tui.waiting import Waiting, key_of


class Attention:
    """Remembers what it has rung for."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    def rings(self, items: Collection[Waiting], new: Collection[str], now: datetime) -> bool:
        """Whether to ring now: something is new, or has just become urgent."""
        keys = {key_of(item) for item in items}
        self._warned &= keys
        urgent = {key_of(item) for item in items if seconds_left(item, now) <= URGENT_SECONDS}
        just_now = urgent - self._warned
        self._warned |= urgent
        return bool(new) or bool(just_now)


def window_title(waiting: int) -> str:
    """Name the window so that a row of tabs shows how much waits."""
    return f"({waiting}) cockpit" if waiting else "cockpit"
