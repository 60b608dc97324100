"""What the paper broker remembers and tells beyond single orders: groups, fills, worth, hours and recordings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.orders import (
    Acknowledged,
    BrokerFact,
    Cancelled,
    Executed,
    Expired,
    Linkage,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Rejected,
    Side,
    TimeInForce,
)
from cockpit.model.refusals import Refused
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.paper import FeeSettings
from cockpit.store.database import Store
from tests.brokers.paper.conftest import NEVER, ManualClock

BARS = """time,open,high,low,close,volume
2024-05-02T13:30:00Z,10.00,10.20,9.90,10.10,40000
2024-05-02T13:31:00Z,10.10,11.10,10.00,11.00,40000
2024-05-02T13:32:00Z,11.00,11.10,10.00,10.10,40000
"""


def order(side: Side, quantity: int, kind: OrderType = OrderType.MARKET, symbol: str = "ALFA", **more) -> OrderRequest:
    prices = {name: Decimal(value) for name, value in more.items() if name != "outside_hours"}
    outside = bool(more.get("outside_hours"))
    wanted = OrderRequest(symbol, side, Decimal(quantity), kind, None, TimeInForce.DAY, outside_hours=outside)
    return replace(wanted, **prices)


def ref(number: int) -> OrderRef:
    return OrderRef(f"ck:{number:026}")


@asynccontextmanager
async def entered(store: Store, clock: ManualClock, facts: list[BrokerFact], **settings) -> AsyncIterator[PaperBroker]:
    async with PaperBroker("paper", ConnectionSettings(**settings), store, clock, tick_seconds=NEVER) as broker:
        broker.listen(facts.append)
        yield broker


def bracket(symbol: str = "ALFA", target: str = "999.00", guard: str = "1.00", quantity: int = 10):
    return [
        (ref(1), order(Side.BUY, quantity, symbol=symbol)),
        (ref(2), order(Side.SELL, quantity, OrderType.LIMIT, symbol, limit_price=target)),
        (ref(3), order(Side.SELL, quantity, OrderType.STOP, symbol, stop_price=guard)),
    ]


async def test_a_group_is_one_record_and_lives_on_after_a_restart(
    store: Store, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    async with entered(store, clock, facts) as broker:
        await broker.submit_linked(Linkage.BRACKET, bracket())
        before = await broker.orders()
        assert len(await store.rows("SELECT * FROM paper_events WHERE kind = 'submit_linked'")) == 1
    async with entered(store, clock, facts) as broker:
        assert await broker.orders() == before
        clock.forward(1)
        facts.clear()
        await broker.submit_linked(Linkage.BRACKET, bracket())
        assert facts == [], "the same group again changes nothing"
        await broker.replace(ref(3), order(Side.SELL, 10, OrderType.STOP, stop_price="900.00"))
        assert [type(fact) for fact in facts[1:]] == [Executed, Cancelled]
        assert await broker.positions() == ()


async def test_a_group_with_a_bad_order_is_rejected_whole_and_remembered_as_that(
    store: Store, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    async with entered(store, clock, facts) as broker:
        await broker.submit_linked(Linkage.BRACKET, bracket(target="1.005"))
    assert [type(fact) for fact in facts] == [Rejected] * 3
    async with entered(store, clock, facts) as broker:
        assert {each.state for each in await broker.orders()} == {OrderState.REJECTED}


async def test_a_group_that_is_none_is_refused_before_anything_is_written(
    broker: PaperBroker, store: Store, facts: list[BrokerFact]
) -> None:
    for linkage, legs, code in (
        (Linkage.BASKET, bracket(), "CAPABILITY_UNAVAILABLE"),
        (Linkage.OCO, bracket(), "BAD_ARGUMENTS"),
        (Linkage.OCO, [(OrderRef("no good\n"), order(Side.BUY, 1))] * 2, "BAD_ARGUMENTS"),
    ):
        with pytest.raises(Refused) as refused:
            await broker.submit_linked(linkage, legs)
        assert refused.value.refusal.code == code
    assert facts == []
    assert await store.rows("SELECT * FROM paper_events") == []


async def test_it_says_what_it_can(broker: PaperBroker) -> None:
    can = broker.can
    assert can.order_types == set(OrderType)
    assert can.lives(OrderType.LIMIT) == set(TimeInForce)
    assert can.lives(OrderType.STOP) == {TimeInForce.DAY, TimeInForce.GTC}
    assert can.linkages == {Linkage.BRACKET, Linkage.OCO}


async def test_a_trail_that_only_moved_is_where_it_was_after_a_restart(
    store: Store, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    wanted = order(Side.SELL, 10, OrderType.TRAILING_STOP, trail_amount="5.00")
    async with entered(store, clock, facts) as broker:
        await broker.submit(ref(1), wanted)
        for _ in range(200):
            clock.forward(7)
            await broker.tick()
        (kept,) = await store.rows("SELECT body FROM paper_orders")
        moved = len(await store.rows("SELECT * FROM paper_events WHERE kind = 'quoted'"))
    assert moved > 1, "the invented market rises somewhere in twenty minutes"
    async with entered(store, clock, facts) as broker:
        (again,) = broker._books.state.open.values() or broker._books.state.ended.values()
    assert f'"trigger":"{again.trigger}"' in kept["body"]


async def test_fills_are_listed_since_any_moment_from_the_journal(
    store: Store, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    async with entered(store, clock, facts) as broker:
        started = clock.now()
        await broker.submit(ref(1), order(Side.BUY, 3))
        clock.forward(60)
        later = clock.now()
        await broker.submit(ref(2), order(Side.SELL, 1))
        told = [fact.execution for fact in facts if isinstance(fact, Executed)]
        assert await broker.executions(started) == tuple(told)
    async with entered(store, clock, facts) as broker:
        assert await broker.executions(later) == tuple(told[1:])
        assert await broker.executions(later + timedelta(microseconds=1)) == ()


async def test_worth_is_recorded_at_the_opening_each_fill_and_each_hour_and_never_changes(
    store: Store, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    opened = clock.now()
    async with entered(store, clock, facts) as broker:
        await broker.submit(ref(1), order(Side.BUY, 3))
        await broker.submit(ref(2), order(Side.BUY, 3, OrderType.LIMIT, limit_price="1.00"))
        filled = (await broker.balances()).equity
        await broker.tick()
        assert await broker.history(opened, 10) == ((opened, filled),)
        clock.forward(3600)
        await broker.tick()
        await broker.tick()
        hour = (await broker.balances()).equity
        known = await broker.history(opened, 10)
        assert known == ((opened, filled), (clock.now(), hour))
    async with entered(store, clock, facts) as broker:
        await broker.tick()
        clock.forward(60)
        await broker.tick()
        assert await broker.history(opened, 10) == known
        assert await broker.history(opened, 1) == known[1:]
        assert await broker.history(clock.now(), 10) == ()


async def test_a_new_account_is_worth_what_was_put_in(broker: PaperBroker, clock: ManualClock) -> None:
    assert await broker.history(clock.now(), 5) == ((clock.now(), Decimal(100_000)),)


async def test_fees_and_slippage_are_those_of_the_settings(
    store: Store, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    fees = FeeSettings(per_share=Decimal("0.10"), minimum=Decimal(5), cap=Decimal("0.5"))
    async with entered(store, clock, facts, fees=fees, slippage_ticks=7) as broker:
        (found,) = await broker.find("ALFA")
        quote = await broker.quote(found)
        assert quote is not None
        assert quote.ask is not None
        assert quote.ask_size is not None
        await broker.submit(ref(1), order(Side.BUY, int(quote.ask_size) + 10))
        first, rest = (fact.execution for fact in facts if isinstance(fact, Executed))
        assert (first.price, rest.price) == (quote.ask, quote.ask + 7 * found.tick)
        assert first.fee + rest.fee == max(Decimal(5), (quote.ask_size + 10) / 10)


async def test_day_orders_end_at_the_exchange_s_close_and_the_next_day_s_begin_after_it(
    store: Store, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    clock.at = datetime(2026, 3, 2, 20, 59, 58, tzinfo=UTC)
    resting = order(Side.BUY, 1, OrderType.LIMIT, limit_price="1.00")
    async with entered(store, clock, facts, session="XNYS") as broker:
        await broker.submit(ref(1), resting)
        clock.forward(1)
        await broker.tick()
        assert [type(fact) for fact in facts] == [Acknowledged]
        clock.forward(1)
        await broker.tick()
        assert [type(fact) for fact in facts[1:]] == [Expired]
        await broker.submit(ref(2), resting)
        clock.forward(20 * 3600)
        await broker.tick()
        assert [type(fact) for fact in facts[2:]] == [Acknowledged]


async def test_outside_the_session_only_orders_that_ask_for_it_are_matched(
    store: Store, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    clock.at = datetime(2026, 3, 3, 14, 29, 50, tzinfo=UTC)
    async with entered(store, clock, facts, session="XNYS") as broker:
        assert not (await broker.clock()).is_open
        await broker.submit(ref(1), order(Side.BUY, 1))
        await broker.submit(ref(2), order(Side.BUY, 1, outside_hours=1))
        clock.forward(5)
        await broker.tick()
        assert [fact.reference for fact in facts if isinstance(fact, Executed)] == [ref(2)]
        clock.forward(5)
        await broker.tick()
        assert [fact.reference for fact in facts if isinstance(fact, Executed)] == [ref(2), ref(1)]


async def test_beyond_its_calendar_it_takes_no_orders_but_cancels_them(
    store: Store, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    clock.at = datetime(2030, 12, 31, 15, 0, tzinfo=UTC)
    resting = replace(order(Side.BUY, 1, OrderType.LIMIT, limit_price="1.00"), time_in_force=TimeInForce.GTC)
    async with entered(store, clock, facts, session="XNYS") as broker:
        await broker.submit(ref(1), resting)
        clock.at = datetime(2031, 1, 2, 15, 0, tzinfo=UTC)
        await broker.tick()
        with pytest.raises(Refused) as refused:
            await broker.submit(ref(2), resting)
        assert refused.value.refusal.code == "SESSION_UNKNOWN"
        await broker.cancel(ref(1))
        assert [type(fact) for fact in facts] == [Acknowledged, Cancelled]


@pytest.fixture
def recorded(tmp_path: Path) -> str:
    file = tmp_path / "acme.csv"
    file.write_text(BARS)
    return str(file)


async def test_a_recording_is_traded_along_its_bars_and_says_where_prices_are_from(
    store: Store, clock: ManualClock, facts: list[BrokerFact], recorded: str
) -> None:
    async with entered(store, clock, facts, replay=recorded) as broker:
        (found,) = await broker.find("ACME")
        assert await broker.find("ALFA") == ()
        assert [each.symbol for each in await broker.search("acm", 5)] == ["ACME"]
        quote = await broker.quote(found)
        assert quote is not None
        assert quote.source.startswith("simulated:replay(acme.csv, ")
        await broker.submit_linked(Linkage.BRACKET, bracket("ACME", "10.90", "9.50"))
        for _ in range(8):
            clock.forward(15)
            await broker.tick()
        entry, target, guard = sorted(await broker.orders(), key=lambda each: each.reference)
        assert [str(fill.price) for each in (entry, target) for fill in each.executions] == ["10.00", "10.90"]
        assert guard.state is OrderState.CANCELLED
        balances = await broker.balances()
        assert balances.source == quote.source
        assert balances.realised == Decimal(9)


async def test_after_the_last_bar_there_is_no_data_and_no_other_market(
    store: Store, clock: ManualClock, facts: list[BrokerFact], recorded: str
) -> None:
    async with entered(store, clock, facts, replay=recorded) as broker:
        await broker.submit(ref(1), order(Side.BUY, 10, symbol="ACME"))
        (found,) = await broker.find("ACME")
        clock.forward(170)
        assert (await broker.positions())[0].mark == Decimal("10.10")
        await broker.submit(ref(2), order(Side.SELL, 1, symbol="ACME"))
        clock.forward(10)
        assert await broker.quote(found) is None
        facts.clear()
        await broker.submit(ref(3), order(Side.SELL, 1, symbol="ACME"))
        (fact,) = facts
        assert isinstance(fact, Rejected)
        assert fact.reason.startswith("MARKET_DATA_MISSING")
        assert await broker.estimate(order(Side.SELL, 1, symbol="ACME")) is None
        (position,) = await broker.positions()
        assert (position.quantity, position.mark, position.market_value) == (9, None, None)
        balances = await broker.balances()
        assert balances.as_of < clock.now(), "a worth at old prices is as old as they are"
        points = await broker.history(datetime(2026, 1, 1, tzinfo=UTC), 10)
        clock.forward(3600)
        await broker.tick()
        assert await broker.history(datetime(2026, 1, 1, tzinfo=UTC), 10) == points


async def test_a_recording_goes_on_after_a_restart_and_another_one_has_its_own_account(
    store: Store, clock: ManualClock, facts: list[BrokerFact], recorded: str, tmp_path: Path
) -> None:
    async with entered(store, clock, facts, replay=recorded) as broker:
        await broker.submit(ref(1), order(Side.BUY, 10, symbol="ACME"))
    clock.forward(60)
    async with entered(store, clock, facts, replay=recorded) as broker:
        (position,) = await broker.positions()
        assert position.mark == Decimal("10.10")
    other = tmp_path / "other.csv"
    other.write_text(BARS.replace("40000", "50000"))
    async with entered(store, clock, facts, replay=str(other)) as broker:
        assert await broker.positions() == ()
        assert [each.symbol for each in await broker.search("", 5)] == ["OTHER"]
    async with entered(store, clock, facts) as broker:
        assert await broker.positions() == ()


async def test_a_recording_that_is_no_use_keeps_the_broker_from_starting_and_says_why(
    store: Store, clock: ManualClock, facts: list[BrokerFact], recorded: str
) -> None:
    Path(recorded).write_text(BARS.replace("9.90", "99"))
    with pytest.raises(BrokerUnavailable, match="line 2: open and close"):
        async with entered(store, clock, facts, replay=recorded):
            pass


@pytest.mark.parametrize(
    "wrong",
    [
        {"session": "NYSE"},
        {"replay": "bars.csv"},
        {"replay": "/bars.csv", "session": "XNYS"},
        {"slippage_ticks": 101},
        {"fees": {"cap": "1.5"}},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        ConnectionSettings.model_validate(wrong)
