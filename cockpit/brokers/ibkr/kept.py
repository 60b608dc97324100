"""What was answered once and may be answered again for a while: bounded in number and in age."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from cockpit.model.clock import Clock

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Answers by what was asked; the one that was looked at longest ago goes first."""

    def __init__(self, clock: Clock, most: int, seconds: float) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._found: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: K) -> V | None:
        """Return what was kept, or None where there is nothing or it is too old."""
        found = self._found.get(key)
        if found is None:
            return None
        if self._clock.monotonic() >= found[0]:
            del self._found[key]
            return None
        self._found.move_to_end(key)
        return found[1]

    def put(self, key: K, value: V, seconds: float | None = None) -> None:
        """Keep an answer, for less than usual where ``seconds`` says so."""
        until = self._clock.monotonic() + (self._seconds if seconds is None else min(seconds, self._seconds))
        self._found[key] = until, value
        self._found.move_to_end(key)
        while len(self._found) > self._most:
            self._found.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget one answer."""
        self._found.pop(key, None)
