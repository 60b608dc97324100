"""What our orders missed while the line or the host was down: the broker's books, told as facts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from cockpit.model.orders import (
    Acknowledged,
    BrokerFact,
    BrokerOrder,
    Cancelled,
    Executed,
    Expired,
    LinkLost,
    Order,
    OrderState,
    Rejected,
    Replaced,
    ReplaceRefused,
)
from cockpit.model.text import Safe

_NEVER_THERE = Safe("The broker never had the order; nothing was sent.")
_NOT_SHOWN = Safe("The broker doesn't show the order.")


def missed(
    order: Order, seen_executions: Collection[str], theirs: BrokerOrder | None, books_complete: bool, at: datetime
) -> list[BrokerFact]:
    """Return the facts that bring ``order`` to what the broker's books say, fills first.

    An order that complete books don't show was never taken. Where the books may be incomplete, its absence proves
    nothing and the order becomes unknown.
    """
    if theirs is None:
        if order.state not in {OrderState.SENDING, OrderState.UNKNOWN} or not books_complete:
            return [LinkLost(order.reference, at, _NOT_SHOWN)]
        return [Rejected(order.reference, at, _NEVER_THERE)]
    facts: list[BrokerFact] = []
    if order.state in {OrderState.SENDING, OrderState.UNKNOWN} and theirs.state is not OrderState.REJECTED:
        facts.append(Acknowledged(order.reference, at))
    terms = (theirs.request.quantity, theirs.request.limit_price)
    if terms != (order.request.quantity, order.request.limit_price):
        facts.append(Replaced(order.reference, at, *terms))
    elif order.proposed is not None and order.decide_by is None:
        facts.append(ReplaceRefused(order.reference, at, Safe("The broker doesn't show the change.")))
    facts.extend(
        Executed(order.reference, one.at, one) for one in theirs.executions if one.execution_id not in seen_executions
    )
    match theirs.state:
        case OrderState.CANCELLED:
            facts.append(Cancelled(order.reference, at, theirs.reason))
        case OrderState.EXPIRED:
            facts.append(Expired(order.reference, at))
        case OrderState.REJECTED:
            facts.append(Rejected(order.reference, at, theirs.reason))
        case _:
            pass
    return facts
