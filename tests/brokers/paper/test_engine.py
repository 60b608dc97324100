from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from cockpit.brokers.paper.rules import Rules
from cockpit.model.orders import (
    Acknowledged,
    Cancelled,
    Executed,
    Expired,
    OrderRequest,
    OrderState,
    OrderType,
    Rejected,
    Replaced,
    ReplaceRefused,
    Side,
    TimeInForce,
)
from tests.brokers.paper.scenes import RULES, Scene, buy, request, sell

IOC, FOK, GTC = TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTC


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_market_order_takes_the_touch_and_then_slips_a_tick(scene: Scene) -> None:
    step = scene.submit("a", buy("150"))
    assert [type(fact) for fact in step.facts] == [Acknowledged, Executed, Executed]
    assert scene.fills("a") == [("100", "20.01"), ("50", "20.02")]
    assert scene.order("a").state is OrderState.FILLED
    scene.submit("b", sell("130"))
    assert scene.fills("b") == [("100", "19.99"), ("30", "19.98")]


def test_what_one_order_took_from_a_quote_is_gone_for_the_next(scene: Scene) -> None:
    scene.submit("a", buy("70", "20.01"))
    scene.submit("b", buy("70", "20.01"))
    assert scene.fills("b") == [("30", "20.01")]
    scene.submit("c", sell("70", "19.99"))
    assert scene.fills("c") == [("70", "19.99")]


def test_only_whole_lots_of_what_is_shown_are_traded(scene: Scene) -> None:
    scene.quote("99.95", "100.00", ask_size="25", symbol="BBB")
    scene.submit("a", buy("50", "100.00", symbol="BBB"))
    assert scene.fills("a") == [("20", "100.00")]
    scene.quote("99.95", "100.00", ask_size="9", symbol="BBB")
    assert len(scene.fills("a")) == 1


def test_the_same_second_again_brings_no_new_liquidity(scene: Scene) -> None:
    scene.submit("a", buy("130", "20.01"))
    event, _ = next((event, step) for event, step in scene.steps if step.state.shown.keys() == {"AAA"})
    scene.apply(event)
    assert scene.fills("a") == [("100", "20.01")]
    scene.quote("19.99", "20.01")
    assert scene.fills("a") == [("100", "20.01"), ("30", "20.01")]


def test_a_limit_order_takes_at_the_touch_and_rests_at_its_limit(scene: Scene) -> None:
    scene.submit("a", buy("150", "20.05"))
    assert scene.fills("a") == [("100", "20.01")]
    assert scene.order("a").state is OrderState.PARTLY_FILLED
    scene.quote("20.03", "20.06")
    assert len(scene.fills("a")) == 1
    scene.quote("20.00", "20.02")
    assert scene.fills("a")[1] == ("50", "20.05")


@pytest.mark.parametrize(
    ("bid", "ask", "paid"), [("20.00", "20.01", "20.01"), ("20.02", "20.03", "20.03"), ("19.97", "19.98", "20.01")]
)
def test_the_rest_of_a_taker_pays_what_the_market_asks_and_not_its_limit(
    scene: Scene, bid: str, ask: str, paid: str
) -> None:
    scene.submit("a", buy("150", "900.00"))
    assert scene.fills("a") == [("100", "20.01")]
    scene.quote(bid, ask)
    assert scene.fills("a")[1] == ("50", paid)


def test_the_rest_of_a_sale_gets_the_lower_of_both_bids(scene: Scene) -> None:
    scene.submit("a", sell("150", "0.01"))
    assert scene.fills("a") == [("100", "19.99")]
    scene.quote("20.10", "20.12")
    assert scene.fills("a")[1] == ("50", "19.99")


def test_the_better_price_goes_first_and_then_the_older_order(scene: Scene) -> None:
    for reference, limit in (("late", "19.90"), ("later", "19.90"), ("best", "19.95")):
        scene.submit(reference, buy("60", limit))
    step = scene.quote("19.80", "19.85", ask_size="100")
    assert [(fact.reference, str(fact.execution.quantity)) for fact in step.facts if isinstance(fact, Executed)] == [
        ("best", "60"),
        ("late", "40"),
    ]


def test_less_quantity_keeps_the_place_and_a_new_price_loses_it(scene: Scene) -> None:
    for reference in ("a", "b", "c"):
        scene.submit(reference, buy("60", "19.90"))
    scene.replace("a", buy("50", "19.90"))
    scene.quote("19.80", "19.85", ask_size="50")
    assert scene.fills("a") == [("50", "19.90")]
    scene.replace("b", buy("60", "19.80"))
    scene.replace("b", buy("60", "19.90"))
    scene.quote("19.80", "19.85", ask_size="60")
    assert scene.fills("c") == [("60", "19.85")]
    assert scene.fills("b") == []


def test_ioc_takes_what_is_there_and_gives_up_the_rest(scene: Scene) -> None:
    step = scene.submit("a", buy("150", "20.01", life=IOC))
    assert [type(fact) for fact in step.facts] == [Acknowledged, Executed, Cancelled]
    assert (scene.order("a").state, scene.order("a").filled) == (OrderState.CANCELLED, 100)
    step = scene.submit("b", buy("10", "19.00", life=IOC))
    assert [type(fact) for fact in step.facts] == [Acknowledged, Cancelled]


def test_fok_takes_all_or_nothing(scene: Scene) -> None:
    scene.submit("a", buy("101", "20.01", life=FOK))
    assert (scene.order("a").state, scene.fills("a")) == (OrderState.CANCELLED, [])
    scene.submit("b", buy("100", "20.01", life=FOK))
    assert (scene.order("b").state, scene.fills("b")) == (OrderState.FILLED, [("100", "20.01")])
    scene.submit("c", buy("500", life=FOK))
    assert scene.order("c").state is OrderState.FILLED


def test_a_day_order_dies_with_its_day_and_a_gtc_order_lives_on(scene: Scene) -> None:
    scene.submit("day", buy("10", "19.00"))
    scene.submit("gtc", buy("10", "19.00", life=GTC))
    assert scene.end_day().facts == ()
    scene.pass_time(10 * 3600)
    scene.submit("young", buy("10", "19.00"))
    step = scene.end_day()
    assert [type(fact) for fact in step.facts] == [Expired]
    assert scene.order("day").state is OrderState.EXPIRED
    assert list(scene.state.open) == ["gtc", "young"]


def test_profit_is_what_came_in_less_what_the_part_had_cost(scene: Scene) -> None:
    scene.submit("a", buy("3", "20.01"))
    scene.quote("21.00", "21.02")
    scene.submit("b", sell("1", "21.00"))
    assert scene.state.realised == Decimal("0.99")
    scene.submit("c", sell("4", "21.00"))
    held = scene.state.holdings["AAA"]
    assert (held.quantity, held.cost) == (-2, Decimal("-42.00"))
    assert scene.state.realised == Decimal("2.97")
    scene.quote("19.98", "20.00")
    scene.submit("d", buy("2", "20.00"))
    assert scene.state.realised == Decimal("4.97")
    assert "AAA" not in scene.state.holdings


def test_a_cancelled_order_is_never_filled(scene: Scene) -> None:
    scene.submit("a", buy("10", "19.00"))
    assert [type(fact) for fact in scene.cancel("a").facts] == [Cancelled]
    scene.quote("18.00", "18.01")
    assert scene.order("a").state is OrderState.CANCELLED
    assert scene.fills("a") == []


def test_cancelling_what_has_ended_says_nothing_and_what_is_unknown_is_refused(scene: Scene) -> None:
    scene.submit("a", buy("10"))
    before = scene.state
    step = scene.cancel("a")
    assert (step.facts, step.refusal) == ((), None)
    step = scene.cancel("nobody")
    assert step.refusal is not None
    assert step.refusal.code == "ORDER_UNKNOWN"
    assert scene.state is before


def test_the_same_reference_again_changes_nothing_and_with_another_body_is_refused(scene: Scene) -> None:
    scene.submit("a", buy("10", "19.00"))
    scene.submit("b", buy("10"))
    scene.submit("c", buy("0"))
    before = scene.state
    for reference, wanted in (("a", buy("10", "19.00")), ("b", buy("10")), ("c", buy("0"))):
        step = scene.submit(reference, wanted)
        assert (step.facts, step.changed, step.refusal) == ((), (), None)
        step = scene.submit(reference, buy("11", "19.00"))
        assert step.refusal is not None
        assert (step.facts, step.refusal.code) == ((), "IDEMPOTENCY_CONFLICT")
    assert scene.state is before


def test_a_replaced_order_is_still_known_by_what_was_first_submitted(scene: Scene) -> None:
    scene.submit("a", buy("10", "19.00"))
    scene.replace("a", buy("12", "19.10"))
    assert scene.submit("a", buy("10", "19.00")).refusal is None
    assert scene.submit("a", buy("12", "19.10")).refusal is not None


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (buy("1", symbol="NOPE"), "INSTRUMENT_UNRESOLVED"),
        (buy("0"), "BAD_QUANTITY"),
        (buy("-1"), "BAD_QUANTITY"),
        (buy("1.5"), "BAD_QUANTITY"),
        (buy("NaN"), "BAD_QUANTITY"),
        (buy("Infinity"), "BAD_QUANTITY"),
        (buy("1E+40"), "BAD_QUANTITY"),
        (buy("15", symbol="BBB"), "BAD_QUANTITY"),
        (buy("1", "20.005"), "BAD_TICK"),
        (buy("1", "0"), "BAD_TICK"),
        (buy("1", "-20"), "BAD_TICK"),
        (buy("1", "sNaN"), "BAD_TICK"),
        (buy("1", "1E+40"), "BAD_TICK"),
        (sell("10", symbol="BBB"), "SHORT_NOT_ALLOWED"),
        (buy("10000", "20.00"), "BUYING_POWER"),
        (sell("10001"), "BUYING_POWER"),
        (OrderRequest("AAA", Side.BUY, Decimal(1), OrderType.LIMIT, None, GTC), "ORDER_TYPE_NOT_ALLOWED"),
        (OrderRequest("AAA", Side.BUY, Decimal(1), OrderType.MARKET, Decimal(20), GTC), "ORDER_TYPE_NOT_ALLOWED"),
    ],
)
def test_an_order_that_can_not_be_taken_is_rejected_with_the_reason(wanted: OrderRequest, code: str) -> None:
    scene = Scene("99999.99")
    step = scene.submit("a", wanted)
    (fact,) = step.facts
    assert isinstance(fact, Rejected)
    assert fact.reason.startswith(f"{code}: ")
    assert scene.order("a").state is OrderState.REJECTED
    assert scene.state.cash == Decimal("99999.99")


def test_an_order_without_a_quote_is_rejected() -> None:
    scene = Scene()
    scene.state = type(scene.state).opened(Decimal(1000))
    (fact,) = scene.submit("a", buy("1")).facts
    assert isinstance(fact, Rejected)
    assert fact.reason.startswith("MARKET_DATA_MISSING")


def test_the_book_takes_no_more_orders_than_its_rules_allow() -> None:
    scene = Scene(rules=Rules(RULES.terms, max_open=1))
    scene.submit("a", buy("1", "19.00"))
    (fact,) = scene.submit("b", buy("1", "19.00")).facts
    assert isinstance(fact, Rejected)


def test_sales_of_what_can_not_be_sold_short_count_together(scene: Scene) -> None:
    scene.submit("a", buy("20", symbol="BBB"))
    scene.submit("b", sell("10", "110.00", symbol="BBB"))
    assert scene.order("b").state is OrderState.WORKING
    assert isinstance(scene.submit("c", sell("20", symbol="BBB")).facts[0], Rejected)
    assert isinstance(scene.replace("b", sell("30", "110.00", symbol="BBB")).facts[0], ReplaceRefused)
    assert isinstance(scene.submit("d", sell("10", symbol="BBB")).facts[0], Acknowledged)


def test_a_replaced_order_that_reaches_the_market_is_filled_at_the_touch(scene: Scene) -> None:
    scene.submit("a", buy("10", "19.00"))
    step = scene.replace("a", buy("20", "20.05"))
    assert [type(fact) for fact in step.facts] == [Replaced, Executed]
    assert scene.fills("a") == [("20", "20.01")]


@pytest.mark.parametrize(
    "wanted",
    [
        sell("150", "20.01"),
        buy("150"),
        buy("150", "20.01", life=GTC),
        buy("150", "20.01", symbol="BBB"),
        buy("100", "20.01"),
        buy("40", "20.01"),
        buy("150.5", "20.01"),
        buy("150", "20.011"),
        buy("20000", "20.01"),
    ],
)
def test_terms_that_can_not_be_changed_leave_the_order_as_it_was(scene: Scene, wanted: OrderRequest) -> None:
    scene.submit("a", buy("150", "20.01"))
    before = scene.order("a")
    step = scene.replace("a", wanted)
    assert [type(fact) for fact in step.facts] == [ReplaceRefused]
    assert scene.order("a") == before
    scene.quote("20.00", "20.01", ask_size="200")
    assert scene.order("a").filled == 150


def test_an_order_that_has_ended_is_not_replaced(scene: Scene) -> None:
    scene.submit("a", buy("10"))
    assert [type(fact) for fact in scene.replace("a", buy("20")).facts] == [ReplaceRefused]
    step = scene.replace("nobody", buy("20"))
    assert step.refusal is not None
    assert step.refusal.code == "ORDER_UNKNOWN"


def test_fees_are_charged_once_an_order_however_many_fills_it_takes(scene: Scene) -> None:
    scene.submit("a", buy("250", "20.01"))
    for _ in range(2):
        scene.quote("20.00", "20.01")
    assert [each.fee for each in scene.order("a").executions] == [Decimal(1), Decimal(0), Decimal("0.25")]
    assert scene.state.fees == scene.order("a").fee == Decimal("1.25")


def test_facts_and_fills_bear_the_time_of_what_caused_them(scene: Scene) -> None:
    step = scene.submit("a", request(Side.BUY, "150", "20.01"))
    assert {fact.at for fact in step.facts} == {scene.now}
    step = scene.quote("20.00", "20.01")
    assert {fact.at for fact in step.facts} == {scene.now}
    assert scene.order("a").executions[1].at - scene.order("a").executions[0].at == timedelta(seconds=1)


def test_an_order_that_was_priced_anew_stands_behind_those_that_stayed(scene: Scene) -> None:
    scene.submit("moved", buy("50", "19.95"))
    scene.submit("stayed", buy("50", "19.95"))
    scene.replace("moved", buy("40", "19.94"))
    scene.replace("moved", buy("30", "19.95"))
    scene.quote("19.93", "19.95", ask_size="50")
    assert (scene.fills("moved"), scene.fills("stayed")) == ([], [("50", "19.95")])
