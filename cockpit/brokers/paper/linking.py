"""What orders of one group do to each other: a fill of one of a pair shrinks the other, an entry's end frees its exits.

A bracket's exits are held until its entry has ended, and then work for exactly what it filled. From then on they are a
pair, like the two orders of an OCO: what one fills, the other loses; when one is filled, the other is cancelled. An
order of a pair that is cancelled on request, or expires, leaves the other alone: it may be what protects a position.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cockpit.brokers.paper.book import PaperOrder
from cockpit.brokers.paper.turn import Turn
from cockpit.model.money import ZERO
from cockpit.model.orders import Replaced, Role


def trade(turn: Turn, order: PaperOrder, quantity: Decimal, price: Decimal) -> PaperOrder:
    """Fill a part of an order, with all that follows for its group."""
    order = turn.fill(order, quantity, price)
    if order.group is not None:
        if order.role is Role.ENTRY:
            _free_exits(turn, order)
        else:
            _shrink_partners(turn, order, quantity)
    return order


def cancel(turn: Turn, order: PaperOrder, reason: str) -> None:
    """Cancel an order, with all that follows for its group."""
    turn.cancel(order, reason)
    _free_exits(turn, order)


def expire(turn: Turn, order: PaperOrder) -> None:
    """End an order whose time is over, with all that follows for its group."""
    turn.expire(order)
    _free_exits(turn, order)


def _partners(turn: Turn, order: PaperOrder) -> list[PaperOrder]:
    return [other for other in turn.open.values() if other.group == order.group and other.reference != order.reference]


def _shrink_partners(turn: Turn, order: PaperOrder, quantity: Decimal) -> None:
    for partner in _partners(turn, order):
        if order.left <= ZERO or partner.left <= quantity:
            turn.cancel(partner, "OCA: the other order of the pair was filled")
        else:
            _resize(turn, partner, partner.request.quantity - quantity)


def _free_exits(turn: Turn, entry: PaperOrder) -> None:
    """Let the exits of a bracket work for what its entry filled, once that has ended."""
    if entry.role is not Role.ENTRY or entry.reference in turn.open:
        return
    for held in _partners(turn, entry):
        if entry.filled <= ZERO:
            turn.cancel(held, "BRACKET: the entry ended unfilled")
        else:
            # its own day begins now: an exit that ended with its entry's day would leave the position bare
            _resize(turn, replace(held, held=False, made_at=turn.at), entry.filled)


def _resize(turn: Turn, order: PaperOrder, quantity: Decimal) -> None:
    request = replace(order.request, quantity=quantity)
    if request != order.request:
        turn.say(Replaced(order.reference, turn.at, quantity, request.limit_price, request))
    turn.put(replace(order, request=request))
