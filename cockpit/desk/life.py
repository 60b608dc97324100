"""The life of an order: which fact moves it from where to where, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.model.money import ZERO, plain
from cockpit.model.orders import (
    AT_BROKER,
    DONE,
    Acknowledged,
    BrokerFact,
    Cancelled,
    Executed,
    Execution,
    Expired,
    FoundWorking,
    LinkLost,
    Order,
    OrderState,
    Rejected,
    Replaced,
    ReplaceRefused,
)
from cockpit.model.text import Safe, safe

_S = OrderState
_LESS: Final = Safe("The broker corrected a fill: less of the order was filled than it had said.")

NEXT: Final[Mapping[tuple[OrderState, type[BrokerFact]], OrderState]] = {
    (_S.SENDING, Acknowledged): _S.WORKING,
    (_S.SENDING, Rejected): _S.REJECTED,
    (_S.SENDING, Cancelled): _S.CANCELLED,
    (_S.SENDING, Expired): _S.EXPIRED,
    (_S.SENDING, LinkLost): _S.UNKNOWN,
    (_S.UNKNOWN, Acknowledged): _S.WORKING,
    (_S.UNKNOWN, Rejected): _S.REJECTED,
    (_S.UNKNOWN, Cancelled): _S.CANCELLED,
    (_S.UNKNOWN, Expired): _S.EXPIRED,
    (_S.WORKING, Cancelled): _S.CANCELLED,
    (_S.WORKING, Expired): _S.EXPIRED,
    (_S.WORKING, Rejected): _S.REJECTED,
    (_S.WORKING, LinkLost): _S.UNKNOWN,
    (_S.PARTLY_FILLED, Cancelled): _S.CANCELLED,
    (_S.PARTLY_FILLED, Expired): _S.EXPIRED,
    (_S.PARTLY_FILLED, Rejected): _S.REJECTED,
    (_S.PARTLY_FILLED, LinkLost): _S.UNKNOWN,
    (_S.CANCELLED, FoundWorking): _S.WORKING,
    (_S.REJECTED, FoundWorking): _S.WORKING,
    (_S.EXPIRED, FoundWorking): _S.WORKING,
}
"""Every move but those of fills and changed terms, which depend on quantities. What is absent changes nothing."""


def applied(order: Order, fact: BrokerFact, at: datetime) -> Order:
    """Return the order after one broker fact; the same value where the fact changes nothing.

    A fill counts whatever the state says: a broker may fill while a cancel is under way. An order that seemed filled
    works on when its quantity turns out to have been raised before. The caller passes each execution once (duplicates
    are found by execution id, which is the book's to know).
    """
    match fact:
        case Executed(execution=execution):
            return _filled(order, execution, at)
        case Replaced(quantity=quantity, limit_price=limit_price, request=told):
            if order.state in DONE and not (order.state is _S.FILLED and quantity >= order.filled):
                return order
            request = told or replace(order.request, quantity=quantity, limit_price=limit_price)
            if request == order.request and order.proposed is None:
                return order
            return _changed(order, at, request=request, proposed=None, decide_by=None, state=_working(order, quantity))
        case ReplaceRefused(reason=reason):
            if order.proposed is None:
                return order
            return _changed(order, at, proposed=None, decide_by=None, reason=reason)
    state = NEXT.get((order.state, type(fact)))
    if state is None:
        return order
    if state is _S.WORKING and order.filled > ZERO:
        state = _S.PARTLY_FILLED
    reason = fact.reason if isinstance(fact, Cancelled | Rejected | LinkLost) else order.reason
    if state in DONE:
        return _changed(order, at, state=state, reason=reason, proposed=None, decide_by=None)
    return _changed(order, at, state=state, reason=reason)


def charged(order: Order, more: Decimal, at: datetime) -> Order:
    """Return the order after a fee that was told late, or corrected: by how much its fees grow, or shrink."""
    return _changed(order, at, fees=order.fees + more)


def corrected(order: Order, before: Execution, after: Execution, at: datetime) -> Order:
    """Return the order after a correction of one of its fills.

    What was filled and isn't any more is unknown: the rest may have ended, or work again.
    """
    filled = order.filled - before.quantity + after.quantity
    paid = (order.average_price or ZERO) * order.filled - before.price * before.quantity + after.price * after.quantity
    state, reason = order.state, order.reason
    if filled >= order.request.quantity and state in AT_BROKER:
        state = _S.FILLED
    elif filled < order.request.quantity and state is _S.FILLED:
        state, reason = _S.UNKNOWN, _LESS
    return _changed(
        order,
        at,
        filled=filled,
        average_price=paid / filled,
        fees=order.fees - before.fee + after.fee,
        state=state,
        reason=reason,
    )


def correction(order: Order, before: Execution, after: Execution) -> Safe:
    """Say what the broker corrected, with both figures."""
    return safe(
        f"{order.connection}: the broker corrected a fill of {order.request.words()} ({order.order_id}): "
        f"{plain(after.quantity)} at {plain(after.price)}, not {plain(before.quantity)} at {plain(before.price)}.",
        300,
    )


def _filled(order: Order, execution: Execution, at: datetime) -> Order:
    filled = order.filled + execution.quantity
    paid = (order.average_price or ZERO) * order.filled + execution.price * execution.quantity
    state = order.state
    if filled >= order.request.quantity:
        state = _S.FILLED
    elif state in AT_BROKER:
        state = _S.PARTLY_FILLED
    ended = state in DONE
    return _changed(
        order,
        at,
        filled=filled,
        average_price=paid / filled,
        fees=order.fees + execution.fee,
        state=state,
        proposed=None if ended else order.proposed,
        decide_by=None if ended else order.decide_by,
    )


def _working(order: Order, quantity: object) -> OrderState:
    if order.filled <= ZERO:
        return _S.WORKING
    return _S.FILLED if order.filled >= quantity else _S.PARTLY_FILLED  # type: ignore[operator]


def _changed(order: Order, at: datetime, **changes: object) -> Order:
    return replace(order, version=order.version + 1, changed_at=at, **changes)  # type: ignore[arg-type]
