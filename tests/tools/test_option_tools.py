"""Options as a client looks at them and orders them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from cockpit.model.orders import OrderId, Side
from tests.desk.desks import Desk
from tests.tools.conftest import Ask

NEAREST = {"underlying": "ALFA", "expiry_offset": 0}
PAID = {"idempotency_key": "key-option-1", "side": "buy", "quantity": 1, "order_type": "market"}


async def approve(desk: Desk, order_id: str) -> None:
    await desk.decisions.approve(OrderId(order_id), None, None, None, "test")


async def code(ask: Ask, tool: str, **arguments: Any) -> tuple[str, dict[str, str]]:
    answer = await ask(tool, **arguments)
    assert answer.refusal is not None, answer.structured
    return answer.refusal.code, dict(answer.refusal.details)


async def test_expiries_come_soonest_first_with_their_end(ask: Ask) -> None:
    told = (await ask("get_expiries", underlying="alfa")).structured
    rows = told["expiries"]
    assert told["underlying"] == "ALFA"
    assert rows[0]["expiry"] == "2026-03-06"
    assert rows[0]["last_trade_at"] == "2026-03-06T21:00:00.000+00:00"
    assert (rows[0]["days"], rows[0]["multiplier"], rows[0]["settlement"]) == ("4.38", "100", "cash")
    assert [row["expiry"] for row in rows] == sorted(row["expiry"] for row in rows)
    assert (await code(ask, "get_expiries", underlying="JULI"))[0] == "INSTRUMENT_UNRESOLVED"


async def test_a_chain_is_bounded_and_says_its_source(ask: Ask) -> None:
    told = (await ask("get_option_chain", strikes=3, **NEAREST)).structured
    assert [row["strike"] for row in told["chain"]] == ["355", "360", "365"]
    assert told["at_the_money"] == "360"
    assert told["data_type"] == "simulated"
    assert "Black-Scholes" in told["source"]
    call, put = told["chain"][1]["call"], told["chain"][1]["put"]
    assert (call["symbol"], put["symbol"]) == ("ALFA260306C00360000", "ALFA260306P00360000")
    assert Decimal(call["bid"]) < Decimal(call["ask"])
    assert 0 < Decimal(call["greeks"]["delta"]) < 1
    assert -1 < Decimal(put["greeks"]["delta"]) < 0
    assert (await code(ask, "get_option_chain", strikes=42, **NEAREST))[0] == "BAD_ARGUMENTS"
    by_day = (await ask("get_option_chain", strikes=3, underlying="ALFA", expiry="2026-03-06")).structured
    assert by_day == told


async def test_an_expiry_that_is_not_listed_is_refused_with_those_that_are(ask: Ask) -> None:
    refused, details = await code(ask, "get_option_chain", underlying="ALFA", expiry="2026-03-05")
    assert refused == "INSTRUMENT_UNRESOLVED"
    assert "2026-03-06" in details["candidates"]
    assert (await code(ask, "get_option_chain", underlying="ALFA", expiry_offset=50))[0] == "INSTRUMENT_UNRESOLVED"


@pytest.mark.parametrize(
    ("right", "wanted", "strike"),
    [
        ("call", {"moneyness": "atm"}, "360"),
        ("call", {"moneyness": "ITM2"}, "350"),
        ("call", {"moneyness": "otm3"}, "375"),
        ("put", {"moneyness": "itm2"}, "370"),
        ("put", {"moneyness": "otm3"}, "345"),
        ("put", {"strike": 400}, "400"),
        ("call", {"strike": "300.000"}, "300"),
    ],
)
async def test_a_strike_or_a_distance_from_the_money_means_exactly_one_option(
    ask: Ask, right: str, wanted: dict[str, object], strike: str
) -> None:
    told = (await ask("resolve_option", right=right, **NEAREST, **wanted)).structured
    option = told["instrument"]["option"]
    assert (option["right"], option["strike"], option["expiry"]) == (right, strike, "2026-03-06")
    assert told["quote"]["symbol"] == told["instrument"]["symbol"]


async def test_what_means_no_option_is_refused_with_the_nearest(ask: Ask) -> None:
    refused, details = await code(ask, "resolve_option", right="call", strike="361", **NEAREST)
    assert refused == "INSTRUMENT_UNRESOLVED"
    assert "ALFA260306C00360000" in details["candidates"]
    assert "ALFA260306C00365000" in details["candidates"]
    refused, details = await code(ask, "resolve_option", right="put", moneyness="otm99", **NEAREST)
    assert refused == "INSTRUMENT_UNRESOLVED"
    assert "ALFA260306P00165000" in details["candidates"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"underlying": "ALFA", "right": "call", "strike": 360},
        {**NEAREST, "expiry": "2026-03-06", "right": "call", "strike": 360},
        {**NEAREST, "right": "call"},
        {**NEAREST, "right": "call", "strike": 360, "moneyness": "atm"},
        {**NEAREST, "right": "call", "moneyness": "otm0"},
        {**NEAREST, "right": "call", "moneyness": "otm100"},
        {**NEAREST, "right": "straddle", "strike": 360},
        {"underlying": "ALFA", "expiry": 20260306, "right": "call", "strike": 360},
        {**NEAREST, "right": "call", "strike": -1},
    ],
)
async def test_arguments_that_could_mean_two_things_are_refused(ask: Ask, arguments: dict[str, object]) -> None:
    assert (await code(ask, "resolve_option", **arguments))[0] == "BAD_ARGUMENTS"


async def test_greeks_come_with_the_volatility_that_prices_stand_for(ask: Ask) -> None:
    told = (await ask("get_option_greeks", symbol="ALFA260320C00360000", price="9.00")).structured
    assert Decimal(told["implied_volatility_of_bid"]) < Decimal(told["greeks"]["volatility"])
    assert Decimal(told["implied_volatility_of_ask"]) > Decimal(told["greeks"]["volatility"])
    assert Decimal(told["implied_volatility_of_price"]) > 0
    assert told["rate"] == "0.04"
    none = (await ask("get_option_greeks", symbol="ALFA260320C00360000", price="5000")).structured
    assert none["implied_volatility_of_price"] is None
    assert (await code(ask, "get_option_greeks", symbol="ALFA"))[0] == "INSTRUMENT_UNRESOLVED"


async def test_a_synthetic_future_lies_where_the_rate_carries_the_spot(ask: Ask) -> None:
    told = (await ask("get_synthetic_future", underlying="ALFA", expiry="2026-08-21")).structured
    spot, bid, price, ask_ = (Decimal(told[name]) for name in ("spot", "bid", "price", "ask"))
    years = Decimal(told["series"]["days"]) / 365
    assert bid < price < ask_
    assert bid < spot * (Decimal("0.04") * years).exp() < ask_
    assert Decimal(told["basis"]) == price - spot


async def test_an_option_order_waits_for_the_operator_and_fills_at_a_hundred_times_its_price(
    desk: Desk, ask: Ask
) -> None:
    placed = (await ask("place_option_order", right="call", moneyness="atm", **NEAREST, **PAID)).structured
    assert (placed["state"], placed["symbol"]) == ("pending", "ALFA260306C00360000")
    before = Decimal((await ask("get_balances")).structured["cash"])
    await approve(desk, placed["order_id"])
    filled = (await ask("get_order", order_id=placed["order_id"])).structured
    assert filled["state"] == "filled"
    after = Decimal((await ask("get_balances")).structured["cash"])
    assert before - after == Decimal(filled["average_price"]) * 100 + Decimal(filled["fees"])
    (held,) = (await ask("get_portfolio")).structured["positions"]
    assert Decimal(held["market_value"]) == Decimal(held["mark"]) * 100


async def test_a_repeated_key_is_the_same_option_though_the_money_has_moved(desk: Desk, ask: Ask) -> None:
    asked = {"right": "call", "moneyness": "atm", **NEAREST, **PAID}
    first = (await ask("place_option_order", **asked)).structured
    for _ in range(500):
        desk.clock.pass_time(600)
        now = (await ask("resolve_option", right="call", moneyness="atm", **NEAREST)).structured
        if now["instrument"]["symbol"] != first["symbol"]:
            break
    else:
        pytest.fail("the money never moved")
    again = (await ask("place_option_order", **asked)).structured
    assert (again["order_id"], again["symbol"]) == (first["order_id"], first["symbol"])
    assert (await code(ask, "place_option_order", **{**asked, "moneyness": "otm1"}))[0] == "IDEMPOTENCY_CONFLICT"


@pytest.mark.parametrize(
    ("tool", "asked", "spelt", "other"),
    [
        (
            "place_option_order",
            {"right": "call", "strike": "360", "order_type": "limit", "limit_price": "3.9"},
            {"underlying": " alfa ", "right": "CALL", "strike": 360.0, "quantity": "1.00", "limit_price": "3.90", "side": "BUY"},
            ({"strike": 365}, {"limit_price": "3.91"}, {"quantity": 2}, {"underlying": "BRVO"}, {"right": "put"}),
        ),
        (
            "place_option_strategy",
            {"strategy": "bull_call_spread", "strikes": ["ATM", "370"], "time_in_force": "day"},
            {"underlying": "alfa", "strategy": "Bull_Call_Spread", "strikes": ["atm", 370.0], "quantity": "1.0"},
            ({"strikes": ["atm", "375"]}, {"quantity": 2}, {"strategy": "bear_call_spread"}),
        ),
    ],
)  # fmt: skip
async def test_a_repeated_key_is_the_same_however_it_is_spelt_and_other_terms_are_a_conflict(
    ask: Ask, tool: str, asked: dict[str, Any], spelt: dict[str, Any], other: tuple[dict[str, Any], ...]
) -> None:
    whole = {**NEAREST, **PAID, **asked}
    if tool == "place_option_strategy":
        del whole["side"]
    first = (await ask(tool, **whole)).structured
    again = (await ask(tool, **{**whole, **spelt})).structured
    assert orders_of(again) == orders_of(first)
    for terms in other:
        assert (await code(ask, tool, **{**whole, **terms}))[0] == "IDEMPOTENCY_CONFLICT"


def orders_of(told: Mapping[str, Any]) -> list[str]:
    """Return the ids of the orders in an answer that has one, or a group of them."""
    return [one["order_id"] for one in (told["group"]["orders"] if "group" in told else [told])]


async def test_limits_count_a_contract_with_its_multiplier(ask: Ask) -> None:
    deep = {"right": "call", "strike": 165, **NEAREST, **PAID}
    refused, details = await code(ask, "place_option_order", **deep)
    assert refused == "MAX_NOTIONAL"
    assert "10000" in details["MAX_NOTIONAL"]


async def test_a_naked_call_is_refused_before_anybody_is_asked(desk: Desk, ask: Ask) -> None:
    sold = {"right": "call", "moneyness": "otm1", **NEAREST, **PAID, "side": "sell"}
    refused, details = await code(ask, "place_option_order", **sold)
    assert refused == "ASSET_CLASS_NOT_ALLOWED"
    assert "covered" in details["ASSET_CLASS_NOT_ALLOWED"]
    assert not list(desk.book.all())


STRATEGY = {**NEAREST, "idempotency_key": "key-strategy", "quantity": 1}


async def test_a_condor_is_one_decision_whose_bought_legs_go_first(desk: Desk, ask: Ask) -> None:
    strikes = ["otm3", 355, 365, "otm3"]
    placed = (await ask("place_option_strategy", strategy="iron_condor", strikes=strikes, **STRATEGY)).structured
    group = placed["group"]
    assert "one decision" in placed["says"]
    assert [(one["side"], one["symbol"][-9:]) for one in group["orders"]] == [
        ("buy", "P00345000"), ("buy", "C00375000"), ("sell", "P00355000"), ("sell", "C00365000"),
    ]  # fmt: skip
    outcome = placed["outcome"]
    assert Decimal(outcome["paid"]) < 0
    assert Decimal(outcome["most_lost"]) == 1000 + Decimal(outcome["paid"])
    assert Decimal(outcome["most_won"]) == -Decimal(outcome["paid"])
    assert len(outcome["breakevens"]) == 2
    await approve(desk, group["orders"][0]["order_id"])
    again = (await ask("place_option_strategy", strategy="iron_condor", strikes=strikes, **STRATEGY)).structured
    assert [one["state"] for one in again["group"]["orders"]] == ["filled"] * 4
    assert again["group"]["group_id"] == group["group_id"]
    # a condor's margin is the wider wing's, not the sum of both
    balances = (await ask("get_balances")).structured
    assert Decimal(balances["buying_power"]) > 2 * (Decimal(balances["equity"]) - 1500)


async def test_a_call_is_sold_against_shares_that_are_bought_with_it(desk: Desk, ask: Ask) -> None:
    asked = {**STRATEGY, "underlying": "BRVO", "expiry_offset": 6, "strategy": "covered_call", "strikes": ["otm1"]}
    placed = (await ask("place_option_strategy", **asked)).structured
    shares, call = placed["group"]["orders"]
    assert (shares["side"], shares["symbol"], shares["quantity"]) == ("buy", "BRVO", "100")
    assert (call["side"], call["quantity"]) == ("sell", "1")
    assert placed["outcome"]["most_won"] is not None
    await approve(desk, shares["order_id"])
    states = [(await ask("get_order", order_id=one["order_id"])).structured["state"] for one in (shares, call)]
    assert states == ["filled", "filled"]


async def test_without_the_shares_a_call_is_only_sold_where_they_are_held(desk: Desk, ask: Ask) -> None:
    asked = {
        **STRATEGY,
        "underlying": "BRVO",
        "expiry_offset": 6,
        "strategy": "covered_call",
        "strikes": ["otm1"],
        "with_shares": False,
    }
    assert (await code(ask, "place_option_strategy", **asked))[0] == "ASSET_CLASS_NOT_ALLOWED"
    bought = await ask(
        "place_order", idempotency_key="key-shares-1", symbol="BRVO", side="buy", quantity=100, order_type="market"
    )
    await approve(desk, bought.structured["order_id"])
    placed = (await ask("place_option_strategy", **asked)).structured
    assert placed["group"]["group_id"] is None
    assert placed["outcome"]["most_lost"] is not None  # the shares count, so it isn't without bound


async def test_limit_legs_are_asked_for_at_the_touch_of_the_moment(desk: Desk, ask: Ask) -> None:
    asked = {**STRATEGY, "strategy": "bull_call_spread", "strikes": [360, 365], "order_type": "limit"}
    placed = (await ask("place_option_strategy", **asked)).structured
    for order, side in zip(placed["group"]["orders"], (Side.BUY, Side.SELL), strict=True):
        assert Decimal(order["limit_price"]) == await desk.touch(order["symbol"], side)


@pytest.mark.parametrize(
    "arguments",
    [
        {"strategy": "iron_condor", "strikes": [345, 355, 365]},
        {"strategy": "straddle", "strikes": ["atm"], "with_shares": True},
        {"strategy": "short_straddle", "strikes": ["atm"]},
        {"strategy": "bull_call_spread", "strikes": [365, 360]},
        {"strategy": "strangle", "strikes": ["atm", "atm"]},
        {"strategy": "straddle", "strikes": ["near"]},
        {"strategy": "straddle", "strikes": []},
        {"strategy": "straddle", "strikes": ["atm"], "quantity": 0},
    ],
)
async def test_strikes_that_do_not_make_the_strategy_are_refused(
    desk: Desk, ask: Ask, arguments: dict[str, object]
) -> None:
    assert (await code(ask, "place_option_strategy", **{**STRATEGY, **arguments}))[0] == "BAD_ARGUMENTS"
    assert not list(desk.book.all())


async def test_a_padded_symbol_is_the_same_option_for_every_tool(desk: Desk, ask: Ask) -> None:
    terms = {"symbol": "alfa  260320C00360000", "side": "buy", "quantity": 1, "order_type": "market"}
    assert (await ask("check_risk", **terms)).structured["symbol"] == "ALFA260320C00360000"
    placed = (await ask("place_order", idempotency_key="key-padded-1", **terms)).structured
    assert placed["symbol"] == "ALFA260320C00360000"
    await approve(desk, placed["order_id"])
    (held,) = (await ask("get_positions")).structured["positions"]
    assert held["symbol"] == "ALFA260320C00360000"


async def test_a_sold_put_counts_with_what_must_be_kept_for_it(ask: Ask) -> None:
    put = {**STRATEGY, "strategy": "cash_secured_put", "strikes": ["otm1"], "expiry_offset": 6}
    refused, details = await code(ask, "place_option_strategy", **put)
    assert refused == "MAX_NOTIONAL"
    assert "35500.00" in details["MAX_NOTIONAL"]
    placed = (await ask("place_option_strategy", **{**put, "underlying": "BRVO"})).structured
    assert placed["group"]["state"] == "pending"
