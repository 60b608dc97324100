"""What our orders missed while the line or the host was down: the broker's books, told as facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.model.money import ZERO
from cockpit.model.orders import (
    DONE,
    Acknowledged,
    BrokerFact,
    BrokerOrder,
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
from cockpit.model.text import Safe

_UNSURE: Final = frozenset({OrderState.SENDING, OrderState.UNKNOWN})
_MISTAKEN: Final = frozenset({OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})
_NEVER_THERE = Safe("The broker never showed the order; it counts as never taken.")
_NOT_SHOWN = Safe("The broker doesn't show the order.")
_NO_FILLS = Safe("The broker shows more of the order as filled than it shows fills.")


def missed(
    order: Order, seen: Mapping[str, Execution], theirs: BrokerOrder | None, believed: bool, at: datetime
) -> list[BrokerFact]:
    """Return the facts that bring ``order`` to what the broker's books say, fills before ends.

    An order that the books don't show was never taken where ``believed`` says that their silence may be believed.
    Else its absence proves nothing: an open order becomes unknown, an ended one stays as it is. So does one of which
    more was filled than all fills that are known add up to: no state is right as long as what is held isn't. What is
    known already is no fact.
    """
    if theirs is None:
        if order.state in DONE:
            return []
        if order.state in _UNSURE and believed:
            return [Rejected(order.reference, at, _NEVER_THERE)]
        return [LinkLost(order.reference, at, _NOT_SHOWN)]
    fills = _new(theirs, seen)
    lacks_fills = shown_fills(order, seen, theirs) < said_filled(theirs)
    facts: list[BrokerFact] = []
    if order.state in _UNSURE and theirs.state is not OrderState.REJECTED:
        facts.append(Acknowledged(order.reference, at))
    elif order.state in _MISTAKEN and theirs.state is not order.state and not (lacks_fills and theirs.state in DONE):
        facts.append(FoundWorking(order.reference, at))
    if theirs.request != order.request:
        facts.append(Replaced(order.reference, at, theirs.request.quantity, theirs.request.limit_price, theirs.request))
    elif order.proposed is not None and order.decide_by is None:
        facts.append(ReplaceRefused(order.reference, at, Safe("The broker doesn't show the change.")))
    facts.extend(Executed(order.reference, one.at, one) for one in fills)
    if lacks_fills:
        known = order.state is OrderState.UNKNOWN and order.reason == _NO_FILLS
        if known and all(isinstance(one, Acknowledged) for one in facts):
            return []
        return [*facts, LinkLost(order.reference, at, _NO_FILLS)]
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


def said_filled(theirs: BrokerOrder) -> Decimal:
    """Return how much of an order the broker says was filled."""
    return theirs.request.quantity if theirs.state is OrderState.FILLED else theirs.filled or ZERO


def shown_fills(order: Order, seen: Mapping[str, Execution], theirs: BrokerOrder) -> Decimal:
    """Return what all fills of an order add up to that are known here or that the books show."""
    corrected = (seen[one.execution_id].quantity for one in _new(theirs, seen) if one.execution_id in seen)
    return order.filled + sum((one.quantity for one in _new(theirs, seen)), ZERO) - sum(corrected, ZERO)


def _new(theirs: BrokerOrder, seen: Mapping[str, Execution]) -> list[Execution]:
    """Return the fills that the books show and nobody told yet, and those that they show otherwise."""
    return [one for one in theirs.executions if (fill := seen.get(one.execution_id)) is None or one.corrects(fill)]
