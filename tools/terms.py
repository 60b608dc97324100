"""The terms of an order as clients give them, and which of them belong to which type."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Self

from pydantic import Field, model_validator

from cockpit.model.orders import NEEDS_LIMIT, NEEDS_STOP, OrderRequest, OrderType, TimeInForce
from tools.registry import Arguments, Hints
from tools.words import AccountWord, Amount, OrderTypeWord, Price, SideWord, Symbol, TimeInForceWord

PLACES = Hints(read_only=False, destructive=True, idempotent=True)
CANCELS = Hints(read_only=False, destructive=False, idempotent=True)

TYPES = "market, limit, stop (market once stop_price trades), stop_limit, or trailing_stop; brokers lack some"
LIMIT = "Needed by limit and stop_limit, forbidden elsewhere"
STOP = "Trigger: needed by stop and stop_limit, forbidden elsewhere"
TRAIL = "Distance of a trailing_stop in money; either this or trail_percent"
PERCENT = "Distance of a trailing_stop in percent, such as 1.5; either this or trail_amount"
HOURS = "Whether it may trade outside regular hours"

HAVE_DEFAULTS: Final = frozenset({"time_in_force", "outside_hours"})
"""Terms that a preview fixes like the others; only what was given tells whether somebody gave them."""


def fault(
    order_type: OrderType,
    limit_price: Decimal | None,
    stop_price: Decimal | None,
    trail_amount: Decimal | None = None,
    trail_percent: Decimal | None = None,
) -> str | None:
    """Return what doesn't fit the type, in words; None where all does."""
    for given, needed, name in (
        (limit_price, order_type in NEEDS_LIMIT, "limit_price"),
        (stop_price, order_type in NEEDS_STOP, "stop_price"),
    ):
        if (given is not None) != needed:
            return f"a {order_type} order {'needs' if needed else 'must not have'} {name}"
    trails = (trail_amount is not None) + (trail_percent is not None)
    if trails != (order_type is OrderType.TRAILING_STOP):
        return "a trailing_stop needs either trail_amount or trail_percent; other orders must not have them"
    return None


class Terms(Arguments):
    """The terms of one order."""

    symbol: Symbol
    side: SideWord = Field(description="buy or sell")
    quantity: Amount
    order_type: OrderTypeWord = Field(description=TYPES)
    limit_price: Price | None = Field(None, description=LIMIT)
    stop_price: Price | None = Field(None, description=STOP)
    trail_amount: Amount | None = Field(None, description=TRAIL)
    trail_percent: Amount | None = Field(None, description=PERCENT)
    time_in_force: TimeInForceWord = Field(TimeInForce.DAY, description="day, gtc, ioc or fok")
    outside_hours: bool = Field(False, description=HOURS)

    @model_validator(mode="after")
    def _prices_fit_type(self) -> Self:
        mistake = fault(self.order_type, self.limit_price, self.stop_price, self.trail_amount, self.trail_percent)
        if mistake is not None:
            raise ValueError(mistake)
        return self

    def request(self) -> OrderRequest:
        """Return the terms as the desk takes them."""
        return OrderRequest(
            self.symbol.upper(),
            self.side,
            self.quantity,
            self.order_type,
            self.limit_price,
            self.time_in_force,
            self.stop_price,
            self.trail_amount,
            self.trail_percent,
            self.outside_hours,
        )


class OrderArguments(Terms):
    """The terms of one order, and the account."""

    account: AccountWord = None
