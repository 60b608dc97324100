"""What an account at Interactive Brokers tells of the market: the data half of the broker, over one line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cockpit.brokers.ibkr.bars import History
from cockpit.brokers.ibkr.contracts import Contracts
from cockpit.brokers.ibkr.feeds import Feeds
from cockpit.brokers.ibkr.hours import market_clock, sessions
from cockpit.brokers.ibkr.line import Line
from cockpit.brokers.ibkr.quotes import Quotes
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument
from cockpit.model.quotes import Bars, Interval, MarketClock, Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.settings.ibkr import IbkrSettings

HOURS_OF: Final = "SPY"
"""Whose hours a connection's clock tells where nothing else is said: the fund that trades as the US exchanges do."""


class MarketData:
    """Answers what is asked of the market; text from IB is made safe, and every wait is bounded."""

    def __init__(self, line: Line, settings: IbkrSettings, clock: Clock, *, hours_of: str = HOURS_OF) -> None:
        self._line = line
        self._clock = clock
        self._hours_of = hours_of
        self.contracts: Final = Contracts(line, settings.currency, clock)
        self._feeds = Feeds(line)
        self._quotes = Quotes(line, self._feeds, self.contracts, clock, settings.market_data)
        self._history = History(line, clock, self._quotes.known_type)

    async def find(self, symbol: str) -> Sequence[Instrument]:
        """Return the instruments of exactly that name; several are ambiguous, each with a name that finds it alone."""
        return await self.contracts.find(symbol)

    async def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return stocks and funds by part of their ticker or name, at most 16; IB answers one search a second."""
        return await self.contracts.search(text, limit)

    async def quote(self, instrument: Instrument) -> Quote | None:
        """Return the newest quote, or None where nothing is quoted."""
        return await self._quotes.quote(await self.contracts.listed(instrument.symbol))

    async def bars(self, instrument: Instrument, interval: Interval, count: int, end: datetime | None) -> Bars:
        """Return finished bars from IB's history, oldest first; of stocks and options within regular hours."""
        return await self._history.bars(await self.contracts.listed(instrument.symbol), interval, count, end)

    async def clock(self) -> MarketClock:
        """Return the regular hours of one instrument, which stand for those of the connection."""
        try:
            listed = await self.contracts.listed(self._hours_of)
        except Refused as refused:
            raise Refused(
                refuse("SESSION_UNKNOWN", "The instrument whose hours are told isn't found.", symbol=self._hours_of)
            ) from refused
        found = sessions(listed.liquid_hours, listed.zone)
        return market_clock(found, self._clock.now(), SOURCE, listed.instrument.symbol)
