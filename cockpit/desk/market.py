"""Prices and instruments of one connection, as clients and checks see them: resolved, labelled, never guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cockpit.brokers.base import HasHours
from cockpit.desk.connections import Connection
from cockpit.model.instruments import SYMBOL_PATTERN, Instrument
from cockpit.model.quotes import Bars, Interval, MarketClock, Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe

_SYMBOL: Final = re.compile(SYMBOL_PATTERN)
_CANDIDATES: Final = 8


class Market:
    """What a connection's broker says about the market."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def resolve(self, symbol: str) -> Instrument:
        """Return the one instrument of that symbol; INSTRUMENT_UNRESOLVED names the candidates."""
        wanted = symbol.strip().upper()
        if not _SYMBOL.fullmatch(wanted):
            raise Refused(refuse("INSTRUMENT_UNRESOLVED", "That isn't the shape of a symbol.", symbol=safe(symbol, 40)))
        found = await self._connection.ask(self._connection.broker.find(wanted))
        if len(found) == 1:
            return found[0]
        names = ", ".join(instrument.symbol for instrument in found[:_CANDIDATES])
        candidates = names or await self._near(wanted[:3])
        raise Refused(refuse("INSTRUMENT_UNRESOLVED", symbol=wanted, candidates=candidates))

    async def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return instruments whose symbol or name contains the text, best first."""
        return await self._connection.ask(self._connection.broker.search(text, limit))

    async def _near(self, text: str) -> str:
        """Name what a search finds; where the broker searches no more for now, say so instead of refusing for it."""
        try:
            near = await self._connection.ask(self._connection.broker.search(text, _CANDIDATES))
        except Refused as refused:
            if refused.refusal.code != "RATE_LIMITED":
                raise
            return "not looked for: too many searches"
        return ", ".join(instrument.symbol for instrument in near[:_CANDIDATES]) or "none"

    async def quote(self, instrument: Instrument) -> Quote:
        """Return the newest quote; MARKET_DATA_MISSING where the broker has none."""
        quote = await self._connection.ask(self._connection.broker.quote(instrument))
        if quote is None or (quote.bid is None and quote.ask is None and quote.last is None):
            raise Refused(refuse("MARKET_DATA_MISSING", symbol=instrument.symbol))
        self._connection.heard.quote = quote
        return quote

    async def bars(self, instrument: Instrument, interval: Interval, count: int, end: datetime | None) -> Bars:
        """Return finished bars, oldest first; MARKET_DATA_MISSING where the broker has none."""
        bars = await self._connection.ask(self._connection.broker.bars(instrument, interval, count, end))
        if not bars.bars:
            raise Refused(refuse("MARKET_DATA_MISSING", "The broker has no bars there.", symbol=instrument.symbol))
        return bars

    async def clock(self, instrument: Instrument | None = None) -> MarketClock:
        """Return whether the market is open: that of an instrument, where the broker tells them apart."""
        broker = self._connection.broker
        if instrument is not None and isinstance(broker, HasHours):
            return await self._connection.ask(broker.clock_of(instrument))
        return await self._connection.ask(broker.clock())
