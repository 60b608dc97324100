"""What each check is to an order that only closes: a client's, and one by which the operator closes by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.desk.risk import CHECKS, Activity, Linked, evaluate, is_priced, warnings_of
from cockpit.model.checks import Applies
from cockpit.model.identity import ClientName
from cockpit.model.instruments import InstrumentKind
from cockpit.model.latches import Latch, LatchKind
from cockpit.model.money import ZERO
from cockpit.model.orders import Linkage, OrderRef, OrderRequest, OrderType, Role, Side
from cockpit.model.quotes import DataType
from cockpit.model.text import Safe
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.settings.policy import PolicySettings
from tests.desk.risk_scenes import (
    ALFA,
    CLOSED_MARKET,
    LIVE,
    NOON,
    POLICY,
    QUOTE,
    failed,
    found,
    of,
    order,
    resting,
    sell,
)

REFUSED, WARNED, SKIPPED, PASSES = "refused", "warned", "skipped", "passes"
"""What becomes of the operator's order where a client's is refused; the last where a client's passes too."""
HELD = replace(LIVE, position=Decimal(5))
QUOTED = replace(QUOTE, data_type=DataType.LIVE)
OLD = replace(QUOTED, as_of=NOON - timedelta(seconds=6))
ALL = sell("5")


def latch(kind: LatchKind) -> tuple[Latch, ...]:
    return (Latch(kind, "paper", NOON, Safe("test")),)


DECIDED: list[tuple[str, str, OrderRequest, dict[str, Any], PolicySettings]] = [
    ("KILL_SWITCH", SKIPPED, ALL, {"state": TradingState.KILLED}, POLICY),
    ("REDUCE_ONLY", PASSES, ALL, {"state": TradingState.REDUCE_ONLY}, POLICY),
    ("TRADING_DISABLED", REFUSED, ALL, {"trade": False}, POLICY),
    ("LIVE_DISABLED", PASSES, ALL, {"armed": False}, POLICY),
    ("MODE_MISMATCH", REFUSED, ALL, {"account_mode": Mode.PAPER}, POLICY),
    ("SCOPE_MISSING", REFUSED, ALL, {"scopes": frozenset()}, POLICY),
    ("ACCOUNT_NOT_ALLOWED", REFUSED, ALL, {"account_named": "U1"}, POLICY),
    ("PREVIEW_STALE", REFUSED, ALL, {"previewed_at": Decimal(50)}, POLICY),
    ("BROKER_NOT_READY", REFUSED, ALL, {"link": Link.DEGRADED}, POLICY),
    ("RECONCILING", SKIPPED, ALL, {"unknown_orders": 1}, POLICY),
    ("BAD_SYMBOL", REFUSED, replace(ALL, symbol="alfa\0"), {}, POLICY),
    ("INSTRUMENT_UNRESOLVED", REFUSED, replace(ALL, symbol="BRVO"), {}, POLICY),
    ("SYMBOL_NOT_ALLOWED", SKIPPED, ALL, {}, of(allowed_symbols=["BRVO"])),
    ("SYMBOL_RESTRICTED", SKIPPED, ALL, {}, of(denied_symbols=["ALFA"])),
    ("ASSET_CLASS_NOT_ALLOWED", SKIPPED, ALL, {}, of(asset_classes=["crypto"])),
    ("ORDER_TYPE_NOT_ALLOWED", SKIPPED, ALL, {}, of(order_types=["limit"])),
    ("TIF_NOT_ALLOWED", SKIPPED, ALL, {}, of(times_in_force=["gtc"])),
    ("BAD_QUANTITY", REFUSED, sell("0.5"), {}, POLICY),
    ("BAD_TICK", REFUSED, sell("5", "99.995"), {}, POLICY),
    ("BRACKET_INCONSISTENT", REFUSED, ALL,
     {"linked": Linked(Linkage.BRACKET, Role.TARGET, ((Role.ENTRY, sell("5", "100")),))}, POLICY),
    ("MARKET_DATA_MISSING", WARNED, ALL, {"quote": None}, POLICY),
    ("MARKET_DATA_MISSING", WARNED, ALL, {"quote": replace(QUOTED, ask=Decimal(1))}, POLICY),
    ("MARKET_DATA_STALE", WARNED, ALL, {"quote": OLD}, POLICY),
    ("MARKET_DATA_STALE", WARNED, ALL, {"quote": replace(QUOTED, as_of=NOON + timedelta(seconds=9))}, POLICY),
    ("MARKET_DATA_NOT_LIVE", WARNED, ALL, {"quote": replace(QUOTE, data_type=DataType.DELAYED)}, POLICY),
    ("MARKET_DATA_NOT_LIVE", WARNED, ALL, {"quote": replace(QUOTE, data_type=DataType.FROZEN)}, POLICY),
    ("SPREAD_TOO_WIDE", WARNED, ALL, {"quote": replace(QUOTED, ask=Decimal(150))}, POLICY),
    ("SPREAD_TOO_WIDE", WARNED, ALL, {"quote": replace(QUOTED, ask=None)}, POLICY),
    ("INSTRUMENT_HALTED", REFUSED, ALL, {"halted": True}, POLICY),
    ("INSTRUMENT_HALTED", PASSES, ALL, {"halted": None}, POLICY),
    ("SESSION_CLOSED", REFUSED, ALL, {"session": CLOSED_MARKET}, POLICY),
    ("SESSION_CLOSED", WARNED, ALL, {"session": None}, POLICY),
    ("SESSION_CLOSED", PASSES, replace(ALL, outside_hours=True, order_type=OrderType.LIMIT, limit_price=Decimal(100)),
     {"session": CLOSED_MARKET}, POLICY),
    ("SESSION_CLOSED", WARNED, replace(ALL, outside_hours=True, order_type=OrderType.LIMIT, limit_price=Decimal(100)),
     {"session": CLOSED_MARKET}, of(allow_outside_hours=False)),
    ("MAX_QUANTITY", PASSES, ALL, {}, of(max_quantity="1")),
    ("MAX_NOTIONAL", PASSES, ALL, {"quote": None, "to_account": None}, of(max_notional="1")),
    ("MIN_NOTIONAL", PASSES, ALL, {"quote": None, "to_account": None}, of(min_notional="1000000")),
    ("MAX_VOLUME_SHARE", PASSES, ALL, {"average_volume": None}, POLICY),
    ("PRICE_COLLAR", REFUSED, sell("5", "110"), {"quote": QUOTED}, POLICY),
    ("PRICE_COLLAR", WARNED, sell("5", "110"), {"quote": None}, POLICY),
    ("PRICE_COLLAR", WARNED, sell("5", "110"), {"quote": OLD}, POLICY),
    ("STOP_WRONG_SIDE", REFUSED, sell("5", stop="110"), {}, POLICY),
    ("MARKETABLE_THROUGH", REFUSED, sell("5", "98"), {"quote": QUOTED}, POLICY),
    ("MARKETABLE_THROUGH", WARNED, sell("5", "98"), {"quote": None}, POLICY),
    ("MARKETABLE_THROUGH", WARNED, sell("5", "98"), {"quote": OLD}, POLICY),
    ("MAX_POSITION", PASSES, ALL, {}, of(max_position="1")),
    ("MAX_GROSS", PASSES, ALL, {"elsewhere": None, "balances": None}, POLICY),
    ("MAX_NET", PASSES, ALL, {"elsewhere": None, "balances": None}, POLICY),
    ("CONCENTRATION", PASSES, ALL, {"balances": None}, POLICY),
    ("BUYING_POWER", PASSES, ALL, {"balances": None, "in_flight": None}, POLICY),
    ("SHORT_NOT_ALLOWED", PASSES, ALL, {}, of(allow_short=False)),
    ("SHORT_NOT_ALLOWED", REFUSED, ALL, {"uncovers": ("ALFA260417C00100000",)}, POLICY),
    ("SHORT_NOT_ALLOWED", REFUSED, ALL, {"uncovers": None}, POLICY),
    ("NO_LOCATE", PASSES, ALL, {"borrow": None}, POLICY),
    ("DAILY_LOSS", PASSES, ALL, {"latches": latch(LatchKind.DAILY_LOSS), "day_start": None}, POLICY),
    ("DRAWDOWN", SKIPPED, ALL, {"latches": latch(LatchKind.DRAWDOWN)}, POLICY),
    ("RISK_PER_TRADE", PASSES, ALL, {"balances": None}, of(require_stop=True)),
    ("REWARD_RISK", PASSES, ALL, {"quote": None}, POLICY),
    ("RATE_LIMITED", PASSES, ALL, {}, POLICY),
    ("DAILY_ORDER_COUNT", SKIPPED, ALL, {"activity": Activity(connection_orders=5000)}, POLICY),
    ("DAILY_NOTIONAL", SKIPPED, ALL, {"to_account": None}, POLICY),
    ("MAX_OPEN_ORDERS", SKIPPED, ALL, {"open_orders": 50}, POLICY),
    ("DUPLICATE_ORDER", PASSES, ALL, {"client": "", "activity": None}, POLICY),
    ("REPEATED_EXECUTION", PASSES, ALL, {"client": "", "activity": None}, POLICY),
    ("REJECT_RATE", PASSES, ALL, {"client": "", "activity": None}, POLICY),
    ("CANCEL_RATIO", PASSES, ALL, {"activity": None}, POLICY),
    ("SELF_CROSS", REFUSED, ALL, {"resting": (resting(order("1", "99.99")),)}, POLICY),
    ("SELF_CROSS", PASSES, ALL, {"resting": (resting(order("1", "99.98")),)}, POLICY),
    ("SELF_CROSS", REFUSED, ALL, {"resting": (resting(order("1", "99.98")),), "quote": None}, POLICY),
    ("SELF_CROSS", PASSES, sell("5", "99.99"), {"resting": (resting(order("1", "99.98")),), "quote": None}, POLICY),
    ("MODIFY_NOT_ALLOWED", REFUSED, ALL, {"before": replace(ALL, order_type=OrderType.LIMIT)}, POLICY),
    ("WHATIF_WARNING", PASSES, ALL, {"broker_warning": "no"}, POLICY),
]  # fmt: skip


def test_each_check_is_decided_on() -> None:
    assert {code for code, *_ in DECIDED} == {one.code for one in CHECKS}


@pytest.mark.parametrize(
    ("code", "becomes", "asked", "changes", "policy"),
    [pytest.param(*one, id=f"{one[0]}-{one[1]}-{place}") for place, one in enumerate(DECIDED)],
)
def test_what_becomes_of_a_closing_order(
    code: str, becomes: str, asked: OrderRequest, changes: dict[str, Any], policy: PolicySettings
) -> None:
    around = replace(HELD, **changes)
    theirs, his = (found(code, asked, one, policy) for one in (around, replace(around, by_operator=True)))
    assert theirs.ok is (becomes == PASSES)
    assert his.ok is (becomes != REFUSED)
    warned = {one.code for one in warnings_of(asked, replace(around, by_operator=True), policy)}
    assert (code in warned, his.message.startswith("Warning: ")) == ((becomes == WARNED,) * 2)
    if becomes == SKIPPED and code not in {"ORDER_TYPE_NOT_ALLOWED", "TIF_NOT_ALLOWED"}:
        assert (his.message, his.applies) == ("The operator closes by hand.", Applies.NOT_APPLICABLE)


def test_orders_in_the_way_are_named_and_what_only_their_broker_can_cancel_too() -> None:
    mine = resting(order("1", "99.99"))
    theirs = replace(mine, client=ClientName(""), reference=OrderRef("ib:77"))
    seen = replace(HELD, by_operator=True)
    words = "It would trade with BUY 1 ALFA LMT 99.99 DAY"
    assert (
        found("SELF_CROSS", ALL, replace(seen, resting=(mine,))).message
        == f"{words} (o-1): cancel that first, or flatten."
    )
    says = found("SELF_CROSS", ALL, replace(seen, resting=(theirs,))).message
    assert says == f"{words} (ib:77 (not sent from here)): cancel that first."


def test_a_halt_that_an_old_price_told_of_keeps_nobody_from_closing() -> None:
    around = replace(HELD, quote=OLD, halted=True)
    assert found("INSTRUMENT_HALTED", ALL, replace(around, by_operator=True)).ok
    assert not found("INSTRUMENT_HALTED", ALL, around).ok


def test_by_hand_an_order_that_may_open_is_judged_like_a_clients() -> None:
    for around in (replace(HELD, quote=None), replace(HELD, state=TradingState.HALTED), replace(HELD, session=None)):
        for asked, held in ((sell("6"), True), (order("5"), True), (ALL, False)):
            seen = replace(around, held=held)
            assert failed(asked, replace(seen, by_operator=True)) == failed(asked, seen) != set()
            assert warnings_of(asked, replace(seen, by_operator=True), POLICY) == ()


def test_only_a_young_live_price_is_one() -> None:
    assert is_priced(ALL, replace(HELD, by_operator=True), POLICY)
    for quote in (None, OLD, QUOTE, replace(QUOTED, bid=None), replace(QUOTED, ask=Decimal(1))):
        assert not is_priced(ALL, replace(HELD, by_operator=True, quote=quote), POLICY)


@given(
    st.sampled_from([None, QUOTE, OLD, QUOTED, replace(QUOTED, bid=None), replace(QUOTED, bid=ZERO, ask=ZERO)]),
    st.booleans() | st.none(),
    st.sampled_from([None, CLOSED_MARKET, LIVE.session]),
    st.sampled_from([ALL, sell("6"), sell("5", "110"), sell("5", "0.01"), order("5"), sell("5", "99.99")]),
    st.booleans(),
    st.sampled_from([Mode.LIVE, Mode.PAPER]),
    st.sampled_from([ALFA, replace(ALFA, kind=InstrumentKind.OPTION)]),
)
def test_the_operator_is_never_held_by_more_than_a_client(
    quote: Any, halted: bool | None, session: Any, asked: OrderRequest, held: bool, mode: Mode, instrument: Any
) -> None:
    around = replace(
        HELD, quote=quote, halted=halted, session=session, held=held, mode=mode, instrument=instrument,
        resting=(resting(order("1", "99.99")), resting(order("1", stop="120", side=Side.BUY))),
    )  # fmt: skip
    theirs = {one.code for one in evaluate(asked, around, POLICY) if not one.ok}
    his = {one.code for one in evaluate(asked, replace(around, by_operator=True), POLICY) if not one.ok}
    assert his <= theirs | {"SELF_CROSS"}, "an old price proves no distance to an own order"
    if not around.opening(asked):
        assert not his & {"MARKET_DATA_MISSING", "MARKET_DATA_STALE", "MARKET_DATA_NOT_LIVE", "SPREAD_TOO_WIDE"}
