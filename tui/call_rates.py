"""How busy each client was in the last minute, as a row of small bars."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final

from cockpit.model.events import CallFinished

CELLS: Final = 10
SECONDS: Final = 6
"""Length of time that one bar is for."""
BARS: Final = "▁▂▃▄▅▆▇"
"""Never a whole cell, which would run into the row above."""
_MOST_CLIENTS: Final = 500


class CallRates:
    """Calls of each client, counted by when they were made."""

    def __init__(self) -> None:
        self._counts: dict[str, deque[tuple[int, int]]] = {}

    def count(self, call: CallFinished) -> None:
        """Take a call."""
        counts = self._counts.get(call.client)
        if counts is None:
            if len(self._counts) >= _MOST_CLIENTS:
                self._counts.pop(next(iter(self._counts)))
            counts = self._counts[call.client] = deque(maxlen=CELLS + 1)
        at = _slot(call.at)
        if counts and counts[-1][0] >= at:
            slot, many = counts[-1]
            counts[-1] = (slot, many + 1)
        else:
            counts.append((at, 1))

    def counts(self, client: str, now: datetime) -> list[int]:
        """Return a client's calls of the last minute, the oldest first."""
        last = _slot(now)
        known = dict(self._counts.get(client, ()))
        return [known.get(slot, 0) for slot in range(last - CELLS + 1, last + 1)]


def bars(counts: list[int]) -> str:
    """Draw counts, the largest as a whole bar; nothing where there is nothing."""
    most = max(counts, default=0)
    return "".join(BARS[-(-count * len(BARS) // most) - 1] if count else " " for count in counts)


def _slot(at: datetime) -> int:
    return int(at.timestamp()) // SECONDS
