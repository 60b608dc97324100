"""What an order's group adds to what is seen of the market and the account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from cockpit.desk.groups import ALONE, EXITS, Beside
from cockpit.desk.risk import Activity, Linked, Seen
from cockpit.model.orders import OPEN, Order, Role, Side


def with_group(activity: Activity, orders: int, worth: Decimal) -> Activity:
    """Count the rest of a group that is asked for at once, and what of it was judged already."""
    return replace(
        activity,
        client_orders=activity.client_orders + orders,
        connection_orders=activity.connection_orders + orders,
        client_notional=activity.client_notional + worth,
        connection_notional=activity.connection_notional + worth,
    )


def linked_now(order: Order, group: Sequence[Order]) -> Linked | None:
    """Return what an order is within its group, as the group stands now."""
    if order.linkage is None:
        return None
    others = tuple(
        (one.role, replace(one.request, quantity=one.left))
        for one in group
        if one.order_id != order.order_id and one.state in OPEN
    )
    return Linked(order.linkage, order.role, others)


def on_entry(order: Order, group: Sequence[Order]) -> Beside:
    """Return the entry of a bracket's exit, as far as it has not filled yet, as if it had."""
    if order.role not in EXITS:
        return ALONE
    entries = tuple(
        replace(one.request, quantity=one.left) for one in group if one.role is Role.ENTRY and one.state in OPEN
    )
    return Beside(filled=entries) if entries else ALONE


def on_top(seen: Seen, beside: Beside) -> Seen:
    if beside is ALONE:
        return seen
    symbol = seen.instrument.symbol
    return replace(
        seen,
        position=seen.position + beside.position(symbol),
        committed_buy=seen.committed_buy + beside.committed(symbol, Side.BUY),
        committed_sell=seen.committed_sell + beside.committed(symbol, Side.SELL),
        in_flight=None if seen.in_flight is None else seen.in_flight + beside.value(),
    )
