"""What holds of the engine whatever happens, found out by random days of trading."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.brokers.paper.book import STOPS, PaperOrder, State
from cockpit.brokers.paper.engine import apply
from cockpit.brokers.paper.events import Quoted, Replace, Split, Submit, SubmitLinked
from cockpit.brokers.paper.faults import stop_terms
from cockpit.brokers.paper.records import event_kind, event_text, read_event, read_state, state_text
from cockpit.model.money import CENT, ZERO
from cockpit.model.orders import (
    DONE,
    Acknowledged,
    Cancelled,
    Executed,
    Execution,
    Expired,
    OrderRef,
    OrderState,
    OrderType,
    Rejected,
    Replaced,
    ReplaceRefused,
    Role,
    Side,
    TimeInForce,
)
from tests.brokers.paper.days import WHATEVER, Act, Moment, days, executions, lived, orders, quotes, sides, symbols
from tests.brokers.paper.scenes import MIDDLE, RULES, Scene, request

AT_ONCE = {TimeInForce.IOC, TimeInForce.FOK}
whatever = settings(WHATEVER, max_examples=60)


def fills(moment: Moment) -> list[Execution]:
    return [fact.execution for fact in moment.step.facts if isinstance(fact, Executed)]


def order_of(moment: Moment, fill: Execution) -> PaperOrder:
    order = moment.after.order(fill.reference)
    assert order is not None
    return order


@whatever
@given(days)
def test_01_cash_and_cost_are_what_was_put_in_and_settled_less_the_fees(day: list[Act]) -> None:
    for moment in lived(day):
        state = moment.after
        cost = sum((held.cost for held in state.holdings.values()), ZERO)
        assert state.cash + cost == state.opening_cash + state.realised - state.fees


@whatever
@given(days)
def test_02_positions_and_cash_are_the_sums_of_the_fills(day: list[Act]) -> None:
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    cash = Decimal(100_000)
    for moment in lived(day):
        for fill in fills(moment):
            held[fill.symbol] += fill.side.sign * fill.quantity
            value = fill.quantity * fill.price * RULES.terms[fill.symbol].multiplier
            cash -= fill.side.sign * value + fill.fee
        if isinstance(moment.event, Split) and moment.step.refusal is None:
            symbol, lot = moment.event.symbol, RULES.terms[moment.event.symbol].lot
            exact = held[symbol] * moment.event.new
            held[symbol] = (abs(exact) // (moment.event.old * lot) * lot).copy_sign(exact)
            if symbol in moment.before.holdings:
                left = moment.after.holdings.get(symbol)
                cash += moment.before.holdings[symbol].cost - (ZERO if left is None else left.cost)
        assert {symbol: quantity for symbol, quantity in held.items() if quantity} == {
            symbol: each.quantity for symbol, each in moment.after.holdings.items()
        }
        assert moment.after.cash == cash


@whatever
@given(days)
def test_03_what_is_filled_is_the_sum_of_the_fills_and_no_more_than_was_ordered(day: list[Act]) -> None:
    for moment in lived(day):
        for order in orders(moment.after):
            assert order.filled == sum((each.quantity for each in order.executions), ZERO)
            assert order.filled <= order.request.quantity or order.state is OrderState.REJECTED
            assert (order.state in DONE) == (order.reference in moment.after.ended)
            assert (order.state is OrderState.FILLED) == (order.left == ZERO)
            if order.state not in DONE:
                assert order.left > ZERO
                assert order.state is (OrderState.PARTLY_FILLED if order.filled else OrderState.WORKING)


@whatever
@given(days)
def test_04_no_fill_is_worse_than_the_limit(day: list[Act]) -> None:
    for moment in lived(day):
        for fill in fills(moment):
            limit = order_of(moment, fill).request.limit_price
            assert limit is None or fill.side.sign * fill.price <= fill.side.sign * limit


@whatever
@given(days)
def test_05_an_order_that_has_ended_never_changes(day: list[Act]) -> None:
    for moment in lived(day):
        assert not moment.after.open.keys() & moment.after.ended.keys()
        assert all(moment.after.ended[reference] == order for reference, order in moment.before.ended.items())


@whatever
@given(days)
def test_06_ioc_and_fok_never_rest_and_fok_is_all_or_nothing(day: list[Act]) -> None:
    for moment in lived(day):
        assert not any(order.request.time_in_force in AT_ONCE for order in moment.after.open.values())
        for order in moment.after.ended.values():
            if order.request.time_in_force is TimeInForce.FOK:
                assert order.filled in {ZERO, order.request.quantity}


@whatever
@given(days)
def test_07_no_fill_lies_outside_the_bar(day: list[Act]) -> None:
    for moment in lived(day):
        for fill in fills(moment):
            touch = moment.after.shown[fill.symbol].touch
            if touch.low is not None and touch.high is not None:
                assert touch.low <= fill.price <= touch.high


@whatever
@given(days)
def test_08_no_more_is_traded_at_the_touch_than_it_shows(day: list[Act]) -> None:
    taken: defaultdict[tuple[str, Side], Decimal] = defaultdict(Decimal)
    for moment in lived(day):
        if isinstance(moment.event, Quoted | Split):
            for symbol in RULES.terms:
                before, after = moment.before.shown.get(symbol), moment.after.shown.get(symbol)
                if after is not None and (before is None or before.touch != after.touch):
                    taken[symbol, Side.BUY] = taken[symbol, Side.SELL] = ZERO
        several = isinstance(moment.event, Quoted) and len(moment.event.touches) > 1
        for fill in fills(moment):
            touch = moment.after.shown[fill.symbol].touch
            if several:
                continue  # a whole bar: its fills can't be told apart by price
            market = order_of(moment, fill).request.limit_price is None
            if not market or (touch.low is None and fill.price == touch.price(fill.side)):
                taken[fill.symbol, fill.side] += fill.quantity
            elif touch.low is None:
                tick = RULES.terms[fill.symbol].tick
                assert fill.price == max(tick, touch.price(fill.side) + fill.side.sign * tick)
            displayed = touch.ask_size if fill.side is Side.BUY else touch.bid_size
            assert taken[fill.symbol, fill.side] <= displayed


@whatever
@given(days)
def test_09_no_two_fills_have_the_same_id(day: list[Act]) -> None:
    for moment in lived(day):
        fills_so_far = executions(moment.after)
        assert len({each.execution_id for each in fills_so_far}) == len(fills_so_far)


@whatever
@given(days)
def test_10_what_can_t_be_sold_short_never_is(day: list[Act]) -> None:
    for moment in lived(day):
        for symbol, held in moment.after.holdings.items():
            assert held.quantity > ZERO or (RULES.terms[symbol].shortable and held.quantity < ZERO)


@whatever
@given(days)
def test_11_the_same_order_again_changes_nothing_and_another_of_its_reference_is_refused(day: list[Act]) -> None:
    for moment in lived(day):
        event, other = moment.event, None
        if isinstance(event, Submit):
            other = replace(event, request=replace(event.request, quantity=event.request.quantity + 1))
        elif isinstance(event, SubmitLinked):
            (reference, first), *rest = event.legs
            changed = replace(first, quantity=first.quantity + 1)
            other = replace(event, legs=((reference, changed), *rest))
        if other is None or moment.step.refusal is not None:
            continue
        again = apply(RULES, moment.after, event)
        assert (again.state, again.facts, again.refusal) == (moment.after, (), None)
        refused = apply(RULES, moment.after, other)
        assert refused.state == moment.after
        assert refused.refusal is not None
        assert refused.refusal.code == "IDEMPOTENCY_CONFLICT"


@settings(WHATEVER, max_examples=100)
@given(days)
def test_12_the_same_events_lead_to_the_same_account_also_from_their_records(day: list[Act]) -> None:
    state = State.opened(Decimal(100_000))
    kept: list[tuple[State, str]] = []
    for moment in lived(day):
        kept.append((moment.after, repr(moment.after)))
        read = read_event(event_kind(moment.event), event_text(moment.event))
        assert read == moment.event
        again = apply(RULES, state, read)
        assert again == moment.step
        # an account that is read from its snapshot goes on as if nothing had happened, groups in mid-life too
        state = replace(read_state(state_text(again.state)), ended=again.state.ended)
        for reference, order in again.state.open.items():
            assert replace(order, executions=()) == replace(state.open[reference], executions=())
        state = replace(state, open=again.state.open)
        assert state == again.state
    # no event has changed a state that somebody may still hold
    assert all(repr(state) == text for state, text in kept)


@whatever
@given(days)
def test_13_an_order_is_charged_its_fee_once_and_within_its_bounds(day: list[Act]) -> None:
    for moment in lived(day):
        for order in orders(moment.after):
            assert order.fee == sum((each.fee for each in order.executions), ZERO)
            assert order.fee == fee_by_hand(order)
        assert all(fill.fee >= ZERO for fill in fills(moment))
        assert moment.after.fees == sum((each.fee for each in executions(moment.after)), ZERO)


@whatever
@given(days)
def test_14_a_trailing_stop_only_ever_moves_towards_the_better_side(day: list[Act]) -> None:
    for moment in lived(day):
        for reference, before in moment.before.open.items():
            after = moment.after.order(reference)
            assert after is not None
            same = stop_terms(after.request) == stop_terms(before.request)
            if before.trigger is not None and before.request.order_type is OrderType.TRAILING_STOP and same:
                assert after.trigger is not None
                assert before.request.side.sign * after.trigger <= before.request.side.sign * before.trigger


@whatever
@given(days)
def test_15_a_stop_trades_only_after_the_market_has_touched_it(day: list[Act]) -> None:
    for moment in lived(day):
        several = isinstance(moment.event, Quoted) and len(moment.event.touches) > 1
        for order in orders(moment.after):
            if order.request.order_type not in STOPS:
                assert not order.armed
                continue
            assert order.armed or not order.executions
            before = moment.before.order(order.reference)
            if order.armed and (before is None or not before.armed):
                touch, sign = moment.after.shown[order.request.symbol].touch, order.request.side.sign
                assert order.trigger is not None
                assert several or sign * touch.price(order.request.side) >= sign * order.trigger
                if touch.low is None:
                    assert all(each.price * sign >= order.trigger * sign for each in order.executions)


@whatever
@given(days)
def test_16_a_whole_fill_of_one_of_a_pair_ends_the_other(day: list[Act]) -> None:
    for moment in lived(day):
        groups: defaultdict[OrderRef, list[PaperOrder]] = defaultdict(list)
        for order in orders(moment.after):
            if order.group is not None:
                groups[order.group].append(order)
        for group in groups.values():
            rivals = [order for order in group if order.role is not Role.ENTRY]
            filled = [order for order in rivals if order.state is OrderState.FILLED]
            assert len(filled) <= 1
            if filled:
                assert all(order.state in DONE for order in rivals)
            for order in group:
                if order.role is Role.ENTRY:
                    waiting = [exit_ for exit_ in rivals if exit_.held]
                    assert not any(exit_.filled for exit_ in waiting)
                    assert order.state not in DONE or all(exit_.state in DONE for exit_ in waiting)


@whatever
@given(days)
def test_17_prices_are_on_the_tick_and_quantities_on_the_lot(day: list[Act]) -> None:
    for moment in lived(day):
        for fill in fills(moment):
            terms = RULES.terms[fill.symbol]
            assert fill.quantity > ZERO
            assert fill.quantity % terms.lot == ZERO
            assert fill.price % terms.tick == ZERO
        for order in moment.after.open.values():
            terms = RULES.terms[order.request.symbol]
            assert order.request.quantity % terms.lot == ZERO
            assert order.trigger is None or order.trigger % terms.tick == ZERO
            assert order.trigger is None or order.trigger > ZERO


@settings(WHATEVER, max_examples=150)
@given(days)
def test_exits_work_for_exactly_what_their_entry_filled(day: list[Act]) -> None:
    for moment in lived(day):
        for order in moment.after.open.values():
            before = moment.before.open.get(order.reference)
            if before is not None and before.held and not order.held and order.group is not None:
                entry = moment.after.ended[order.group]
                known = {entry.reference, order.reference}
                group = [each for each in orders(moment.after) if each.group == order.group]
                rivals = [each for each in group if each.reference not in known]
                lost = sum((each.filled for each in rivals), ZERO)
                assert order.request.quantity + lost == entry.filled > ZERO


@settings(WHATEVER, max_examples=150)
@given(days)
def test_whoever_hears_every_fact_and_nothing_else_knows_how_every_order_stands(day: list[Act]) -> None:
    told: dict[OrderRef, OrderState] = {}
    left: dict[OrderRef, Decimal] = {}
    for moment in lived(day):
        if isinstance(moment.event, Submit):
            left.setdefault(moment.event.reference, moment.event.request.quantity)
        if isinstance(moment.event, SubmitLinked):
            for reference, wanted in moment.event.legs:
                left.setdefault(reference, wanted.quantity)
        for fact in moment.step.facts:
            match fact:
                case Acknowledged():
                    assert fact.reference not in told
                    told[fact.reference] = OrderState.WORKING
                case Rejected():
                    told[fact.reference] = OrderState.REJECTED
                case Cancelled():
                    told[fact.reference] = OrderState.CANCELLED
                case Expired():
                    told[fact.reference] = OrderState.EXPIRED
                case Replaced():
                    assert told[fact.reference] not in DONE
                    order = moment.after.order(fact.reference)
                    assert order is not None
                    assert fact.request is not None
                    assert (fact.quantity, fact.limit_price) == (fact.request.quantity, fact.request.limit_price)
                    known = sum((each.quantity for each in heard(moment, fact)), ZERO)
                    left[fact.reference] = fact.quantity - known
                case Executed(execution=execution):
                    assert told[fact.reference] not in DONE
                    left[fact.reference] -= execution.quantity
                    whole = left[fact.reference] == ZERO
                    told[fact.reference] = OrderState.FILLED if whole else OrderState.PARTLY_FILLED
        assert told == {order.reference: order.state for order in orders(moment.after)}


def heard(moment: Moment, until: Replaced) -> list[Execution]:
    """Return the fills of an order that were told before one of its new terms."""
    before = moment.before.order(until.reference)
    earlier = [] if before is None else list(before.executions)
    for fact in moment.step.facts:
        if fact is until:
            break
        if isinstance(fact, Executed) and fact.reference == until.reference:
            earlier.append(fact.execution)
    return earlier


def fee_by_hand(order: PaperOrder) -> Decimal:
    if not order.executions:
        return ZERO
    multiplier = RULES.terms[order.request.symbol].multiplier
    value = sum((each.quantity * each.price * multiplier for each in order.executions), ZERO)
    return min(max(order.filled * Decimal("0.005"), Decimal(1)), value / 100).quantize(CENT)


@settings(WHATEVER, max_examples=200)
@given(
    side=sides,
    symbol=symbols,
    first=st.integers(1, 20),
    more=st.integers(1, 20),
    changes=st.lists(st.tuples(st.integers(-25, 25), st.integers(-3, 3), quotes()), min_size=1, max_size=6),
)
def test_an_order_filled_in_part_and_then_changed_stays_sound(
    side: Side, symbol: str, first: int, more: int, changes: list[tuple[int, int, Act]]
) -> None:
    scene, terms, touch = Scene(), RULES.terms[symbol], MIDDLE[symbol]
    if not terms.shortable:
        side = Side.BUY
    scene.quote(touch, touch, first * terms.lot, first * terms.lot, symbol)
    scene.submit("r", request(side, (first + more) * terms.lot, touch, symbol, TimeInForce.GTC))
    assert scene.order("r").state is OrderState.PARTLY_FILLED
    for quantity, ticks, quote in changes:
        order = scene.order("r")
        wanted = request(side, order.filled + quantity * terms.lot, touch + ticks * terms.tick, symbol, TimeInForce.GTC)
        step = scene.replace("r", wanted)
        possible = order.state not in DONE and quantity > 0
        assert isinstance(step.facts[0], Replaced if possible else ReplaceRefused)
        if possible:
            assert scene.order("r").request == wanted
        quote(scene)
        assert scene.order("r").filled <= scene.order("r").request.quantity


def test_most_random_orders_are_taken_and_everything_happens_often_enough() -> None:
    seen: Counter[str] = Counter()

    @settings(WHATEVER, max_examples=200, derandomize=True, database=None)
    @given(days)
    def trade(day: list[Act]) -> None:
        last: Moment | None = None
        for moment in lived(day):
            last = moment
            seen[type(moment.event).__name__] += 1
            seen.update(type(fact).__name__ for fact in moment.step.facts)
            if isinstance(moment.event, Replace) and moment.before.order(moment.event.reference):
                seen["Replace of one"] += 1
            if isinstance(moment.event, Submit | SubmitLinked):
                taken = any(isinstance(fact, Acknowledged) for fact in moment.step.facts)
                seen[f"{type(moment.event).__name__} taken" if taken else "not taken"] += 1
            for reference, before in moment.before.open.items():
                after = moment.after.order(reference)
                assert after is not None
                seen["armed"] += after.armed and not before.armed
                seen["trailed"] += None not in {before.trigger, after.trigger} and before.trigger != after.trigger
                seen["freed"] += before.held and not after.held and reference in moment.after.open
                seen["shrunk"] += before.role is not Role.SINGLE and after.request.quantity < before.request.quantity
        assert last is not None
        for order in orders(last.after):
            seen[order.state.name] += 1
            seen[f"filled {order.request.order_type}"] += bool(order.executions)
            seen[f"filled {order.role}"] += bool(order.executions)

    trade()
    assert seen["Submit taken"] > seen["Submit"] * 0.5, seen
    assert seen["SubmitLinked taken"] > seen["SubmitLinked"] * 0.4, seen
    frequent = [
        "Executed",
        "Cancelled",
        "Expired",
        "Rejected",
        "Replaced",
        "ReplaceRefused",
        "FILLED",
        "Replace of one",
    ]
    rare = ["armed", "trailed", "freed", "shrunk", "Split", "filled target", "filled stop", "filled leg"]
    kinds = [f"filled {kind}" for kind in OrderType]
    # Far below what is usual, so that chance never fails it: what a generator can't make any more counts none.
    for what in (*frequent, *rare, *kinds):
        assert seen[what] >= 3, (what, seen)


@pytest.mark.parametrize("symbol", sorted(RULES.terms))
def test_a_round_trip_costs_the_spread_and_the_fees_and_nothing_else(symbol: str) -> None:
    scene, terms = Scene(), RULES.terms[symbol]
    scene.submit("in", request(Side.BUY, 10 * terms.lot, None, symbol))
    scene.submit("out", request(Side.SELL, 10 * terms.lot, None, symbol))
    spread = 2 * terms.tick * 10 * terms.lot * terms.multiplier
    assert scene.state.realised == -spread
    assert scene.state.cash == 100_000 - spread - scene.state.fees
    assert scene.state.holdings == {}
