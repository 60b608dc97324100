from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from cockpit.brokers.paper.engine import apply
from cockpit.brokers.paper.events import SubmitLinked
from cockpit.brokers.paper.margin import buying_power, required
from cockpit.model.orders import (
    Acknowledged,
    Cancelled,
    Executed,
    Linkage,
    OrderRef,
    OrderRequest,
    OrderState,
    Rejected,
    Replaced,
    ReplaceRefused,
    Role,
    Side,
    TimeInForce,
)
from tests.brokers.paper.scenes import RULES, START, Scene, buy, request, sell, stop, trail

BUY, SELL = Side.BUY, Side.SELL
GTC = TimeInForce.GTC


@pytest.fixture
def scene() -> Scene:
    """An account in which AAA stands at 19.99 to 20.01."""
    return Scene()


def bracket(scene: Scene, entry: OrderRequest | None = None, quantity: str = "10"):
    entry = entry or buy(quantity, "19.90", life=GTC)
    return scene.bracket("b", entry, sell(quantity, "21.00", life=GTC), stop(SELL, quantity, "19.00"))


def exits(quantity: str = "100") -> tuple[OrderRequest, OrderRequest]:
    return sell(quantity, "21.00", life=GTC), stop(SELL, quantity, "19.00")


def test_a_bracket_is_taken_as_a_whole_and_its_exits_wait(scene: Scene) -> None:
    step = bracket(scene)
    assert [type(fact) for fact in step.facts] == [Acknowledged] * 3
    assert [scene.order(f"b{number}").role for number in (1, 2, 3)] == [Role.ENTRY, Role.TARGET, Role.STOP]
    scene.quote("21.50", "21.52")
    assert [scene.order(f"b{number}").filled for number in (1, 2, 3)] == [0, 0, 0]


def test_the_exits_work_once_the_entry_is_filled_and_a_fill_of_one_cancels_the_other(scene: Scene) -> None:
    bracket(scene)
    scene.quote("19.88", "19.90")
    assert scene.order("b1").state is OrderState.FILLED
    step = scene.quote("21.00", "21.02")
    assert scene.fills("b2") == [("10", "21.00")]
    assert scene.order("b3").state is OrderState.CANCELLED
    assert [type(fact) for fact in step.facts] == [Executed, Cancelled]
    assert scene.state.holdings == {}


def test_the_stop_of_a_bracket_cancels_its_target(scene: Scene) -> None:
    bracket(scene, buy("10"))
    scene.quote("18.90", "18.92")
    assert scene.fills("b3") == [("10", "18.90")]
    assert scene.order("b2").state is OrderState.CANCELLED


def test_exits_work_for_exactly_what_the_entry_filled_before_it_ended(scene: Scene) -> None:
    bracket(scene, buy("150", "20.01", life=GTC), quantity="150")
    assert scene.order("b1").filled == 100
    scene.quote("21.05", "21.07")
    assert scene.order("b2").filled == 0, "the entry still works"
    step = scene.cancel("b1")
    assert [type(fact) for fact in step.facts] == [Cancelled, Replaced, Replaced]
    assert [scene.order(name).request.quantity for name in ("b2", "b3")] == [100, 100]
    scene.quote("21.00", "21.02")
    assert scene.fills("b2") == [("100", "21.00")]
    assert scene.state.holdings == {}


def test_an_entry_that_ends_unfilled_takes_its_exits_with_it(scene: Scene) -> None:
    bracket(scene)
    scene.cancel("b1")
    assert {scene.order(f"b{number}").state for number in (1, 2, 3)} == {OrderState.CANCELLED}
    assert scene.state.open == {}


def test_an_entry_that_is_ioc_frees_its_exits_for_what_it_got(scene: Scene) -> None:
    bracket(scene, buy("150", "20.01", life=TimeInForce.IOC), quantity="150")
    assert scene.order("b1").state is OrderState.CANCELLED
    assert scene.order("b2").request.quantity == 100
    assert not scene.order("b2").held


def test_an_entry_that_expires_leaves_its_exits_a_day_of_their_own(scene: Scene) -> None:
    target, guard = replace(exits("150")[0], time_in_force=TimeInForce.DAY), exits("150")[1]
    scene.bracket("b", buy("150", "20.01"), target, guard)
    scene.pass_time(24 * 3600)
    scene.end_day()
    assert scene.order("b1").state is OrderState.EXPIRED
    assert scene.order("b2").state is OrderState.WORKING
    scene.end_day()
    assert scene.order("b2").state is OrderState.WORKING
    scene.pass_time(24 * 3600)
    scene.end_day()
    assert [scene.order(name).state for name in ("b2", "b3")] == [OrderState.EXPIRED, OrderState.WORKING]


def test_a_trailing_exit_follows_from_where_the_market_is_when_it_is_freed(scene: Scene) -> None:
    scene.bracket("b", buy("10", "19.90", life=GTC), sell("10", "25.00", life=GTC), trail(SELL, "10", "0.50"))
    scene.quote("24.00", "24.02")
    assert scene.order("b3").trigger is None
    scene.quote("19.85", "19.90")
    scene.quote("20.40", "20.42")
    assert scene.order("b3").trigger == Decimal("19.90")
    scene.quote("19.90", "19.92")
    assert scene.fills("b3") == [("10", "19.90")]
    assert scene.order("b2").state is OrderState.CANCELLED


def test_a_partial_fill_of_one_of_a_pair_shrinks_the_other(scene: Scene) -> None:
    scene.submit("in", buy("100"))
    scene.pair("p", *exits())
    step = scene.quote("21.00", "21.02", bid_size="30")
    assert [type(fact) for fact in step.facts] == [Executed, Replaced]
    assert scene.order("p2").request.quantity == 70
    scene.quote("18.90", "18.92", bid_size="30")
    assert scene.fills("p2") == [("30", "18.90"), ("40", "18.89")]
    assert scene.order("p1").state is OrderState.CANCELLED
    assert scene.state.holdings == {}


def test_a_pair_shrinks_on_both_sides_as_both_are_filled_in_parts(scene: Scene) -> None:
    scene.submit("in", buy("100"))
    one, _ = exits()
    scene.pair("p", one, stop(SELL, "100", "19.50", "19.40"))
    scene.quote("21.00", "21.02", bid_size="30")
    scene.quote("19.45", "19.47", bid_size="20")
    assert scene.order("p1").left == scene.order("p2").left == 50
    scene.quote("21.00", "21.02", bid_size="100")
    assert {scene.order("p1").state, scene.order("p2").state} == {OrderState.FILLED, OrderState.CANCELLED}
    assert scene.state.holdings == {}


def test_a_whole_fill_of_the_smaller_order_of_a_pair_cancels_the_larger(scene: Scene) -> None:
    scene.submit("in", buy("20"))
    one, other = exits("10")
    scene.pair("p", one, other)
    scene.replace("p1", replace(one, quantity=Decimal(20)))
    scene.quote("18.90", "18.92")
    assert scene.fills("p2") == [("10", "18.90")]
    assert scene.order("p1").state is OrderState.CANCELLED


def test_a_fill_of_the_larger_order_beyond_the_smaller_cancels_it(scene: Scene) -> None:
    scene.submit("in", buy("20"))
    one, other = exits("10")
    scene.pair("p", one, other)
    scene.replace("p1", replace(one, quantity=Decimal(20)))
    scene.quote("21.00", "21.02", bid_size="12")
    assert scene.order("p1").left == 8
    assert scene.order("p2").state is OrderState.CANCELLED


def test_a_pair_that_both_could_fill_in_one_quote_fills_once(scene: Scene) -> None:
    scene.submit("in", buy("50"))
    scene.pair("p", sell("50", "20.50", life=GTC), sell("50", "20.60", life=GTC))
    scene.quote("20.70", "20.72")
    assert scene.fills("p1") == [("50", "20.50")]
    assert scene.order("p2").state is OrderState.CANCELLED


def test_a_pair_whose_first_order_trades_at_once_never_works_the_second(scene: Scene) -> None:
    step = scene.pair("p", buy("10", "20.05", life=GTC), stop(BUY, "10", "20.00"))
    assert [type(fact) for fact in step.facts] == [Acknowledged, Acknowledged, Executed, Cancelled]
    assert scene.state.holdings["AAA"].quantity == 10


def test_the_orders_of_a_pair_may_stand_on_either_side_of_the_market(scene: Scene) -> None:
    scene.pair("p", stop(BUY, "10", "20.50"), stop(SELL, "10", "19.50"))
    scene.quote("19.45", "19.47")
    assert scene.fills("p2") == [("10", "19.45")]
    assert scene.order("p1").state is OrderState.CANCELLED


def test_an_order_of_a_pair_that_is_cancelled_leaves_the_other(scene: Scene) -> None:
    bracket(scene, buy("10"))
    scene.cancel("b2")
    assert scene.order("b3").state is OrderState.WORKING
    scene.quote("18.90", "18.92")
    assert scene.fills("b3") == [("10", "18.90")]


@pytest.mark.parametrize(
    ("entry", "target", "guard", "why"),
    [
        (buy("10", "19.90"), sell("10", "19.80"), stop(SELL, "10", "19.00"), "BAD_ARGUMENTS"),
        (buy("10", "19.90"), sell("10", "21.00"), stop(SELL, "10", "19.95"), "BAD_ARGUMENTS"),
        (buy("10", "19.90"), sell("10", "19.90"), stop(SELL, "10", "19.00"), "BAD_ARGUMENTS"),
        (buy("10"), sell("10", "19.00"), stop(SELL, "10", "21.00"), "BAD_ARGUMENTS"),
        (sell("10", "20.10"), buy("10", "21.00"), stop(BUY, "10", "19.00"), "BAD_ARGUMENTS"),
        (buy("10", "19.90"), buy("10", "21.00"), stop(SELL, "10", "19.00"), "BAD_ARGUMENTS"),
        (buy("10", "19.90"), sell("9", "21.00"), stop(SELL, "10", "19.00"), "BAD_ARGUMENTS"),
        (buy("10", "19.90"), sell("10", "21.00"), stop(SELL, "11", "19.00"), "BAD_ARGUMENTS"),
        (buy("10", "19.90"), sell("10", "110.00", "BBB"), stop(SELL, "10", "19.00"), "BAD_ARGUMENTS"),
        (buy("10", "19.90"), sell("10"), stop(SELL, "10", "19.00"), "ORDER_TYPE_NOT_ALLOWED"),
        (buy("10", "19.90"), sell("10", "21.00"), sell("10", "19.00"), "ORDER_TYPE_NOT_ALLOWED"),
        (buy("10", "19.90"), sell("10", "21.00", life=TimeInForce.IOC), stop(SELL, "10", "19.00"), "ORDER_TYPE"),
        (buy("20000"), sell("20000", "21.00"), stop(SELL, "20000", "19.00"), "BUYING_POWER"),
    ],
)
def test_a_bracket_that_is_none_is_rejected_as_a_whole(
    scene: Scene, entry: OrderRequest, target: OrderRequest, guard: OrderRequest, why: str
) -> None:
    step = scene.bracket("b", entry, target, guard)
    assert [type(fact) for fact in step.facts] == [Rejected] * 3
    assert all(fact.reason.startswith(why) for fact in step.facts if isinstance(fact, Rejected))
    assert step.state.open == {}


def test_one_bad_order_rejects_its_group_and_says_which_it_was(scene: Scene) -> None:
    step = scene.bracket("b", buy("10", "19.90"), sell("10", "21.005"), stop(SELL, "10", "19.00"))
    reasons = [fact.reason.split(":")[0] for fact in step.facts if isinstance(fact, Rejected)]
    assert reasons == ["LINKED", "BAD_TICK", "LINKED"]
    assert step.state.open == {}


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (sell("10", "21.00"), stop(SELL, "9", "19.00"), "BAD_ARGUMENTS"),
        (sell("10", "21.00"), sell("10", "110.00", "BBB"), "BAD_ARGUMENTS"),
        (sell("10", "21.00"), sell("10"), "ORDER_TYPE_NOT_ALLOWED"),
        (sell("10", "21.00"), sell("10", "22.00", life=TimeInForce.FOK), "ORDER_TYPE_NOT_ALLOWED"),
        (sell("20", "110.00", "BBB"), sell("20", "120.00", "BBB"), "SHORT_NOT_ALLOWED"),
        (stop(BUY, "20", "110.00", symbol="BBB"), stop(SELL, "20", "90.00", symbol="BBB"), "SHORT_NOT_ALLOWED"),
    ],
)
def test_a_pair_that_is_none_is_rejected_as_a_whole(
    scene: Scene, one: OrderRequest, other: OrderRequest, why: str
) -> None:
    scene.submit("in", buy("10", symbol="BBB"))
    step = scene.pair("p", one, other)
    assert [fact.reason.startswith(why) for fact in step.facts if isinstance(fact, Rejected)] == [True, True]


def test_a_group_of_the_wrong_size_or_kind_is_refused_and_leaves_nothing(scene: Scene) -> None:
    one, other = exits("10")
    for linkage, legs, code in (
        (Linkage.OCO, (one,), "BAD_ARGUMENTS"),
        (Linkage.BRACKET, (one, other), "BAD_ARGUMENTS"),
        (Linkage.BASKET, (one, other), "CAPABILITY_UNAVAILABLE"),
    ):
        step = scene.link(linkage, "g", *legs)
        assert step.refusal is not None
        assert (step.refusal.code, step.facts, step.state.order(OrderRef("g1"))) == (code, (), None)
    twice = SubmitLinked(scene.now, Linkage.OCO, ((OrderRef("x"), one), (OrderRef("x"), other)))
    refusal = apply(RULES, scene.state, twice).refusal
    assert refusal is not None
    assert refusal.code == "BAD_ARGUMENTS"


def test_the_same_group_again_changes_nothing_and_another_under_its_references_is_refused(scene: Scene) -> None:
    one, other = exits("10")
    scene.submit("in", buy("10"))
    scene.pair("p", one, other)
    before = scene.state
    again = scene.pair("p", one, other)
    assert (again.state, again.facts, again.refusal) == (before, (), None)
    for changed in (
        lambda: scene.pair("p", one, replace(other, stop_price=Decimal("18.00"))),
        lambda: scene.pair("p", other, one),
        lambda: scene.bracket("p", buy("10", "19.90"), one, other),
        lambda: scene.submit("p1", sell("11", "21.00", life=GTC)),
        lambda: (
            scene.link(Linkage.OCO, "i", one, other)
            and scene.apply(SubmitLinked(START, Linkage.OCO, ((OrderRef("new"), one), (OrderRef("p2"), other))))
        ),
    ):
        refusal = changed().refusal
        assert refusal is not None
        assert refusal.code == "IDEMPOTENCY_CONFLICT"


def test_a_single_order_s_reference_can_t_begin_a_group(scene: Scene) -> None:
    one, other = exits("10")
    scene.submit("p1", one)
    scene.submit("p2", other)
    refusal = scene.pair("p", one, other).refusal
    assert refusal is not None
    assert refusal.code == "IDEMPOTENCY_CONFLICT"


def test_held_exits_keep_the_quantity_of_their_entry_but_may_be_priced_anew(scene: Scene) -> None:
    bracket(scene)
    (refused,) = scene.replace("b2", sell("9", "21.00", life=GTC)).facts
    assert isinstance(refused, ReplaceRefused)
    (told,) = scene.replace("b2", sell("10", "19.95", life=GTC)).facts
    assert isinstance(told, Replaced)
    assert scene.order("b2").filled == 0
    scene.quote("19.88", "19.90")
    scene.quote("19.95", "19.97")
    assert scene.fills("b2") == [("10", "19.95")]


def test_exits_follow_an_entry_whose_quantity_was_changed(scene: Scene) -> None:
    bracket(scene)
    scene.replace("b1", buy("25", "19.90", life=GTC))
    scene.quote("19.88", "19.90")
    assert [scene.order(name).request.quantity for name in ("b2", "b3")] == [25, 25]


def test_a_group_needs_room_in_the_book_for_all_of_its_orders() -> None:
    scene = Scene(rules=replace(RULES, max_open=4))
    scene.submit("a", buy("1", "19.00"))
    scene.submit("b", buy("1", "19.00"))
    step = bracket(scene)
    assert [fact.reason.split(":")[0] for fact in step.facts if isinstance(fact, Rejected)] == ["BUSY"] * 3
    assert isinstance(scene.pair("p", *exits("10")).facts[0], Acknowledged)


def needed(scene: Scene) -> Decimal:
    return required(scene.state, RULES.terms)


@pytest.mark.parametrize("side", list(Side))
def test_a_bracket_takes_the_margin_of_its_entry_alone_and_then_of_the_position(scene: Scene, side: Side) -> None:
    far, near = ("21.00", "19.00") if side is BUY else ("19.00", "21.00")
    entry = request(side, "60", "19.90" if side is BUY else "20.10", life=GTC)
    scene.bracket("b", entry, request(side.opposite, "60", far, life=GTC), stop(side.opposite, "60", near))
    alone = Scene()
    alone.submit("a", entry)
    assert needed(scene) == needed(alone)
    touch = ("19.88", "19.90") if side is BUY else ("20.10", "20.12")
    for each in (scene, alone):
        each.quote(*touch, bid_size="40", ask_size="40")
        each.quote(*touch)
    assert scene.order("b1").state is OrderState.FILLED
    assert needed(scene) == needed(alone)


def test_a_pair_takes_margin_once(scene: Scene) -> None:
    scene.pair("p", sell("100", "21.00", life=GTC), stop(SELL, "100", "19.00"))
    alone = Scene()
    alone.submit("a", sell("100", "21.00", life=GTC))
    assert needed(scene) == needed(alone)
    opposite = Scene()
    opposite.pair("p", stop(BUY, "100", "20.50"), stop(SELL, "100", "19.50"))
    assert needed(opposite) == needed(alone)


def test_a_pair_is_taken_exactly_up_to_the_buying_power(scene: Scene) -> None:
    most = buying_power(scene.state, RULES.terms) // 20
    too_much = [buy(str(most + 1), "19.00", life=GTC), stop(BUY, str(most + 1), "21.00")]
    assert isinstance(scene.pair("p", too_much[0], too_much[1]).facts[0], Rejected)
    assert isinstance(
        scene.pair("q", buy(str(most), "19.00", life=GTC), stop(BUY, str(most), "21.00")).facts[0], Acknowledged
    )


def test_what_a_working_bracket_has_filled_is_kept_for_its_exits(scene: Scene) -> None:
    scene.submit("in", buy("50", symbol="BBB"))
    scene.bracket(
        "b",
        buy("200", "100.05", symbol="BBB", life=GTC),
        sell("200", "120.00", symbol="BBB", life=GTC),
        stop(SELL, "200", "80.00", symbol="BBB"),
    )
    bought = scene.order("b1").filled
    assert bought == 50
    (fact,) = scene.submit("all", sell(str(50 + bought), "101.00", symbol="BBB", life=GTC)).facts
    assert isinstance(fact, Rejected)
    assert fact.reason.startswith("SHORT_NOT_ALLOWED")
    scene.submit("own", sell("50", "100.00", symbol="BBB", life=GTC))
    scene.cancel("b1")
    scene.quote("130.00", "130.05", symbol="BBB")
    assert scene.state.holdings == {}


@pytest.mark.parametrize(
    "kind", [lambda life: request(BUY, "10", "19.90", life=life), lambda life: stop(BUY, "10", "20.10", life=life)]
)
def test_both_exits_of_a_day_bracket_wait_however_long_the_entry_does(
    scene: Scene, kind: Callable[[TimeInForce], OrderRequest]
) -> None:
    target = replace(exits("10")[0], time_in_force=TimeInForce.DAY)
    guard = replace(exits("10")[1], time_in_force=TimeInForce.DAY)
    scene.bracket("b", kind(GTC), target, guard)
    for _ in range(3):
        scene.pass_time(24 * 3600)
        assert scene.end_day().facts == ()
    assert len(scene.state.open) == 3
