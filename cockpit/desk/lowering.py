"""What keeps the order of changes: less freedom holds at once, and no change asked for before it gives any back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from cockpit.model.refusals import Refusal, refuse
from cockpit.store.writes import StoreBusy, StoreUnavailable

CALLED_OFF: Final = "It was lowered again meanwhile, and that holds."


@dataclass(slots=True)
class _Turn:
    """The changes of one holder: one is written after the other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    lowered: int = 0


class Lowering:
    """Makes changes of what several holders may do. The disk ends with the change that was asked for last."""

    def __init__(self) -> None:
        self._turns: dict[Hashable, _Turn] = {}

    async def lower(
        self, holder: Hashable, apply: Callable[[], None], write: Callable[[], Awaitable[object]], unwritten: str
    ) -> Refusal | None:
        """Apply before anything is awaited, then write. Where it can't be written it holds, and ``unwritten`` is said."""
        turn = self._turns.setdefault(holder, _Turn())
        turn.lowered += 1
        apply()
        async with turn.lock:
            return await _written(write, unwritten)

    async def rise(
        self, holder: Hashable, apply: Callable[[], None], write: Callable[[], Awaitable[object]]
    ) -> Refusal | None:
        """Write, then apply; neither where it was lowered since this was asked for."""
        turn = self._turns.setdefault(holder, _Turn())
        lowered = turn.lowered
        async with turn.lock:
            if turn.lowered == lowered:
                refusal = await _written(write, None)
                if refusal is not None:
                    return refusal
            if turn.lowered != lowered:
                # What lowered it waits for the lock, and is written after this.
                return refuse("ALREADY_DECIDED", CALLED_OFF)
            apply()
        return None


async def _written(write: Callable[[], Awaitable[object]], unwritten: str | None) -> Refusal | None:
    try:
        await write()
    except (StoreUnavailable, StoreBusy):
        return refuse("AUDIT_UNAVAILABLE", unwritten)
    return None
