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
        self.resting: Callable[[], int] = lambda: 0
        """Returns how many orders may have to be cancelled over this line, those that wait for their turn among them."""
        self._waiting: dict[Lane, deque[tuple[int, asyncio.Future[float], object]]] = {lane: deque() for lane in Lane}
        self._timer: asyncio.TimerHandle | None = None

    def waiting(self, lane: Lane) -> int:
        """Return how many wait in a lane."""
        return len(self._waiting[lane])

    async def take(self, lane: Lane, count: int, who: object = None) -> Permit:
        """Wait for the right to send ``count`` messages at once; ``who`` waits can be hurried.

        Raises NotSent where too many wait already, or where the line broke meanwhile.
        """
        while True:
            turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            if len(self._waiting[lane]) >= MOST_WAITING:
                raise NotSent("too many requests wait already")
            self._waiting[lane].append((count, turn, who))
            self._serve()
            if not turn.done():
                try:
                    await turn
                finally:
                    if turn.cancelled():
                        for waiting in self._waiting.values():
                            _drop(waiting, [one for one in waiting if one[1] is turn])
                        self._serve()
            permit = Permit(lane, count, turn.result())
            # A loop that stood still may have let the permit grow old: then its place in the window is lost.
            if self._now() - permit.at <= SLACK:
                return permit

    def hurry(self, who: object, lane: Lane) -> None:
        """Let whoever waits in a lane behind that one wait in it from now on."""
        for slower, waiting in self._waiting.items():
            if slower > lane:
                moved = [one for one in waiting if one[2] is who]
                _drop(waiting, moved)
                self._waiting[lane].extend(moved)
        self._serve()

    def at_socket(self) -> None:
        """Count one message that leaves now. Raises NotSent where it may not: nothing is queued behind the scenes."""
        permit, now = PERMIT.get(), self._now()
        if permit is not None and permit.left > 0 and now - permit.at <= SLACK:
            permit.left -= 1
            return
        lane = Lane.READ if permit is None else permit.lane
        if self._budget.wait(lane, 1, now, self.resting()) > 0:
            raise NotSent("the message budget is used up")
        self._budget.take(1, now)

    def abandon(self, why: str) -> None:
        """Turn away everybody who waits: the line broke."""
        for waiting in self._waiting.values():
            while waiting:
                _, turn, _ = waiting.popleft()
                if not turn.done():
                    turn.set_exception(NotSent(why))

    def _serve(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now, resting = self._now(), self.resting()
        for lane, waiting in self._waiting.items():
            while waiting:
                count, turn, _ = waiting[0]
                pause = self._budget.wait(lane, count, now, resting)
                if pause > 0:
                    # Whoever is in a lane behind this one waits too, or a crowd of small ones would starve a large one.
                    self._timer = asyncio.get_running_loop().call_later(pause, self._serve)
                    return
                waiting.popleft()
                if not turn.done():
                    self._budget.take(count, now)
                    turn.set_result(now)


def _drop(
    waiting: deque[tuple[int, asyncio.Future[float], object]], some: list[tuple[int, asyncio.Future[float], object]]
) -> None:
    for one in some:
        waiting.remove(one)
