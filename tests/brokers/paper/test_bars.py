from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings

from cockpit.brokers.paper.bars import path
from cockpit.brokers.paper.events import Quoted
from cockpit.model.orders import OrderRequest, Side
from cockpit.model.quotes import Bar, Interval
from tests.brokers.paper.days import WHATEVER, Act, days
from tests.brokers.paper.scenes import RULES, START, Scene, buy, sell, stop, trail

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def scene() -> Scene:
    """An account in which AAA stands at 19.99 to 20.01."""
    return Scene()


def prices(*ohlc: str) -> list[str]:
    bar = Bar(START, *(Decimal(price) for price in ohlc), Decimal(4000))
    return [str(touch.bid) for touch in path("AAA", bar, Interval.MIN_1, RULES.terms["AAA"])]


def test_a_bar_goes_to_its_nearer_extreme_first() -> None:
    assert prices("20.00", "20.10", "19.50", "19.80") == ["20.00", "20.10", "19.50", "19.80"]
    assert prices("20.00", "20.50", "19.90", "20.20") == ["20.00", "19.90", "20.50", "20.20"]
    assert prices("20.00", "20.10", "19.90", "20.05") == ["20.00", "20.10", "19.90", "20.05"]


def test_each_price_holds_a_quarter_of_the_tenth_that_orders_may_take_and_of_the_time() -> None:
    bar = Bar(START, *(Decimal(20),) * 4, Decimal(4399))
    points = path("BBB", bar, Interval.MIN_1, RULES.terms["BBB"])
    assert [(point.at - START).total_seconds() for point in points] == [0, 15, 30, 45]
    assert {(point.bid_size, point.ask_size) for point in points} == {(Decimal(100), Decimal(100))}


@pytest.mark.parametrize(
    ("order", "ohlc", "filled"),
    [
        # passed within the bar: where it stood
        (stop(SELL, "10", "19.90"), ("20.00", "20.10", "19.50", "19.80"), ("10", "19.90")),
        (stop(BUY, "10", "20.30"), ("20.00", "20.50", "19.90", "20.20"), ("10", "20.30")),
        (buy("10", "19.70"), ("20.00", "20.10", "19.50", "19.80"), ("10", "19.70")),
        (sell("10", "20.30"), ("20.00", "20.50", "19.90", "20.20"), ("10", "20.30")),
        (stop(SELL, "10", "19.90", "19.85"), ("20.00", "20.10", "19.50", "19.80"), ("10", "19.90")),
        # jumped over between two bars: at the open
        (stop(SELL, "10", "19.90"), ("19.00", "19.10", "18.50", "18.80"), ("10", "19.00")),
        (stop(BUY, "10", "20.30"), ("21.00", "21.50", "20.90", "21.20"), ("10", "21.00")),
        (buy("10", "19.70"), ("19.00", "19.10", "18.50", "18.80"), ("10", "19.00")),
        (sell("10", "20.30"), ("21.00", "21.50", "20.90", "21.20"), ("10", "21.00")),
        # touched exactly
        (stop(SELL, "10", "19.50"), ("20.00", "20.10", "19.50", "19.80"), ("10", "19.50")),
        (trail(SELL, "10", "0.40"), ("20.00", "20.10", "19.50", "19.80"), ("10", "19.70")),
    ],
)
def test_what_a_bar_reaches_is_filled_where_the_price_was(
    scene: Scene, order: OrderRequest, ohlc: tuple[str, ...], filled: tuple[str, str]
) -> None:
    scene.submit("a", order)
    scene.bar(ohlc)
    assert scene.fills("a") == [filled]


def test_a_stop_that_may_trade_only_when_the_price_is_beyond_it_gets_that_price(scene: Scene) -> None:
    scene.session = False
    scene.submit("a", stop(SELL, "10", "19.90"))
    bar = Bar(scene.pass_time(), *(Decimal(price) for price in ("19.80", "19.90", "19.40", "19.50")), Decimal(4000))
    for number, point in enumerate(path("AAA", bar, Interval.MIN_1, RULES.terms["AAA"])):
        scene.apply(Quoted(point.at, (point,), session=number == 3))
    assert scene.fills("a") == [("10", "19.50")]


def test_a_stop_that_arrives_after_the_price_has_passed_it_gets_the_price_of_now(scene: Scene) -> None:
    scene.bar(("20.00", "20.10", "19.50", "19.60"))
    scene.submit("a", stop(SELL, "10", "19.90"))
    scene.submit("b", stop(BUY, "10", "19.55"))
    assert (scene.fills("a"), scene.fills("b")) == ([("10", "19.60")], [("10", "19.60")])


def test_a_large_order_is_filled_along_the_bar_and_never_outside_it(scene: Scene) -> None:
    scene.submit("a", buy("250", "20.05"))
    scene.bar(("20.00", "20.10", "19.50", "19.80"))
    # the touch at its arrival, then a hundred at the low and the last fifty on the way up from it
    assert scene.fills("a") == [("100", "20.01"), ("100", "20.00"), ("50", "20.05")]


def test_a_market_order_slips_no_further_than_the_bar(scene: Scene) -> None:
    scene.bar(("20.00", "20.00", "20.00", "20.00"), volume="400")
    scene.submit("a", buy("30"))
    assert scene.fills("a") == [("10", "20.00"), ("20", "20.00")]


@settings(WHATEVER, max_examples=60)
@given(days)
def test_a_bar_in_one_event_does_what_its_four_prices_do_in_turn(day: list[Act]) -> None:
    whole, parts = Scene(), Scene()
    for act in day:
        act(whole)
    for event, _ in whole.steps[len(parts.steps) :]:
        touches = getattr(event, "touches", ())
        if len(touches) < 2:
            parts.apply(event)
        for touch in touches if len(touches) > 1 else ():
            parts.apply(type(event)(event.at, (touch,), session=event.session))
    assert whole.state.holdings == parts.state.holdings
    assert whole.state.cash == parts.state.cash
