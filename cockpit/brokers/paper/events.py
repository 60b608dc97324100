"""What can happen to a paper account. Its state is these events, applied one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from cockpit.brokers.paper.book import Touch
from cockpit.model.orders import Linkage, OrderRef, OrderRequest


@dataclass(frozen=True, slots=True)
class PaperEvent:
    """Base of the events; all that an event causes bears its time."""

    at: datetime
    session: bool = field(default=True, kw_only=True)
    """Whether the market's session is open; outside it only orders that ask for it are matched."""


@dataclass(frozen=True, slots=True)
class Submit(PaperEvent):
    """A new order."""

    reference: OrderRef
    request: OrderRequest


@dataclass(frozen=True, slots=True)
class SubmitLinked(PaperEvent):
    """Orders that belong together: all of them are taken, or none."""

    linkage: Linkage
    legs: tuple[tuple[OrderRef, OrderRequest], ...]


@dataclass(frozen=True, slots=True)
class Replace(PaperEvent):
    """New terms for a working order: the whole request, of which quantity and prices may differ."""

    reference: OrderRef
    request: OrderRequest


@dataclass(frozen=True, slots=True)
class Cancel(PaperEvent):
    """The rest of an order is withdrawn."""

    reference: OrderRef


@dataclass(frozen=True, slots=True)
class Quoted(PaperEvent):
    """New quotes in the order of their time, and the symbols for which there is no price any more."""

    touches: tuple[Touch, ...]
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DayEnded(PaperEvent):
    """A trading day has ended: DAY orders made before it did expire."""

    ended_at: datetime | None = None
    """When; None for the last midnight, UTC."""


@dataclass(frozen=True, slots=True)
class Split(PaperEvent):
    """Every ``old`` units of an instrument become ``new``; what is left of a lot is paid out at cost."""

    symbol: str
    new: int
    old: int


@dataclass(frozen=True, slots=True)
class Settled(PaperEvent):
    """An option has expired: what is held of it is paid out in cash, and its orders expire."""

    symbol: str
    price: Decimal
    """What one unit of the underlying brought: the intrinsic value."""
