"""Which orders that hang together an earlier run left at a broker, for the broker to see to them as before."""

from __future__ import annotations

from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.groups import AT_THE_BROKER
from cockpit.model.orders import Order, OrderRef

_ASKED: Final = (
    "SELECT number FROM audit INDEXED BY audit_order "
    "WHERE order_id = ? AND order_id <> '' AND tool = 'order.cancel_asked' LIMIT 1"
)


async def linked_at_broker(book: Book, connection: str) -> tuple[tuple[tuple[Order, ...], ...], frozenset[OrderRef]]:
    """Return a connection's groups of which the broker may have something open, and whose cancel was asked for."""
    heads = {
        one.group_id: one
        for one in book.at_broker(connection)
        if one.group_id is not None and one.linkage in AT_THE_BROKER
    }
    groups = tuple([await book.of_group(one) for one in heads.values()])
    legs = [one for orders in groups for one in orders]
    return groups, frozenset([one.reference for one in legs if await book.rows(_ASKED, (one.order_id,))])
