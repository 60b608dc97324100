"""What an account at Interactive Brokers tells of the market: the data half of the broker, over one line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final

from cockpit.brokers.base import Feature
from cockpit.brokers.ibkr import names
from cockpit.brokers.ibkr.bars import History
from cockpit.brokers.ibkr.borrowing import Borrowing
from cockpit.brokers.ibkr.chains import Chains
from cockpit.brokers.ibkr.contracts import Contracts
from cockpit.brokers.ibkr.depth import Books
from cockpit.brokers.ibkr.feeds import Feeds
from cockpit.brokers.ibkr.flex import Statements
from cockpit.brokers.ibkr.fundamentals import Companies
from cockpit.brokers.ibkr.fx import Rates
from cockpit.brokers.ibkr.hours import market_clock, sessions
from cockpit.brokers.ibkr.line import Line
from cockpit.brokers.ibkr.news import News
from cockpit.brokers.ibkr.quotes import Quotes
from cockpit.brokers.ibkr.scans import Scans
from cockpit.brokers.ibkr.search import Search
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.model.calendars.shipped import calendar
from cockpit.model.chains import Greeks, OptionChain, OptionSeries
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument
from cockpit.model.quotes import Bars, Borrow, Depth, FxRate, Interval, MarketClock, Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.model.research import Article, Fundamentals, Headline, Scan, ScanRequest, ScanResult, Transfer
from cockpit.settings.ibkr import IbkrSettings

HOURS_OF: Final = "SPY"
"""Whose hours a connection's clock tells where nothing else is said: the fund that trades as the US exchanges do."""
_CALENDARS: Final = {"USD": "XNYS"}
"""Shipped calendars that stand in, named as such, where the broker doesn't tell hours."""
_ALWAYS: Final = frozenset(
    {Feature.DEPTH, Feature.OPTIONS, Feature.FX, Feature.NEWS, Feature.FUNDAMENTALS, Feature.BORROW}
)


def whose_hours(said: str, allowed: Collection[str] | None) -> str:
    """Return the symbol whose hours a connection keeps: what settings say, else the first stock that may be traded.

    What trades around the clock must not stand for what doesn't: pairs, futures and coins are passed over.
    """
    stocks = [
        symbol
        for symbol in allowed or ()
        if isinstance(asked := names.read(symbol), names.Plain) and not asked.may_be_future
    ]
    return said or min(stocks, default=HOURS_OF)


class MarketData:
    """Answers what is asked of the market; text from IB is made safe, and every wait is bounded.

    What the account hasn't subscribed to is known only once it is asked for: it is refused then, with IB's own words.
    """

    def __init__(self, line: Line, settings: IbkrSettings, clock: Clock, *, hours_of: str = HOURS_OF) -> None:
        self._line = line
        self._clock = clock
        self._hours_of = hours_of
        self.contracts: Final = Contracts(line, settings.currency, clock)
        self._search = Search(line, self.contracts, clock)
        self._feeds = Feeds(line)
        self._quotes = Quotes(line, self._feeds, self.contracts, clock, settings.market_data)
        self._borrowing = Borrowing(self._feeds, self._quotes)
        self._history = History(line, clock, self._quotes.known_type)
        self._books = Books(line, self._feeds, clock)
        self._chains = Chains(line, self._feeds, self.contracts, self._quotes, clock)
        self._rates = Rates(line, self.contracts, self._quotes, clock)
        self._news = News(line, clock)
        self._companies = Companies(line, clock)
        self._scans = Scans(line, self.contracts, clock)
        self._statements = Statements(settings.flex_token_file, settings.flex_query, clock)

    @property
    def features(self) -> frozenset[Feature]:
        """Return what it offers besides prices.

        Transfers only where settings name a Flex token and query, scans only of the markets whose names are known.
        """
        more = {Feature.TRANSFERS: self._statements.offered, Feature.SCANNER: self._scans.offered}
        return _ALWAYS | {feature for feature, offered in more.items() if offered}

    async def close_data(self) -> None:
        """End what runs besides the line."""
        await self._quotes.close()
        await self._statements.close()

    async def find(self, symbol: str) -> Sequence[Instrument]:
        """Return the instruments of exactly that name; several are ambiguous, each with a name that finds it alone."""
        return await self.contracts.find(symbol)

    async def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return stocks and funds by part of their ticker or name, at most 16; IB answers one search a second."""
        return await self._search.search(text, limit)

    async def quote(self, instrument: Instrument) -> Quote | None:
        """Return the newest quote, or None where nothing is quoted."""
        return await self._quotes.quote(await self.contracts.listed(instrument.symbol))

    async def borrow(self, instrument: Instrument) -> Borrow | None:
        """Return what can be borrowed to be sold short, as IB tells it when it is asked; None where it doesn't."""
        return await self._borrowing.borrow(await self.contracts.listed(instrument.symbol))

    async def bars(self, instrument: Instrument, interval: Interval, count: int, end: datetime | None) -> Bars:
        """Return finished bars from IB's history, oldest first; of stocks and options within regular hours."""
        return await self._history.bars(await self.contracts.listed(instrument.symbol), interval, count, end)

    async def clock(self) -> MarketClock:
        """Return the regular hours of one instrument, which stand for those of the connection."""
        now = self._clock.now()
        try:
            listed = await self.contracts.listed(self._hours_of)
            return market_clock(sessions(listed.liquid_hours, listed.zone), now, SOURCE, listed.instrument.symbol)
        except Refused as refused:
            if refused.refusal.code not in ("SESSION_UNKNOWN", "INSTRUMENT_UNRESOLVED"):
                raise
            return self._shipped(now)

    async def clock_of(self, instrument: Instrument) -> MarketClock:
        """Return the regular hours of an instrument; of one at home whose hours aren't told, the connection's."""
        listed = await self.contracts.listed(instrument.symbol)
        try:
            told = sessions(listed.liquid_hours, listed.zone)
            return market_clock(told, self._clock.now(), SOURCE, listed.instrument.symbol)
        except Refused as refused:
            if refused.refusal.code != "SESSION_UNKNOWN" or listed.currency != self.contracts.home:
                raise
            return await self.clock()

    async def depth(self, instrument: Instrument, levels: int) -> Depth | None:
        """Return up to ``levels`` (at most 20) prices a side, added up over venues."""
        return await self._books.depth(await self.contracts.listed(instrument.symbol), levels)

    async def option_series(self, underlying: Instrument) -> Sequence[OptionSeries]:
        """Return the series that have not expired, soonest first; none on what isn't a stock or fund at home."""
        return await self._chains.series(await self.contracts.listed(underlying.symbol))

    async def option_chain(self, underlying: Instrument, expiry: date, strikes: int) -> OptionChain | None:
        """Return the strikes (at most 50) of a series that are listed and nearest to the money."""
        return await self._chains.chain(await self.contracts.listed(underlying.symbol), expiry, strikes)

    async def greeks(self, option: Instrument) -> Greeks | None:
        """Return IB's model values, which hold neither rho nor the rates that the model was given."""
        return await self._chains.greeks(await self.contracts.listed(option.symbol))

    async def fx_rate(self, base: str, counter: str) -> FxRate | None:
        """Return the interbank quote, or the rate by which the account is valued."""
        return await self._rates.rate(base, counter)

    async def headlines(self, instrument: Instrument | None, since: datetime, limit: int) -> Sequence[Headline]:
        """Return headlines on one instrument; IB tells programs none on all."""
        if instrument is None:
            raise Refused(refuse("CAPABILITY_UNAVAILABLE", "News are told by instrument alone; name a symbol."))
        return await self._news.headlines(await self.contracts.listed(instrument.symbol), since, limit)

    async def article(self, article_id: str) -> Article | None:
        """Return one article as plain text."""
        return await self._news.article(article_id)

    async def fundamentals(self, instrument: Instrument) -> Fundamentals | None:
        """Return what is reported of a company."""
        return await self._companies.fundamentals(await self.contracts.listed(instrument.symbol))

    async def scans(self) -> Sequence[Scan]:
        """Return the scans of the market at home."""
        return await self._scans.scans()

    async def scan(self, asked: ScanRequest) -> ScanResult:
        """Return what a scan finds: ranks alone, IB gives no values."""
        return await self._scans.scan(asked)

    async def transfers(self, since: datetime, limit: int) -> Sequence[Transfer]:
        """Return the newest money moved since then, as far back as the Flex query reaches."""
        return await self._statements.transfers(self._line.account, since, limit)

    def _shipped(self, now: datetime) -> MarketClock:
        name = _CALENDARS.get(self.contracts.home)
        if name is None:
            raise Refused(
                refuse("SESSION_UNKNOWN", "The broker doesn't tell the hours of the market.", symbol=self._hours_of)
            )
        exchange = calendar(name)
        return MarketClock(
            now=now,
            is_open=exchange.is_open(now),
            opens_at=exchange.next_open(now),
            closes_at=exchange.next_close(now),
            source=f"calendar {name}",
            note=f"The broker doesn't tell the hours of {self._hours_of}; these are the shipped calendar's.",
        )
