"""Random days of trading: acts that look at the scene to find a sensible thing to do, so that most orders are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cockpit.brokers.paper.book import PaperOrder, State
from cockpit.brokers.paper.engine import Step
from cockpit.brokers.paper.events import PaperEvent
from cockpit.model.money import ZERO
from cockpit.model.orders import Execution, OrderRequest, OrderType, Side, TimeInForce
from tests.brokers.paper.scenes import MIDDLE, RULES, Scene

Act = Callable[[Scene], object]
"""Something that happens in a scene."""

WHATEVER = settings(deadline=None, suppress_health_check=(HealthCheck.too_slow, HealthCheck.large_base_example))

symbols = st.sampled_from(["AAA", "AAA", "AAA", "BBB", "CCC"])
sides = st.sampled_from([Side.BUY, Side.BUY, Side.SELL])
near = st.integers(-15, 15)
passive = st.integers(-8, 20)
"""Ticks from the middle towards a better price for the order: most rest for a while."""
shown = st.integers(0, 12)
kinds = st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT, *OrderType])


@dataclass(frozen=True)
class Moment:
    """One event of a day, and the account before and after it."""

    before: State
    event: PaperEvent
    step: Step

    @property
    def after(self) -> State:
        return self.step.state


def lived(day: list[Act]) -> Iterator[Moment]:
    """Let a day happen; yield each of its events."""
    scene = Scene()
    before = State.opened(Decimal(100_000))
    seen = 0
    for act in [lambda _: None, *day]:
        act(scene)
        for event, step in scene.steps[seen:]:
            yield Moment(before, event, step)
            before = step.state
        seen = len(scene.steps)


def orders(state: State) -> list[PaperOrder]:
    return [*state.open.values(), *state.ended.values()]


def executions(state: State) -> list[Execution]:
    return [each for order in orders(state) for each in order.executions]


def wanted(
    kind: OrderType, side: Side, quantity: Decimal, symbol: str, away: int, life: TimeInForce, more: int = 0
) -> OrderRequest:
    """Return an order of a kind, ``away`` ticks from the middle towards a better price (for stops: a worse one)."""
    tick, middle = RULES.terms[symbol].tick, MIDDLE[symbol]
    better, worse = middle - side.sign * away * tick, middle + side.sign * away * tick
    plain = OrderRequest(symbol, side, quantity, kind, None, life)
    match kind:
        case OrderType.MARKET:
            return plain
        case OrderType.LIMIT:
            return replace(plain, limit_price=better)
        case OrderType.STOP:
            return replace(plain, stop_price=worse)
        case OrderType.STOP_LIMIT:
            return replace(plain, stop_price=worse, limit_price=worse + side.sign * more * tick)
        case OrderType.TRAILING_STOP if more % 2:
            return replace(plain, trail_amount=(1 + abs(away)) * tick)
        case OrderType.TRAILING_STOP:
            return replace(plain, trail_percent=Decimal(1 + abs(away)) / 20)


@st.composite
def quotes(draw: st.DrawFn) -> Act:
    symbol, middle, spread = draw(symbols), draw(near), draw(st.integers(0, 3))
    bid_lots, ask_lots = draw(shown) * 10, draw(shown) * 10

    def happen(scene: Scene) -> object:
        terms = RULES.terms[symbol]
        bid = MIDDLE[symbol] + middle * terms.tick
        return scene.quote(bid, bid + spread * terms.tick, bid_lots * terms.lot, ask_lots * terms.lot, symbol)

    return happen


@st.composite
def bars(draw: st.DrawFn) -> Act:
    symbol, prices = draw(symbols), sorted(draw(st.lists(near, min_size=4, max_size=4)))
    falls, volume, at_once = draw(st.booleans()), draw(st.integers(0, 4000)), draw(st.integers(0, 3)) == 0
    low, one, other, high = (MIDDLE[symbol] + ticks * RULES.terms[symbol].tick for ticks in prices)
    first, last = (other, one) if falls else (one, other)

    def happen(scene: Scene) -> object:
        return scene.bar((first, high, low, last), volume * RULES.terms[symbol].lot, symbol, at_once=at_once)

    return happen


@st.composite
def submits(draw: st.DrawFn) -> Act:
    symbol, side, lots, kind = draw(symbols), draw(sides), draw(st.integers(1, 250)), draw(kinds)
    away, more = draw(passive), draw(st.integers(-2, 8))
    lives = [*TimeInForce, TimeInForce.DAY, TimeInForce.GTC] if kind in {OrderType.MARKET, OrderType.LIMIT} else "DG"
    life = draw(st.sampled_from(lives))
    life = {"D": TimeInForce.DAY, "G": TimeInForce.GTC}.get(life, life)
    again, off, outside = draw(st.integers(0, 9)) == 0, draw(st.integers(0, 19)) == 0, draw(st.booleans())

    def happen(scene: Scene) -> object:
        lot = RULES.terms[symbol].lot
        quantity = lots * lot + (lot / 3 if off else ZERO)
        number = sum(1 for order in orders(scene.state) if order.reference.startswith("r"))
        request = wanted(kind, side, quantity, symbol, away, TimeInForce(life), more)
        return scene.submit(f"r{number - 1 if again and number else number}", replace(request, outside_hours=outside))

    return happen


@st.composite
def brackets(draw: st.DrawFn) -> Act:
    symbol, side, lots = draw(symbols), draw(sides), draw(st.integers(1, 80))
    entry = draw(
        st.sampled_from([OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT, OrderType.STOP])
    )
    guard = draw(st.sampled_from([OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP]))
    away, up, down, more = draw(st.integers(-4, 6)), draw(st.integers(3, 8)), draw(st.integers(7, 14)), draw(near)
    life = draw(st.sampled_from([TimeInForce.DAY, TimeInForce.GTC]))
    once = entry is not OrderType.STOP and draw(st.integers(0, 5)) == 0

    def happen(scene: Scene) -> object:
        quantity, number = lots * RULES.terms[symbol].lot, len(orders(scene.state))
        return scene.bracket(
            f"b{number}.",
            wanted(entry, side, quantity, symbol, away, TimeInForce.IOC if once else life),
            wanted(OrderType.LIMIT, side.opposite, quantity, symbol, up, life),
            wanted(guard, side.opposite, quantity, symbol, down, life, more),
        )

    return happen


@st.composite
def pairs(draw: st.DrawFn) -> Act:
    symbol, side, lots = draw(symbols), draw(sides), draw(st.integers(1, 150))
    first, second = (
        draw(st.sampled_from([OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP]))
        for _ in range(2)
    )
    up, down, more, across = draw(passive), draw(passive), draw(near), draw(st.integers(0, 3)) == 0

    def happen(scene: Scene) -> object:
        quantity, number = lots * RULES.terms[symbol].lot, len(orders(scene.state))
        other = side.opposite if across else side
        return scene.pair(
            f"p{number}.",
            wanted(first, side, quantity, symbol, up, TimeInForce.GTC, more),
            wanted(second, other, quantity, symbol, down, TimeInForce.GTC, more),
        )

    return happen


@st.composite
def replaces(draw: st.DrawFn) -> Act:
    pick, more, away, keeps_price = (
        draw(st.integers(0, 50)),
        draw(st.integers(-60, 60)),
        draw(near),
        draw(st.booleans()),
    )

    def happen(scene: Scene) -> object:
        order = picked(scene, pick)
        if order is None:
            return scene.replace("nobody", wanted(OrderType.LIMIT, Side.BUY, Decimal(1), "AAA", 0, TimeInForce.DAY))
        old = order.request
        quantity = old.quantity + more * RULES.terms[old.symbol].lot
        fresh = wanted(old.order_type, old.side, quantity, old.symbol, away, old.time_in_force, more)
        new = replace(old, quantity=quantity) if keeps_price else replace(fresh, outside_hours=old.outside_hours)
        return scene.replace(order.reference, new)

    return happen


@st.composite
def cancels(draw: st.DrawFn) -> Act:
    pick = draw(st.integers(0, 50))

    def happen(scene: Scene) -> object:
        order = picked(scene, pick)
        return scene.cancel("nobody" if order is None else order.reference)

    return happen


@st.composite
def ends_of_days(draw: st.DrawFn) -> Act:
    hours = draw(st.sampled_from([24, 24, 0]))

    def happen(scene: Scene) -> object:
        scene.pass_time(hours * 3600)
        return scene.end_day()

    return happen


@st.composite
def turns(draw: st.DrawFn) -> Act:
    """The session closes, or opens again; a price is lost; or an instrument is split."""
    which, symbol = draw(st.integers(0, 7)), draw(symbols)
    new, old = draw(st.sampled_from([(2, 1), (3, 2), (1, 3), (7, 5)]))

    def happen(scene: Scene) -> object:
        if which == 0:
            return scene.split(new, old, symbol)
        if which == 1:
            return scene.lose(symbol)
        scene.session = which > 3 or not scene.session
        return None

    return happen


def picked(scene: Scene, number: int) -> PaperOrder | None:
    """Return one of the open orders, or now and then of the ended ones."""
    some = list((scene.state.ended if number > 45 else scene.state.open).values())
    return some[number % len(some)] if some else None


acts = st.one_of(
    quotes(), quotes(), quotes(), bars(), submits(), submits(), submits(), brackets(), pairs(), replaces(), cancels(),
    ends_of_days(), turns(),
)  # fmt: skip
days = st.lists(acts, min_size=12, max_size=45)
