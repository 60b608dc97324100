"""How orders meet quotes: a fold of events over the state of an account, without clock, chance or I/O.

A market order takes what the touch shows, and the rest one slip beyond it. A limit order takes at the touch what it
finds there, then rests, and is filled at its limit when a later quote reaches it. What one fill takes from a quote's
side is gone for the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.paper.book import PaperOrder, State, Touch
from cockpit.brokers.paper.events import Cancel, DayEnded, PaperEvent, Quoted, Replace, Submit
from cockpit.brokers.paper.margin import Terms, Wish, affordable, deliverable
from cockpit.brokers.paper.rules import Rules
from cockpit.brokers.paper.turn import Turn
from cockpit.model.money import ZERO, is_multiple, plain
from cockpit.model.orders import (
    Acknowledged,
    BrokerFact,
    OrderRequest,
    OrderState,
    OrderType,
    Rejected,
    Replaced,
    ReplaceRefused,
    Side,
    TimeInForce,
)
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe

MOST: Final = Decimal(1_000_000_000)
"""Above any quantity and any price here: within it, sums and products of money are exact."""

_AT_ONCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})


@dataclass(frozen=True, slots=True)
class Step:
    """What an event led to."""

    state: State
    facts: tuple[BrokerFact, ...]
    """What the broker says about it, in order."""
    changed: tuple[PaperOrder, ...]
    """Orders that are new or other than before, as they are now."""
    refusal: Refusal | None = None
    """Why the event came to nothing, where no order has to be told."""


def apply(rules: Rules, state: State, event: PaperEvent) -> Step:
    """Return the state after the event, and what the broker says about it."""
    match event:
        case Quoted():
            return _quoted(rules, state, event)
        case Submit():
            return _submit(rules, state, event)
        case Replace():
            return _replace(rules, state, event)
        case Cancel():
            return _cancel(rules, state, event)
        case DayEnded():
            return _day_ended(rules, state, event)
        case _:
            raise TypeError(f"no rule for {type(event).__name__}")


def _quoted(rules: Rules, state: State, event: Quoted) -> Step:
    turn = Turn(rules, state, event.at)
    for touch in event.touches:
        seen = state.shown.get(touch.symbol)
        if seen is not None and seen.touch.at == touch.at:
            continue  # the same second again brings no new liquidity
        turn.show(touch)
        for order in sorted(_reached(turn, touch), key=_priority):
            _rest(turn, order, touch)
    return Step(turn.state(), turn.facts, turn.changed)


def _submit(rules: Rules, state: State, event: Submit) -> Step:
    known = state.order(event.reference)
    if known is not None:
        if known.submitted == event.request:
            return Step(state, (), ())
        return Step(state, (), (), refuse("IDEMPOTENCY_CONFLICT", reference=event.reference))
    turn = Turn(rules, state, event.at)
    request = event.request
    order = PaperOrder(event.reference, request, request, OrderState.WORKING, event.at, turn.number)
    fault = _fault(rules, state, request)
    if fault is not None:
        turn.say(Rejected(order.reference, event.at, safe(fault)))
        turn.end(order, OrderState.REJECTED, fault)
        return Step(turn.state(), turn.facts, turn.changed)
    turn.put(order)
    turn.say(Acknowledged(order.reference, event.at))
    _arrive(turn, order)
    return Step(turn.state(), turn.facts, turn.changed)


def _replace(rules: Rules, state: State, event: Replace) -> Step:
    order = state.open.get(event.reference)
    if order is None and event.reference not in state.ended:
        return Step(state, (), (), refuse("ORDER_UNKNOWN", reference=event.reference))
    turn = Turn(rules, state, event.at)
    fault = "ORDER_DONE: the order has ended" if order is None else _replace_fault(rules, state, order, event.request)
    if order is None or fault is not None:
        turn.say(ReplaceRefused(event.reference, event.at, safe(fault or "")))
        return Step(turn.state(), turn.facts, turn.changed)
    old, new = order.request, event.request
    if new != old:
        keeps_rank = new.limit_price == old.limit_price and new.quantity < old.quantity
        order = turn.amend(order, request=new, rank=order.rank if keeps_rank else turn.number)
    turn.say(Replaced(event.reference, event.at, new.quantity, new.limit_price))
    if new.limit_price != old.limit_price:
        _arrive(turn, order)
    return Step(turn.state(), turn.facts, turn.changed)


def _cancel(rules: Rules, state: State, event: Cancel) -> Step:
    order = state.open.get(event.reference)
    if order is None:
        refusal = None if event.reference in state.ended else refuse("ORDER_UNKNOWN", reference=event.reference)
        return Step(state, (), (), refusal)
    turn = Turn(rules, state, event.at)
    turn.cancel(order, "cancelled on request")
    return Step(turn.state(), turn.facts, turn.changed)


def _day_ended(rules: Rules, state: State, event: DayEnded) -> Step:
    turn = Turn(rules, state, event.at)
    for order in outlived(state, event.at):
        turn.expire(order)
    return Step(turn.state(), turn.facts, turn.changed)


def outlived(state: State, now: datetime) -> tuple[PaperOrder, ...]:
    """Return the open DAY orders of earlier days, by UTC."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return tuple(
        order
        for order in state.open.values()
        if order.request.time_in_force is TimeInForce.DAY and order.made_at < today
    )


def _fault(rules: Rules, state: State, request: OrderRequest) -> str | None:
    """Say why the broker doesn't take an order, or None."""
    terms = rules.terms.get(request.symbol)
    if terms is None:
        return f"INSTRUMENT_UNRESOLVED: nothing of the symbol {request.symbol} is listed"
    if request.symbol not in state.shown:
        return "MARKET_DATA_MISSING: there is no quote"
    if len(state.open) >= rules.max_open:
        return f"BUSY: {rules.max_open} orders are open"
    fault = shape_fault(terms, request)
    if fault is not None:
        return fault
    return _carry_fault(rules, state, Wish(request.symbol, request.side, request.quantity))


def _replace_fault(rules: Rules, state: State, order: PaperOrder, wanted: OrderRequest) -> str | None:
    """Say why an order is left as it is, or None."""
    old = order.request
    fixed = (wanted.symbol, wanted.side, wanted.order_type, wanted.time_in_force)
    if fixed != (old.symbol, old.side, old.order_type, old.time_in_force):
        return "ORDER_TYPE_NOT_ALLOWED: only quantity and limit price of an order can be changed"
    fault = shape_fault(rules.terms[old.symbol], wanted)
    if fault is not None:
        return fault
    if wanted.quantity <= order.filled:
        return f"BAD_QUANTITY: {plain(order.filled)} are filled already"
    if wanted.quantity > old.quantity:
        return _carry_fault(rules, state, Wish(old.symbol, old.side, wanted.quantity - old.quantity))
    return None


def shape_fault(terms: Terms, request: OrderRequest) -> str | None:
    """Say what is wrong with an order's own figures, or None."""
    quantity, limit = request.quantity, request.limit_price
    if not quantity.is_finite() or not ZERO < quantity <= MOST or not is_multiple(quantity, terms.lot):
        return f"BAD_QUANTITY: the quantity must be a positive multiple of {plain(terms.lot)}"
    if (limit is None) is not (request.order_type is OrderType.MARKET):
        return "ORDER_TYPE_NOT_ALLOWED: a limit order has a limit price, a market order none"
    if limit is not None and (not limit.is_finite() or not ZERO < limit <= MOST or not is_multiple(limit, terms.tick)):
        return f"BAD_TICK: the price must be a positive multiple of {plain(terms.tick)}"
    return None


def _carry_fault(rules: Rules, state: State, wish: Wish) -> str | None:
    if wish.side is Side.SELL and not rules.terms[wish.symbol].shortable and not deliverable(state, wish):
        return f"SHORT_NOT_ALLOWED: {wish.symbol} can't be sold short"
    if not affordable(state, rules.terms, wish):
        return "BUYING_POWER: the account's equity doesn't cover the margin"
    return None


def _reached(turn: Turn, touch: Touch) -> list[PaperOrder]:
    """Return the resting orders that a quote reaches."""
    return [
        order for order in turn.open.values() if order.request.symbol == touch.symbol and _crosses(order.request, touch)
    ]


def _crosses(request: OrderRequest, touch: Touch) -> bool:
    if request.limit_price is None:
        return True
    return touch.ask <= request.limit_price if request.side is Side.BUY else touch.bid >= request.limit_price


def _priority(order: PaperOrder) -> tuple[Decimal, int]:
    """Return the place in the queue: the better price first, then the older order."""
    return -order.request.side.sign * (order.request.limit_price or ZERO), order.rank


def _rest(turn: Turn, order: PaperOrder, touch: Touch) -> None:
    """Fill a resting order at its limit from what the quote still shows."""
    quantity = min(order.left, turn.available(touch.symbol, order.request.side))
    if quantity > ZERO:
        turn.fill(order, quantity, order.request.limit_price or touch.price(order.request.side))


def _arrive(turn: Turn, order: PaperOrder) -> None:
    """Fill an order that is new, or newly priced, against the quote as it stands."""
    request = order.request
    side, at_once = request.side, request.time_in_force in _AT_ONCE
    touch = turn.shown[request.symbol].touch
    if _crosses(request, touch):
        quantity = min(order.left, turn.available(request.symbol, side))
        market = request.limit_price is None
        if quantity < order.left and request.time_in_force is TimeInForce.FOK and not market:
            quantity = ZERO
        if quantity > ZERO:
            order = turn.fill(order, quantity, touch.price(side))
        if market and order.left > ZERO:
            order = turn.fill(order, order.left, _slipped(turn, touch, side))
    if at_once and order.left > ZERO:
        turn.cancel(order, f"{request.time_in_force.upper()}: the rest found nothing to trade with")


def _slipped(turn: Turn, touch: Touch, side: Side) -> Decimal:
    tick = turn.rules.terms[touch.symbol].tick
    return max(tick, touch.price(side) + side.sign * turn.rules.slip_ticks * tick)
