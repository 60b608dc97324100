"""Whether TWS itself has its way to Interactive Brokers, as its messages without a request say."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Final

from cockpit.brokers.ibkr.causes import CUT, CUT_SILENTLY, FARM_DOWN, FARM_UP, RESTORED, RESTORED_WITHOUT_DATA, farm_of
from cockpit.brokers.ibkr.wire import WireError
from cockpit.model.text import Safe

_MOST_FARMS: Final = 50


class Change(Enum):
    """What a message changed."""

    NONE = auto()
    CUT = auto()
    RESTORED = auto()


class Weather:
    """What one connection was told of the way behind it."""

    def __init__(self) -> None:
        self._cut_by = 0
        self._restored: asyncio.Queue[bool] = asyncio.Queue()
        self._farms_down: set[Safe] = set()

    @property
    def farms_down(self) -> tuple[Safe, ...]:
        """Return the data farms that are broken."""
        return tuple(sorted(self._farms_down))

    @property
    def settled(self) -> bool:
        """Whether TWS has its way, and nothing has to be brought up to date after it hadn't."""
        return not self._cut_by and self._restored.empty()

    async def restored(self) -> bool:
        """Wait until TWS found its way back; return whether subscriptions were lost meanwhile."""
        without_data = await self._restored.get()
        while not self._restored.empty():
            without_data |= self._restored.get_nowait()
        return without_data

    def look_at(self, error: WireError) -> Change:
        """Take a message, and return what it changed."""
        code = error.code
        if code in CUT:
            self._cut_by = code
            return Change.CUT
        if code in {RESTORED, RESTORED_WITHOUT_DATA}:
            return self._is_restored(without_data=code == RESTORED_WITHOUT_DATA)
        if code in FARM_DOWN and len(self._farms_down) < _MOST_FARMS:
            self._farms_down.add(farm_of(error.text))
        if code in FARM_UP:
            self._farms_down.discard(farm_of(error.text))
            if self._cut_by == CUT_SILENTLY:
                # No 1101 or 1102 is promised after it; that a farm answers says that the way is open again.
                return self._is_restored(without_data=True)
        return Change.NONE

    def _is_restored(self, *, without_data: bool) -> Change:
        self._cut_by = 0
        self._restored.put_nowait(without_data)
        return Change.RESTORED
