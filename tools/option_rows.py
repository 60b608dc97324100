"""How expiries, chains and model values are written in answers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.model.chains import ChainRow, Greeks, OptionLine, OptionSeries
from cockpit.model.money import plain
from tools.registry import Result
from tools.words import iso, maybe

_PLACES: Final = 6


class SeriesRow(Result):
    """The options that expire together."""

    expiry: str
    last_trade_at: str
    days: str
    """From now until it expires, with two decimal places."""
    monthly: bool
    multiplier: str
    settlement: str

    @classmethod
    def of(cls, series: OptionSeries, now: datetime) -> SeriesRow:
        """Write a series."""
        days = Decimal((series.last_trade_at - now).total_seconds() / 86_400)
        return cls(
            expiry=series.expiry.isoformat(),
            last_trade_at=iso(series.last_trade_at) or "",
            days=format(days, ".2f"),
            monthly=series.monthly,
            multiplier=plain(series.multiplier),
            settlement=series.settlement,
        )


class GreeksRow(Result):
    """Model values for one unit of the underlying; a contract moves by multiplier times as much."""

    price: str
    """What the model says the option is worth."""
    delta: str
    """Change for 1 of the underlying's price."""
    gamma: str
    """Change of delta for 1 of the underlying's price."""
    theta: str
    """Change in one calendar day."""
    vega: str
    """Change for one percentage point of volatility."""
    rho: str | None
    """Change for one percentage point of the interest rate; null where the broker doesn't tell."""
    volatility: str
    """A year's, as the model was given it; 0.25 is 25 %."""

    @classmethod
    def of(cls, greeks: Greeks) -> GreeksRow:
        """Write model values."""
        return cls(
            price=digits(greeks.price),
            delta=digits(greeks.delta),
            gamma=digits(greeks.gamma),
            theta=digits(greeks.theta),
            vega=digits(greeks.vega),
            rho=digits_or_none(greeks.rho),
            volatility=digits(greeks.volatility),
        )


class LineRow(Result):
    """One option of a chain."""

    symbol: str
    bid: str | None
    ask: str | None
    last: str | None
    open_interest: str | None
    volume: str | None
    greeks: GreeksRow | None

    @classmethod
    def of(cls, line: OptionLine | None) -> LineRow | None:
        """Write an option, or that there is none."""
        if line is None:
            return None
        quote = line.quote
        return cls(
            symbol=line.instrument.symbol,
            bid=None if quote is None else maybe(quote.bid),
            ask=None if quote is None else maybe(quote.ask),
            last=None if quote is None else maybe(quote.last),
            open_interest=maybe(line.open_interest),
            volume=maybe(line.volume),
            greeks=None if line.greeks is None else GreeksRow.of(line.greeks),
        )


class StrikeRow(Result):
    """Call and put of one strike; null where one isn't listed."""

    strike: str
    call: LineRow | None
    put: LineRow | None

    @classmethod
    def of(cls, row: ChainRow) -> StrikeRow:
        """Write a row."""
        return cls(strike=plain(row.strike), call=LineRow.of(row.call), put=LineRow.of(row.put))


def digits(value: float) -> str:
    """Write a model's value with six decimal places at most."""
    return plain(Decimal(f"{value:.{_PLACES}f}"))


def digits_or_none(value: float | None) -> str | None:
    """Write a model's value, or None for one that isn't told."""
    return None if value is None else digits(value)
