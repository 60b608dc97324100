"""Which orders a client sees, and which it may change: those of its connection, and of them its own."""

from __future__ import annotations

from cockpit.desk.book import Book
from cockpit.desk.gate import Admitted
from cockpit.model.orders import Order, OrderId
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe


async def order_of(book: Book, admitted: Admitted, order_id: OrderId) -> Order:
    """Return an order of the caller's connection; Refused with ORDER_UNKNOWN for any other."""
    order = await book.find(order_id)
    if order is None or order.connection != admitted.connection.name:
        raise Refused(refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40)))
    return order


async def own_order_of(book: Book, admitted: Admitted, order_id: OrderId) -> Order:
    """Return an order of the caller; Refused with NOT_YOUR_ORDER for another's."""
    order = await order_of(book, admitted, order_id)
    if order.client != admitted.grant.client:
        raise Refused(refuse("NOT_YOUR_ORDER", order_id=order_id))
    return order
