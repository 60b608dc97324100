"""How much an order exposes the account: all positions without sign before and after, and whether a stop bounds it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cockpit.desk.risk import Seen
from cockpit.model.money import ZERO
from cockpit.model.orders import OPEN, Order, OrderRequest, Role


def gross_exposure(held: Decimal, request: OrderRequest, seen: Seen) -> Decimal | None:
    """Return the value of all positions without sign if ``held`` of the order's instrument were held.

    In the account's currency, at the price at which the order would trade; None where a price isn't known.
    """
    price, others = seen.touch(request.side), seen.elsewhere
    if price is None or others is None or seen.to_account is None:
        return None
    values = [one.value for one in others if one.value is not None]
    if len(values) < len(others):
        return None
    here = abs(held) * price * seen.instrument.multiplier * seen.to_account
    return here + sum((abs(value) for value in values), ZERO)


def is_bare(order: Order, request: OrderRequest, seen: Seen, group: Sequence[Order]) -> bool:
    """Whether an order that waits would open or grow a position that no stop of its own group bounds, or none any more."""
    stopped = any(one.role is Role.STOP and one.state in OPEN for one in group)
    return order.waits and not stopped and seen.opening(request) > ZERO
