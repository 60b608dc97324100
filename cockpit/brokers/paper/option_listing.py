"""Which options the invented market lists: a rule for expiries, and one for strikes.

On every stock and fund. Expiries are sessions of the New York exchange: the last one of this week and of the five that
follow, and the last one up to the third Friday of this month and of the five that follow. Trading ends and the option
expires with that session. Strikes lie on a grid that depends on the underlying's usual price, from two fifths of it to
twice as much. What is listed once stays listed until it expires.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from typing import Final

from cockpit.brokers.paper.instruments import CURRENCY, EXCHANGE, LISTINGS, Listing
from cockpit.model.calendars.calendar import Session
from cockpit.model.calendars.shipped import calendar
from cockpit.model.chains import OptionSeries, Settlement
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.money import is_multiple, plain
from cockpit.model.options import OptionContract, read_option
from cockpit.model.text import safe

CALENDAR: Final = "XNYS"
MULTIPLIER: Final = Decimal(100)
TICK: Final = Decimal("0.01")
LOT: Final = Decimal(1)

_WEEKS: Final = 6
_MONTHS: Final = 6
_FRIDAY: Final = 4
_OPTIONABLE: Final = frozenset({InstrumentKind.STOCK, InstrumentKind.ETF})
_GRIDS: Final = (
    (Decimal(10), Decimal("0.25")),
    (Decimal(25), Decimal("0.5")),
    (Decimal(75), Decimal(1)),
    (Decimal(200), Decimal("2.5")),
    (Decimal(600), Decimal(5)),
    (Decimal(1500), Decimal(10)),
)
"""Distance of strikes for usual prices below a bound."""
_WIDEST: Final = Decimal(25)
_LOWEST, _HIGHEST = Decimal("0.4"), Decimal(2)


def has_options(symbol: str) -> bool:
    """Whether there are options on it."""
    listing = LISTINGS.get(symbol)
    return listing is not None and listing.instrument.kind in _OPTIONABLE


def series(underlying: str, now: datetime) -> tuple[OptionSeries, ...]:
    """Return what has not expired, soonest first."""
    if not has_options(underlying):
        return ()
    today = now.astimezone(calendar(CALENDAR).zone).date()
    return tuple(
        OptionSeries(underlying, session.day, session.closes_at, MULTIPLIER, Settlement.CASH, monthly)
        for session, monthly in _expiries(today)
        if session.closes_at > now
    )


def strikes(underlying: str) -> tuple[Decimal, ...]:
    """Return every strike that is listed, rising."""
    listing = LISTINGS.get(underlying)
    if listing is None or listing.instrument.kind not in _OPTIONABLE:
        return ()
    step, (low, high) = _grid(listing), _bounds(listing)
    first, last = (low / step).to_integral_value(ROUND_CEILING), (high / step).to_integral_value(ROUND_FLOOR)
    return tuple(step * number for number in range(int(first), int(last) + 1))


def contract(symbol: str) -> OptionContract | None:
    """Return the terms of what is, was or will be listed by that symbol."""
    found = read_option(symbol)
    if found is None or not has_options(found.underlying) or found.symbol != symbol:
        return None
    listing = LISTINGS[found.underlying]
    low, high = _bounds(listing)
    if not low <= found.strike <= high or not is_multiple(found.strike, _grid(listing)):
        return None
    return found


def expires_at(option: OptionContract) -> datetime | None:
    """Return the end of the session in which it expires; None where there is none that day, or none is known."""
    exchange = calendar(CALENDAR)
    if not exchange.first <= option.expiry <= exchange.last:
        return None
    session = exchange.session(option.expiry)
    return None if session is None else session.closes_at


def listed(symbol: str, now: datetime) -> OptionContract | None:
    """Return the terms of what can be traded now by that symbol."""
    found = contract(symbol)
    if found is None or all(one.expiry != found.expiry for one in series(found.underlying, now)):
        return None
    return found


def instrument(option: OptionContract) -> Instrument:
    """Return the option as an instrument."""
    name = f"{option.underlying} {option.expiry:%d %b %Y} {plain(option.strike)} {option.right}, simulated"
    return Instrument(
        option.symbol, safe(name), InstrumentKind.OPTION, EXCHANGE, CURRENCY, TICK, LOT, MULTIPLIER, simulated=True,
        option=option,
    )  # fmt: skip


def _usual(listing: Listing) -> Decimal:
    return listing.level * listing.instrument.tick


def _bounds(listing: Listing) -> tuple[Decimal, Decimal]:
    return _usual(listing) * _LOWEST, _usual(listing) * _HIGHEST


def _grid(listing: Listing) -> Decimal:
    usual = _usual(listing)
    return next((step for bound, step in _GRIDS if usual < bound), _WIDEST)


@lru_cache(maxsize=64)
def _expiries(today: date) -> tuple[tuple[Session, bool], ...]:
    """Return the sessions at whose end options expire, of this week's and month's on, and whether each is a month's."""
    exchange = calendar(CALENDAR)
    monday = today - timedelta(days=today.weekday())
    weeks = [monday + timedelta(weeks=number, days=_FRIDAY) for number in range(_WEEKS)]
    months = [_third_friday(today, number) for number in range(_MONTHS)]
    found: dict[date, tuple[Session, bool]] = {}
    for friday in (*weeks, *months):
        if not exchange.first <= friday - timedelta(days=_FRIDAY) <= friday <= exchange.last:
            continue
        week = exchange.sessions(friday - timedelta(days=_FRIDAY), friday)
        if week:
            found[week[-1].day] = week[-1], friday in months
    return tuple(found[day] for day in sorted(found))


def _third_friday(today: date, later: int) -> date:
    """Return the third Friday of the month that is ``later`` months after today's."""
    year, month = divmod(today.year * 12 + today.month - 1 + later, 12)
    first = date(year, month + 1, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)
