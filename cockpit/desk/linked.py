"""Which orders that hang together an earlier run left at a broker, for the broker to see to them as before."""

from __future__ import annotations

from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.groups import AT_THE_BROKER
from cockpit.model.orders import Order, OrderRef

_ASKED: Final = "order.cancel_asked"
_LAST: Final = (
    "SELECT tool FROM audit INDEXED BY audit_order "
    "WHERE order_id = ? AND order_id <> '' AND tool IN ('order.cancel_asked', 'order.cancel_refused') "
    "ORDER BY number DESC LIMIT 1"
)


async def linked_at_broker(book: Book, connection: str) -> tuple[tuple[tuple[Order, ...], ...], frozenset[OrderRef]]:
    """Return a connection's groups of which the broker may have something open, and which of their orders are to end.

    Those are the ones whose cancel was asked for, and not refused since.
    """
    heads = {
        one.group_id: one
        for one in book.at_broker(connection)
        if one.group_id is not None and one.linkage in AT_THE_BROKER
    }
    groups = tuple([await book.of_group(one) for one in heads.values()])
    legs = [one for orders in groups for one in orders]
    last = {one.reference: await book.rows(_LAST, (one.order_id,)) for one in legs}
    return groups, frozenset(reference for reference, rows in last.items() if rows and rows[0]["tool"] == _ASKED)
