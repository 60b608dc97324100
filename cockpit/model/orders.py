"""An order, from the client's wish to its end, and the facts by which a broker moves it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, NewType

from cockpit.model.checks import CheckResult
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.money import plain
from cockpit.model.text import Safe, safe

OrderId = NewType("OrderId", str)
"""Ours, as clients and the operator see it: ``o-`` and a ULID."""

OrderRef = NewType("OrderRef", str)
"""What the broker keeps with the order: ``ck:`` and a ULID. The only key by which orders are matched."""

GroupId = NewType("GroupId", str)
"""``g-`` and a ULID: orders that are decided on together."""


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Return +1 for a buy and -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How the price is set."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    """Becomes a market order once the market touches ``stop_price``."""
    STOP_LIMIT = "stop_limit"
    """Becomes a limit order once the market touches ``stop_price``."""
    TRAILING_STOP = "trailing_stop"
    """A stop that follows the market by ``trail_amount`` or ``trail_percent``, in the favourable direction alone."""


NEEDS_LIMIT: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
NEEDS_STOP: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


class Linkage(StrEnum):
    """What holds the orders of a group together."""

    BRACKET = "bracket"
    """An entry, and a target and a stop that wait for its fills and cancel each other."""
    OCO = "oco"
    """Two orders of which a fill of one cancels the other."""
    BASKET = "basket"
    """Orders that were asked for and are decided on together, and independent afterwards."""
    SPLIT = "split"
    """One order in parts."""


class Role(StrEnum):
    """What an order is within its group."""

    SINGLE = "single"
    ENTRY = "entry"
    TARGET = "target"
    STOP = "stop"
    LEG = "leg"


class TimeInForce(StrEnum):
    """How long the order lives."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class OrderState(StrEnum):
    """Where an order is. Only broker facts move it on once it has been sent."""

    PREVIEWED = "previewed"
    PENDING = "pending"
    """Waits for the operator; nothing was sent."""
    APPROVED = "approved"
    SENDING = "sending"
    """The intent is durable; the broker has not answered yet."""
    WORKING = "working"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    """By the broker."""
    REFUSED = "refused"
    """By us: nothing was sent."""
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    """Sent, and nobody can say what became of it yet."""


DONE: Final = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.REFUSED, OrderState.EXPIRED}
)
AT_BROKER: Final = frozenset({OrderState.SENDING, OrderState.WORKING, OrderState.PARTLY_FILLED, OrderState.UNKNOWN})
"""States in which the broker may still fill it."""
RESTING: Final = frozenset({OrderState.WORKING, OrderState.PARTLY_FILLED})
"""States in which the broker is known to have it, so that a change can be sent."""
OPEN: Final = frozenset(OrderState) - DONE - {OrderState.PREVIEWED}


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What is wished for: exactly what an approval is bound to."""

    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    """Distance in percent of the price, such as 1.5; either this or ``trail_amount``."""
    outside_hours: bool = False

    def fingerprint(self) -> str:
        """Return the SHA-256 of the request in one canonical form: equal requests, equal fingerprints."""
        parts = (
            self.symbol,
            self.side,
            plain(self.quantity),
            self.order_type,
            "" if self.limit_price is None else plain(self.limit_price),
            self.time_in_force,
        )
        more = (self.stop_price, self.trail_amount, self.trail_percent)
        if any(price is not None for price in more) or self.outside_hours:
            parts = (*parts, *("" if price is None else plain(price) for price in more), str(self.outside_hours))
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    def words(self) -> str:
        """Say it the way a trader does: ``BUY 100 ALFA LMT 412.3 DAY``."""
        said = [self.side.upper(), plain(self.quantity), self.symbol]
        if self.stop_price is not None:
            said += ["STP", plain(self.stop_price)]
        if self.trail_amount is not None:
            said += ["TRAIL", plain(self.trail_amount)]
        if self.trail_percent is not None:
            said += ["TRAIL", f"{plain(self.trail_percent)}%"]
        if self.limit_price is not None:
            said += ["LMT", plain(self.limit_price)]
        if self.order_type is OrderType.MARKET:
            said.append("MKT")
        said.append(self.time_in_force.upper())
        if self.outside_hours:
            said.append("OUTSIDE HOURS")
        return " ".join(said)


@dataclass(frozen=True, slots=True)
class Order:
    """One order as we know it. A change is a new value with the next version."""

    order_id: OrderId
    reference: OrderRef
    version: int
    client: ClientName
    grant_id: GrantId
    connection: str
    request: OrderRequest
    state: OrderState
    filled: Decimal
    average_price: Decimal | None
    """Volume-weighted price of the fills; None until there is one."""
    fees: Decimal
    reason: Safe
    """Why it is where it is, where that isn't plain: the refusal, the operator's words, the broker's."""
    checks: tuple[CheckResult, ...]
    made_at: datetime
    changed_at: datetime
    decide_by: datetime | None = None
    """Until when the operator may decide; None where nothing waits."""
    proposed: OrderRequest | None = None
    """A change of a working order that waits for the operator or for the broker."""
    asked_at_price: Decimal | None = None
    """The touch when the order, or its change, was asked for: what drift is measured against."""
    group_id: GroupId | None = None
    linkage: Linkage | None = None
    role: Role = Role.SINGLE
    expected_position: Decimal | None = None
    """What was held when the order was made from it: it may only be sent while that is still so."""
    rule: str = ""
    """Name of the rule that caught the order; empty where none did and the operator is asked."""
    confirm_by: datetime | None = None
    """Until when its client has to confirm it before the operator is asked."""
    shadow_of: str = ""
    """The client's own connection, where the order goes to a paper one instead."""
    to_target: bool = False
    """Made to bring a position to a target: sent only while no other order of its symbol works."""
    unit_worth: Decimal | None = None
    """Worst-case value of one as it was judged last, in the account's currency; None where nobody judged it."""
    raised_at: datetime | None = None
    """When a change that raises its risk was sent last: on that day it counts like a new one."""

    @property
    def name(self) -> str:
        """Name it to people, also one that only its broker can cancel."""
        return self.order_id if self.client else f"{safe(self.reference, 40)} (not sent from here)"

    @property
    def counts_from(self) -> datetime:
        """When it was asked for, or sent with more risk: the day on which it counts towards the day's limits."""
        return self.made_at if self.raised_at is None else self.raised_at

    @property
    def left(self) -> Decimal:
        """Quantity that is not filled yet."""
        return self.request.quantity - self.filled

    @property
    def terms(self) -> tuple[OrderRequest, ...]:
        """Terms by which the broker may work it: the order's, and those of a change that was sent and not answered yet."""
        if self.proposed is None or self.decide_by is not None:
            return (self.request,)
        return self.request, self.proposed

    @property
    def may_fill(self) -> Decimal:
        """Quantity that may still fill, whichever of its terms the broker works."""
        return max(one.quantity for one in self.terms) - self.filled

    @property
    def waits(self) -> bool:
        """Whether the operator has to decide on it now."""
        return self.decide_by is not None

    @property
    def unconfirmed(self) -> bool:
        """Whether its client has to confirm it before the operator is asked."""
        return self.state is OrderState.PENDING and self.confirm_by is not None and self.decide_by is None


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill, as the broker reported it."""

    execution_id: str
    reference: OrderRef
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    revision: int = 0
    """Counts the broker's corrections of it, where it does."""

    def corrects(self, known: Execution) -> bool:
        """Whether it is the broker's newer word on that fill, and says something else of it."""
        same = (self.quantity, self.price, self.side) == (known.quantity, known.price, known.side)
        return self.revision > known.revision and not same


@dataclass(frozen=True, slots=True)
class BrokerFact:
    """Something that a broker said about one order."""

    reference: OrderRef
    at: datetime


@dataclass(frozen=True, slots=True)
class Acknowledged(BrokerFact):
    """The broker has the order and works it."""


@dataclass(frozen=True, slots=True)
class Executed(BrokerFact):
    """A fill. The same ``execution_id`` twice is one fill, which the later one may correct."""

    execution: Execution


@dataclass(frozen=True, slots=True)
class FeeTold(BrokerFact):
    """What a fill costs, told after the fill. It replaces the fee that the fill was told with."""

    execution_id: str
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Replaced(BrokerFact):
    """The broker works the order with these terms now."""

    quantity: Decimal
    limit_price: Decimal | None
    request: OrderRequest | None = None
    """All of the terms, where the broker says them: what a stop or a trail is now, too."""


@dataclass(frozen=True, slots=True)
class ReplaceRefused(BrokerFact):
    """The broker kept the order as it was."""

    reason: Safe


@dataclass(frozen=True, slots=True)
class CancelRefused(BrokerFact):
    """The broker did not take a cancel of the order, or was never asked: if the order ends, it is not because of that."""

    reason: Safe


@dataclass(frozen=True, slots=True)
class Cancelled(BrokerFact):
    """The rest of the order is gone from the broker's book."""

    reason: Safe


@dataclass(frozen=True, slots=True)
class Expired(BrokerFact):
    """The order's time in force ended."""


@dataclass(frozen=True, slots=True)
class Rejected(BrokerFact):
    """The broker never took the order."""

    reason: Safe


@dataclass(frozen=True, slots=True)
class LinkLost(BrokerFact):
    """The line broke, or no answer came, while the order was under way."""

    reason: Safe


@dataclass(frozen=True, slots=True)
class FoundWorking(BrokerFact):
    """The broker's books show it open although it was taken for ended: an absence was believed, or an end resolved."""


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker's books show it; what reconcile compares ours with."""

    reference: OrderRef
    request: OrderRequest
    state: OrderState
    """WORKING, PARTLY_FILLED, FILLED, CANCELLED, REJECTED or EXPIRED."""
    executions: tuple[Execution, ...]
    reason: Safe
    filled: Decimal | None = None
    """How much of it was filled, where the books say that apart from the fills: it may be more than they show."""
