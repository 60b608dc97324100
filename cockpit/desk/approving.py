"""What the operator's approval makes of orders that waited, and what is kept beside them before they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from cockpit.desk.book import Book
from cockpit.desk.drafts import worth_of_either
from cockpit.desk.observer import Judged
from cockpit.desk.sent import insert_sent
from cockpit.desk.together import JudgedTogether
from cockpit.model.checks import CheckResult
from cockpit.model.orders import Order, OrderRequest, OrderState
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import Safe, safe
from cockpit.store.writes import Write


def in_the_way(book: Book, orders: Sequence[Order]) -> Refusal | None:
    """Refuse an order to a target while others of its symbol work: together they would overshoot."""
    for order in orders:
        if order.to_target:
            symbol = order.request.symbol
            others = [one for one in book.at_broker(order.connection) if one.request.symbol == symbol]
            if others:
                names = ", ".join(one.order_id for one in others[:10])
                return refuse("ORDERS_IN_THE_WAY", symbol=symbol, orders=names)
    return None


def sendings(moves: Sequence[tuple[Order, Order]], judged: JudgedTogether) -> list[Write]:
    """Return what is kept of the account as it was seen before new orders are sent."""
    held: dict[str, Decimal] = {}
    writes: list[Write] = []
    for (_, after), found in zip(moves, judged.judged, strict=True):
        # Later legs are judged on top of the earlier ones; the first of a symbol saw what is really held.
        before = held.setdefault(after.request.symbol, found.seen.position)
        if after.state is OrderState.SENDING:
            writes.append(insert_sent(after.order_id, found.seen.now, before))
    return writes


def approved(
    order: Order, request: OrderRequest, checks: tuple[CheckResult, ...], judged: Judged, now: datetime
) -> Order:
    """Return an order that is sent, or whose change is, with the terms that the operator has let pass."""
    is_new, asked = order.proposed is None, order.proposed or order.request
    return replace(
        order,
        version=order.version + 1,
        state=OrderState.SENDING if is_new else order.state,
        request=request if is_new else order.request,
        proposed=None if is_new else request,
        checks=checks,
        changed_at=now,
        decide_by=None,
        reason=Safe("") if request == asked else safe(f"edited by the operator from {asked.words()}"),
        unit_worth=judged.unit_worth if is_new else worth_of_either(order, judged),
        raised_at=order.raised_at if is_new else now,
    )
