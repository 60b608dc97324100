"""Each limit to the cent: what is at it passes, one step over refuses."""

from __future__ import annotations

import sys
from dataclasses import MISSING, fields, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.risk import Activity, Exposure, Seen, evaluate
from cockpit.desk.risk.losses import fall_from, loss_of_day
from cockpit.desk.risk.pace import IDENTICAL_SECONDS, REJECT_SECONDS, REPEATED_SECONDS
from cockpit.model.accounts import Balances
from cockpit.model.checks import Applies
from cockpit.model.identity import Scope
from cockpit.model.instruments import InstrumentKind
from cockpit.model.latches import Latch, LatchKind
from cockpit.model.orders import Order, OrderRequest, OrderType, Role, Side, TimeInForce
from cockpit.model.quotes import Borrowable, DataType
from cockpit.model.text import Safe
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.settings.policy import PolicySettings
from tests.desk.risk_scenes import (
    ALFA,
    CAN,
    CLOSED_MARKET,
    LIVE,
    NOON,
    POLICY,
    QUOTE,
    RICH,
    SEEN,
    failed,
    found,
    in_bracket,
    of,
    order,
    resting,
    seen,
    sell,
)

D = Decimal
Case = tuple[OrderRequest, Seen, PolicySettings]


def case(asked: OrderRequest | None = None, around: Seen = SEEN, policy: PolicySettings = POLICY) -> Case:
    return asked or order(), around, policy


def money(**changes: str) -> Balances:
    return replace(RICH, **{name: D(value) for name, value in changes.items()})


def changing(now: OrderRequest, to: OrderRequest) -> Order:
    """Return an order at the broker whose change was sent and is not answered yet."""
    return replace(resting(now), proposed=to)


def quoted(bid: str | None = "99.99", ask: str | None = "100") -> Seen:
    return seen(quote=replace(QUOTE, bid=bid and D(bid), ask=ask and D(ask)))


def did(**counts: object) -> Seen:
    return seen(activity=Activity(**{k: D(v) if isinstance(v, str) else v for k, v in counts.items()}))  # type: ignore[arg-type]


def lent(**changes: object) -> Seen:
    assert LIVE.borrow is not None
    return replace(LIVE, borrow=replace(LIVE.borrow, **changes))  # type: ignore[arg-type]


def latched(kind: LatchKind, **more: object) -> Seen:
    return seen(latches=(Latch(kind, "paper", NOON, Safe("too much")),), **more)


TEN = replace(ALFA, multiplier=D(10))
OPTION = replace(ALFA, kind=InstrumentKind.OPTION, multiplier=D(100))
SHORT = seen(position=D(-5))
LONG = seen(position=D(5))
CALL = "ALFA260320C00370000"
EXIT_TARGET, EXIT_STOP = sell("1", "110"), sell("1", stop="95")
ENTRY = in_bracket(Role.ENTRY, (Role.TARGET, EXIT_TARGET), (Role.STOP, EXIT_STOP))


def exits(target: str, stop: str, side: Side = Side.SELL, quantity: str = "1") -> Seen:
    legs = ((Role.TARGET, order(quantity, target, side)), (Role.STOP, order(quantity, None, side, stop=stop)))
    return seen(linked=in_bracket(Role.ENTRY, *legs))


TIGHT_SPREAD = of(max_spread="0.02")
PAIRS: list[tuple[str, Case, Case]] = [
    # who and whether
    ("KILL_SWITCH", case(), case(around=seen(state=TradingState.KILLED))),
    ("HALTED", case(), case(around=seen(state=TradingState.HALTED))),
    ("REDUCE_ONLY", case(sell("5"), replace(LONG, state=TradingState.REDUCE_ONLY)),
     case(sell("6"), replace(LONG, state=TradingState.REDUCE_ONLY))),
    ("REDUCE_ONLY", case(sell("4"), replace(LONG, state=TradingState.REDUCE_ONLY, committed_sell=D(1))),
     case(sell("5"), replace(LONG, state=TradingState.REDUCE_ONLY, committed_sell=D(1)))),
    ("REDUCE_ONLY", case(order("4"), replace(SHORT, state=TradingState.REDUCE_ONLY, committed_buy=D(1))),
     case(order("5"), replace(SHORT, state=TradingState.REDUCE_ONLY, committed_buy=D(1)))),
    ("REDUCE_ONLY", case(sell("5"), replace(LONG, state=TradingState.REDUCE_ONLY)),
     case(sell("5"), replace(LONG, state=TradingState.REDUCE_ONLY, held=False))),
    ("REDUCE_ONLY", case(sell("5"), replace(LONG, state=TradingState.REDUCE_ONLY, kept=D(0))),
     case(sell("5"), replace(LONG, state=TradingState.REDUCE_ONLY, kept=D(1)))),
    ("LIVE_DISABLED", case(sell("5"), replace(LIVE, armed=False, position=D(5), kept=D(0))),
     case(sell("5"), replace(LIVE, armed=False, position=D(5), kept=D(1)))),
    ("BUYING_POWER", case(sell("5"), replace(LONG, balances=money(buying_power="100"), kept=D(80))),
     case(sell("5"), replace(LONG, balances=money(buying_power="100"), kept=D("80.01")))),
    ("DAILY_LOSS", case(sell("5"), latched(LatchKind.DAILY_LOSS, position=D(5), kept=D(0))),
     case(sell("5"), latched(LatchKind.DAILY_LOSS, position=D(5), kept=D(1)))),
    ("LIVE_DISABLED", case(sell("5"), replace(LIVE, armed=False, position=D(5), kept=D(1), lowers=True)),
     case(sell("5"), replace(LIVE, armed=False, position=D(5), kept=D(1), by_operator=True))),
    ("TRADING_DISABLED", case(), case(around=seen(trade=False))),
    ("LIVE_DISABLED", case(around=LIVE), case(around=replace(LIVE, armed=False))),
    ("LIVE_DISABLED", case(around=seen(armed=False)), case(around=replace(LIVE, armed=False))),
    ("MODE_MISMATCH", case(), case(around=seen(account_mode=Mode.LIVE))),
    ("MODE_MISMATCH", case(around=LIVE), case(around=replace(LIVE, account_mode=Mode.PAPER))),
    ("SCOPE_MISSING", case(around=seen(scopes=frozenset({Scope.WRITE_ORDERS}))),
     case(around=seen(scopes=frozenset(Scope) - {Scope.WRITE_ORDERS}))),
    ("ACCOUNT_NOT_ALLOWED", case(around=seen(account="A", account_named="A")),
     case(around=seen(account="B", account_named="A"))),
    ("PREVIEW_STALE", case(around=seen(previewed_at=D(80)), policy=of(max_preview_drift="0.25")),
     case(around=seen(previewed_at=D("79.99")), policy=of(max_preview_drift="0.25"))),
    ("PREVIEW_STALE", case(around=seen(previewed_at=D(125)), policy=of(max_preview_drift="0.2")),
     case(around=seen(previewed_at=D("125.01")), policy=of(max_preview_drift="0.2"))),
    ("PREVIEW_STALE", case(around=seen(previewed_at=D(80), instrument=OPTION), policy=of(max_drift_options="0.25")),
     case(around=seen(previewed_at=D("79.99"), instrument=OPTION), policy=of(max_drift_options="0.25"))),
    ("BROKER_NOT_READY", case(), case(around=seen(link=Link.DEGRADED))),
    ("BROKER_NOT_READY", case(), case(around=seen(no_orders="its API is Read-Only"))),
    ("RECONCILING", case(), case(around=seen(unknown_orders=1))),
    ("RECONCILING", case(), case(around=seen(unsure_positions=1))),
    # the terms
    ("BAD_SYMBOL", case(), case(order(symbol="AL\x00FA"))),
    ("BAD_SYMBOL", case(), case(order(symbol="ALFA\n"))),
    ("INSTRUMENT_UNRESOLVED", case(), case(order(symbol="ALF"))),
    ("SYMBOL_NOT_ALLOWED", case(policy=of(allowed_symbols=["ALFA"])), case(policy=of(allowed_symbols=["BRVO"]))),
    ("SYMBOL_NOT_ALLOWED", case(), case(policy=of(allowed_symbols=[]))),
    ("SYMBOL_RESTRICTED", case(policy=of(denied_symbols=["BRVO"])), case(policy=of(denied_symbols=["ALFA"]))),
    ("ASSET_CLASS_NOT_ALLOWED", case(policy=of(asset_classes=["stock"])), case(policy=of(asset_classes=["etf"]))),
    ("ASSET_CLASS_NOT_ALLOWED", case(sell("5"), replace(LONG, instrument=OPTION), of(asset_classes=["option"])),
     case(sell("6"), replace(LONG, instrument=OPTION), of(asset_classes=["option"]))),
    ("ASSET_CLASS_NOT_ALLOWED",
     case(sell("6"), replace(LONG, instrument=OPTION, kept=D(0)), of(asset_classes=["option"])),
     case(sell("6"), replace(LONG, instrument=OPTION), of(asset_classes=["option"]))),
    ("MAX_NOTIONAL",
     case(sell("1"), replace(SEEN, instrument=OPTION, kept=D(10_300)), of(max_notional="10300")),
     case(sell("1"), replace(SEEN, instrument=OPTION, kept=D("10_300.01")), of(max_notional="10300"))),
    ("BUYING_POWER",
     case(sell("1"), replace(SEEN, instrument=OPTION, kept=D(80_000)), of(asset_classes=["option"])),
     case(sell("1"), replace(SEEN, instrument=OPTION, kept=D("80_000.01")), of(asset_classes=["option"]))),
    ("ASSET_CLASS_NOT_ALLOWED", case(order("6"), replace(SEEN, instrument=OPTION), of(asset_classes=["option"])),
     case(order("6"), replace(SEEN, instrument=OPTION))),
    ("ORDER_TYPE_NOT_ALLOWED", case(policy=of(order_types=["market"])), case(policy=of(order_types=["limit"]))),
    ("ORDER_TYPE_NOT_ALLOWED", case(), case(around=seen(can=replace(CAN, order_types=frozenset({OrderType.LIMIT}))))),
    ("ORDER_TYPE_NOT_ALLOWED", case(order("1", "100")), case(order(order_type=OrderType.LIMIT))),
    ("ORDER_TYPE_NOT_ALLOWED", case(), case(order("1", "100", order_type=OrderType.MARKET))),
    ("ORDER_TYPE_NOT_ALLOWED", case(order(stop="101")), case(order(order_type=OrderType.STOP))),
    ("ORDER_TYPE_NOT_ALLOWED", case(), case(order(stop_price=D(101)))),
    ("ORDER_TYPE_NOT_ALLOWED", case(order("1", "101", stop="101")), case(order(stop="101", order_type=OrderType.STOP_LIMIT))),
    ("ORDER_TYPE_NOT_ALLOWED", case(order(trail="1")), case(order(order_type=OrderType.TRAILING_STOP))),
    ("ORDER_TYPE_NOT_ALLOWED", case(order(percent="1")), case(order(trail="1", percent="1"))),
    ("ORDER_TYPE_NOT_ALLOWED", case(), case(order(trail_amount=D(1)))),
    ("TIF_NOT_ALLOWED", case(policy=of(times_in_force=["day"])), case(policy=of(times_in_force=["gtc"]))),
    ("TIF_NOT_ALLOWED", case(order(time_in_force=TimeInForce.GTC), policy=of(gtc_days=1)),
     case(order(time_in_force=TimeInForce.GTC), policy=of(gtc_days=0))),
    ("TIF_NOT_ALLOWED", case(sell(time_in_force=TimeInForce.GTC), seen(position=Decimal(1)), of(gtc_days=0)),
     case(sell("2", time_in_force=TimeInForce.GTC), seen(position=Decimal(1)), of(gtc_days=0))),
    ("TIF_NOT_ALLOWED", case(), case(around=seen(can=replace(CAN, times_in_force=frozenset({TimeInForce.IOC}))))),
    ("BAD_QUANTITY", case(order("1")), case(order("1.5"))),
    ("BAD_QUANTITY", case(order("1")), case(order("0"))),
    ("BAD_QUANTITY", case(order("1")), case(order("-1"))),
    ("BAD_TICK", case(order("1", "99.99")), case(order("1", "99.995"))),
    ("BAD_TICK", case(order("1", "0.01")), case(order("1", "0"))),
    ("BAD_TICK", case(order("1", "99")), case(order("1", "-99"))),
    ("BAD_TICK", case(order(stop="101.01")), case(order(stop="101.015"))),
    ("BAD_TICK", case(order("1", "101", stop="101.01")), case(order("1", "101", stop="101.015"))),
    ("BAD_TICK", case(order(trail="0.01")), case(order(trail="0.005"))),
    ("BAD_TICK", case(order(percent="99.9")), case(order(percent="100"))),
    ("BAD_TICK", case(order(percent="0.1")), case(order(percent="0"))),
    ("BRACKET_INCONSISTENT", case(order("1", "100"), exits("100.01", "99.99")), case(order("1", "100"), exits("100", "99.99"))),
    ("BRACKET_INCONSISTENT", case(order("1", "100"), exits("100.01", "99.99")), case(order("1", "100"), exits("100.01", "100"))),
    ("BRACKET_INCONSISTENT", case(order(), exits("100.01", "99.99")), case(order(), exits("99.99", "99.98"))),
    ("BRACKET_INCONSISTENT", case(sell("1", "100"), exits("99.99", "100.01", Side.BUY)),
     case(sell("1", "100"), exits("100", "100.01", Side.BUY))),
    ("BRACKET_INCONSISTENT", case(sell("1", "100"), exits("99.99", "100.01", Side.BUY)),
     case(sell("1", "100"), exits("99.99", "100", Side.BUY))),
    ("BRACKET_INCONSISTENT", case(order("1", "100"), exits("101", "99")), case(order("1", "100"), exits("101", "99", quantity="2"))),
    ("BRACKET_INCONSISTENT", case(order("1", "100"), exits("101", "99")), case(order("1", "100"), exits("101", "99", Side.BUY))),
    ("BRACKET_INCONSISTENT", case(order("1", "100"), exits("101", "99")),
     case(order("1", "100"), seen(linked=in_bracket(Role.ENTRY, (Role.TARGET, sell("1", "101", symbol="BRVO")))))),
    ("BRACKET_INCONSISTENT", case(EXIT_STOP, seen(linked=in_bracket(Role.STOP, (Role.ENTRY, order("1", "100"))))),
     case(EXIT_STOP, seen(linked=in_bracket(Role.STOP, (Role.ENTRY, order("1", "95")))))),
    # the data
    ("MARKET_DATA_MISSING", case(), case(around=quoted(ask=None))),
    ("MARKET_DATA_MISSING", case(around=quoted("0.01", "0.01")), case(around=quoted(ask="0"))),
    ("MARKET_DATA_MISSING", case(around=quoted("0.01")), case(around=quoted("0"))),
    ("MARKET_DATA_MISSING", case(around=quoted(bid=None)), case(around=quoted(bid=None, ask="0"))),
    ("MARKET_DATA_MISSING", case(around=quoted("100", "100")), case(around=quoted("100.01", "100"))),
    ("MARKET_DATA_STALE", case(around=seen(now=NOON - timedelta(seconds=2))),
     case(around=seen(now=NOON - timedelta(seconds=2, milliseconds=1)))),
    ("MARKET_DATA_STALE", case(around=seen(now=NOON + timedelta(seconds=5))),
     case(around=seen(now=NOON + timedelta(seconds=5, milliseconds=1)))),
    ("MARKET_DATA_NOT_LIVE", case(around=LIVE), case(around=replace(LIVE, quote=QUOTE))),
    ("MARKET_DATA_NOT_LIVE", case(around=LIVE), case(around=replace(LIVE, quote=replace(QUOTE, data_type=DataType.DELAYED)))),
    ("SPREAD_TOO_WIDE", case(around=quoted("99", "101"), policy=TIGHT_SPREAD),
     case(around=quoted("98.99", "101"), policy=TIGHT_SPREAD)),
    ("SPREAD_TOO_WIDE", case(around=replace(quoted("95", "105"), instrument=OPTION), policy=of(max_spread_options="0.1")),
     case(around=replace(quoted("94.99", "105"), instrument=OPTION), policy=of(max_spread_options="0.1"))),
    ("SPREAD_TOO_WIDE", case(around=replace(quoted("0.01", "0.03"), instrument=OPTION)),
     case(around=replace(quoted("0.01", "0.04"), instrument=OPTION))),
    ("SPREAD_TOO_WIDE", case(), case(around=quoted(bid=None))),
    ("INSTRUMENT_HALTED", case(around=seen(halted=False)), case(around=seen(halted=True))),
    ("SESSION_CLOSED", case(), case(around=seen(session=CLOSED_MARKET))),
    ("SESSION_CLOSED", case(order("1", "100", outside_hours=True), seen(session=CLOSED_MARKET)),
     case(order("1", "100"), seen(session=CLOSED_MARKET))),
    ("SESSION_CLOSED", case(order("1", "100", outside_hours=True), seen(session=CLOSED_MARKET)),
     case(order(outside_hours=True), seen(session=CLOSED_MARKET))),
    ("SESSION_CLOSED", case(order("1", "100", outside_hours=True), seen(session=CLOSED_MARKET)),
     case(order("1", "100", outside_hours=True), seen(session=CLOSED_MARKET), of(allow_outside_hours=False))),
    ("SESSION_CLOSED", case(around=seen(session=CLOSED_MARKET, instrument=replace(ALFA, kind=InstrumentKind.CRYPTO))),
     case(around=seen(session=CLOSED_MARKET, instrument=replace(ALFA, kind=InstrumentKind.ETF)))),
    # the size
    ("MAX_QUANTITY", case(order("50"), policy=of(max_quantity="50")), case(order("51"), policy=of(max_quantity="50"))),
    ("MAX_QUANTITY", case(sell("5"), LONG, of(max_quantity="4")), case(sell("6"), LONG, of(max_quantity="4"))),
    ("MAX_NOTIONAL", case(order("1"), policy=of(max_notional="103")), case(order("1"), policy=of(max_notional="102.99"))),
    ("MAX_NOTIONAL", case(order("2", "99"), policy=of(max_notional="198")), case(order("2", "99.01"), policy=of(max_notional="198"))),
    ("MAX_NOTIONAL", case(sell("1", "99"), policy=of(max_notional="99.99")), case(sell("1", "100"), policy=of(max_notional="99.99"))),
    ("MAX_NOTIONAL", case(sell("1", "90"), policy=of(max_notional="99.99")), case(sell("1", "90"), policy=of(max_notional="99.98"))),
    ("MAX_NOTIONAL", case(order("1", stop="110"), policy=of(max_notional="113.3")),
     case(order("1", stop="110.01"), policy=of(max_notional="113.3"))),
    ("MAX_NOTIONAL", case(order("1", trail="10"), policy=of(max_notional="113.3")),
     case(order("1", trail="10.01"), policy=of(max_notional="113.3"))),
    ("MAX_NOTIONAL", case(order("1", percent="10"), policy=of(max_notional="113.3")),
     case(order("1", percent="10.01"), policy=of(max_notional="113.3"))),
    ("MAX_NOTIONAL", case(order("1", "111", stop="110"), policy=of(max_notional="111")),
     case(order("1", "111.01", stop="110"), policy=of(max_notional="111"))),
    ("MAX_NOTIONAL", case(sell("1", stop="90"), policy=of(max_notional="102.9897")),
     case(sell("1", stop="90"), policy=of(max_notional="102.9896"))),
    ("MAX_NOTIONAL", case(around=seen(to_account=D("0.5")), policy=of(max_notional="51.5")),
     case(around=seen(to_account=D("0.5")), policy=of(max_notional="51.49"))),
    ("MAX_NOTIONAL", case(order("1"), seen(instrument=replace(ALFA, multiplier=D(10))), of(max_notional="1030")),
     case(order("1"), seen(instrument=replace(ALFA, multiplier=D(10))), of(max_notional="1029.99"))),
    ("MAX_NOTIONAL", case(policy=of(market_margin="0.5", max_notional="150")),
     case(policy=of(market_margin="0.5", max_notional="149.99"))),
    ("MIN_NOTIONAL", case(order("2"), policy=of(min_notional="200")), case(order("2"), policy=of(min_notional="200.01"))),
    ("MIN_NOTIONAL", case(order("2", "90"), policy=of(min_notional="180")), case(order("2", "90"), policy=of(min_notional="180.01"))),
    ("MIN_NOTIONAL", case(order("2", "109"), policy=of(min_notional="200")), case(order("2", "109"), policy=of(min_notional="200.01"))),
    ("MIN_NOTIONAL", case(around=seen(to_account=D(2)), policy=of(min_notional="200")),
     case(around=seen(to_account=D(2)), policy=of(min_notional="200.01"))),
    ("MIN_NOTIONAL", case(around=seen(instrument=TEN), policy=of(min_notional="1000")),
     case(around=seen(instrument=TEN), policy=of(min_notional="1000.01"))),
    ("MIN_NOTIONAL", case(sell("5"), LONG, of(min_notional="1000000")), case(sell("6"), LONG, of(min_notional="1000000"))),
    ("MAX_VOLUME_SHARE", case(order("10"), seen(average_volume=D(1000))), case(order("11"), seen(average_volume=D(1000)))),
    ("MAX_VOLUME_SHARE", case(around=seen(average_volume=D(0))), case(around=seen(average_volume=None))),
    ("MAX_VOLUME_SHARE", case(sell("5"), replace(LONG, average_volume=D(100))), case(sell("6"), replace(LONG, average_volume=D(100)))),
    # the prices
    ("PRICE_COLLAR", case(order("1", "103")), case(order("1", "103.01"))),
    ("PRICE_COLLAR", case(order("1", "97")), case(order("1", "96.99"))),
    ("PRICE_COLLAR", case(order("1", "80"), replace(SEEN, instrument=OPTION)),
     case(order("1", "79.99"), replace(SEEN, instrument=OPTION))),
    ("PRICE_COLLAR", case(sell("1", "103"), quoted("100", "100.01")), case(sell("1", "103.01"), quoted("100", "100.01"))),
    ("PRICE_COLLAR", case(order("1", stop="125")), case(order("1", stop="125.01"))),
    ("PRICE_COLLAR", case(sell("1", stop="75"), quoted("100", "100.01")), case(sell("1", stop="74.99"), quoted("100", "100.01"))),
    ("PRICE_COLLAR", case(order("1", "103", stop="100.01")), case(order("1", "103.02", stop="100.01"))),
    ("PRICE_COLLAR", case(order("1", "123.6", stop="120")), case(order("1", "123.61", stop="120"))),
    ("PRICE_COLLAR", case(order(trail="25")), case(order(trail="25.01"))),
    ("PRICE_COLLAR", case(order(percent="25")), case(order(percent="25.01"))),
    ("PRICE_COLLAR", case(sell("1", "125"), seen(linked=in_bracket(Role.TARGET, (Role.ENTRY, order("1", "100"))))),
     case(sell("1", "125.01"), seen(linked=in_bracket(Role.TARGET, (Role.ENTRY, order("1", "100")))))),
    ("PRICE_COLLAR", case(sell("1", stop="72"), seen(linked=in_bracket(Role.STOP, (Role.ENTRY, order("1", "96"))))),
     case(sell("1", stop="71.99"), seen(linked=in_bracket(Role.STOP, (Role.ENTRY, order("1", "96")))))),
    ("PRICE_COLLAR", case(order("1", "103"), seen(linked=ENTRY)), case(order("1", "103.01"), seen(linked=ENTRY))),
    ("STOP_WRONG_SIDE", case(order(stop="100.01")), case(order(stop="100"))),
    ("STOP_WRONG_SIDE", case(sell(stop="99.98")), case(sell(stop="99.99"))),
    ("STOP_WRONG_SIDE", case(sell(stop="105"), seen(linked=in_bracket(Role.STOP, (Role.ENTRY, order("1", "110"))))),
     case(sell(stop="105"), seen(linked=in_bracket(Role.STOP)))),
    ("MARKETABLE_THROUGH", case(order("1", "101")), case(order("1", "101.01"))),
    ("MARKETABLE_THROUGH", case(sell("1", "99"), quoted("100", "100.01")), case(sell("1", "98.99"), quoted("100", "100.01"))),
    ("MARKETABLE_THROUGH", case(order("1", "101", stop="100")), case(order("1", "101.01", stop="100"))),
    ("MARKETABLE_THROUGH", case(order("1", "80")), case(order("1", "101.5"))),
    # the exposure
    ("MAX_POSITION", case(order("10"), seen(position=D(4), filled=D(4)), of(max_position="10")),
     case(order("11"), seen(position=D(4), filled=D(4)), of(max_position="10"))),
    ("MAX_POSITION", case(order("4"), replace(LONG, committed_buy=D(1)), of(max_position="10")),
     case(order("5"), replace(LONG, committed_buy=D(1)), of(max_position="10"))),
    ("MAX_POSITION", case(sell("4"), replace(SHORT, committed_sell=D(1)), of(max_position="10")),
     case(sell("5"), replace(SHORT, committed_sell=D(1)), of(max_position="10"))),
    ("MAX_POSITION", case(sell("5"), LONG, of(max_position="1")), case(sell("7"), LONG, of(max_position="1"))),
    ("MAX_GROSS", case(order("1", "100"), seen(balances=money(equity="100")), of(max_gross="1")),
     case(order("1", "100.01"), seen(balances=money(equity="100")), of(max_gross="1"))),
    ("MAX_GROSS", case(order("1", "100"), seen(balances=money(equity="100"), elsewhere=(Exposure("B", D(-60), D(10), D(40)),)), of(max_gross="2")),
     case(order("1", "100.01"), seen(balances=money(equity="100"), elsewhere=(Exposure("B", D(-60), D(10), D(40)),)), of(max_gross="2"))),
    ("MAX_GROSS", case(order("1", "100"), replace(SHORT, position=D(-1), committed_sell=D(2), committed_buy=D(1), balances=money(equity="300")), of(max_gross="1")),
     case(order("1", "100.01"), replace(SHORT, position=D(-1), committed_sell=D(2), committed_buy=D(1), balances=money(equity="300")), of(max_gross="1"))),
    ("MAX_GROSS", case(order("1", "100"), seen(balances=money(equity="400"), instrument=TEN, to_account=D("0.4")), of(max_gross="1")),
     case(order("1", "100.01"), seen(balances=money(equity="400"), instrument=TEN, to_account=D("0.4")), of(max_gross="1"))),
    ("MAX_GROSS", case(order("1", "100"), seen(balances=money(equity="100"), elsewhere=(Exposure("B", D(60), D(40), D(10)),)), of(max_gross="2")),
     case(order("1", "100.01"), seen(balances=money(equity="100"), elsewhere=(Exposure("B", D(60), D(40), D(10)),)), of(max_gross="2"))),
    ("BUYING_POWER", case(order("1", "100"), seen(balances=money(buying_power="500"), instrument=TEN, to_account=D("0.4"))),
     case(order("1", "100.01"), seen(balances=money(buying_power="500"), instrument=TEN, to_account=D("0.4")))),
    ("MAX_NET", case(order("1", "100"), seen(balances=money(equity="100")), of(max_net="1")),
     case(order("1", "100.01"), seen(balances=money(equity="100")), of(max_net="1"))),
    ("MAX_NET", case(order("1", "100"), seen(balances=money(equity="100"), elsewhere=(Exposure("B", D(-60), D(60), D(500)),)), of(max_net="1")),
     case(order("1", "100"), seen(balances=money(equity="100"), elsewhere=(Exposure("B", D(-60), D("60.01"), D(500)),)), of(max_net="1"))),
    ("MAX_NET", case(sell("1", "100"), seen(balances=money(equity="100"), elsewhere=(Exposure("B", D(60), D(500), D(60)),)), of(max_net="1")),
     case(sell("1", "100"), seen(balances=money(equity="100"), elsewhere=(Exposure("B", D(60), D(500), D("60.01")),)), of(max_net="1"))),
    ("CONCENTRATION", case(order("1", "100"), seen(balances=money(equity="200")), of(max_concentration="0.5")),
     case(order("1", "100.01"), seen(balances=money(equity="200")), of(max_concentration="0.5"))),
    ("CONCENTRATION", case(sell("1", "100"), seen(balances=money(equity="200")), of(max_concentration="0.5")),
     case(sell("1", "100.01"), seen(balances=money(equity="200")), of(max_concentration="0.5"))),
    ("CONCENTRATION", case(), case(around=seen(balances=money(equity="0")))),
    ("BUYING_POWER", case(order("8", "100"), seen(balances=money(buying_power="1000"))),
     case(order("8", "100.01"), seen(balances=money(buying_power="1000")))),
    ("BUYING_POWER", case(order("8", "100"), seen(balances=money(buying_power="2000"), in_flight=D(800))),
     case(order("8", "100"), seen(balances=money(buying_power="2000"), in_flight=D("800.01")))),
    ("BUYING_POWER", case(sell("6", "100"), replace(LONG, balances=money(buying_power="125"))),
     case(sell("6", "100"), replace(LONG, balances=money(buying_power="124.99")))),
    ("SHORT_NOT_ALLOWED", case(sell("5"), LONG, of(allow_short=False)), case(sell("6"), LONG, of(allow_short=False))),
    ("SHORT_NOT_ALLOWED", case(sell("6"), LONG), case(sell("6"), replace(LONG, can=replace(CAN, short_selling=False)))),
    ("SHORT_NOT_ALLOWED", case(order("6"), policy=of(allow_short=False)), case(sell("6"), policy=of(allow_short=False))),
    ("SHORT_NOT_ALLOWED", case(sell("5"), LONG), case(sell("5"), replace(LONG, uncovers=(CALL,)))),
    ("SHORT_NOT_ALLOWED", case(sell("5"), replace(LONG, uncovers=(CALL,), lowers=True)),
     case(sell("5"), replace(LONG, uncovers=(CALL,), by_operator=True))),
    ("SHORT_NOT_ALLOWED", case(order("5"), replace(LONG, uncovers=None)), case(sell("5"), replace(LONG, uncovers=None))),
    ("NO_LOCATE", case(sell("1"), LIVE), case(sell("1"), lent(borrowable=Borrowable.NO))),
    ("NO_LOCATE", case(order("1"), lent(borrowable=Borrowable.NO)), case(sell("1"), lent(borrowable=Borrowable.LOCATE))),
    ("NO_LOCATE", case(sell("5"), replace(LIVE, borrow=None, position=D(5))), case(sell("6"), replace(LIVE, borrow=None, position=D(5)))),
    ("NO_LOCATE", case(sell("12"), replace(lent(shares=D(7)), position=D(5))), case(sell("13"), replace(lent(shares=D(7)), position=D(5)))),
    ("NO_LOCATE", case(sell("4"), replace(lent(shares=D(7)), position=D(-5), committed_sell=D(3))),
     case(sell("5"), replace(lent(shares=D(7)), position=D(-5), committed_sell=D(3)))),
    ("NO_LOCATE", case(sell("8"), replace(lent(shares=D(7)), filled=D(1))), case(sell("9"), replace(lent(shares=D(7)), filled=D(1)))),
    ("NO_LOCATE", case(sell("1"), lent(as_of=NOON - timedelta(seconds=5))), case(sell("1"), lent(as_of=NOON - timedelta(seconds=5.1)))),
    ("NO_LOCATE", case(sell("1"), lent(as_of=NOON + timedelta(seconds=2))), case(sell("1"), lent(as_of=NOON + timedelta(seconds=2.1)))),
    ("NO_LOCATE", case(sell("1"), LIVE), case(sell("1"), lent(data_type=DataType.FROZEN))),
    ("NO_LOCATE", case(sell("1"), replace(LIVE, borrow=None, instrument=replace(ALFA, kind=InstrumentKind.FUTURE))),
     case(sell("1"), replace(LIVE, borrow=None, instrument=replace(ALFA, kind=InstrumentKind.CRYPTO)))),
    # the losses
    ("DAILY_LOSS", case(around=seen(balances=money(equity="95000"))), case(around=seen(balances=money(equity="94999.99")))),
    ("DAILY_LOSS", case(sell("5"), replace(LONG, balances=money(equity="1"))), case(sell("6"), replace(LONG, balances=money(equity="1")))),
    ("DAILY_LOSS", case(), case(around=latched(LatchKind.DAILY_LOSS))),
    ("DAILY_LOSS", case(sell("5"), latched(LatchKind.DAILY_LOSS, position=D(5))), case(sell("6"), latched(LatchKind.DAILY_LOSS, position=D(5)))),
    ("DRAWDOWN", case(around=seen(balances=money(equity="80000"))), case(around=seen(balances=money(equity="79999.99")))),
    ("DRAWDOWN", case(), case(around=latched(LatchKind.DRAWDOWN))),
    ("DRAWDOWN", case(sell("5"), LONG), case(sell("5"), latched(LatchKind.DRAWDOWN, position=D(5)))),
    ("RISK_PER_TRADE", case(order("400", "100"), exits("110", "95", quantity="400")), case(order("400", "100"), exits("110", "94.99", quantity="400"))),
    ("RISK_PER_TRADE", case(sell("400", "100"), exits("90", "105", Side.BUY, "400")), case(sell("400", "100"), exits("90", "105.01", Side.BUY, "400"))),
    ("RISK_PER_TRADE", case(order("10"), replace(exits("110", "93", quantity="10"), balances=money(equity="5000"))),
     case(order("10"), replace(exits("110", "92.99", quantity="10"), balances=money(equity="5000")))),
    ("RISK_PER_TRADE", case(sell("10"), replace(exits("90", "106.9903", Side.BUY, "10"), balances=money(equity="5000"))),
     case(sell("10"), replace(exits("90", "106.9904", Side.BUY, "10"), balances=money(equity="5000")))),
    ("RISK_PER_TRADE", case(sell("10", stop="99"), replace(exits("90", "106.03", Side.BUY, "10"), balances=money(equity="5000"))),
     case(sell("10", stop="99"), replace(exits("90", "106.04", Side.BUY, "10"), balances=money(equity="5000")))),
    ("RISK_PER_TRADE", case(order("1"), replace(exits("110", "95"), to_account=D(2), balances=money(equity="800"))),
     case(order("1"), replace(exits("110", "94.99"), to_account=D(2), balances=money(equity="800")))),
    ("RISK_PER_TRADE", case(order("1"), replace(exits("110", "95"), instrument=replace(ALFA, multiplier=D(2)), balances=money(equity="800"))),
     case(order("1"), replace(exits("110", "94.99"), instrument=replace(ALFA, multiplier=D(2)), balances=money(equity="800")))),
    ("RISK_PER_TRADE", case(), case(policy=of(require_stop=True))),
    ("RISK_PER_TRADE", case(order(), seen(linked=ENTRY), of(require_stop=True)), case(policy=of(require_stop=True))),
    ("RISK_PER_TRADE", case(sell("5"), LONG, of(require_stop=True)), case(sell("6"), LONG, of(require_stop=True))),
    # the pace
    ("DAILY_ORDER_COUNT", case(around=did(client_orders=999)), case(around=did(client_orders=1000))),
    ("DAILY_ORDER_COUNT", case(around=did(connection_orders=4999)), case(around=did(connection_orders=5000))),
    ("DAILY_NOTIONAL", case(order("1", "100"), did(client_notional="999900")), case(order("1", "100.01"), did(client_notional="999900"))),
    ("DAILY_NOTIONAL", case(order("1", "100"), did(connection_notional="4999900")), case(order("1", "100.01"), did(connection_notional="4999900"))),
    ("DAILY_NOTIONAL", case(order("1", "100"), seen(to_account=D("0.5"), activity=Activity(client_notional=D(999_950)))),
     case(order("1", "100.02"), seen(to_account=D("0.5"), activity=Activity(client_notional=D(999_950))))),
    ("MAX_OPEN_ORDERS", case(around=seen(open_orders=49)), case(around=seen(open_orders=50))),
    ("MAX_OPEN_ORDERS", case(around=seen(open_of_symbol=19)), case(around=seen(open_of_symbol=20))),
    ("DUPLICATE_ORDER", case(around=did(identical=4)), case(around=did(identical=5))),
    ("REPEATED_EXECUTION", case(around=did(repeated_fills=59)), case(around=did(repeated_fills=60))),
    ("REPEATED_EXECUTION", case(), case(around=latched(LatchKind.REPEATED_EXECUTION))),
    ("REJECT_RATE", case(around=did(rejects=4)), case(around=did(rejects=5))),
    ("REJECT_RATE", case(), case(around=latched(LatchKind.REJECT_RATE))),
    # the conflicts
    ("SELF_CROSS", case(order("1", "99.98"), seen(resting=(resting(sell("1", "99.99")),))),
     case(order("1", "99.99"), seen(resting=(resting(sell("1", "99.99")),)))),
    ("SELF_CROSS", case(sell("1", "99.98"), seen(resting=(resting(order("1", "99.97")),))),
     case(sell("1", "99.97"), seen(resting=(resting(order("1", "99.97")),)))),
    ("SELF_CROSS", case(order(), seen(resting=(resting(sell("1", "100.01")),))), case(order(), seen(resting=(resting(sell("1", "100")),)))),
    ("SELF_CROSS", case(order(), seen(resting=(resting(order("1", "100")),))), case(order(), seen(resting=(resting(sell("1")),)))),
    ("SELF_CROSS", case(order(), seen(resting=(resting(sell(symbol="BRVO")),))), case(order(), seen(resting=(resting(sell("1")),)))),
    ("SELF_CROSS", case(order(), seen(resting=(resting(sell(stop="90")),))), case(order(), seen(resting=(resting(sell("1")),)))),
    ("SELF_CROSS", case(order("1", "99.98"), seen(resting=(changing(sell("1", "110"), sell("1", "99.99")),))),
     case(order("1", "99.99"), seen(resting=(changing(sell("1", "110"), sell("1", "99.99")),)))),
    ("SELF_CROSS", case(order("1", "99.98"), seen(resting=(changing(sell("1", "99.99"), sell("1", "110")),))),
     case(order("1", "99.99"), seen(resting=(changing(sell("1", "99.99"), sell("1", "110")),)))),
    ("SELF_CROSS", case(order(stop="120"), seen(resting=(resting(sell("1", "110")),))), case(order(), seen(resting=(resting(sell("1")),)))),
    ("MODIFY_NOT_ALLOWED", case(order("2", "99"), seen(before=order("1", "100"))), case(sell("2", "99"), seen(before=order("1", "100")))),
    ("MODIFY_NOT_ALLOWED", case(order("2", "99"), seen(before=order("1", "100"))), case(order("2"), seen(before=order("1", "100")))),
    ("MODIFY_NOT_ALLOWED", case(order("2", "99"), seen(before=order("1", "100"))),
     case(order("2", "99", time_in_force=TimeInForce.GTC), seen(before=order("1", "100")))),
    ("MODIFY_NOT_ALLOWED", case(order("2", "99"), seen(before=order("1", "100"))),
     case(order("2", "99"), seen(before=order("1", "100", symbol="BRVO")))),
    ("MODIFY_NOT_ALLOWED", case(order("2", "99"), seen(before=order("1", "100"))),
     case(order("2", "99", outside_hours=True), seen(before=order("1", "100")))),
    ("WHATIF_WARNING", case(around=LIVE), case(around=replace(LIVE, broker_warning="margin"))),
    ("WHATIF_WARNING", case(around=seen(broker_warning="margin")), case(around=replace(LIVE, broker_warning="margin"))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "passes", "refuses"), PAIRS, ids=[f"{at}-{code}" for at, (code, _, _) in enumerate(PAIRS)]
)
def test_what_is_at_the_limit_passes_and_one_step_over_refuses(code: str, passes: Case, refuses: Case) -> None:
    assert code not in failed(*passes)
    assert code in failed(*refuses)


def test_every_check_that_may_refuse_has_its_boundary() -> None:
    never = {one.code for one in evaluate(order(), SEEN, POLICY)} - {code for code, _, _ in PAIRS}
    assert never == {"RATE_LIMITED", "REWARD_RISK", "CANCEL_RATIO"}


def test_a_small_order_passes_on_paper_and_on_live_money() -> None:
    assert failed(order()) == set()
    assert failed(order("1", "100"), LIVE) == set()


@pytest.mark.parametrize(
    ("asked", "around", "policy", "warns"),
    [
        (order("1", "100"), exits("103.5", "95"), POLICY, False),
        (order("1", "100"), exits("103.49", "95"), POLICY, True),
        (sell("1", "100"), exits("96.5", "105", Side.BUY), POLICY, False),
        (sell("1", "100"), exits("96.51", "105", Side.BUY), POLICY, True),
    ],
)
def test_a_bracket_that_may_gain_little_is_shown_with_a_warning(
    asked: OrderRequest, around: Seen, policy: PolicySettings, warns: bool
) -> None:
    result = found("REWARD_RISK", asked, around, policy)
    assert result.ok
    assert result.message.startswith("Warning: ") is warns


@pytest.mark.parametrize(
    ("cancels", "fills", "warns"), [(38, 2, False), (41, 2, True), (40, 2, False), (39, 0, False), (40, 0, True)]
)
def test_many_cancels_for_few_fills_are_shown_with_a_warning(cancels: int, fills: int, warns: bool) -> None:
    result = found("CANCEL_RATIO", order(), did(client_cancels=cancels, client_fills=fills))
    assert result.ok
    assert result.message.startswith("Warning: ") is warns


@pytest.mark.parametrize(
    ("start", "equity", "share"),
    [
        ("100", "95", "0.05"),
        ("100", "105", "-0.05"),
        ("0", "-1", "1"),
        ("0", "0", "0"),
        ("0", "1", "0"),
        ("-5", "-6", "1"),
    ],
)
def test_a_loss_is_a_share_of_what_the_day_began_with(start: str, equity: str, share: str) -> None:
    assert loss_of_day(D(start), D(equity)) == D(share)
    assert fall_from(D(start), D(equity)) == max(D(0), D(share))


def test_a_market_order_has_no_collar_even_where_there_is_no_price() -> None:
    assert found("PRICE_COLLAR", order(), seen(quote=None)).applies is Applies.NOT_APPLICABLE


def test_what_nobody_said_is_nothing_done_and_nothing_allowed() -> None:
    nothing = Activity()
    assert {getattr(nothing, one.name) for one in fields(nothing)} == {0}
    bare = Seen(*(getattr(SEEN, one.name) for one in fields(Seen) if one.default is MISSING))
    assert not bare.held
    assert not bare.armed
    assert bare.is_new
    assert bare.unknown_orders == 0


def test_windows_are_as_the_pages_say() -> None:
    assert (IDENTICAL_SECONDS, REPEATED_SECONDS, REJECT_SECONDS) == (30, 600, 60)


@pytest.mark.parametrize(
    ("around", "asked"),
    [
        (seen(linked=in_bracket(Role.STOP, (Role.ENTRY, order("1", "100")))), sell("1", "98.01", stop="99")),
        (exits("110", "95"), order("1", "100")),
    ],
)
def test_a_bracket_as_it_should_be_passes(around: Seen, asked: OrderRequest) -> None:
    assert failed(asked, around) == set()


@pytest.mark.parametrize("stop", ["100", "100.01"])
def test_a_bracket_that_can_lose_nothing_has_no_reward_for_its_risk(stop: str) -> None:
    result = found("REWARD_RISK", order("1", "100"), exits("110", stop))
    assert (result.applies, result.message) == (Applies.NOT_APPLICABLE, "The stop is on the wrong side.")


def words() -> str:
    """Write what each check says at its limit and one step over."""
    lines = []
    for code, passes, refuses in PAIRS:
        for sign, which in (("+", passes), ("-", refuses)):
            one = next(one for one in evaluate(*which) if one.code == code or one.code == _SPOKEN.get(code))
            lines.append(f"{sign} {one.code}: {one.value or '.'} of {one.limit or '.'} | {one.message}")
    return "\n".join(lines) + "\n"


_SPOKEN = {"HALTED": "KILL_SWITCH"}
"""Checks with two codes, and the one that a pass has."""


def test_checks_say_limit_value_and_why_in_these_words() -> None:
    assert words() == (Path(__file__).parent / "goldens" / "risk-words.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.stdout.write(words())
