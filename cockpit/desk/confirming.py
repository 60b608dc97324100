"""Orders that their own client has to confirm before the operator is asked, where a rule wants it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cockpit.desk.book import Book
from cockpit.desk.entries import order_entry
from cockpit.model.clock import Clock
from cockpit.model.orders import Order
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe


async def confirm(book: Book, clock: Clock, seconds: int, order: Order) -> Order:
    """Put an order, with its group, before the operator for ``seconds`` now that its client has confirmed it.

    One that its client doesn't have to confirm, or has confirmed, stays as it is. Refused once its time is over.
    """
    async with book.alone(order.order_id):
        order = book.now(order)
        orders = book.together(order)
        head = orders[0] if orders else order
        if not head.unconfirmed:
            return order
        now = clock.now()
        if head.confirm_by is None or now >= head.confirm_by:
            raise Refused(refuse("NOT_CONFIRMED"))
        after = replace(
            head,
            version=head.version + 1,
            reason=safe(f"Waits for the operator, confirmed by its client as the rule {head.rule} wants."),
            changed_at=now,
            decide_by=now + timedelta(seconds=seconds),
            confirm_by=None,
        )
        await book.move(head, after, [order_entry(after, "order.confirmed", "", rule=head.rule)])
    return book.now(order)
