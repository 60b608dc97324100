"""What the paper engine knows: orders, quotes, holdings and money, as values that are replaced and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Self

from cockpit.model.money import ZERO
from cockpit.model.orders import BrokerOrder, Execution, OrderRef, OrderRequest, OrderState, OrderType, Role, Side
from cockpit.model.quotes import Quote
from cockpit.model.text import Safe

STOPS: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


@dataclass(frozen=True, slots=True)
class Touch:
    """Both sides of one instrument's quote, each with the quantity shown."""

    symbol: str
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    at: datetime
    low: Decimal | None = None
    high: Decimal | None = None
    """Between which prices a recorded bar traded: no fill lies outside; None for quotes."""
    came_from: Decimal | None = None
    """Price from which a recorded bar moved here without a gap; None after a gap, and for quotes."""

    @classmethod
    def of(cls, quote: Quote) -> Self | None:
        """Return the quote's touch, or None where a side is missing or stands on the wrong side of the other."""
        if quote.bid is None or quote.ask is None or quote.bid_size is None or quote.ask_size is None:
            return None
        if not ZERO < quote.bid <= quote.ask:
            return None
        return cls(quote.symbol, quote.bid, quote.ask, quote.bid_size, quote.ask_size, quote.as_of)

    def price(self, side: Side) -> Decimal:
        """Return the price at which an order of that side trades at once."""
        return self.ask if side is Side.BUY else self.bid

    @property
    def mid(self) -> Decimal:
        """The price at which positions are valued."""
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Shown:
    """A touch, and how much of each side is traded away already."""

    touch: Touch
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    gone: bool = False
    """Whether the source has no price any more: what is shown values positions, and nothing is traded on it."""

    def left(self, side: Side) -> Decimal:
        """Return the quantity that an order of that side still finds at the touch."""
        return self.touch.ask_size - self.bought if side is Side.BUY else self.touch.bid_size - self.sold


@dataclass(frozen=True, slots=True)
class Holding:
    """A position by what it cost in all: an average would have to be rounded, a total is exact."""

    quantity: Decimal
    """Long above zero, short below."""
    cost: Decimal
    """What was paid for it; below zero where a short sale brought it in."""


@dataclass(frozen=True, slots=True)
class PaperOrder:
    """One order in the book, or one that has left it."""

    reference: OrderRef
    submitted: OrderRequest
    """As it came in: what a second order of the same reference is compared with."""
    request: OrderRequest
    """As it stands now."""
    state: OrderState
    made_at: datetime
    rank: int
    """Priority in time among orders of one price: lower goes first."""
    executions: tuple[Execution, ...] = ()
    filled: Decimal = ZERO
    value: Decimal = ZERO
    """What the fills were worth together."""
    fee: Decimal = ZERO
    reason: Safe = field(default=Safe(""))
    group: OrderRef | None = None
    """Reference of the first order of its bracket or pair."""
    role: Role = Role.SINGLE
    held: bool = False
    """Whether it waits for the entry of its bracket to end; then it is in the book, but nothing can fill it."""
    trigger: Decimal | None = None
    """Where a stop stands now; None until it has a place, and for orders without one."""
    armed: bool = False
    """Whether the market has touched the stop."""

    @property
    def waits_for_stop(self) -> bool:
        """Whether the market must touch its stop before it can trade."""
        return self.request.order_type in STOPS and not self.armed

    @property
    def left(self) -> Decimal:
        """Quantity that may still be filled."""
        return self.request.quantity - self.filled

    def told(self) -> BrokerOrder:
        """Return the order as the broker shows it to others."""
        return BrokerOrder(self.reference, self.request, self.state, self.executions, self.reason)


@dataclass(frozen=True, slots=True)
class State:
    """One account and its book, after ``number`` events."""

    opening_cash: Decimal
    cash: Decimal
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    number: int = 0
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    """By symbol; none of quantity zero."""
    open: Mapping[OrderRef, PaperOrder] = field(default_factory=dict)
    """Orders that may be filled, oldest first."""
    ended: Mapping[OrderRef, PaperOrder] = field(default_factory=dict)
    """Orders that can't change any more, in the order in which they ended."""
    shown: Mapping[str, Shown] = field(default_factory=dict)
    """The newest quote of every symbol that the book has seen."""

    @classmethod
    def opened(cls, cash: Decimal) -> Self:
        """Return a new account."""
        return cls(opening_cash=cash, cash=cash)

    def order(self, reference: OrderRef) -> PaperOrder | None:
        """Return the order of that reference, open or ended."""
        return self.open.get(reference) or self.ended.get(reference)
