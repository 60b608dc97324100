"""How the operator ends an order of which nobody can say what became."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.entries import order_entry
from cockpit.model.clock import Clock
from cockpit.model.orders import Order, OrderId, OrderState
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable

RESOLVED: Final = (OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED)
"""What the operator may say that became of an unknown order. A fill is only ever the broker's to tell."""


async def resolve(book: Book, clock: Clock, order_id: OrderId, state: OrderState, by: str) -> Order | Refusal:
    """End an unknown order as the operator says, with the fills that are known. The broker's books overrule it."""
    if state not in RESOLVED:
        return refuse("BAD_ARGUMENTS", "An unknown order is resolved to cancelled, rejected or expired.")
    async with book.alone(order_id):
        order = book.get(order_id)
        if order is None:
            return refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40))
        if order.state is not OrderState.UNKNOWN:
            return refuse("ALREADY_DECIDED", "Only an unknown order is resolved.", state=order.state)
        after = replace(
            order,
            version=order.version + 1,
            state=state,
            reason=safe(f"resolved by {by}: nobody could say what became of it"),
            changed_at=clock.now(),
            decide_by=None,
            proposed=None,
        )
        try:
            return await book.move(order, after, [order_entry(after, "order.resolved", "", by=by)])
        except (StoreUnavailable, StoreBusy):
            return refuse("AUDIT_UNAVAILABLE")
