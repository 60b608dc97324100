"""How an order meets the market: pure functions over an order and a price."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from tests.gateway.orders import TRAILING, ZERO, Order, number
from tests.gateway.world import Price

LEVELS: Final = 50
"""How many steps an order at the market walks beyond the touch, each as large as the touch."""


def reference(order: Order, price: Price) -> Decimal | None:
    """Return the price that triggers: the last trade, or the touch where the last lies outside the market."""
    last, low, high = price.last, price.bid, price.ask
    if last is not None and (low is None or last >= low) and (high is None or last <= high):
        return last
    touch = high if order.buys else low
    return last if touch is None else touch


def trail(order: Order, price: Price, step: Decimal) -> bool:
    """Let a trailing stop follow the market, in the order's favour alone; tell whether it moved."""
    seen = reference(order, price)
    if order.kind not in TRAILING or order.triggered or seen is None:
        return False
    percent = number(order.terms.get("trailingPercent", ""))
    distance = seen * percent / 100 if percent else order.aux or ZERO
    raw = (seen + distance * order.sign) / step
    wished = raw.to_integral_value(ROUND_CEILING if order.buys else ROUND_FLOOR) * step
    if order.stop is not None and (wished >= order.stop if order.buys else wished <= order.stop):
        return False
    order.stop = wished
    return True


def touched(order: Order, price: Price) -> bool:
    """Tell whether the market has reached the price that sets the order off."""
    seen = reference(order, price)
    level = order.stop if order.stop is not None else order.aux
    if seen is None or level is None:
        return False
    upwards = order.buys if order.kind not in ("MIT", "LIT") else not order.buys
    return seen >= level if upwards else seen <= level


def fills(
    order: Order, price: Price, left: Decimal, step: Decimal, *, arriving: bool
) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield quantity and price of what the market gives the order now.

    ``left`` is what is still displayed at the touch. An order that arrives takes the touch; one that rested is filled at
    its limit. One at the market walks on beyond the touch, a step at a time.
    """
    touch = price.ask if order.buys else price.bid
    if touch is None or price.halted:
        return
    limit = order.limit
    if limit is not None:
        if (limit < touch) if order.buys else (limit > touch):
            return
        quantity = min(order.remaining, left)
        if quantity > ZERO:
            yield quantity, touch if arriving else limit
        return
    shown = price.ask_size if order.buys else price.bid_size
    wanted, at = order.remaining, touch
    for level in range(LEVELS):
        quantity = min(wanted, left if level == 0 else shown)
        if quantity > ZERO and at > ZERO:
            yield quantity, at
            wanted -= quantity
        if wanted <= ZERO:
            return
        at += step * order.sign


def available(order: Order, price: Price, left: Decimal, step: Decimal) -> Decimal:
    """Return how much of the order the market could fill at once."""
    return sum((quantity for quantity, _ in fills(order, price, left, step, arriving=True)), ZERO)
