"""The risk checks as sentences: each refuses what it should, and missing input refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.base import Capabilities
from cockpit.desk.risk import Activity, Seen, evaluate, refusal_of, worst_notional
from cockpit.model.accounts import Balances
from cockpit.model.checks import Applies
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.money import ZERO
from cockpit.model.orders import OrderRequest, OrderType, Side, TimeInForce
from cockpit.model.quotes import DataType, MarketClock, Quote
from cockpit.model.refusals import REFUSALS
from cockpit.model.text import Safe
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.settings.model import PolicySettings

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ALFA = Instrument("ALFA", Safe("Alfa"), InstrumentKind.STOCK, "SIM", "USD", Decimal("0.01"), Decimal(1))
QUOTE = Quote(
    "ALFA", Decimal("99.99"), Decimal(100), Decimal(5), Decimal(5), Decimal(100), NOON, "t", DataType.SIMULATED
)
MONEY = Balances("A", "USD", Decimal(1000), Decimal(1000), Decimal(1000), ZERO, ZERO, ZERO, NOON, "t")
CAN = Capabilities(frozenset({OrderType.MARKET, OrderType.LIMIT}), frozenset(TimeInForce), frozenset(), True)
SEEN = Seen(
    NOON,
    TradingState.RUNNING,
    Mode.PAPER,
    Mode.PAPER,
    Link.READY,
    True,
    CAN,
    ALFA,
    QUOTE,
    MONEY,
    ZERO,
    ZERO,
    ZERO,
    ZERO,
    held=True,
    client="claude",
    session=MarketClock(NOON, True, None, None, "t", ""),
    to_account=Decimal(1),
    elsewhere=(),
    day_start=Decimal(1000),
    high_water=Decimal(1000),
    activity=Activity(),
    open_orders=0,
    open_of_symbol=0,
)
POLICY = PolicySettings(
    max_quantity=Decimal(50), max_notional=Decimal(900), buying_power_share=Decimal(1), max_concentration=Decimal(2)
)


def buy(quantity: str = "1", price: str | None = None, side: Side = Side.BUY) -> OrderRequest:
    limit = None if price is None else Decimal(price)
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    return OrderRequest("ALFA", side, Decimal(quantity), kind, limit, TimeInForce.DAY)


def failed(order: OrderRequest, seen: Seen = SEEN, policy: PolicySettings = POLICY) -> set[str]:
    return {check.code for check in evaluate(order, seen, policy) if not check.ok}


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
    assert worst_notional(buy("2", "98", Side.SELL), SEEN, POLICY) == Decimal("199.98")


def test_closing_needs_no_buying_power_but_only_as_far_as_it_closes() -> None:
    poor = replace(SEEN, position=Decimal(5), balances=replace(MONEY, buying_power=ZERO))
    assert failed(buy("5", side=Side.SELL), poor) == set()
    assert failed(buy("6", side=Side.SELL), poor) == {"BUYING_POWER"}
    assert failed(buy("5", side=Side.SELL), replace(poor, committed_sell=Decimal(1))) == {"BUYING_POWER"}


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
