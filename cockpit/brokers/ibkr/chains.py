"""Options of one underlying: what is really listed, around the money, with IB's own model values."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from ib_async import OptionChain as Parameters
from ib_async import OptionComputation

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.answers import NO_CONTRACT, refused
from cockpit.brokers.ibkr.contracts import Contracts
from cockpit.brokers.ibkr.feeds import Feeds, Watch
from cockpit.brokers.ibkr.hours import sessions, zone
from cockpit.brokers.ibkr.kept import Kept
from cockpit.brokers.ibkr.line import Line, Told
from cockpit.brokers.ibkr.listing import SMART, Listed
from cockpit.brokers.ibkr.quotes import Quotes
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.model.calendars.calendar import Calendar
from cockpit.model.calendars.shipped import calendar
from cockpit.model.chains import ChainRow, Greeks, OptionChain, OptionLine, OptionSeries, Settlement
from cockpit.model.clock import Clock
from cockpit.model.options import Right
from cockpit.model.quotes import DataType, Quote
from cockpit.model.refusals import Refused

MOST_STRIKES: Final = 50
_SIDE_BY_SIDE: Final = 24
"""Snapshots at once: each takes a market data line of the account until it ends."""
_LEG_SECONDS: Final = 3.0
_CHAIN_SECONDS: Final = 14.0
_GREEKS_SECONDS: Final = 4.0
_NOTHING_SECONDS: Final = 60.0
"""For how long an answer with nothing in it is kept: it may have been a moment's trouble."""
_FRIDAY: Final = 4
_DAY: Final = timedelta(days=1)
_YEAR: Final = timedelta(days=365)
_CLOSE: Final = time(16)
_NEW_YORK: Final = frozenset({"US/Eastern", "America/New_York"})
_NOTHING: Final = -2
"""What IB writes for a Greek that it doesn't know; ib_async 2.1.0 passes it on for vega and theta."""
_MODEL: Final = "Interactive Brokers' option model"


@dataclass(frozen=True, slots=True)
class _Class:
    """One trading class of options on an underlying."""

    root: str
    multiplier: Decimal
    expiries: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What came for one option."""

    watch: Watch
    remembered: bool
    """Whether TWS may have told what it remembered: then nobody knows how fresh it is."""

    @property
    def data_type(self) -> DataType:
        return DataType.UNKNOWN if self.remembered else self.watch.board.data_type

    def quote(self, option: Listed) -> Quote | None:
        """Return its prices, which are of no known kind where they may be remembered ones."""
        found = self.watch.board.quote(option)
        return replace(found, data_type=DataType.UNKNOWN) if found is not None and self.remembered else found


def chosen(told: Sequence[Parameters], ticker: str) -> _Class | None:
    """Return the class that is the underlying's own: adjusted contracts have classes of other names."""
    smart = [one for one in told if one.exchange == SMART]
    root = ticker.replace(" ", "").replace(".", "")
    own = [one for one in smart if one.tradingClass == root] or (smart if len(smart) == 1 else [])
    if len(own) != 1:
        return None
    days = sorted({day for text in own[0].expirations[:500] if (day := _day(text)) is not None})
    try:
        multiplier = Decimal(own[0].multiplier or "100")
    except ArithmeticError:
        return None
    return _Class(own[0].tradingClass, multiplier, tuple(days)) if multiplier.is_finite() and multiplier > 0 else None


def monthly(expiry: date, others: Sequence[date]) -> bool:
    """Whether it is the month's regular expiry: the third Friday, or the day before one on which nothing expires."""
    first = expiry.replace(day=1)
    third = first + _DAY * ((_FRIDAY - first.weekday()) % 7 + 14)
    return expiry == third or (expiry == third - _DAY and third not in others)


def nearest(strikes: Sequence[Decimal], spot: Decimal, count: int) -> tuple[Decimal, ...]:
    """Return the strikes that are nearest to a price, rising; of two as near, the lower one."""
    return tuple(sorted(sorted(strikes, key=lambda strike: (abs(strike - spot), strike))[: max(0, count)]))


def greeks(told: OptionComputation | None, years: float, as_of: datetime, data_type: DataType) -> Greeks | None:
    """Return IB's model values, or None unless all that it gives are there. It gives neither rho nor its rates."""
    if told is None:
        return None
    found = (told.optPrice, told.delta, told.gamma, told.theta, told.vega, told.impliedVol, told.undPrice)
    if any(value is None or value == _NOTHING or not -1e12 < value < 1e12 for value in found):
        return None
    price, delta, gamma, theta, vega, volatility, spot = (float(value) for value in found if value is not None)
    return Greeks(
        price=price, delta=delta, gamma=gamma, theta=theta, vega=vega, rho=None, volatility=volatility, spot=spot,
        rate=None, yields=None, years=years, model=_MODEL, as_of=as_of, source=SOURCE, data_type=data_type,
    )  # fmt: skip


class Chains:
    """Option chains of one account."""

    def __init__(self, line: Line, feeds: Feeds, contracts: Contracts, quotes: Quotes, clock: Clock) -> None:
        self._line = line
        self._feeds = feeds
        self._contracts = contracts
        self._quotes = quotes
        self._clock = clock
        self._classes: Kept[int, tuple[_Class, ...]] = Kept(clock, 300, 3600)
        self._listed: Kept[tuple[int, date], tuple[Listed, ...]] = Kept(clock, 40, 3600)

    async def series(self, underlying: Listed) -> tuple[OptionSeries, ...]:
        """Return what has not expired, soonest first; none on what isn't a stock or fund at home."""
        found = await self._class_of(underlying)
        if found is None:
            return ()
        now = self._clock.now()
        made = (self._series(underlying, found, day) for day in found.expiries)
        return tuple(one for one in made if one.last_trade_at > now)

    async def chain(self, underlying: Listed, expiry: date, strikes: int) -> OptionChain | None:
        """Return the strikes nearest to the money that are listed, with quotes and model values as far as they come."""
        found = await self._class_of(underlying)
        if found is None or expiry not in found.expiries:
            return None
        series = self._series(underlying, found, expiry)
        options = await self._options(underlying, found, expiry)
        if series.last_trade_at <= self._clock.now() or not options:
            return None
        quote = await self._quotes.quote(underlying)
        spot = None if quote is None else quote.mid() or quote.last
        if quote is None or spot is None:
            return None
        every = tuple(sorted({one.strike for one in options}))
        shown = nearest(every, spot, min(strikes, MOST_STRIKES))
        by_terms = {(one.strike, one.instrument.option.right): one for one in options if one.instrument.option}
        legs = [leg for strike in shown for right in Right if (leg := by_terms.get((strike, right))) is not None]
        lines = await self._lines(legs, series)

        def line(strike: Decimal, right: Right) -> OptionLine | None:
            leg = by_terms.get((strike, right))
            return None if leg is None else lines[leg.con_id]

        rows = tuple(ChainRow(strike, line(strike, Right.CALL), line(strike, Right.PUT)) for strike in shown)
        quoted = [one.quote for one in lines.values() if one.quote is not None]
        types = {quote.data_type, *(one.data_type for one in quoted)}
        # What has a last trade alone may be weeks old, which says nothing of the rest; it bears its own age.
        sides = [one.as_of for one in quoted if one.bid is not None or one.ask is not None]
        return OptionChain(
            series=series,
            spot=spot,
            at_the_money=nearest(every, spot, 1)[0],
            rows=rows,
            strikes=every,
            as_of=min([quote.as_of, *sides]),
            source=SOURCE,
            data_type=types.pop() if len(types) == 1 else DataType.UNKNOWN,
        )

    async def greeks(self, option: Listed) -> Greeks | None:
        """Return IB's own model values, or None where none come in time."""
        terms = option.instrument.option
        if terms is None:
            return None
        told = await self._ask(option, _GREEKS_SECONDS)
        underlying = await self._contracts.by_id(option.under_id) if option.under_id else None
        ends = self._last_trade_at(underlying or option, terms.expiry)
        return greeks(told.watch.ticker.modelGreeks, self._years(ends), self._clock.now(), told.data_type)

    async def _class_of(self, underlying: Listed) -> _Class | None:
        if underlying.sec_type != "STK" or underlying.currency != self._contracts.home:
            return None
        kept = self._classes.get(underlying.con_id)
        if kept is None:
            found = chosen(await self._parameters(underlying), underlying.ticker)
            kept = () if found is None else (found,)
            self._classes.put(underlying.con_id, kept, None if kept else _NOTHING_SECONDS)
        return kept[0] if kept else None

    async def _parameters(self, underlying: Listed) -> Sequence[Parameters]:
        try:
            return await self._line.read(
                f"option parameters of {underlying.con_id}",
                lambda ib: ib.reqSecDefOptParamsAsync(underlying.ticker, "", underlying.sec_type, underlying.con_id),
                shared=True,
            )
        except Told as told:
            if told.code == NO_CONTRACT:
                return ()
            raise refused(told, "CAPABILITY_UNAVAILABLE") from told

    async def _options(self, underlying: Listed, of: _Class, expiry: date) -> tuple[Listed, ...]:
        """Return the options that are really listed: strikes and expiries are told apart, not which go together."""
        key = underlying.con_id, expiry
        kept = self._listed.get(key)
        if kept is None:
            kept = await self._contracts.option_series(of.root, underlying.ticker, f"{expiry:%Y%m%d}")
            self._listed.put(key, kept, None if kept else _NOTHING_SECONDS)
        return kept

    async def _lines(self, legs: Sequence[Listed], series: OptionSeries) -> dict[int, OptionLine]:
        """Ask for every leg side by side, within one time for all: who is late has no price."""
        told: dict[int, OptionLine] = {leg.con_id: OptionLine(leg.instrument, None, None) for leg in legs}
        turns = asyncio.Semaphore(_SIDE_BY_SIDE)
        years = self._years(series.last_trade_at)

        async def one(leg: Listed) -> None:
            async with turns:
                try:
                    asked = await self._ask(leg, _LEG_SECONDS)
                except (Refused, BrokerUnavailable):
                    return
            told[leg.con_id] = OptionLine(
                leg.instrument,
                asked.quote(leg),
                greeks(asked.watch.ticker.modelGreeks, years, self._clock.now(), asked.data_type),
                volume=asked.watch.board.volume,
            )

        tasks = [asyncio.create_task(one(leg)) for leg in legs]
        try:
            await asyncio.wait(tasks, timeout=_CHAIN_SECONDS) if tasks else None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return told

    async def _ask(self, option: Listed, within: float) -> _Asked:
        """Ask for prices and model values of one option, once."""
        before = self._quotes.may_be_remembered(option)
        watch = await self._feeds.once(
            option.contract(),
            within,
            lambda watch: watch.board.complete and watch.ticker.modelGreeks is not None,
        )
        return _Asked(watch, before or self._quotes.may_be_remembered(option))

    def _series(self, underlying: Listed, of: _Class, expiry: date) -> OptionSeries:
        return OptionSeries(
            underlying=of.root,
            expiry=expiry,
            last_trade_at=self._last_trade_at(underlying, expiry),
            multiplier=of.multiplier,
            settlement=Settlement.PHYSICAL,
            monthly=monthly(expiry, of.expiries),
            trading_class="" if of.root == underlying.ticker else of.root,
        )

    def _last_trade_at(self, underlying: Listed, expiry: date) -> datetime:
        """Return when trading ends: as the shipped calendar says for US options, else at the underlying's usual close."""
        where = zone(underlying.zone)
        if where is not None and where.key in _NEW_YORK:
            exchange: Calendar = calendar("XNYS")
            if exchange.first <= expiry <= exchange.last and (session := exchange.session(expiry)) is not None:
                return session.closes_at
        told = sessions(underlying.liquid_hours, underlying.zone)
        close = (told.usual_close() if told else None) or _CLOSE
        return datetime.combine(expiry, close, where or UTC).astimezone(UTC)

    def _years(self, ends: datetime) -> float:
        return max(0.0, (ends - self._clock.now()) / _YEAR)


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
