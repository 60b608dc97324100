"""Where a paper account's prices come from: the invented market, or a recording. There is never a second source."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from cockpit.brokers.paper.book import Touch
from cockpit.brokers.paper.instruments import LISTINGS, search
from cockpit.brokers.paper.margin import Terms
from cockpit.brokers.paper.market import Market, second_of
from cockpit.brokers.paper.rules import paper_rules
from cockpit.model.instruments import Instrument
from cockpit.model.quotes import Bar, Interval, Quote

_SLICE: Final = 25
"""Bars computed before others get their turn: some 2 ms of work."""


class Prices(Protocol):
    """One source. What it doesn't know now, it doesn't know."""

    @property
    def source(self) -> str:
        """Label that every price bears."""
        ...

    @property
    def note(self) -> str:
        """What people are told about it."""
        ...

    @property
    def terms(self) -> Mapping[str, Terms]:
        """How each instrument is traded, by symbol; nothing else is."""
        ...

    def instrument(self, symbol: str) -> Instrument | None: ...

    def search(self, text: str, limit: int) -> tuple[Instrument, ...]: ...

    def quote(self, symbol: str, at: datetime) -> Quote | None: ...

    def touch(self, symbol: str, at: datetime) -> Touch | None:
        """Return what orders meet at that time; two with the same time are the same liquidity."""
        ...

    async def bars(
        self, symbol: str, interval: Interval, count: int, end: datetime | None, now: datetime
    ) -> tuple[Bar, ...]:
        """Return up to ``count`` bars that are finished ``now`` and opened before ``end``, oldest first."""
        ...


class SeededPrices:
    """The invented market of one seed, which began in 1970 and never ends."""

    def __init__(self, seed: str) -> None:
        self._market = Market(seed)
        self.source: Final = self._market.source
        self.note: Final = "Simulated: invented instruments, prices and fills; no order leaves this host."
        self.terms: Final[Mapping[str, Terms]] = paper_rules().terms

    def instrument(self, symbol: str) -> Instrument | None:
        listing = LISTINGS.get(symbol)
        return None if listing is None else listing.instrument

    def search(self, text: str, limit: int) -> tuple[Instrument, ...]:
        return search(text, limit)

    def quote(self, symbol: str, at: datetime) -> Quote | None:
        return self._market.quote(symbol, at)

    def touch(self, symbol: str, at: datetime) -> Touch | None:
        quote = self._market.quote(symbol, at)
        return None if quote is None else Touch.of(quote)

    async def bars(
        self, symbol: str, interval: Interval, count: int, end: datetime | None, now: datetime
    ) -> tuple[Bar, ...]:
        length = interval.seconds
        beyond = second_of(now) // length
        if end is not None:
            beyond = min(beyond, -(-second_of(end) // length))
        numbers = range(max(0, beyond - count), beyond)
        bars: list[Bar] = []
        if symbol in LISTINGS:
            for start in range(0, len(numbers), _SLICE):
                bars.extend(self._market.bar(symbol, interval, number) for number in numbers[start : start + _SLICE])
                await asyncio.sleep(0)
        return tuple(bars)
