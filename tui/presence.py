"""Tells the host that somebody is there: a key was pressed, said at most once a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 1.0


class KeyPresses:
    """Passes key presses on, not more often than the host needs to hear of them."""

    def __init__(self, touched: Callable[[], None], monotonic: Callable[[], float]) -> None:
        self._touched = touched
        self._monotonic = monotonic
        self._told_at = float("-inf")

    def pressed(self) -> None:
        """Note a key press."""
        now = self._monotonic()
        if now - self._told_at >= EVERY_SECONDS:
            self._told_at = now
            self._touched()
