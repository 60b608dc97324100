"""Who waits for the message budget, and whose turn it is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from cockpit.brokers.ibkr.budget import SLACK, Budget, Lane

MOST_WAITING: Final = 1000
"""Of each lane; whoever comes when so many wait is turned away."""


class NotSent(ConnectionError):
    """Nothing of what was asked has left, and nothing of it will."""


@dataclass(slots=True)
class Permit:
    """The right to send some messages at once, within the slack."""

    lane: Lane
    left: int
    at: float


PERMIT: Final[ContextVar[Permit | None]] = ContextVar("permit", default=None)
"""What the running request may send."""


class Turns:
    """Gives out permits in the order of the lanes, and within a lane in the order of asking."""

    def __init__(self, budget: Budget, now: Callable[[], float]) -> None:
        self._budget = budget
        self._now = now
        self._waiting: dict[Lane, deque[tuple[int, asyncio.Future[float]]]] = {lane: deque() for lane in Lane}
        self._timer: asyncio.TimerHandle | None = None

    def waiting(self, lane: Lane) -> int:
        """Return how many wait in a lane."""
        return len(self._waiting[lane])

    async def take(self, lane: Lane, count: int) -> Permit:
        """Wait for the right to send ``count`` messages at once.

        Raises NotSent where too many wait already, or where the line broke meanwhile.
        """
        while True:
            turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            if len(self._waiting[lane]) >= MOST_WAITING:
                raise NotSent("too many requests wait already")
            self._waiting[lane].append((count, turn))
            self._serve()
            if not turn.done():
                try:
                    await turn
                finally:
                    if turn.cancelled():
                        self._waiting[lane] = deque(one for one in self._waiting[lane] if one[1] is not turn)
                        self._serve()
            permit = Permit(lane, count, turn.result())
            # A loop that stood still may have let the permit grow old: then its place in the window is lost.
            if self._now() - permit.at <= SLACK:
                return permit

    def at_socket(self) -> None:
        """Count one message that leaves now. Raises NotSent where it may not: nothing is queued behind the scenes."""
        permit, now = PERMIT.get(), self._now()
        if permit is not None and permit.left > 0 and now - permit.at <= SLACK:
            permit.left -= 1
            return
        lane = Lane.READ if permit is None else permit.lane
        if self._budget.wait(lane, 1, now) > 0:
            raise NotSent("the message budget is used up")
        self._budget.take(1, now)

    def abandon(self, why: str) -> None:
        """Turn away everybody who waits: the line broke."""
        for waiting in self._waiting.values():
            while waiting:
                _, turn = waiting.popleft()
                if not turn.done():
                    turn.set_exception(NotSent(why))

    def _serve(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._now()
        for lane, waiting in self._waiting.items():
            while waiting:
                count, turn = waiting[0]
                pause = self._budget.wait(lane, count, now)
                if pause > 0:
                    # Whoever is in a lane behind this one waits too, or a crowd of small ones would starve a large one.
                    self._timer = asyncio.get_running_loop().call_later(pause, self._serve)
                    return
                waiting.popleft()
                if not turn.done():
                    self._budget.take(count, now)
                    turn.set_result(now)
