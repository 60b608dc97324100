"""What a connection's broker offers besides orders, as clients see it: asked only where the broker says it has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TypeVar

from cockpit.brokers.base import (
    Feature,
    HasDepth,
    HasFundamentals,
    HasFx,
    HasListing,
    HasNews,
    HasOptions,
    HasScanner,
    HasTransfers,
)
from cockpit.desk.connections import Connection
from cockpit.model.chains import Greeks, OptionChain, OptionSeries
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.quotes import Depth, FxRate
from cockpit.model.refusals import Refused, refuse
from cockpit.model.research import Article, Fundamentals, Headline, Scan, ScanRequest, ScanResult, Transfer

P = TypeVar("P")


class Offers:
    """Asks a broker for what it need not have; CAPABILITY_UNAVAILABLE where it hasn't."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def depth(self, instrument: Instrument, levels: int) -> Depth:
        """Return the book beyond the touch; MARKET_DATA_MISSING where there is none of it."""
        found = await self._connection.ask(self._need(Feature.DEPTH, HasDepth).depth(instrument, levels))
        if found is None or not (found.bids or found.asks):
            raise Refused(refuse("MARKET_DATA_MISSING", "The broker has no book of it.", symbol=instrument.symbol))
        return found

    async def fx_rate(self, base: str, counter: str) -> FxRate:
        """Return an exchange rate; MARKET_DATA_MISSING where the broker has none."""
        found = await self._connection.ask(self._need(Feature.FX, HasFx).fx_rate(base, counter))
        if found is None:
            raise Refused(refuse("MARKET_DATA_MISSING", "The broker has no such rate.", base=base, counter=counter))
        return found

    async def listed(self, kind: InstrumentKind | None, member_of: str) -> Sequence[Instrument]:
        """Return everything that can be traded, by symbol, options left out."""
        return await self._connection.ask(self._need(Feature.LISTING, HasListing).listed(kind, member_of))

    async def has_options(self, underlying: Instrument) -> bool:
        """Whether options on it are listed."""
        broker = self._connection.broker
        if Feature.OPTIONS not in broker.can.features or not isinstance(broker, HasOptions):
            return False
        return bool(await self._connection.ask(broker.option_series(underlying)))

    async def option_series(self, underlying: Instrument) -> Sequence[OptionSeries]:
        """Return the series on an underlying, soonest first; INSTRUMENT_UNRESOLVED where there are none."""
        found = await self._connection.ask(self._need(Feature.OPTIONS, HasOptions).option_series(underlying))
        if not found:
            raise Refused(refuse("INSTRUMENT_UNRESOLVED", "No options on it are listed.", symbol=underlying.symbol))
        return found

    async def option_chain(self, underlying: Instrument, expiry: date, strikes: int) -> OptionChain:
        """Return a chain around the money; MARKET_DATA_MISSING where nobody knows where that is."""
        broker = self._need(Feature.OPTIONS, HasOptions)
        found = await self._connection.ask(broker.option_chain(underlying, expiry, strikes))
        if found is None:
            raise Refused(refuse("MARKET_DATA_MISSING", symbol=underlying.symbol, expiry=expiry))
        return found

    async def greeks(self, option: Instrument) -> Greeks:
        """Return the broker's model values; MARKET_DATA_MISSING where it has none."""
        found = await self._connection.ask(self._need(Feature.OPTIONS, HasOptions).greeks(option))
        if found is None:
            raise Refused(refuse("MARKET_DATA_MISSING", "The broker has no model values.", symbol=option.symbol))
        return found

    async def headlines(self, instrument: Instrument | None, since: datetime, limit: int) -> Sequence[Headline]:
        """Return headlines, newest first."""
        return await self._connection.ask(self._need(Feature.NEWS, HasNews).headlines(instrument, since, limit))

    async def article(self, article_id: str) -> Article:
        """Return one article; MARKET_DATA_MISSING where there is none that the account may read."""
        found = await self._connection.ask(self._need(Feature.NEWS, HasNews).article(article_id))
        if found is None:
            raise Refused(refuse("MARKET_DATA_MISSING", "There is no such article that this account may read."))
        return found

    async def fundamentals(self, instrument: Instrument) -> Fundamentals:
        """Return a company's figures; MARKET_DATA_MISSING where none are known."""
        broker = self._need(Feature.FUNDAMENTALS, HasFundamentals)
        found = await self._connection.ask(broker.fundamentals(instrument))
        if found is None:
            raise Refused(refuse("MARKET_DATA_MISSING", "Nothing is reported of it.", symbol=instrument.symbol))
        return found

    async def scans(self) -> Sequence[Scan]:
        """Return the scans that the broker makes."""
        return await self._connection.ask(self._need(Feature.SCANNER, HasScanner).scans())

    async def scan(self, asked: ScanRequest) -> ScanResult:
        """Return what a scan finds; BAD_ARGUMENTS names the scans there are where its code is none of them."""
        broker = self._need(Feature.SCANNER, HasScanner)
        codes = [scan.code for scan in await self._connection.ask(broker.scans())]
        if asked.code not in codes:
            known = ", ".join(codes[:60])
            raise Refused(refuse("BAD_ARGUMENTS", "The broker makes no scan of that code.", scan=f"one of {known}"))
        return await self._connection.ask(broker.scan(asked))

    async def transfers(self, since: datetime, limit: int) -> Sequence[Transfer]:
        """Return what came into the account or left it, newest first."""
        return await self._connection.ask(self._need(Feature.TRANSFERS, HasTransfers).transfers(since, limit))

    def _need(self, feature: Feature, protocol: type[P]) -> P:
        broker = self._connection.broker
        if feature in broker.can.features and isinstance(broker, protocol):
            return broker
        raise Refused(refuse("CAPABILITY_UNAVAILABLE", needs=feature))
