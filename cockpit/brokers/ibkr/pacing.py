"""How often history may be asked, as IB documents it; what would be too often is not sent. Pure: the time comes in.

"Pacing violations" in IB's document on limits of historical data: no identical request within 15 seconds, fewer than
six within two seconds for one contract, exchange and kind, at most 60 in ten minutes for bars of 30 seconds or less
(none are asked for here), at most 50 open. The first two are kept for bars of every length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final

IDENTICAL_SECONDS: Final = 15.0
BURST: Final = 5
BURST_SECONDS: Final = 2.0
MOST_OPEN: Final = 50
_MOST_REMEMBERED: Final = 2000


class Window:
    """At most so many within a sliding stretch of time."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._times: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Return the seconds until one more may follow; 0 means now."""
        while self._times and now - self._times[0] >= self._seconds:
            self._times.popleft()
        return 0.0 if len(self._times) < self._most else self._times[-self._most] + self._seconds - now

    def take(self, now: float) -> None:
        """Count one."""
        self._times.append(now)

    def idle(self, now: float) -> bool:
        """Whether nothing is within the stretch."""
        return self.wait(now) == 0.0 and not self._times


class Pacing:
    """Requests for history of one account."""

    def __init__(self) -> None:
        self._asked: dict[Hashable, float] = {}
        self._bursts: dict[Hashable, Window] = {}
        self.open = 0
        """Requests that wait for their answer."""

    def wait(self, request: Hashable, group: Hashable, now: float) -> float:
        """Return the seconds until a request may be sent; ``group`` is its contract, exchange and kind."""
        before = self._asked.get(request)
        same = 0.0 if before is None else max(0.0, before + IDENTICAL_SECONDS - now)
        burst = self._bursts.get(group)
        full = 1.0 if self.open >= MOST_OPEN else 0.0
        return max(same, full, 0.0 if burst is None else burst.wait(now))

    def take(self, request: Hashable, group: Hashable, now: float) -> None:
        """Count a request that is sent."""
        self._forget(now)
        self._asked[request] = now
        self._bursts.setdefault(group, Window(BURST, BURST_SECONDS)).take(now)

    def _forget(self, now: float) -> None:
        if len(self._asked) < _MOST_REMEMBERED:
            return
        self._asked = {key: at for key, at in self._asked.items() if now - at < IDENTICAL_SECONDS}
        self._bursts = {key: window for key, window in self._bursts.items() if not window.idle(now)}
