"""The paper account as a fold of events: what each event does to the state, without clock, chance or I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from cockpit.brokers.paper import linking
from cockpit.brokers.paper.book import PaperOrder, Shown, State, Touch
from cockpit.brokers.paper.events import (
    Cancel,
    DayEnded,
    PaperEvent,
    Quoted,
    Replace,
    Settled,
    Split,
    Submit,
    SubmitLinked,
)
from cockpit.brokers.paper.faults import linked_faults, order_fault, replace_fault, stop_terms
from cockpit.brokers.paper.matching import arrive, meet
from cockpit.brokers.paper.rules import Rules
from cockpit.brokers.paper.turn import COST_STEP, Turn
from cockpit.model.orders import (
    Acknowledged,
    BrokerFact,
    Linkage,
    OrderRef,
    OrderRequest,
    OrderState,
    Rejected,
    Replaced,
    ReplaceRefused,
    Role,
    TimeInForce,
)
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe

ROLES: Final = {
    Linkage.BRACKET: (Role.ENTRY, Role.TARGET, Role.STOP),
    Linkage.OCO: (Role.LEG, Role.LEG),
}
"""What the orders of a group are, in the order in which they are handed over."""
_MOST_SPLIT: Final = 1000


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
        case SubmitLinked():
            return _submit_linked(rules, state, event)
        case Replace():
            return _replace(rules, state, event)
        case Cancel():
            return _cancel(rules, state, event)
        case DayEnded():
            return _day_ended(rules, state, event)
        case Split():
            return _split(rules, state, event)
        case Settled():
            return _settled(rules, state, event)
        case _:
            raise TypeError(f"no rule for {type(event).__name__}")


def _quoted(rules: Rules, state: State, event: Quoted) -> Step:
    turn = Turn(rules, state, event.at)
    for symbol in event.gone:
        seen = turn.shown.get(symbol)
        if seen is not None:
            turn.show(seen.touch, gone=True)
    for touch in event.touches:
        seen = turn.shown.get(touch.symbol)
        if seen is not None and seen.touch.at == touch.at and not seen.gone:
            continue  # the same moment again brings no new liquidity
        turn.show(touch)
        meet(turn, touch, None if seen is None else seen.touch, session=event.session)
    return Step(turn.state(), turn.facts, turn.changed)


def _submit(rules: Rules, state: State, event: Submit) -> Step:
    known = state.order(event.reference)
    if known is not None:
        if known.submitted == event.request:
            return Step(state, (), ())
        return Step(state, (), (), refuse("IDEMPOTENCY_CONFLICT", reference=event.reference))
    turn = Turn(rules, state, event.at)
    fault = order_fault(rules, state, event.request)
    order = _new(turn, event.reference, event.request)
    if fault is not None:
        _reject(turn, order, fault)
    else:
        _accept(turn, order)
        arrive(turn, order, session=event.session)
    return Step(turn.state(), turn.facts, turn.changed)


def _submit_linked(rules: Rules, state: State, event: SubmitLinked) -> Step:
    roles = ROLES.get(event.linkage)
    if roles is None:
        return Step(state, (), (), refuse("CAPABILITY_UNAVAILABLE", linkage=event.linkage))
    references = [reference for reference, _ in event.legs]
    if len(event.legs) != len(roles) or len(set(references)) != len(roles):
        return Step(state, (), (), refuse("BAD_ARGUMENTS", f"A group of that kind is {len(roles)} different orders."))
    known = [state.order(reference) for reference in references]
    if any(known):
        same = all(
            order is not None and (order.submitted, order.group, order.role) == (request, references[0], role)
            for order, role, (_, request) in zip(known, roles, event.legs, strict=True)
        )
        refusal = None if same else refuse("IDEMPOTENCY_CONFLICT", reference=references[0])
        return Step(state, (), (), refusal)
    turn = Turn(rules, state, event.at)
    orders = [
        replace(
            _new(turn, reference, request),
            group=references[0],
            role=role,
            held=role in {Role.TARGET, Role.STOP},
        )
        for role, (reference, request) in zip(roles, event.legs, strict=True)
    ]
    faults = linked_faults(rules, state, event.linkage, [request for _, request in event.legs])
    if faults is not None:
        for order, fault in zip(orders, faults, strict=True):
            _reject(turn, order, fault)
        return Step(turn.state(), turn.facts, turn.changed)
    for order in orders:
        _accept(turn, order)
    for reference, role in zip(references, roles, strict=True):
        order = turn.open.get(reference)
        if order is not None and role in {Role.ENTRY, Role.LEG}:
            arrive(turn, order, session=event.session)
    return Step(turn.state(), turn.facts, turn.changed)


def _replace(rules: Rules, state: State, event: Replace) -> Step:
    order = state.open.get(event.reference)
    if order is None and event.reference not in state.ended:
        return Step(state, (), (), refuse("ORDER_UNKNOWN", reference=event.reference))
    turn = Turn(rules, state, event.at)
    fault = "ORDER_DONE: the order has ended" if order is None else replace_fault(rules, state, order, event.request)
    if order is None or fault is not None:
        turn.say(ReplaceRefused(event.reference, event.at, safe(fault or "")))
        return Step(turn.state(), turn.facts, turn.changed)
    old, new = order.request, event.request
    repriced = _prices(new) != _prices(old)
    if new != old:
        keeps_rank = not repriced and new.quantity < old.quantity
        keeps_stop = stop_terms(new) == stop_terms(old)
        order = replace(
            order,
            request=new,
            rank=order.rank if keeps_rank else turn.number,
            trigger=order.trigger if keeps_stop else None,
        )
        turn.put(order)
    turn.say(Replaced(event.reference, event.at, new.quantity, new.limit_price, new))
    if repriced:
        arrive(turn, order, session=event.session)
    return Step(turn.state(), turn.facts, turn.changed)


def _cancel(rules: Rules, state: State, event: Cancel) -> Step:
    order = state.open.get(event.reference)
    if order is None:
        refusal = None if event.reference in state.ended else refuse("ORDER_UNKNOWN", reference=event.reference)
        return Step(state, (), (), refusal)
    turn = Turn(rules, state, event.at)
    linking.cancel(turn, order, "cancelled on request")
    return Step(turn.state(), turn.facts, turn.changed)


def _day_ended(rules: Rules, state: State, event: DayEnded) -> Step:
    turn = Turn(rules, state, event.at)
    for order in outlived(state, event.ended_at or last_midnight(event.at)):
        linking.expire(turn, order)
    return Step(turn.state(), turn.facts, turn.changed)


def _split(rules: Rules, state: State, event: Split) -> Step:
    terms = rules.terms.get(event.symbol)
    if terms is None:
        return Step(state, (), (), refuse("INSTRUMENT_UNRESOLVED", symbol=event.symbol))
    if not all(1 <= part <= _MOST_SPLIT for part in (event.new, event.old)) or event.new == event.old:
        return Step(state, (), (), refuse("BAD_ARGUMENTS", "A split is two different numbers up to 1000."))
    turn = Turn(rules, state, event.at)
    for order in state.open.values():
        if order.request.symbol == event.symbol:
            turn.cancel(order, "SPLIT")
    held = state.holdings.get(event.symbol)
    if held is not None:
        exact = held.quantity * event.new
        whole = abs(exact) // (event.old * terms.lot) * terms.lot
        kept = whole * event.old
        cost = held.cost if kept == abs(exact) else (held.cost * kept / abs(exact)).quantize(COST_STEP)
        turn.hold(event.symbol, whole.copy_sign(exact), cost)
    shown = state.shown.get(event.symbol)
    if shown is not None:
        turn.shown[event.symbol] = Shown(_split_touch(shown.touch, event, terms.tick, terms.lot), gone=shown.gone)
    return Step(turn.state(), turn.facts, turn.changed)


def _settled(rules: Rules, state: State, event: Settled) -> Step:
    turn = Turn(rules, state, event.at)
    for order in state.open.values():
        if order.request.symbol == event.symbol:
            linking.expire(turn, order)
    turn.settle(event.symbol, event.price)
    return Step(turn.state(), turn.facts, turn.changed)


def _split_touch(touch: Touch, event: Split, tick: Decimal, lot: Decimal) -> Touch:
    """Return the quote as it is for new units, on the tick and no better than it was."""

    def price(old: Decimal, rounding: str) -> Decimal:
        ticks = (old * event.old / event.new / tick).to_integral_value(rounding)
        return max(tick, ticks * tick)

    def size(old: Decimal) -> Decimal:
        return old * event.new // event.old // lot * lot

    return Touch(
        touch.symbol,
        price(touch.bid, ROUND_FLOOR),
        price(touch.ask, ROUND_CEILING),
        size(touch.bid_size),
        size(touch.ask_size),
        touch.at,
    )


def last_midnight(now: datetime) -> datetime:
    """Return the beginning of the day by UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def outlived(state: State, ended_at: datetime) -> tuple[PaperOrder, ...]:
    """Return the open DAY orders made before a day's end; exits that are held have no day yet."""
    return tuple(
        order
        for order in state.open.values()
        if order.request.time_in_force is TimeInForce.DAY and order.made_at < ended_at and not order.held
    )


def _new(turn: Turn, reference: OrderRef, request: OrderRequest) -> PaperOrder:
    return PaperOrder(reference, request, request, OrderState.WORKING, turn.at, turn.number)


def _accept(turn: Turn, order: PaperOrder) -> None:
    turn.put(order)
    turn.say(Acknowledged(order.reference, turn.at))


def _reject(turn: Turn, order: PaperOrder, fault: str) -> None:
    turn.say(Rejected(order.reference, turn.at, safe(fault)))
    turn.end(replace(order, held=False), OrderState.REJECTED, fault)


def _prices(request: OrderRequest) -> tuple[Decimal | None, ...]:
    return request.limit_price, *stop_terms(request)
