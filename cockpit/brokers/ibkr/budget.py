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


MOST: Final = 49
"""Messages of all lanes within a window; they are there for cancels.

Interactive Brokers ends a connection that sends more than 50 in a second (error 100).
"""
RESERVE: Final = 14
"""Places that are kept for cancels besides one for each order that rests: for what is cancelled twice, and for probes."""
_FOR_ORDERS: Final = 5
"""Places that reads leave to orders."""
FLOOR: Final[dict[Lane, int]] = {Lane.CANCEL: MOST, Lane.ORDER: 14, Lane.READ: 9}
"""Messages up to which a lane may always fill a window, however many orders rest."""
SLACK: Final = 0.1
"""Seconds between the moment at which a message was allowed and the moment at which it left, at most."""
WINDOW: Final = 1.0 + SLACK
"""Longer than a second by the slack, so that no sliding second sees more than was allowed."""


def most(lane: Lane, resting: int) -> int:
    """Return up to how many messages of all lanes within a window a lane may add its own: the rest is kept for others.

    A kill so finds a place for each order that rests, on the only line on which a number means our order and no other's.
    """
    kept = {Lane.CANCEL: 0, Lane.ORDER: RESERVE + resting, Lane.READ: RESERVE + resting + _FOR_ORDERS}
    return max(FLOOR[lane], MOST - kept[lane])


class Budget:
    """Counts what left within the window. Pure: the time comes in, in seconds that never go back."""

    def __init__(self) -> None:
        self._left: deque[float] = deque()

    def wait(self, lane: Lane, count: int, now: float, resting: int = 0) -> float:
        """Return the seconds until that many messages of a lane may leave together; 0 means now.

        ``resting`` orders may have to be cancelled at any moment, those that would leave now among them. Raises
        ValueError for more than may always leave together.
        """
        if count > FLOOR[lane]:
            raise ValueError(f"{count} messages at once, and at most {FLOOR[lane]} may be")
        self._forget(now)
        too_many = len(self._left) + count - most(lane, resting)
        return 0.0 if too_many <= 0 else max(0.0, self._left[too_many - 1] + WINDOW - now)

    def take(self, count: int, now: float) -> None:
        """Count messages that leave now, of whichever lane."""
        self._forget(now)
        self._left.extend([now] * count)

    def _forget(self, now: float) -> None:
        while self._left and now - self._left[0] >= WINDOW:
            self._left.popleft()
