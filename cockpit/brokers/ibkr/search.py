"""Searches stocks and funds by part of their ticker or name, no faster than IB answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from ib_async import ContractDescription

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import names
from cockpit.brokers.ibkr.answers import refused, too_fast
from cockpit.brokers.ibkr.contracts import Contracts
from cockpit.brokers.ibkr.kept import Kept
from cockpit.brokers.ibkr.line import Line, Told
from cockpit.brokers.ibkr.listing import Listed
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument
from cockpit.model.refusals import Refused, refuse

MOST_FOUND: Final = 16
"""IB tells no more."""
_PAUSE_SECONDS: Final = 1.0
"""IB answers one search a second."""
_MOST_WAIT: Final = 2.5
_KEPT_SECONDS: Final = 600.0
_SIDE_BY_SIDE: Final = 6


class Search:
    """Searches of one account."""

    def __init__(self, line: Line, contracts: Contracts, clock: Clock) -> None:
        self._line = line
        self._contracts = contracts
        self._clock = clock
        self._found: Kept[str, tuple[Instrument, ...]] = Kept(clock, 200, _KEPT_SECONDS)
        self._next = 0.0

    async def search(self, text: str, limit: int) -> tuple[Instrument, ...]:
        """Return what IB finds, in its order, each under the name that finds it.

        Refused with BAD_ARGUMENTS for a text that no name holds, with RATE_LIMITED beyond one search a second.
        """
        wanted = names.searchable(text)
        if wanted is None:
            raise Refused(refuse("BAD_ARGUMENTS", "Search for letters, digits, spaces and . & ' - / alone."))
        key = wanted.casefold()
        kept = self._found.get(key)
        if kept is None:
            kept = await self._ask(wanted)
            self._found.put(key, kept)
        return kept[: max(0, limit)]

    async def _ask(self, wanted: str) -> tuple[Instrument, ...]:
        await self._take_turn()
        try:
            answer: Sequence[ContractDescription] | None = await self._line.read(
                f"search {wanted}", lambda ib: ib.reqMatchingSymbolsAsync(wanted)
            )
        except Told as told:
            raise refused(told, "BAD_ARGUMENTS") from told
        if answer is None:
            raise BrokerUnavailable("the search was not answered in time")
        turns = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(con_id: int) -> Listed | None:
            async with turns:
                return await self._contracts.by_id(con_id)

        stocks = [told.contract.conId for told in answer if told.contract and told.contract.secType == "STK"]
        found = await asyncio.gather(*(one(con_id) for con_id in stocks[:MOST_FOUND]))
        return tuple(listed.instrument for listed in found if listed is not None)

    async def _take_turn(self) -> None:
        now = self._clock.monotonic()
        wait = self._next - now
        if wait > _MOST_WAIT:
            raise too_fast(wait)
        self._next = max(now, self._next) + _PAUSE_SECONDS
        if wait > 0:
            await asyncio.sleep(wait)
