from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cockpit.brokers.paper.events import Quoted
from cockpit.model.orders import (
    Acknowledged,
    Executed,
    OrderRequest,
    OrderState,
    Rejected,
    Replaced,
    ReplaceRefused,
    Side,
    TimeInForce,
)
from tests.brokers.paper.scenes import Scene, buy, sell, stop, trail

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def scene() -> Scene:
    """An account in which AAA stands at 19.99 to 20.01."""
    return Scene()


def test_a_stop_rests_until_the_side_that_it_trades_at_touches_it(scene: Scene) -> None:
    step = scene.submit("a", stop(SELL, "10", "19.90"))
    assert [type(fact) for fact in step.facts] == [Acknowledged]
    scene.quote("19.91", "19.93")
    assert scene.order("a").state is OrderState.WORKING
    scene.quote("19.90", "19.95")
    assert scene.fills("a") == [("10", "19.90")]


def test_a_buying_stop_looks_at_the_ask(scene: Scene) -> None:
    scene.submit("a", stop(BUY, "10", "20.10"))
    scene.quote("20.08", "20.09")
    assert scene.fills("a") == []
    scene.quote("20.02", "20.10")
    assert scene.fills("a") == [("10", "20.10")]


def test_a_stop_that_a_gap_jumps_over_is_filled_at_the_market(scene: Scene) -> None:
    scene.submit("a", stop(SELL, "150", "19.90"))
    scene.quote("18.00", "18.02")
    assert scene.fills("a") == [("100", "18.00"), ("50", "17.99")]


def test_a_stop_that_is_touched_already_trades_at_once(scene: Scene) -> None:
    scene.submit("a", stop(SELL, "10", "20.00"))
    assert scene.fills("a") == [("10", "19.99")]


def test_a_stop_limit_becomes_a_limit_order_and_stays_one(scene: Scene) -> None:
    scene.submit("a", stop(SELL, "10", "19.90", "19.85"))
    scene.quote("19.80", "19.82")
    assert (scene.order("a").armed, scene.fills("a")) == (True, [])
    scene.quote("19.95", "19.97")
    assert scene.fills("a") == [("10", "19.85")]


def test_a_stop_limit_takes_the_touch_when_it_is_armed_within_its_limit(scene: Scene) -> None:
    scene.submit("a", stop(BUY, "150", "20.10", "20.20"))
    scene.quote("20.12", "20.15")
    assert scene.fills("a") == [("100", "20.15")]
    scene.quote("20.17", "20.19", ask_size="30")
    assert scene.fills("a")[1:] == [("30", "20.19")]


def test_resting_limits_come_before_stops_and_older_stops_before_younger(scene: Scene) -> None:
    scene.submit("young limit", sell("60", "19.95"))
    scene.quote("19.80", "19.85")
    scene.submit("first", stop(BUY, "60", "19.95"))
    scene.submit("second", stop(BUY, "60", "19.90"))
    scene.submit("limit", buy("60", "19.84"))
    scene.quote("19.95", "19.96", ask_size="80")
    assert scene.fills("first") == [("60", "19.96")]
    assert scene.fills("second") == [("20", "19.96"), ("40", "19.97")]


def test_a_trail_follows_upwards_alone_and_sells_when_the_bid_comes_back_to_it(scene: Scene) -> None:
    scene.submit("a", trail(SELL, "10", "0.20"))
    assert scene.order("a").trigger == Decimal("19.79")
    scene.quote("20.50", "20.52")
    assert scene.order("a").trigger == Decimal("20.30")
    scene.quote("20.31", "20.33")
    assert (scene.order("a").trigger, scene.fills("a")) == (Decimal("20.30"), [])
    scene.quote("20.30", "20.32")
    assert scene.fills("a") == [("10", "20.30")]


def test_a_buying_trail_follows_downwards_alone(scene: Scene) -> None:
    scene.submit("a", trail(BUY, "10", "0.20"))
    assert scene.order("a").trigger == Decimal("20.21")
    scene.quote("19.48", "19.50")
    assert scene.order("a").trigger == Decimal("19.70")
    scene.quote("19.68", "19.71")
    assert scene.fills("a") == [("10", "19.71")]


def test_a_trail_in_percent_is_on_the_tick_and_never_nearer_than_asked(scene: Scene) -> None:
    scene.submit("sell", trail(SELL, "10", percent="1.5"))
    scene.submit("buy", trail(BUY, "10", percent="1.5"))
    assert scene.order("sell").trigger == Decimal("19.69")  # 19.99 less 1.5 % is 19.69015
    assert scene.order("buy").trigger == Decimal("20.32")  # 20.01 and 1.5 % is 20.31015


def test_a_trail_may_begin_at_a_stop_of_its_own(scene: Scene) -> None:
    wanted = replace(trail(SELL, "10", "0.20"), stop_price=Decimal("19.90"))
    scene.submit("a", wanted)
    assert scene.order("a").trigger == Decimal("19.90")
    scene.quote("20.20", "20.22")
    assert scene.order("a").trigger == Decimal("20.00")


def test_a_trail_of_more_than_the_price_never_stands_below_a_tick(scene: Scene) -> None:
    scene.submit("a", trail(SELL, "10", "25.00"))
    assert scene.order("a").trigger == Decimal("0.01")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (replace(stop(SELL, "10", "19.90"), stop_price=None), "ORDER_TYPE_NOT_ALLOWED"),
        (replace(stop(SELL, "10", "19.90"), time_in_force=TimeInForce.IOC), "ORDER_TYPE_NOT_ALLOWED"),
        (replace(trail(SELL, "10", "0.20"), time_in_force=TimeInForce.FOK), "ORDER_TYPE_NOT_ALLOWED"),
        (replace(stop(SELL, "10", "19.90"), limit_price=Decimal("19.80")), "ORDER_TYPE_NOT_ALLOWED"),
        (replace(stop(SELL, "10", "19.90", "19.80"), limit_price=None), "ORDER_TYPE_NOT_ALLOWED"),
        (replace(buy("10", "19.90"), stop_price=Decimal("19.80")), "ORDER_TYPE_NOT_ALLOWED"),
        (replace(buy("10"), trail_amount=Decimal("0.20")), "ORDER_TYPE_NOT_ALLOWED"),
        (trail(SELL, "10"), "ORDER_TYPE_NOT_ALLOWED"),
        (trail(SELL, "10", "0.20", "1"), "ORDER_TYPE_NOT_ALLOWED"),
        (stop(SELL, "10", "19.905"), "BAD_TICK"),
        (stop(SELL, "10", "0"), "BAD_TICK"),
        (stop(SELL, "10", "NaN"), "BAD_TICK"),
        (trail(SELL, "10", "0.005"), "BAD_TICK"),
        (trail(SELL, "10", "0"), "BAD_TICK"),
        (trail(SELL, "10", percent="0"), "BAD_TICK"),
        (trail(SELL, "10", percent="100"), "BAD_TICK"),
        (trail(SELL, "10", percent="NaN"), "BAD_TICK"),
        (stop(SELL, "10", "99.95", symbol="BBB"), "SHORT_NOT_ALLOWED"),
        (stop(BUY, "20000", "20.10"), "BUYING_POWER"),
    ],
)
def test_what_can_t_be_a_stop_is_rejected_with_its_code(scene: Scene, wanted: OrderRequest, code: str) -> None:
    (fact,) = scene.submit("a", wanted).facts
    assert isinstance(fact, Rejected)
    assert fact.reason.startswith(f"{code}: ")


def test_a_stop_can_be_moved_and_is_told_with_its_new_terms(scene: Scene) -> None:
    scene.submit("a", stop(SELL, "10", "19.50"))
    (fact,) = scene.replace("a", stop(SELL, "10", "19.80")).facts
    assert isinstance(fact, Replaced)
    assert fact.request == stop(SELL, "10", "19.80")
    scene.quote("19.75", "19.77")
    assert scene.fills("a") == [("10", "19.75")]


def test_a_stop_that_is_moved_beyond_the_market_trades_at_once(scene: Scene) -> None:
    scene.submit("a", stop(SELL, "10", "19.50"))
    step = scene.replace("a", stop(SELL, "10", "20.05"))
    assert [type(fact) for fact in step.facts] == [Replaced, Executed]


def test_a_trail_with_a_new_distance_starts_anew_from_the_market(scene: Scene) -> None:
    scene.submit("a", trail(SELL, "10", "0.20"))
    scene.quote("20.50", "20.52")
    scene.quote("20.40", "20.42")
    scene.replace("a", trail(SELL, "12", "0.20"))
    assert scene.order("a").trigger == Decimal("20.30")
    scene.replace("a", trail(SELL, "12", "0.50"))
    assert scene.order("a").trigger == Decimal("19.90")
    scene.replace("a", trail(SELL, "12", percent="10"))
    assert scene.order("a").trigger == Decimal("18.36")


def test_the_stop_of_an_armed_order_stays_but_its_limit_may_move(scene: Scene) -> None:
    scene.submit("a", stop(SELL, "10", "19.90", "19.85"))
    scene.quote("19.80", "19.82")
    (refused,) = scene.replace("a", stop(SELL, "10", "19.70", "19.60")).facts
    assert isinstance(refused, ReplaceRefused)
    scene.replace("a", stop(SELL, "10", "19.90", "19.80"))
    assert scene.fills("a") == [("10", "19.80")]


def test_a_stop_can_t_become_another_kind_of_order(scene: Scene) -> None:
    scene.submit("a", stop(SELL, "10", "19.50"))
    for other in (
        stop(SELL, "10", "19.50", "19.40"),
        sell("10"),
        replace(stop(SELL, "10", "19.50"), outside_hours=True),
    ):
        (fact,) = scene.replace("a", other).facts
        assert isinstance(fact, ReplaceRefused)


def test_outside_the_session_a_stop_neither_trails_nor_triggers_unless_it_asks_for_it(scene: Scene) -> None:
    scene.session = False
    scene.submit("a", stop(SELL, "10", "19.90"))
    scene.submit("b", replace(stop(SELL, "10", "19.90"), outside_hours=True))
    scene.submit("c", trail(SELL, "10", "0.20"))
    scene.quote("19.80", "19.82")
    assert (scene.fills("a"), scene.fills("b")) == ([], [("10", "19.80")])
    assert scene.order("c").trigger is None
    scene.session = True
    scene.quote("19.85", "19.87")
    assert scene.fills("a") == [("10", "19.85")]
    assert scene.order("c").trigger == Decimal("19.65")


def test_outside_the_session_a_market_order_waits_for_the_opening(scene: Scene) -> None:
    scene.session = False
    scene.submit("a", buy("130"))
    scene.submit("b", buy("10", life=TimeInForce.IOC))
    scene.quote("20.50", "20.52")
    assert scene.order("a").state is OrderState.WORKING
    assert scene.order("b").state is OrderState.CANCELLED
    scene.session = True
    scene.quote("20.60", "20.62")
    assert scene.fills("a") == [("100", "20.62"), ("30", "20.63")]


def test_a_price_that_comes_back_is_a_price_again_even_if_it_is_the_same(scene: Scene) -> None:
    known = scene.state.shown["AAA"].touch
    scene.lose()
    scene.apply(Quoted(scene.pass_time(), (known,)))
    assert isinstance(scene.submit("a", buy("10")).facts[0], Acknowledged)


def test_where_there_is_no_price_any_more_nothing_is_taken_and_nothing_trades(scene: Scene) -> None:
    scene.submit("a", buy("10", "19.90"))
    scene.lose()
    (fact,) = scene.submit("b", buy("10")).facts
    assert isinstance(fact, Rejected)
    assert fact.reason.startswith("MARKET_DATA_MISSING: ")
    scene.replace("a", buy("10", "20.50"))
    assert scene.fills("a") == []
    scene.quote("20.40", "20.42")
    assert scene.fills("a") == [("10", "20.42")]
