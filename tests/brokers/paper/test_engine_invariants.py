"""What holds of the engine whatever happens, found out by random days of trading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.brokers.paper.book import PaperOrder, State
from cockpit.brokers.paper.engine import Step, apply
from cockpit.brokers.paper.events import PaperEvent, Quoted, Replace, Submit
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
    Rejected,
    Replaced,
    ReplaceRefused,
    Side,
    TimeInForce,
)
from tests.brokers.paper.scenes import MIDDLE, RULES, Scene, request

Act = Callable[[Scene], Step]
"""Something that happens in a scene; it may look at the scene to find a sensible thing to do."""

symbols = st.sampled_from(["AAA", "AAA", "AAA", "BBB", "CCC"])
sides = st.sampled_from(list(Side))
near = st.integers(-15, 15)
passive = st.integers(-8, 20)
"""Ticks from the middle towards a better price for the order: most rest for a while."""
shown = st.integers(0, 12)


@st.composite
def quotes(draw: st.DrawFn) -> Act:
    symbol, middle, spread = draw(symbols), draw(near), draw(st.integers(0, 3))
    bid_lots, ask_lots = draw(shown) * 10, draw(shown) * 10

    def happen(scene: Scene) -> Step:
        terms = RULES.terms[symbol]
        bid = MIDDLE[symbol] + middle * terms.tick
        return scene.quote(bid, bid + spread * terms.tick, bid_lots * terms.lot, ask_lots * terms.lot, symbol)

    return happen


@st.composite
def submits(draw: st.DrawFn) -> Act:
    symbol, side, lots = draw(symbols), draw(sides), draw(st.integers(1, 250))
    away = draw(st.one_of(st.none(), passive, passive))
    life = draw(st.sampled_from([*TimeInForce, TimeInForce.DAY, TimeInForce.GTC]))
    again, off = draw(st.integers(0, 9)) == 0, draw(st.integers(0, 19)) == 0

    def happen(scene: Scene) -> Step:
        terms = RULES.terms[symbol]
        limit = None if away is None else MIDDLE[symbol] - side.sign * away * terms.tick
        quantity = lots * terms.lot + (terms.lot / 3 if off else ZERO)
        number = len([event for event, _ in scene.steps if isinstance(event, Submit)])
        return scene.submit(
            f"r{number - 1 if again and number else number}", request(side, quantity, limit, symbol, life)
        )

    return happen


@st.composite
def replaces(draw: st.DrawFn) -> Act:
    pick, more, moved = draw(st.integers(0, 50)), draw(st.integers(-60, 60)), draw(near)
    keeps_price = draw(st.booleans())

    def happen(scene: Scene) -> Step:
        order = picked(scene, pick)
        if order is None or order.request.limit_price is None:
            return scene.replace("nobody", request(Side.BUY, "1", "20.00"))
        old, terms = order.request, RULES.terms[order.request.symbol]
        limit = order.request.limit_price if keeps_price else MIDDLE[old.symbol] + moved * terms.tick
        quantity = old.quantity + more * terms.lot
        return scene.replace(order.reference, request(old.side, quantity, limit, old.symbol, old.time_in_force))

    return happen


@st.composite
def cancels(draw: st.DrawFn) -> Act:
    pick = draw(st.integers(0, 50))

    def happen(scene: Scene) -> Step:
        order = picked(scene, pick)
        return scene.cancel("nobody" if order is None else order.reference)

    return happen


@st.composite
def ends_of_days(draw: st.DrawFn) -> Act:
    hours = draw(st.sampled_from([24, 24, 0]))

    def happen(scene: Scene) -> Step:
        scene.pass_time(hours * 3600)
        return scene.end_day()

    return happen


def picked(scene: Scene, number: int) -> PaperOrder | None:
    """Return one of the open orders, or now and then of the ended ones."""
    orders = list((scene.state.ended if number > 45 else scene.state.open).values())
    return orders[number % len(orders)] if orders else None


acts = st.one_of(quotes(), quotes(), submits(), submits(), submits(), replaces(), cancels(), ends_of_days())
days = st.lists(acts, min_size=12, max_size=50)
whatever = settings(deadline=None, suppress_health_check=(HealthCheck.too_slow, HealthCheck.large_base_example))


class Watch:
    """Looks at every event of a scene for what must never happen."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.taken: Counter[tuple[str, Side]] = Counter()
        self.told: dict[OrderRef, OrderState] = {}

    def do(self, act: Act) -> Step:
        before = self.scene.state
        step = act(self.scene)
        event = self.scene.steps[-1][0]
        after = self.scene.state
        self.money_adds_up(after)
        self.orders_are_sound(before, after)
        self.fills_are_sound(event, step, before, after)
        self.facts_tell_the_state(step, after)
        if step.refusal is not None:
            assert after is before
        if isinstance(event, Submit):
            again = apply(RULES, after, event)
            assert (again.state, again.facts) == (after, ())
        return step

    def money_adds_up(self, state: State) -> None:
        cost = sum((held.cost for held in state.holdings.values()), ZERO)
        assert state.cash + cost == state.opening_cash + state.realised - state.fees
        fills = executions(state)
        moved = sum(
            (each.side.sign * each.quantity * each.price * RULES.terms[each.symbol].multiplier for each in fills), ZERO
        )
        assert state.fees == sum((each.fee for each in fills), ZERO)
        assert state.cash == state.opening_cash - moved - state.fees
        for symbol in RULES.terms:
            held = state.holdings.get(symbol)
            total = sum((each.side.sign * each.quantity for each in fills if each.symbol == symbol), ZERO)
            assert total == (ZERO if held is None else held.quantity)
            assert held is None or held.quantity != ZERO
        assert "BBB" not in state.holdings or state.holdings["BBB"].quantity > ZERO
        assert len({each.execution_id for each in fills}) == len(fills)

    def orders_are_sound(self, before: State, after: State) -> None:
        assert not after.open.keys() & after.ended.keys()
        assert all(after.ended[reference] == order for reference, order in before.ended.items())
        for order in (*after.open.values(), *after.ended.values()):
            life = order.request.time_in_force
            assert order.filled == sum((each.quantity for each in order.executions), ZERO)
            assert order.fee == sum((each.fee for each in order.executions), ZERO)
            assert order.fee == fee_by_hand(order)
            assert order.filled <= order.request.quantity or order.state is OrderState.REJECTED
            assert (order.state in DONE) == (order.reference in after.ended)
            assert (order.state is OrderState.FILLED) == (order.left == ZERO)
            if order.reference in after.open:
                assert life not in {TimeInForce.IOC, TimeInForce.FOK}
                assert order.request.limit_price is not None
                assert order.state is (OrderState.PARTLY_FILLED if order.filled else OrderState.WORKING)
            elif life is TimeInForce.FOK:
                assert order.filled in {ZERO, order.request.quantity}

    def fills_are_sound(self, event: PaperEvent, step: Step, before: State, after: State) -> None:
        if isinstance(event, Quoted):
            for touch in event.touches:
                for side in Side:
                    self.taken[touch.symbol, side] = ZERO  # type: ignore[assignment]
        for fill in (fact.execution for fact in step.facts if isinstance(fact, Executed)):
            order, terms = after.order(fill.reference), RULES.terms[fill.symbol]
            assert order is not None
            limit = order.request.limit_price
            assert limit is None or fill.side.sign * fill.price <= fill.side.sign * limit
            assert fill.quantity > ZERO
            assert fill.quantity % terms.lot == ZERO
            assert fill.price % terms.tick == ZERO
            assert fill.fee >= ZERO
            touch = after.shown[fill.symbol].touch
            if fill.price == touch.price(fill.side) or isinstance(event, Quoted):
                self.taken[fill.symbol, fill.side] += fill.quantity  # type: ignore[assignment]
            else:
                assert limit is None
                assert fill.price == touch.price(fill.side) + fill.side.sign * terms.tick
            displayed = touch.ask_size if fill.side is Side.BUY else touch.bid_size
            assert self.taken[fill.symbol, fill.side] <= displayed

    def facts_tell_the_state(self, step: Step, after: State) -> None:
        """Whoever heard every fact, and nothing else, knows how every order stands."""
        for fact in step.facts:
            match fact:
                case Acknowledged():
                    assert fact.reference not in self.told
                    self.told[fact.reference] = OrderState.WORKING
                case Rejected():
                    self.told[fact.reference] = OrderState.REJECTED
                case Cancelled():
                    self.told[fact.reference] = OrderState.CANCELLED
                case Expired():
                    self.told[fact.reference] = OrderState.EXPIRED
                case Executed():
                    assert self.told[fact.reference] not in DONE
                    order = after.order(fact.reference)
                    assert order is not None
                    whole = order.state is OrderState.FILLED and fact.execution == order.executions[-1]
                    self.told[fact.reference] = OrderState.FILLED if whole else OrderState.PARTLY_FILLED
        assert self.told == {
            reference: order.state for orders in (after.open, after.ended) for reference, order in orders.items()
        }


def executions(state: State) -> list[Execution]:
    return [each for orders in (state.open, state.ended) for order in orders.values() for each in order.executions]


def fee_by_hand(order: PaperOrder) -> Decimal:
    if not order.executions:
        return ZERO
    multiplier = RULES.terms[order.request.symbol].multiplier
    value = sum((each.quantity * each.price * multiplier for each in order.executions), ZERO)
    return min(max(order.filled * Decimal("0.005"), Decimal(1)), value / 100).quantize(CENT)


@settings(whatever, max_examples=300)
@given(days)
def test_money_orders_fills_and_facts_agree_whatever_happens(day: list[Act]) -> None:
    watch = Watch(Scene())
    for act in day:
        watch.do(act)


@settings(whatever, max_examples=100)
@given(days)
def test_the_same_events_lead_to_the_same_account_also_from_their_records(day: list[Act]) -> None:
    scene = Scene()
    kept: list[tuple[State, str]] = []
    for act in day:
        kept.append((scene.state, repr(scene.state)))
        act(scene)
    state = State.opened(Decimal(100_000))
    for event, step in scene.steps:
        read = read_event(event_kind(event), event_text(event))
        assert read == event
        again = apply(RULES, state, read)
        assert again == step
        state = again.state
    whole = read_state(state_text(state))
    assert (whole.cash, whole.holdings, whole.open, whole.shown) == (
        state.cash,
        state.holdings,
        state.open,
        state.shown,
    )
    # no event has changed a state that somebody may still hold
    assert all(repr(state) == text for state, text in kept)


@settings(whatever, max_examples=200)
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
    scene, terms = Scene(), RULES.terms[symbol]
    watch = Watch(scene)
    touch = MIDDLE[symbol]
    if not terms.shortable:
        side = Side.BUY
    watch.do(lambda at: at.quote(touch, touch, first * terms.lot, first * terms.lot, symbol))
    watch.do(lambda at: at.submit("r", request(side, (first + more) * terms.lot, touch, symbol, TimeInForce.GTC)))
    assert scene.order("r").state is OrderState.PARTLY_FILLED
    for quantity, ticks, quote in changes:
        order = scene.order("r")
        wanted = request(side, order.filled + quantity * terms.lot, touch + ticks * terms.tick, symbol, TimeInForce.GTC)
        step = watch.do(lambda at, wanted=wanted: at.replace("r", wanted))
        possible = order.state not in DONE and quantity > 0
        assert isinstance(step.facts[0], Replaced if possible else ReplaceRefused)
        if possible:
            assert scene.order("r").request == wanted
        watch.do(quote)


def test_most_random_orders_are_taken_and_everything_happens_often_enough() -> None:
    seen: Counter[str] = Counter()

    @settings(whatever, max_examples=150, derandomize=True, database=None)
    @given(days)
    def trade(day: list[Act]) -> None:
        scene = Scene()
        for act in day:
            step = act(scene)
            event = scene.steps[-1][0]
            seen[type(event).__name__] += 1
            seen.update(type(fact).__name__ for fact in step.facts)
            if isinstance(event, Replace) and scene.state.order(event.reference):
                seen["Replace of one"] += 1
        seen.update(order.state.name for order in scene.state.ended.values())

    trade()
    assert seen["Acknowledged"] > seen["Submit"] * 0.5
    for rare in (
        "Executed",
        "Cancelled",
        "Expired",
        "Rejected",
        "Replaced",
        "ReplaceRefused",
        "FILLED",
        "Replace of one",
    ):
        assert seen[rare] >= 20, (rare, seen)


@pytest.mark.parametrize("symbol", sorted(RULES.terms))
def test_a_round_trip_costs_the_spread_and_the_fees_and_nothing_else(symbol: str) -> None:
    scene, terms = Scene(), RULES.terms[symbol]
    scene.submit("in", request(Side.BUY, 10 * terms.lot, None, symbol))
    scene.submit("out", request(Side.SELL, 10 * terms.lot, None, symbol))
    spread = 2 * terms.tick * 10 * terms.lot * terms.multiplier
    assert scene.state.realised == -spread
    assert scene.state.cash == 100_000 - spread - scene.state.fees
    assert scene.state.holdings == {}
