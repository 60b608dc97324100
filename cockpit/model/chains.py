"""What is told of the options on one underlying: their expiries, a chain around the money, and model values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from cockpit.model.instruments import Instrument
from cockpit.model.quotes import DataType, Quote


class Settlement(StrEnum):
    """What is delivered at the exercise."""

    CASH = "cash"
    PHYSICAL = "physical"


@dataclass(frozen=True, slots=True)
class OptionSeries:
    """All options of one underlying that expire together."""

    underlying: str
    expiry: date
    last_trade_at: datetime
    """The instant at which trading ends and the option expires."""
    multiplier: Decimal
    settlement: Settlement
    monthly: bool
    """Whether it is the month's regular expiry; the others are weekly."""
    trading_class: str = ""
    """Root of the broker's own symbols where that isn't the underlying."""


@dataclass(frozen=True, slots=True)
class Greeks:
    """How an option's model price moves, for one unit of the underlying (not for one contract)."""

    price: float
    """Model price."""
    delta: float
    gamma: float
    theta: float
    """Change in one calendar day."""
    vega: float
    """Change when volatility rises by one percentage point."""
    rho: float | None
    """Change when the interest rate rises by one percentage point; None where the broker doesn't tell."""
    volatility: float
    """Annual volatility that the model was given, 0.25 for 25 %."""
    spot: float
    rate: float | None
    """Continuous annual interest rate; None where the broker doesn't tell."""
    yields: float | None
    """Continuous annual dividend yield; None where the broker doesn't tell."""
    years: float
    """Time to expiry."""
    model: str
    as_of: datetime
    source: str
    data_type: DataType


@dataclass(frozen=True, slots=True)
class OptionLine:
    """One option of a chain; what nobody knows of it is None."""

    instrument: Instrument
    quote: Quote | None
    greeks: Greeks | None
    open_interest: Decimal | None = None
    volume: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ChainRow:
    """Call and put of one strike; None where one isn't listed."""

    strike: Decimal
    call: OptionLine | None
    put: OptionLine | None


@dataclass(frozen=True, slots=True)
class OptionChain:
    """The options of one series around the money, by rising strike."""

    series: OptionSeries
    spot: Decimal
    """Price of the underlying that the chain is centred on: the middle of bid and ask."""
    at_the_money: Decimal
    """Strike nearest to it."""
    rows: tuple[ChainRow, ...]
    strikes: tuple[Decimal, ...]
    """Every strike that is listed in the series, also those without a row."""
    as_of: datetime
    source: str
    data_type: DataType
