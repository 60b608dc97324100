"""The risk checks as sentences: each refuses what it should, and missing input refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.desk.risk import Seen, evaluate, refusal_of, worst_notional
from cockpit.model.checks import Applies
from cockpit.model.money import ZERO
from cockpit.model.orders import OrderRequest, OrderType, Side
from cockpit.model.refusals import REFUSALS
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.settings.policy import PolicySettings
from tests.desk import risk_scenes
from tests.desk.risk_scenes import CAN, NOON, QUOTE, RICH, of, sell
from tests.desk.risk_scenes import order as buy

MONEY = replace(RICH, cash=Decimal(1000), equity=Decimal(1000), buying_power=Decimal(1000))
SEEN = risk_scenes.seen(
    can=replace(CAN, order_types=frozenset({OrderType.MARKET, OrderType.LIMIT})),
    balances=MONEY,
    day_start=Decimal(1000),
    high_water=Decimal(1000),
)
"""A small account at a broker that takes market and limit orders alone."""
POLICY = of(max_quantity="50", max_notional="900", buying_power_share="1", max_concentration="2")


def failed(order: OrderRequest, seen: Seen = SEEN, policy: PolicySettings = POLICY) -> set[str]:
    return risk_scenes.failed(order, seen, policy)


def test_a_small_order_at_the_market_passes() -> None:
    assert failed(buy()) == set()
    assert failed(buy("1", "99.50")) == set()


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (buy("0.5"), "BAD_QUANTITY"),
        (buy("0"), "BAD_QUANTITY"),
        (buy("-1"), "BAD_QUANTITY"),
        (buy("1", "99.995"), "BAD_TICK"),
        (buy("51", "99"), "MAX_QUANTITY"),
        (buy("9"), "MAX_NOTIONAL"),
        (buy("1", "104"), "PRICE_COLLAR"),
        (buy("1", "96"), "PRICE_COLLAR"),
        (replace(buy(), order_type=OrderType.LIMIT), "ORDER_TYPE_NOT_ALLOWED"),
        (replace(buy(), order_type=OrderType.STOP, stop_price=Decimal(101)), "ORDER_TYPE_NOT_ALLOWED"),
    ],
)
def test_what_is_wrong_with_the_order_is_refused(order: OrderRequest, code: str) -> None:
    assert code in failed(order)


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (replace(SEEN, state=TradingState.KILLED), "KILL_SWITCH"),
        (replace(SEEN, state=TradingState.HALTED), "HALTED"),
        (replace(SEEN, state=TradingState.REDUCE_ONLY), "REDUCE_ONLY"),
        (replace(SEEN, trade=False), "TRADING_DISABLED"),
        (replace(SEEN, account_mode=Mode.LIVE), "MODE_MISMATCH"),
        (replace(SEEN, link=Link.DEGRADED), "BROKER_NOT_READY"),
        (replace(SEEN, quote=replace(QUOTE, ask=None)), "MARKET_DATA_MISSING"),
        (replace(SEEN, quote=None), "MARKET_DATA_STALE"),
        (replace(SEEN, now=NOON + timedelta(seconds=5, milliseconds=1)), "MARKET_DATA_STALE"),
        (replace(SEEN, balances=None), "BUYING_POWER"),
        (replace(SEEN, balances=replace(MONEY, buying_power=Decimal("102.99"))), "BUYING_POWER"),
        (replace(SEEN, in_flight=Decimal(900)), "BUYING_POWER"),
    ],
)
def test_what_is_wrong_around_the_order_is_refused(seen: Seen, code: str) -> None:
    assert code in failed(buy(), seen)


def test_a_price_is_fresh_up_to_its_limit() -> None:
    assert failed(buy(), replace(SEEN, now=NOON + timedelta(seconds=5))) == set()


def test_a_market_order_is_worth_the_touch_plus_the_collar() -> None:
    assert worst_notional(buy("2"), SEEN, POLICY) == Decimal("206.00")


def test_a_sell_below_the_market_is_worth_the_market() -> None:
    assert worst_notional(sell("2", "98"), SEEN, POLICY) == Decimal("199.98")


def test_closing_needs_no_buying_power_but_only_as_far_as_it_closes() -> None:
    poor = replace(SEEN, position=Decimal(5), balances=replace(MONEY, buying_power=ZERO))
    assert failed(sell("5"), poor) == set()
    assert failed(sell("6"), poor) == {"BUYING_POWER"}
    assert failed(sell("5"), replace(poor, committed_sell=Decimal(1))) == {"BUYING_POWER"}


def test_every_check_runs_and_every_refusal_is_told() -> None:
    broken = replace(SEEN, trade=False, link=Link.DOWN)
    results = evaluate(buy("51.5", "104"), broken, POLICY)
    refusal = refusal_of(results)
    assert refusal is not None
    assert refusal.code == "TRADING_DISABLED"
    assert set(refusal.details) == {
        "TRADING_DISABLED", "BROKER_NOT_READY", "BAD_QUANTITY", "MAX_QUANTITY", "MAX_NOTIONAL", "PRICE_COLLAR",
        "BUYING_POWER", "MARKETABLE_THROUGH", "MAX_GROSS", "MAX_NET", "CONCENTRATION",
    }  # fmt: skip
    assert all(result.code in REFUSALS for result in results)


def test_one_refusal_alone_is_the_refusal() -> None:
    refusal = refusal_of(evaluate(buy(), replace(SEEN, trade=False), POLICY))
    assert refusal is not None
    assert (refusal.code, refusal.message) == ("TRADING_DISABLED", "Trading is off here.")
    assert refusal_of(evaluate(buy(), SEEN, POLICY)) is None


def test_what_does_not_apply_says_so() -> None:
    by_code = {result.code: result for result in evaluate(buy(), SEEN, POLICY)}
    assert by_code["PRICE_COLLAR"].applies is Applies.NOT_APPLICABLE
    assert by_code["BAD_TICK"].applies is Applies.NOT_APPLICABLE


_MONEY = st.decimals(min_value="0.01", max_value="100000", places=2)


@given(
    st.integers(1, 100), st.one_of(st.none(), st.decimals("90", "110", places=2)), st.sampled_from(Side),
    _MONEY, _MONEY, st.decimals("0.001", "0.2", places=3), st.decimals("0.001", "0.2", places=3),
    st.integers(-20, 20),
)  # fmt: skip
def test_a_stricter_policy_never_lets_more_through(
    quantity: int, price: Decimal | None, side: Side, most: Decimal, value: Decimal, loose: Decimal, tight: Decimal,
    held: int,
) -> None:  # fmt: skip
    order = buy(str(quantity), None if price is None else str(price), side)
    seen = replace(SEEN, position=Decimal(held))
    wide = PolicySettings(max_quantity=most, max_notional=value, price_collar=max(loose, tight))
    small = PolicySettings(
        max_quantity=most / 2, max_notional=value / 2, price_collar=wide.price_collar, max_quote_age_seconds=1
    )
    assert failed(order, seen, wide) <= failed(order, seen, small)
