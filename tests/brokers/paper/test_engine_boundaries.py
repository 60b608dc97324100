"""Where one rule of the engine ends and the next begins, to the cent and to the second."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cockpit.brokers.paper.bars import path
from cockpit.brokers.paper.book import State, Touch
from cockpit.brokers.paper.engine import last_midnight
from cockpit.brokers.paper.events import DayEnded, Quoted, Submit
from cockpit.brokers.paper.margin import buying_power, equity, unrealised
from cockpit.brokers.paper.rules import Rules
from cockpit.model.orders import (
    Acknowledged,
    Cancelled,
    Executed,
    OrderRef,
    OrderRequest,
    OrderState,
    Rejected,
    Replaced,
    ReplaceRefused,
    Side,
    TimeInForce,
)
from cockpit.model.quotes import Bar, DataType, Interval, Quote
from tests.brokers.paper.scenes import RULES, START, Scene, buy, request, sell, stop

BUY, SELL = Side.BUY, Side.SELL
GTC = TimeInForce.GTC


@pytest.fixture
def scene() -> Scene:
    """An account in which AAA stands at 19.99 to 20.01 and CCC, of two units a contract, at 999.9 to 1000.1."""
    return Scene()


def quote_of(bid: str | None, ask: str | None, bid_size: str | None = "100", ask_size: str | None = "50") -> Quote:
    numbers = [None if each is None else Decimal(each) for each in (bid, ask, bid_size, ask_size)]
    return Quote("AAA", numbers[0], numbers[1], numbers[2], numbers[3], None, START, "test", DataType.LIVE)


# money


def test_a_contract_s_fill_moves_cash_cost_and_worth_by_its_multiplier(scene: Scene) -> None:
    scene.submit("a", buy("3", symbol="CCC"))
    fees = scene.state.fees
    assert scene.state.cash == Decimal(100_000) - Decimal("6000.60") - fees
    assert scene.state.holdings["CCC"].cost == Decimal("6000.60")
    assert equity(scene.state, RULES.terms) == Decimal("99999.40") - fees
    assert unrealised(scene.state, RULES.terms) == Decimal("-0.60")


@pytest.mark.parametrize("side", list(Side))
def test_closing_a_part_settles_the_profit_of_that_part(scene: Scene, side: Side) -> None:
    scene.submit("open", request(side, "5"))
    scene.quote("20.99" if side is BUY else "18.97", "21.01" if side is BUY else "18.99")
    scene.submit("close", request(side.opposite, "2"))
    held = scene.state.holdings["AAA"]
    if side is BUY:
        assert (held.quantity, held.cost, scene.state.realised) == (3, Decimal("60.03"), Decimal("1.96"))
    else:
        assert (held.quantity, held.cost, scene.state.realised) == (-3, Decimal("-59.97"), Decimal("2.00"))


@pytest.mark.parametrize("side", list(Side))
def test_what_was_sold_to_the_bid_and_bought_from_the_ask_is_gone_for_the_next(scene: Scene, side: Side) -> None:
    price = "19.99" if side is SELL else "20.01"
    for reference, filled in (("a", "70"), ("b", "30")):
        scene.submit(reference, request(side, "70", price))
        assert scene.fills(reference) == [(filled, price)]


def test_a_split_of_three_for_two_scales_prices_against_the_account_and_sizes_to_lots(scene: Scene) -> None:
    scene.quote("20.00", "20.02", bid_size="101", ask_size="55")
    scene.split(3, 2)
    touch = scene.state.shown["AAA"].touch
    assert (touch.bid, touch.ask) == (Decimal("13.33"), Decimal("13.35"))
    assert (touch.bid_size, touch.ask_size) == (151, 82)


def test_after_a_split_only_whole_lots_are_shown(scene: Scene) -> None:
    scene.quote("99.95", "100.05", bid_size="50", ask_size="30", symbol="BBB")
    scene.split(3, 2, "BBB")
    touch = scene.state.shown["BBB"].touch
    assert (touch.bid, touch.ask) == (Decimal("66.60"), Decimal("66.70"))
    assert (touch.bid_size, touch.ask_size) == (70, 40)


def test_a_market_order_s_rest_is_filled_a_tick_beyond_but_within_the_bar(scene: Scene) -> None:
    for number, (side, filled) in enumerate(((BUY, "20.01"), (SELL, "19.99"))):
        scene.bar(("20.00", "20.10", "19.90", "20.00"), volume="400")
        scene.submit(f"r{number}", request(side, "30"))
        assert scene.fills(f"r{number}") == [("10", "20.00"), ("20", filled)]
    scene.bar(("20.00", "20.00", "20.00", "20.00"), volume="400")
    scene.submit("still", sell("30"))
    assert scene.fills("still") == [("10", "20.00"), ("20", "20.00")]


# time and place in the queue


def test_the_last_midnight_is_that_of_utc_to_the_microsecond() -> None:
    late = datetime.fromisoformat("2026-03-03T01:30:40.123456+02:00")
    assert last_midnight(late) == datetime(2026, 3, 2, tzinfo=UTC)


def test_an_order_made_as_a_day_ends_belongs_to_the_next_one(scene: Scene) -> None:
    ends = scene.pass_time()
    scene.apply(Submit(ends - timedelta(microseconds=1), OrderRef("old"), buy("1", "19.00")))
    scene.apply(Submit(ends, OrderRef("young"), buy("1", "19.00")))
    scene.apply(DayEnded(scene.pass_time(), ends))
    assert list(scene.state.open) == ["young"]


def test_every_event_that_changes_an_account_is_counted_once(scene: Scene) -> None:
    assert State.opened(Decimal(1)).number == 0
    assert scene.state.number == len(scene.steps)
    scene.submit("a", buy("1", "19.00"))
    scene.cancel("a")
    assert scene.state.number == len(scene.steps)
    assert scene.order("a").rank == scene.state.number - 1


def test_at_the_opening_a_market_order_that_waited_comes_before_every_limit(scene: Scene) -> None:
    scene.session = False
    scene.submit("limit", buy("80", "25.00"))
    scene.submit("market", buy("80"))
    scene.session = True
    scene.quote("20.00", "20.02")
    assert scene.fills("market") == [("80", "20.02")]
    assert scene.fills("limit") == [("20", "20.02")]


def test_an_order_that_says_nothing_of_the_session_trades_in_it(scene: Scene) -> None:
    scene.apply(Submit(scene.pass_time(), OrderRef("a"), buy("1")))
    assert scene.order("a").state is OrderState.FILLED


def test_a_stop_that_stood_at_the_price_before_it_could_trade_gets_the_price_of_now(scene: Scene) -> None:
    scene.session = False
    scene.submit("a", stop(SELL, "10", "19.90"))
    bar = Bar(scene.pass_time(), Decimal("19.90"), Decimal("19.90"), Decimal("19.40"), Decimal("19.50"), Decimal(4000))
    for point in path("AAA", bar, Interval.MIN_1, RULES.terms["AAA"])[:3]:
        scene.apply(Quoted(point.at, (point,), session=point.bid < bar.open))
    assert scene.fills("a") == [("10", "19.40")]


# groups


def test_a_fill_as_large_as_the_smaller_order_of_a_pair_cancels_that(scene: Scene) -> None:
    scene.submit("in", buy("20"))
    one, other = sell("20", "21.00", life=GTC), stop(SELL, "20", "19.00")
    scene.pair("p", one, other)
    scene.replace("p2", replace(other, quantity=Decimal(12)))
    step = scene.quote("21.00", "21.02", bid_size="12")
    assert [type(fact) for fact in step.facts] == [Executed, Cancelled]
    assert scene.order("p1").left == 8
    assert list(scene.state.open) == ["p1"]


def test_the_exits_of_a_rejected_bracket_wait_for_nothing(scene: Scene) -> None:
    scene.bracket("b", buy("10", "19.90"), sell("10", "19.80"), stop(SELL, "10", "19.00"))
    assert [scene.order(f"b{number}").held for number in (1, 2, 3)] == [False] * 3


def test_a_group_under_known_references_is_refused_by_the_name_of_its_first_order(scene: Scene) -> None:
    one, other = sell("10", "21.00", life=GTC), stop(SELL, "10", "19.00")
    scene.pair("p", one, other)
    refusal = scene.pair("p", other, one).refusal
    assert refusal is not None
    assert (refusal.code, refusal.details["reference"]) == ("IDEMPOTENCY_CONFLICT", "p1")


# what is taken


def test_the_largest_quantity_and_the_highest_price_are_a_billion(scene: Scene) -> None:
    def reason(wanted: OrderRequest) -> str:
        (fact,) = scene.submit(f"r{len(scene.steps)}", wanted).facts
        return fact.reason.split(":")[0] if isinstance(fact, Rejected) else type(fact).__name__

    assert reason(buy("1000000000")) == "BUYING_POWER"
    assert reason(buy("1000000001")) == "BAD_QUANTITY"
    assert reason(sell("1", "1000000000.00")) == "Acknowledged"
    assert reason(sell("1", "1000000000.01")) == "BAD_TICK"


def test_an_order_may_be_made_larger_exactly_up_to_the_buying_power(scene: Scene) -> None:
    scene.submit("a", buy("1000", "19.00"))
    most = 1000 + buying_power(scene.state, RULES.terms) // 20
    assert most == 10_000
    (told,) = scene.replace("a", buy("10001", "19.00")).facts
    assert isinstance(told, ReplaceRefused)
    assert told.reason == "BUYING_POWER: the account's equity doesn't cover the margin"
    (told,) = scene.replace("a", buy("10000", "19.00")).facts
    assert isinstance(told, Replaced)


def test_a_change_that_is_refused_says_why(scene: Scene) -> None:
    scene.submit("a", buy("10", "19.00"))
    scene.submit("done", buy("10"))
    for reference, wanted, why in (
        ("a", buy("10", "19.005"), "BAD_TICK: prices must be positive multiples of 0.01"),
        ("done", buy("10"), "ORDER_DONE: the order has ended"),
    ):
        (told,) = scene.replace(reference, wanted).facts
        assert isinstance(told, ReplaceRefused)
        assert told.reason == why


def test_a_thousand_orders_may_be_open_at_a_time() -> None:
    scene = Scene(rules=Rules(RULES.terms))
    scene.submit("first", buy("1", "0.01"))
    one = scene.order("first")
    crowd = {OrderRef(f"r{number}"): replace(one, reference=OrderRef(f"r{number}")) for number in range(999)}
    scene.state = replace(scene.state, open=crowd)
    assert isinstance(scene.submit("last", buy("1", "0.01")).facts[0], Acknowledged)
    (fact,) = scene.submit("beyond", buy("1", "0.01")).facts
    assert isinstance(fact, Rejected)
    assert fact.reason == "BUSY: 1000 orders may be open at a time"


# quotes


def test_a_quote_is_a_touch_with_both_sides_and_both_sizes() -> None:
    assert Touch.of(quote_of("19.99", "20.01")) == Touch(
        "AAA", Decimal("19.99"), Decimal("20.01"), Decimal(100), Decimal(50), START
    )
    assert Touch.of(quote_of("20.00", "20.00")) is not None, "both sides may stand at one price"


@pytest.mark.parametrize(
    "quote",
    [
        quote_of(None, "20.01"),
        quote_of("19.99", None),
        quote_of("19.99", "20.01", bid_size=None),
        quote_of("19.99", "20.01", ask_size=None),
        quote_of("0", "20.01"),
        quote_of("-1", "20.01"),
        quote_of("20.02", "20.01"),
    ],
)
def test_a_quote_that_lacks_something_or_is_crossed_is_no_touch(quote: Quote) -> None:
    assert Touch.of(quote) is None
