"""What an order makes or loses once its stop is hit: the figure that the operator decides by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from cockpit.desk.risk.pricing import trigger_price
from cockpit.model.orders import Order, OrderRequest, OrderType, Role, Side

_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})

Touch = Callable[[Side], Decimal | None]


def profit_at_stop(
    request: OrderRequest,
    legs: Sequence[Order],
    touch: Touch,
    worth: Decimal | None,
    held: Decimal,
    average: Decimal | None,
) -> Decimal | None:
    """Return profit (or loss, below zero) without fees, in the account's currency; None where there is no stop.

    A bracket: from its entry, filled at its limit or else at the touch, to its stop. A stop alone that reduces a
    position: from what the position cost on average. ``worth`` is what one point of price of one unit is worth.
    """
    if worth is None:
        return None
    entry = next((leg.request for leg in legs if leg.role is Role.ENTRY), None)
    stop = next((leg.request for leg in legs if leg.role is Role.STOP), None)
    if entry is not None and stop is not None:
        begins = entry.limit_price or entry.stop_price or touch(entry.side)
        ends = trigger_price(stop, touch(stop.side))
        if begins is None or ends is None:
            return None
        return (ends - begins) * entry.side.sign * entry.quantity * worth
    if request.order_type in _STOPS and held * request.side.sign < 0 and average is not None:
        ends = trigger_price(request, touch(request.side))
        if ends is None:
            return None
        return (ends - average) * -request.side.sign * min(request.quantity, abs(held)) * worth
    return None
