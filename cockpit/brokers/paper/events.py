"""What can happen to a paper account. Its state is these events, applied one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cockpit.brokers.paper.book import Touch
from cockpit.model.orders import OrderRef, OrderRequest


@dataclass(frozen=True, slots=True)
class PaperEvent:
    """Base of the events; all that an event causes bears its time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Submit(PaperEvent):
    """A new order."""

    reference: OrderRef
    request: OrderRequest


@dataclass(frozen=True, slots=True)
class Replace(PaperEvent):
    """New terms for a working order: the whole request, of which quantity and limit price may differ."""

    reference: OrderRef
    request: OrderRequest


@dataclass(frozen=True, slots=True)
class Cancel(PaperEvent):
    """The rest of an order is withdrawn."""

    reference: OrderRef


@dataclass(frozen=True, slots=True)
class Quoted(PaperEvent):
    """New quotes, at most one of each instrument."""

    touches: tuple[Touch, ...]


@dataclass(frozen=True, slots=True)
class DayEnded(PaperEvent):
    """A new day has begun: DAY orders made on an earlier one, by UTC, expire."""
