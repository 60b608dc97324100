"""What an order may cost: the prices that the limits use, always on the side that is worse."""

from __future__ import annotations

from decimal import Decimal

from cockpit.desk.risk.seen import Seen
from cockpit.model.orders import OrderRequest, Side
from cockpit.settings.policy import PolicySettings


def trigger_price(order: OrderRequest, touch: Decimal | None) -> Decimal | None:
    """Return the price at which a stop triggers; a trailing one as it would stand if it began now."""
    if order.stop_price is not None:
        return order.stop_price
    if touch is None:
        return None
    if order.trail_amount is not None:
        return touch + order.side.sign * order.trail_amount
    if order.trail_percent is not None:
        return touch * (1 + order.side.sign * order.trail_percent / 100)
    return None


def worst_price(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Decimal | None:
    """Return the price that limits use: what a buy may pay at most, what a sell may be worth at most.

    An order without a limit is priced at the touch, or at its trigger where that is higher, plus the margin of
    market orders.
    """
    touch = seen.touch(order.side)
    if order.limit_price is None:
        if touch is None:
            return None
        return max(touch, trigger_price(order, touch) or touch) * (1 + policy.market_margin)
    if order.side is Side.BUY or touch is None:
        return order.limit_price
    return max(order.limit_price, touch)


def worst_notional(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Decimal | None:
    """Return the worst-case value of the order in the instrument's currency.

    Options that are sold come to what must be kept for them, where that is more than they bring.
    """
    price = worst_price(order, seen, policy)
    if price is None:
        return None
    value = price * order.quantity * seen.instrument.multiplier
    return value if seen.kept is None else max(value, seen.kept)


def adverse_price(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Decimal | None:
    """Return the price at which the order fills at worst: the highest for a buy, the lowest for a sell."""
    if order.side is Side.BUY:
        return worst_price(order, seen, policy)
    if order.limit_price is not None:
        return order.limit_price
    touch = seen.touch(order.side)
    if touch is None:
        return None
    return min(touch, trigger_price(order, touch) or touch) * (1 - policy.market_margin)


def least_notional(order: OrderRequest, seen: Seen) -> Decimal | None:
    """Return the smallest value that the order may have, in the instrument's currency."""
    touch = seen.touch(order.side)
    prices = [price for price in (order.limit_price, trigger_price(order, touch), touch) if price is not None]
    return min(prices) * order.quantity * seen.instrument.multiplier if prices else None
