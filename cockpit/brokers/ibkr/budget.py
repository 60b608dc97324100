"""How many messages may leave in a second, and who goes first: cancels before orders before reads."""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import Final


class Lane(IntEnum):
    """Who goes first; the lower number does."""

    CANCEL = 0
    ORDER = 1
    READ = 2


MOST: Final[dict[Lane, int]] = {Lane.CANCEL: 49, Lane.ORDER: 35, Lane.READ: 30}
"""Messages of all lanes within a window, up to which a lane may add its own: what is above belongs to those before it.

A kill so has places that nothing else may take, on the only line on which a number means our order and no other's.

Interactive Brokers ends a connection that sends more than 50 in a second (error 100).
"""
SLACK: Final = 0.1
"""Seconds between the moment at which a message was allowed and the moment at which it left, at most."""
WINDOW: Final = 1.0 + SLACK
"""Longer than a second by the slack, so that no sliding second sees more than was allowed."""


class Budget:
    """Counts what left within the window. Pure: the time comes in, in seconds that never go back."""

    def __init__(self, most: dict[Lane, int] | None = None) -> None:
        self._most = most or MOST
        self._left: deque[float] = deque()

    def most(self, lane: Lane) -> int:
        """Return how many messages a lane may ever take at once."""
        return self._most[lane]

    def wait(self, lane: Lane, count: int, now: float) -> float:
        """Return the seconds until that many messages of a lane may leave together; 0 means now.

        Raises ValueError for more than may ever leave together.
        """
        most = self._most[lane]
        if count > most:
            raise ValueError(f"{count} messages at once, and at most {most} may be")
        self._forget(now)
        too_many = len(self._left) + count - most
        return 0.0 if too_many <= 0 else max(0.0, self._left[too_many - 1] + WINDOW - now)

    def take(self, count: int, now: float) -> None:
        """Count messages that leave now, of whichever lane."""
        self._forget(now)
        self._left.extend([now] * count)

    def _forget(self, now: float) -> None:
        while self._left and now - self._left[0] >= WINDOW:
            self._left.popleft()
