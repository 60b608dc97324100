"""Orders and executions as messages."""

from __future__ import annotations

from tests.gateway.orders import Execution, Order
from tests.gateway.wire import COMPLETED_ORDER, CONTRACT_OUT, EXECUTION, OPEN_ORDER, ORDER_STATUS, UNSET, Out, pick

Message = tuple[object, ...]


def open_order(order: Order) -> Message:
    """Return openOrder."""
    return (Out.openOrder, *pick(OPEN_ORDER, order.fields()))


def order_status(order: Order) -> Message:
    """Return orderStatus."""
    return (Out.orderStatus, *pick(ORDER_STATUS, order.state()))


def completed_order(order: Order) -> Message:
    """Return completedOrder, which has neither order id nor client id."""
    return (Out.completedOrder, *pick(COMPLETED_ORDER, order.fields()))


def exec_details(request_id: int | str, execution: Execution) -> Message:
    """Return execDetails; -1 where nobody asked."""
    told = execution.fields()
    return (Out.execDetails, request_id, execution.ids[0], *pick(CONTRACT_OUT, told), *pick(EXECUTION, told))


def commission_report(execution: Execution) -> Message:
    """Return commissionReport."""
    realized = UNSET if execution.realized is None else execution.realized
    currency = execution.order.listing.currency if execution.order.listing.kind != "CASH" else "USD"
    return (Out.commissionReport, 1, execution.exec_id, execution.fee, currency, realized, UNSET, "")
