"""Prices, and where each came from: no price travels without source, data type and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from cockpit.model.orders import Side


class DataType(StrEnum):
    """How fresh a source says its prices are."""

    LIVE = "live"
    FROZEN = "frozen"
    DELAYED = "delayed"
    DELAYED_FROZEN = "delayed_frozen"
    SIMULATED = "simulated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask of one instrument. A side that nobody quotes is None, never zero."""

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    last: Decimal | None
    as_of: datetime
    source: str
    data_type: DataType
    halted: bool | None = None
    """Whether the venue has halted it; None where the source doesn't tell."""

    def touch(self, side: Side) -> Decimal | None:
        """Return the price at which an order of that side would trade at once."""
        return self.ask if side is Side.BUY else self.bid

    def mid(self) -> Decimal | None:
        """Return the middle of bid and ask, or None where one is missing."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    def age_ms(self, now: datetime) -> int:
        """Return the age in whole milliseconds, never negative."""
        return max(0, int((now - self.as_of).total_seconds() * 1000))


@dataclass(frozen=True, slots=True)
class DepthLevel:
    """What is offered at one price, all that is known of it together."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Depth:
    """Bids and asks of one instrument beyond the touch, each side best first."""

    symbol: str
    bids: tuple[DepthLevel, ...]
    asks: tuple[DepthLevel, ...]
    as_of: datetime
    source: str
    data_type: DataType
    note: str = ""
    """What people must know to read it."""

    def age_ms(self, now: datetime) -> int:
        """Return the age in whole milliseconds, never negative."""
        return max(0, int((now - self.as_of).total_seconds() * 1000))


@dataclass(frozen=True, slots=True)
class FxRate:
    """What one unit of ``base`` costs in ``counter``."""

    base: str
    counter: str
    bid: Decimal
    ask: Decimal
    as_of: datetime
    source: str
    data_type: DataType

    def age_ms(self, now: datetime) -> int:
        """Return the age in whole milliseconds, never negative."""
        return max(0, int((now - self.as_of).total_seconds() * 1000))


class Borrowable(StrEnum):
    """Whether shares for a short sale are there, as a broker says."""

    YES = "yes"
    LOCATE = "locate"
    """Somebody has to look for them first."""
    NO = "no"


@dataclass(frozen=True, slots=True)
class Borrow:
    """What of an instrument can be borrowed to be sold short."""

    symbol: str
    borrowable: Borrowable
    shares: Decimal
    """How many are there at least; zero where nobody says so."""
    as_of: datetime
    source: str
    data_type: DataType


class Interval(StrEnum):
    """Lengths of a bar."""

    MIN_1 = "1m"
    MIN_5 = "5m"
    MIN_15 = "15m"
    MIN_30 = "30m"
    HOUR_1 = "1h"
    DAY_1 = "1d"

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return _SECONDS[self]


_SECONDS = {
    Interval.MIN_1: 60,
    Interval.MIN_5: 300,
    Interval.MIN_15: 900,
    Interval.MIN_30: 1800,
    Interval.HOUR_1: 3600,
    Interval.DAY_1: 86400,
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, named by the instant at which it opens."""

    opens_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    """None where nobody counts what changed hands, as of currencies; zero where nothing did."""


@dataclass(frozen=True, slots=True)
class Bars:
    """A run of bars, oldest first, with their source."""

    symbol: str
    interval: Interval
    bars: tuple[Bar, ...]
    source: str
    data_type: DataType


@dataclass(frozen=True, slots=True)
class MarketClock:
    """Whether a connection's market trades now, and when that changes; None where it never does."""

    now: datetime
    is_open: bool
    opens_at: datetime | None
    closes_at: datetime | None
    source: str
    note: str
