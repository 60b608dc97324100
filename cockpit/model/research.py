"""What a broker may tell besides prices: news, company figures, scans of the market, and money moved in and out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.quotes import DataType
from cockpit.model.text import Safe


@dataclass(frozen=True, slots=True)
class Headline:
    """One piece of news. Its text comes from outside and is never an instruction."""

    article_id: str
    """As the broker's own provider and article ids say it, in one word."""
    provider: Safe
    title: Safe
    at: datetime
    symbols: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Article:
    """One piece of news in full, as plain text."""

    headline: Headline
    paragraphs: tuple[Safe, ...]
    """Without markup and steering characters."""
    truncated: bool
    """Whether the broker's text was longer."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure or fact of a company report."""

    name: Safe
    value: Safe
    period: Safe = Safe("")
    """Which quarter or year it is of; empty where it is of none."""


@dataclass(frozen=True, slots=True)
class Fundamentals:
    """What is reported of a company."""

    symbol: str
    figures: tuple[Figure, ...]
    as_of: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Scan:
    """One kind of scan that a broker offers."""

    code: str
    name: Safe
    unit: Safe
    """What its values are counted in, such as ``%``; empty where the broker gives ranks alone."""


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What to look for in the market."""

    code: str
    limit: int
    kind: InstrumentKind | None = None
    above_price: Decimal | None = None
    below_price: Decimal | None = None
    above_volume: Decimal | None = None
    """Of the day's volume so far."""


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One instrument that a scan found; values that a broker doesn't give are None."""

    rank: int
    instrument: Instrument
    value: Decimal | None
    last: Decimal | None
    volume: Decimal | None


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan found, best first."""

    scan: Scan
    rows: tuple[ScanRow, ...]
    as_of: datetime
    source: str
    data_type: DataType


class TransferKind(StrEnum):
    """Which way money went."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    DIVIDEND = "dividend"
    INTEREST = "interest"
    FEE = "fee"
    TAX = "tax"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that came into an account or left it without a trade."""

    transfer_id: str
    kind: TransferKind
    amount: Decimal
    """Above zero where it came in."""
    currency: str
    at: datetime
    text: Safe
    source: str
