"""Where a paper account's prices come from: the invented market, or a recording. There is never a second source."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from cockpit.brokers.paper.book import Touch
from cockpit.brokers.paper.depth import OCTETS, book
from cockpit.brokers.paper.fx import Rates
from cockpit.brokers.paper.instruments import LISTINGS, search
from cockpit.brokers.paper.margin import Terms
from cockpit.brokers.paper.market import Market, second_of
from cockpit.brokers.paper.noise import Noise
from cockpit.brokers.paper.option_listing import instrument, listed
from cockpit.brokers.paper.option_prices import OptionPrices
from cockpit.brokers.paper.rules import paper_rules
from cockpit.brokers.paper.scans import HOURS, Seen, ranked
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.options import read_option
from cockpit.model.quotes import Bar, Depth, FxRate, Interval, Quote
from cockpit.model.research import ScanRequest, ScanResult

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

    def settled(self, symbol: str, now: datetime) -> Decimal | None:
        """Return what one unit of an instrument came to that has ended; None for what has not."""
        ...

    async def bars(
        self, symbol: str, interval: Interval, count: int, end: datetime | None, now: datetime
    ) -> tuple[Bar, ...]:
        """Return up to ``count`` bars that are finished ``now`` and opened before ``end``, oldest first."""
        ...


class SeededPrices:
    """The invented market of one seed, which began in 1970 and never ends, with the options on it."""

    def __init__(self, seed: str) -> None:
        self._market = Market(seed)
        self._noise = Noise(seed)
        self._rates = Rates(seed)
        self.options: Final = OptionPrices(self._market)
        self.source: Final = self._market.source
        self.note: Final = "Simulated: invented instruments, prices and fills; no order leaves this host."
        self.terms: Final[Mapping[str, Terms]] = paper_rules().terms

    def instrument(self, symbol: str) -> Instrument | None:
        listing = LISTINGS.get(symbol)
        return None if listing is None else listing.instrument

    def search(self, text: str, limit: int) -> tuple[Instrument, ...]:
        return search(text, limit)

    def quote(self, symbol: str, at: datetime) -> Quote | None:
        return self._market.quote(symbol, at) or self.options.quote(symbol, at)

    def touch(self, symbol: str, at: datetime) -> Touch | None:
        quote = self.quote(symbol, at)
        return None if quote is None else Touch.of(quote)

    def settled(self, symbol: str, now: datetime) -> Decimal | None:
        return self.options.settled(symbol, now)

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

    def option(self, symbol: str, now: datetime) -> Instrument | None:
        """Return the option that is listed now by that symbol, padded or not."""
        asked = read_option(symbol)
        found = None if asked is None else listed(asked.symbol, now)
        return None if found is None else instrument(found)

    def depth(self, symbol: str, levels: int, at: datetime) -> Depth | None:
        """Return the book of an instrument in the second that holds ``at``; None for options, which have a touch alone."""
        listing, quote = LISTINGS.get(symbol), self._market.quote(symbol, at)
        if listing is None or quote is None:
            return None
        drawn = self._noise.octets(f"{symbol}|depth|{second_of(at)}", OCTETS)
        return book(quote, listing, drawn, levels)

    def rate(self, base: str, counter: str, at: datetime) -> FxRate | None:
        """Return an exchange rate of the second that holds ``at``."""
        return self._rates.rate(base, counter, at)

    def listed(self, kind: InstrumentKind | None, member_of: str) -> tuple[Instrument, ...]:
        """Return the instruments by symbol: of one kind, or those that a fund holds."""
        fund = LISTINGS.get(member_of)
        members = None if not member_of else () if fund is None else fund.instrument.members
        return tuple(
            LISTINGS[symbol].instrument
            for symbol in sorted(LISTINGS)
            if (kind is None or LISTINGS[symbol].instrument.kind is kind) and (members is None or symbol in members)
        )

    async def scan(self, asked: ScanRequest, now: datetime) -> ScanResult:
        """Return what a scan finds over all instruments."""
        market = []
        for symbol, listing in LISTINGS.items():
            quote, bars = self._market.quote(symbol, now), await self.bars(symbol, Interval.HOUR_1, HOURS, None, now)
            if quote is not None and quote.last is not None and bars:
                market.append(Seen(listing.instrument, quote.last, bars))
        return ranked(asked, market, now, self.source)
