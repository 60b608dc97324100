"""What every broker must be able to say and do, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from cockpit.model.accounts import Balances, Position
from cockpit.model.instruments import Instrument
from cockpit.model.orders import (
    BrokerFact,
    BrokerOrder,
    Execution,
    Linkage,
    OrderRef,
    OrderRequest,
    OrderType,
    TimeInForce,
)
from cockpit.model.quotes import Bars, Interval, MarketClock, Quote
from cockpit.model.trading import Link, Mode

FactSink = Callable[[BrokerFact], None]
"""Where a broker puts what it says about orders: never blocks, never raises, keeps the order of arrival."""

LinkSink = Callable[[Link, str], None]
"""Where a broker with a line says how it is now, and why."""


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """Who is at the other end, and how the line is."""

    kind: str
    account: str
    mode: Mode
    """What the account itself says it is, not what the settings say."""
    link: Link
    latency_ms: float | None
    note: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an order would cost if it filled now, as far as the broker says."""

    fee: Decimal
    margin: Decimal
    """Initial margin that the order would need besides what is held already."""
    currency: str
    source: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a broker takes; anything else is CAPABILITY_UNAVAILABLE before it is sent."""

    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    linkages: frozenset[Linkage]
    short_selling: bool
    at_once: frozenset[OrderType] = frozenset({OrderType.MARKET, OrderType.LIMIT})
    """Types that may be IOC or FOK; the others rest before they trade."""

    def lives(self, order_type: OrderType) -> frozenset[TimeInForce]:
        """Return how long orders of that type may live here."""
        if order_type in self.at_once:
            return self.times_in_force
        return self.times_in_force - {TimeInForce.IOC, TimeInForce.FOK}


class BrokerUnavailable(Exception):
    """The line is down or no answer came: what was asked may or may not have happened."""


@runtime_checkable
class HasLine(Protocol):
    """A broker that is reached over a line, and says when it breaks and when it is up again."""

    def on_link(self, sink: LinkSink) -> None:
        """Set who is told. Called once, before anything is submitted."""
        ...


class Broker(Protocol):
    """One account at one broker.

    Every method bounds its own time and raises BrokerUnavailable when that is over. ``submit``, ``replace`` and
    ``cancel`` return once the broker has the message; what became of it arrives as facts, even before they return.
    They never send anything twice.
    """

    can: Capabilities
    books_complete: bool
    """Whether an order that ``orders()`` doesn't show was certainly never taken; else absence proves nothing."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def listen(self, sink: FactSink) -> None:
        """Set where facts go. Called once, before anything is submitted."""
        ...

    def status(self) -> BrokerStatus: ...

    async def find(self, symbol: str) -> Sequence[Instrument]:
        """Return the instruments whose symbol is exactly that (upper case); more than one means ambiguous."""
        ...

    async def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return instruments whose symbol or name contains the text, best first."""
        ...

    async def quote(self, instrument: Instrument) -> Quote | None:
        """Return the newest quote, or None where the broker has none. Never a price from elsewhere."""
        ...

    async def bars(self, instrument: Instrument, interval: Interval, count: int, end: datetime | None) -> Bars:
        """Return up to ``count`` finished bars that opened before ``end`` (now), oldest first."""
        ...

    async def clock(self) -> MarketClock: ...

    async def balances(self) -> Balances: ...

    async def positions(self) -> Sequence[Position]: ...

    async def estimate(self, request: OrderRequest) -> Estimate | None:
        """Return costs and margin of an order that isn't placed, or None where the broker can't tell."""
        ...

    async def submit(self, reference: OrderRef, request: OrderRequest) -> None: ...

    async def submit_linked(self, linkage: Linkage, legs: Sequence[tuple[OrderRef, OrderRequest]]) -> None:
        """Hand over a BRACKET (entry first, then target and stop) or an OCO pair: all of it or nothing."""
        ...

    async def replace(self, reference: OrderRef, request: OrderRequest) -> None: ...

    async def cancel(self, reference: OrderRef) -> None: ...

    async def orders(self) -> Sequence[BrokerOrder]:
        """Return open and ended orders as far back as the broker keeps them."""
        ...

    async def executions(self, since: datetime) -> Sequence[Execution]:
        """Return the fills since then, oldest first; all of them, as far back as the broker keeps them."""
        ...

    async def history(self, since: datetime, count: int) -> Sequence[tuple[datetime, Decimal]]:
        """Return up to ``count`` moments since then at which the equity was recorded, the newest, oldest first."""
        ...
