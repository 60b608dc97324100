"""Which orders that hang together an earlier run left at a broker, for the broker to see to them as before."""

from __future__ import annotations

from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.groups import AT_THE_BROKER
from cockpit.model.orders import Order, OrderRef

_ASKED: Final = "SELECT DISTINCT order_id FROM audit WHERE tool = 'order.cancel_asked' AND order_id IN ({marks})"


async def linked_at_broker(book: Book, connection: str) -> tuple[tuple[tuple[Order, ...], ...], frozenset[OrderRef]]:
    """Return a connection's groups of which the broker may have something open, and whose cancel was asked for."""
    heads = {
        one.group_id: one
        for one in book.at_broker(connection)
        if one.group_id is not None and one.linkage in AT_THE_BROKER
    }
    groups = tuple([await book.of_group(one) for one in heads.values()])
    asked: set[OrderRef] = set()
    for orders in groups:
        names = [one.order_id for one in orders]
        rows = await book.rows(_ASKED.format(marks=", ".join("?" for _ in names)), names)
        found = {row["order_id"] for row in rows}
        asked |= {one.reference for one in orders if one.order_id in found}
    return groups, frozenset(asked)
