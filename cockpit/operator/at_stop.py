"""What an order makes or loses once its stop is hit: the figure that the operator decides by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from cockpit.desk.risk.pricing import trigger_price
from cockpit.model.money import ZERO
from cockpit.model.orders import DONE, OPEN, Linkage, Order, OrderRequest, OrderType, Role, Side

_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})

Touch = Callable[[Side], Decimal | None]


def profit_at_stop(
    order: Order,
    group: Sequence[Order],
    touch: Touch,
    worth: Decimal | None,
    held: Decimal,
    average: Decimal | None,
) -> Decimal | None:
    """Return profit (or loss, below zero) without fees, in the account's currency; None where there is no stop.

    Of a bracket (``group``): from its entry, at what it filled for and for the rest at its limit or else at the touch,
    to its stop. A stop alone that reduces what is ``held``: from what that cost on average. A change counts as made.
    ``worth`` is what one point of price of one unit is worth.
    """
    if worth is None:
        return None
    request = _asked(order)
    if order.linkage is Linkage.BRACKET:
        entry = next((one for one in group if one.role is Role.ENTRY), None)
        stop = next((one for one in group if one.role is Role.STOP and one.state in OPEN), None)
        return None if entry is None or stop is None else _of_bracket(entry, stop, touch, worth)
    if request.order_type in _STOPS and held * request.side.sign < 0 and average is not None:
        ends = trigger_price(request, touch(request.side))
        if ends is None:
            return None
        return (ends - average) * -request.side.sign * min(request.quantity, abs(held)) * worth
    return None


def _of_bracket(entry: Order, stop: Order, touch: Touch, worth: Decimal) -> Decimal | None:
    asked, end = _asked(entry), _asked(stop)
    ends = trigger_price(end, touch(end.side))
    coming = ZERO if entry.state in DONE else asked.quantity - entry.filled
    paid = asked.limit_price or asked.stop_price or touch(asked.side) if coming else ZERO
    if ends is None or paid is None:
        return None
    filled = entry.filled
    spent = filled * (entry.average_price or ZERO) + coming * paid
    opened = filled + coming
    stopped = min(opened, end.quantity - stop.filled)
    if not opened or stopped <= ZERO:
        return None
    return (ends * stopped - spent * stopped / opened) * asked.side.sign * worth


def _asked(order: Order) -> OrderRequest:
    return order.proposed or order.request
