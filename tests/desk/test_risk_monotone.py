"""A stricter policy never lets more through, whatever the order and whatever is seen."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.desk.risk import Activity, Exposure, Seen, evaluate
from cockpit.model.instruments import InstrumentKind
from cockpit.model.latches import Latch, LatchKind
from cockpit.model.orders import OrderRequest, OrderType, Role, Side, TimeInForce
from cockpit.model.text import Safe
from cockpit.model.trading import TradingState
from cockpit.settings.policy import TIGHTENS, PolicySettings, is_looser, stricter, tightened
from tests.desk.risk_scenes import ALFA, LIVE, NOON, QUOTE, RICH, SEEN, failed, in_bracket, order

_SYMBOLS = st.frozensets(st.sampled_from(["ALFA", "BRVO", "ECHO"]))
_SHARES = st.decimals("0.001", "1", places=3)
_MONEY = st.decimals("0.01", "200000", places=2)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "max_quantity": st.decimals("1", "200", places=0),
    "max_notional": _MONEY,
    "min_notional": st.decimals("0", "20000", places=2),
    "market_margin": _SHARES,
    "max_position": st.decimals("1", "200", places=0),
    "max_daily_notional": _MONEY,
    "connection_daily_notional": _MONEY,
    "min_reward_risk": st.decimals("0", "5", places=2),
    "max_quote_age_seconds": st.integers(1, 20),
    "approval_seconds": st.integers(5, 3600),
    "gtc_days": st.integers(0, 3),
    "allowed_symbols": st.none() | _SYMBOLS,
    "denied_symbols": _SYMBOLS,
    "asset_classes": st.frozensets(st.sampled_from(InstrumentKind)),
    "order_types": st.frozensets(st.sampled_from(OrderType)),
    "times_in_force": st.frozensets(st.sampled_from(TimeInForce)),
    "max_gross": st.decimals("0.01", "3", places=2),
    "max_net": st.decimals("0.01", "3", places=2),
    "max_concentration": st.decimals("0.01", "3", places=2),
    **dict.fromkeys(("allow_outside_hours", "allow_short", "require_stop", "allow_auto"), st.booleans()),
    **dict.fromkeys(
        (
            "max_daily_orders", "connection_daily_orders", "max_open_orders", "max_open_orders_per_symbol",
            "max_identical", "max_repeated_fills", "max_rejects",
        ),
        st.integers(1, 20),
    ),
}  # fmt: skip


def values(key: str) -> st.SearchStrategy[Any]:
    return VALUES.get(key, _SHARES)


policies = st.fixed_dictionaries({}, optional={key: values(key) for key in TIGHTENS}).map(
    lambda said: PolicySettings.model_validate(said)
)
_PRICES = st.decimals("80", "125", places=2).map(str)


@st.composite
def orders(draw: st.DrawFn) -> OrderRequest:
    quantity, side = str(draw(st.integers(1, 150))), draw(st.sampled_from(Side))
    kind = draw(st.sampled_from(OrderType))
    limit = draw(_PRICES) if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} else None
    stop = draw(_PRICES) if kind in {OrderType.STOP, OrderType.STOP_LIMIT} else None
    trail = draw(st.sampled_from(["0.5", "3", "30"])) if kind is OrderType.TRAILING_STOP else None
    return order(
        quantity, limit, side, stop=stop, trail=trail, outside_hours=draw(st.booleans()),
        time_in_force=draw(st.sampled_from(TimeInForce)),
    )  # fmt: skip


@st.composite
def sights(draw: st.DrawFn) -> Seen:
    signed = st.integers(-120, 120).map(Decimal)
    counts = st.integers(0, 25)
    legs = [
        (Role.TARGET, order("5", draw(_PRICES), Side.SELL)),
        (Role.STOP, order("5", None, Side.SELL, stop=draw(_PRICES))),
    ]
    return replace(
        draw(st.sampled_from([SEEN, LIVE])),
        now=NOON.replace(second=draw(st.integers(0, 25))),
        state=draw(st.sampled_from([TradingState.RUNNING, TradingState.REDUCE_ONLY])),
        instrument=replace(ALFA, kind=draw(st.sampled_from(InstrumentKind))),
        quote=draw(st.none() | st.just(QUOTE)),
        balances=replace(RICH, equity=draw(_MONEY), buying_power=draw(_MONEY)),
        position=draw(signed),
        committed_buy=abs(draw(signed)),
        committed_sell=abs(draw(signed)),
        in_flight=draw(st.none() | _MONEY),
        held=draw(st.booleans()),
        average_volume=draw(st.none() | st.just(Decimal(1000))),
        elsewhere=draw(st.sampled_from([None, (), (Exposure("B", Decimal(500), Decimal(20), Decimal(900)),)])),
        activity=Activity(
            draw(counts), draw(_MONEY), draw(counts), draw(_MONEY), draw(counts), draw(counts), draw(counts)
        ),
        open_orders=draw(counts),
        open_of_symbol=draw(counts),
        previewed_at=draw(st.none() | st.just(Decimal("99.7"))),
        linked=draw(st.none() | st.just(in_bracket(Role.ENTRY, *legs))),
        latches=draw(st.sampled_from([(), (Latch(LatchKind.DAILY_LOSS, "paper", NOON, Safe("")),)])),
    )


@given(orders(), sights(), policies, st.fixed_dictionaries({}, optional={key: values(key) for key in TIGHTENS}))
@settings(max_examples=200, deadline=None)
def test_a_stricter_policy_never_lets_more_through(
    asked: OrderRequest, around: Seen, policy: PolicySettings, other: dict[str, Any]
) -> None:
    assert failed(asked, around, policy) <= failed(asked, around, tightened(policy, other))


@pytest.mark.parametrize("key", TIGHTENS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_one_limit_alone_never_lets_more_through_when_it_is_tightened(key: str, data: st.DataObject) -> None:
    asked, around, policy = data.draw(orders()), data.draw(sights()), data.draw(policies)
    value = data.draw(values(key))
    assert failed(asked, around, policy) <= failed(asked, around, tightened(policy, {key: value}))


@pytest.mark.parametrize("key", TIGHTENS)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_the_stricter_of_two_is_never_looser_than_either(key: str, data: st.DataObject) -> None:
    one, other = data.draw(values(key)), data.draw(values(key))
    both = stricter(key, one, other)
    assert both == stricter(key, other, one)
    assert not is_looser(key, both, one)
    assert not is_looser(key, both, other)
    assert not is_looser(key, one, one)


@given(orders(), sights(), policies)
@settings(max_examples=200, deadline=None)
def test_the_checks_are_pure_and_never_raise(asked: OrderRequest, around: Seen, policy: PolicySettings) -> None:
    assert evaluate(asked, around, policy) == evaluate(asked, around, policy)


@given(orders(), sights(), policies, st.data())
@settings(max_examples=150, deadline=None)
def test_knowing_less_never_lets_more_through(
    asked: OrderRequest, around: Seen, policy: PolicySettings, data: st.DataObject
) -> None:
    names = (
        "quote",
        "balances",
        "session",
        "to_account",
        "elsewhere",
        "day_start",
        "high_water",
        "activity",
        "in_flight",
    )
    blind = replace(around, **{data.draw(st.sampled_from(names)): None})
    assert failed(asked, around, policy) <= failed(asked, blind, policy)
