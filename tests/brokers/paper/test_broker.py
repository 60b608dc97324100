from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from cockpit.brokers.base import Broker, BrokerUnavailable
from cockpit.brokers.paper import journal
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.accounts import Balances, Position
from cockpit.model.instruments import Instrument
from cockpit.model.orders import (
    Acknowledged,
    BrokerFact,
    BrokerOrder,
    Cancelled,
    Executed,
    Expired,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Rejected,
    Replaced,
    Side,
    TimeInForce,
)
from cockpit.model.quotes import DataType, Interval
from cockpit.model.refusals import Refused
from cockpit.model.trading import Link, Mode
from cockpit.settings.model import ConnectionSettings
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write
from tests.brokers.paper.conftest import NEVER, ManualClock


class BreakableStore(Store):
    """A store whose disk can be made to fail, or to wait."""

    trouble: Exception | None = None
    gate: asyncio.Event | None = None

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> tuple[int, ...]:
        if self.trouble is not None:
            raise self.trouble
        numbers = await super().commit(writes, audit)
        if self.gate is not None:
            await self.gate.wait()
        return numbers


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock):
    async with BreakableStore(tmp_path / "data", clock) as opened:
        yield opened


def order(
    side: Side, quantity: str, limit: Decimal | None = None, life: TimeInForce = TimeInForce.DAY, symbol: str = "ALFA"
) -> OrderRequest:
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    return OrderRequest(symbol, side, Decimal(quantity), kind, limit, life)


def ref(number: int) -> OrderRef:
    return OrderRef(f"ck:{number:026}")


async def instrument(broker: PaperBroker, symbol: str = "ALFA") -> Instrument:
    (found,) = await broker.find(symbol)
    return found


async def touch(broker: PaperBroker, side: Side, symbol: str = "ALFA") -> Decimal:
    quote = await broker.quote(await instrument(broker, symbol))
    assert quote is not None
    price = quote.touch(side)
    assert price is not None
    return price


async def known(broker: PaperBroker) -> tuple[Balances, Sequence[Position], Sequence[BrokerOrder]]:
    """Return all that the broker says about the account."""
    return await broker.balances(), await broker.positions(), await broker.orders()


async def trade_a_little(broker: PaperBroker, clock: ManualClock) -> None:
    """Leave a position, a resting order, a partly filled one, and ended ones of every kind."""
    await broker.submit(ref(1), order(Side.BUY, "30"))
    await broker.submit(ref(2), order(Side.BUY, "10", Decimal("200.00"), TimeInForce.GTC))
    await broker.replace(ref(2), order(Side.BUY, "12", Decimal("201.00"), TimeInForce.GTC))
    await broker.submit(ref(3), order(Side.BUY, "10", Decimal("200.00"), TimeInForce.IOC))
    await broker.submit(ref(4), order(Side.BUY, "10", Decimal("200.001")))
    await broker.submit(ref(5), order(Side.SELL, "12"))
    await broker.submit(ref(7), order(Side.BUY, "0.25", symbol="JULI"))
    clock.forward(2)
    await broker.submit(ref(8), order(Side.SELL, "0.1", symbol="JULI"))
    shown = await broker.quote(await instrument(broker, "ECHO"))
    assert shown is not None
    assert shown.ask is not None
    assert shown.ask_size is not None
    await broker.submit(ref(6), order(Side.BUY, str(shown.ask_size + 1), shown.ask, TimeInForce.GTC, "ECHO"))


def test_it_is_a_broker(store: Store, clock: ManualClock) -> None:
    broker: Broker = PaperBroker("paper", ConnectionSettings(), store, clock)
    assert broker.status().kind == "paper"


async def test_it_says_everywhere_that_it_is_a_simulation(broker: PaperBroker) -> None:
    status = broker.status()
    assert (status.account, status.mode, status.link) == ("SIM-paper", Mode.PAPER, Link.READY)
    assert status.latency_ms is None
    assert "Simulated" in status.note
    listed = await instrument(broker)
    assert listed.simulated
    quote = await broker.quote(listed)
    assert quote is not None
    assert (quote.source, quote.data_type) == ("paper:cockpit", DataType.SIMULATED)
    bars = await broker.bars(listed, Interval.MIN_1, 3, None)
    assert (bars.source, bars.data_type) == ("paper:cockpit", DataType.SIMULATED)
    market = await broker.clock()
    assert "simulated" in market.note
    assert (market.is_open, market.opens_at, market.closes_at) == (True, None, None)
    assert (await broker.balances()).source == "paper:cockpit"


async def test_an_account_id_has_letters_digits_and_dashes_alone(store: Store, clock: ManualClock) -> None:
    assert PaperBroker("my_paper-2", ConnectionSettings(), store, clock).account == "SIM-my-paper-2"


async def test_only_exact_symbols_are_found_and_others_searched(broker: PaperBroker) -> None:
    assert [each.symbol for each in await broker.find("ALFA")] == ["ALFA"]
    assert await broker.find("ALF") == ()
    assert [each.symbol for each in await broker.search("simulated coin", 5)] == ["JULI", "KILO"]


async def test_a_quote_is_that_of_the_clocks_second(broker: PaperBroker, clock: ManualClock) -> None:
    listed = await instrument(broker)
    quote = await broker.quote(listed)
    assert quote is not None
    assert quote.as_of == clock.now().replace(microsecond=0)
    clock.forward(1)
    later = await broker.quote(listed)
    assert later is not None
    assert later.as_of - quote.as_of == timedelta(seconds=1)
    assert await broker.quote(replace(listed, symbol="NOPE")) is None


async def test_bars_are_finished_in_order_and_never_more_than_asked(broker: PaperBroker, clock: ManualClock) -> None:
    listed = await instrument(broker)
    for interval in Interval:
        bars = (await broker.bars(listed, interval, 50, None)).bars
        assert len(bars) == 50
        length = timedelta(seconds=interval.seconds)
        assert bars[-1].opens_at + length <= clock.now() < bars[-1].opens_at + 2 * length
        assert all(after.opens_at - before.opens_at == length for before, after in pairwise(bars))


async def test_bars_end_before_the_given_time(broker: PaperBroker, clock: ManualClock) -> None:
    listed = await instrument(broker)
    end = datetime(2026, 2, 1, 10, 0, tzinfo=UTC)
    assert (await broker.bars(listed, Interval.HOUR_1, 1, end)).bars[0].opens_at == end - timedelta(hours=1)
    end += timedelta(seconds=1)
    assert (await broker.bars(listed, Interval.HOUR_1, 1, end)).bars[0].opens_at == end - timedelta(seconds=1)
    future = await broker.bars(listed, Interval.HOUR_1, 1, clock.now() + timedelta(days=400))
    assert future == await broker.bars(listed, Interval.HOUR_1, 1, None)


async def test_bars_are_bounded_whatever_is_asked(broker: PaperBroker) -> None:
    listed = await instrument(broker)
    assert len((await broker.bars(listed, Interval.MIN_1, 10**9, None)).bars) == 1000
    assert (await broker.bars(listed, Interval.MIN_1, 0, None)).bars == ()
    assert (await broker.bars(listed, Interval.MIN_1, -5, None)).bars == ()
    assert (await broker.bars(listed, Interval.DAY_1, 9, datetime.min.replace(tzinfo=UTC))).bars == ()
    assert len((await broker.bars(listed, Interval.DAY_1, 9, datetime(1970, 1, 3, tzinfo=UTC))).bars) == 2
    assert (await broker.bars(replace(listed, symbol="NOPE"), Interval.MIN_1, 5, None)).bars == ()


async def test_a_market_order_is_filled_before_submit_returns(
    broker: PaperBroker, facts: list[BrokerFact], clock: ManualClock
) -> None:
    ask = await touch(broker, Side.BUY)
    await broker.submit(ref(1), order(Side.BUY, "10"))
    acknowledged, executed = facts
    assert isinstance(acknowledged, Acknowledged)
    assert isinstance(executed, Executed)
    assert (executed.execution.quantity, executed.execution.price) == (10, ask)
    assert {fact.at for fact in facts} == {clock.now()}
    (position,) = await broker.positions()
    assert (position.symbol, position.quantity, position.average_price) == ("ALFA", 10, ask)
    balances = await broker.balances()
    assert balances.cash == 100_000 - 10 * ask - 1
    assert balances.fees == 1
    assert position.market_value is not None
    assert balances.equity == balances.cash + position.market_value
    assert balances.unrealised == position.unrealised


async def test_a_resting_order_is_filled_when_the_market_comes_to_it(
    broker: PaperBroker, facts: list[BrokerFact], clock: ManualClock
) -> None:
    limit = await touch(broker, Side.SELL) - Decimal("0.20")
    await broker.submit(ref(1), order(Side.BUY, "5", limit, TimeInForce.GTC))
    assert len(facts) == 1
    while await touch(broker, Side.BUY) > limit:
        await broker.tick()
        assert len(facts) == 1
        clock.forward(1)
    await broker.tick()
    fill = facts[1]
    assert isinstance(fill, Executed)
    assert (fill.execution.price, fill.at) == (limit, clock.now())
    assert (await broker.orders())[0].state is OrderState.FILLED


async def test_looking_at_the_market_writes_nothing_unless_something_comes_of_it(
    broker: PaperBroker, store: Store, clock: ManualClock
) -> None:
    await broker.submit(ref(1), order(Side.BUY, "5", Decimal("100.00"), TimeInForce.GTC))
    before = await store.rows("SELECT number FROM paper_events")
    for _ in range(5):
        clock.forward(1)
        await broker.tick()
    assert await store.rows("SELECT number FROM paper_events") == before


async def test_orders_are_weighed_with_the_prices_of_now_of_everything_held(
    broker: PaperBroker, facts: list[BrokerFact], clock: ManualClock
) -> None:
    await broker.submit(ref(1), order(Side.BUY, "300"))
    clock.forward(20 * 86_400)
    (held,) = await broker.positions()
    assert held.unrealised is not None
    assert abs(held.unrealised) > 1000
    quote = await broker.quote(await instrument(broker, "BRVO"))
    assert quote is not None
    middle = quote.mid()
    assert middle is not None
    most = (await broker.balances()).buying_power // middle
    facts.clear()
    await broker.submit(ref(2), order(Side.BUY, str(most + 1), symbol="BRVO"))
    await broker.submit(ref(3), order(Side.BUY, str(most), symbol="BRVO"))
    assert [type(fact) for fact in facts[:2]] == [Rejected, Acknowledged]


async def test_a_reference_that_memory_has_forgotten_is_refused(
    broker: PaperBroker, facts: list[BrokerFact], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "EVENTS_A_SNAPSHOT", 1)
    monkeypatch.setattr(journal, "KEPT", 0)
    await broker.submit(ref(1), order(Side.BUY, "10", Decimal("100.00"), TimeInForce.IOC))
    assert await broker.orders() == ()
    facts.clear()
    with pytest.raises(Refused) as refused:
        await broker.submit(ref(1), order(Side.BUY, "10", Decimal("100.00"), TimeInForce.IOC))
    assert refused.value.refusal.code == "IDEMPOTENCY_CONFLICT"
    assert facts == []


async def test_its_own_task_watches_the_market(store: Store, clock: ManualClock) -> None:
    heard: asyncio.Queue[BrokerFact] = asyncio.Queue()
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=0.001) as broker:
        broker.listen(heard.put_nowait)
        limit = await touch(broker, Side.SELL) - Decimal("0.20")
        await broker.submit(ref(1), order(Side.BUY, "5", limit))
        assert isinstance(await heard.get(), Acknowledged)
        while await touch(broker, Side.BUY) > limit:
            clock.forward(1)
        assert isinstance(await asyncio.wait_for(heard.get(), 10), Executed)


async def test_a_day_order_expires_at_midnight_before_todays_prices_reach_it(
    broker: PaperBroker, facts: list[BrokerFact], clock: ManualClock
) -> None:
    far = await touch(broker, Side.BUY) * 3
    await broker.submit(ref(1), order(Side.SELL, "5", far))
    await broker.submit(ref(2), order(Side.SELL, "5", far, TimeInForce.GTC))
    clock.at = datetime(2026, 3, 3, tzinfo=UTC)
    await broker.tick()
    assert [(type(fact), fact.reference) for fact in facts[2:]] == [(Expired, ref(1))]


async def test_a_request_after_midnight_ends_yesterdays_orders_first(
    broker: PaperBroker, facts: list[BrokerFact], clock: ManualClock
) -> None:
    await broker.submit(ref(1), order(Side.SELL, "5", await touch(broker, Side.BUY) * 3))
    clock.forward(86_400)
    await broker.cancel(ref(1))
    assert [type(fact) for fact in facts] == [Acknowledged, Expired]


async def test_facts_come_once_in_order_and_each_is_durable_when_it_is_told(
    store: BreakableStore, clock: ManualClock
) -> None:
    told: list[tuple[BrokerFact, int]] = []
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER) as broker:
        store.gate = asyncio.Event()
        broker.listen(lambda fact: told.append((fact, 0)))
        waiting = asyncio.create_task(broker.submit(ref(1), order(Side.BUY, "1")))
        while not await store.rows("SELECT 1 FROM paper_events WHERE kind = 'submit'"):
            await asyncio.sleep(0)
        assert told == []
        assert await broker.positions() == ()
        assert not waiting.done()
        store.gate.set()
        await waiting
        assert [type(fact) for fact, _ in told] == [Acknowledged, Executed]


async def test_many_at_once_are_taken_one_after_the_other(broker: PaperBroker, facts: list[BrokerFact]) -> None:
    await asyncio.gather(*(broker.submit(ref(number), order(Side.BUY, "1")) for number in range(50)))
    assert [fact.reference for fact in facts] == [ref(number) for number in range(50) for _ in range(2)]
    (position,) = await broker.positions()
    assert position.quantity == 50


@pytest.mark.parametrize("trouble", [StoreUnavailable("disk full"), StoreBusy("queue full")])
async def test_what_can_not_be_made_durable_has_not_happened(
    broker: PaperBroker, store: BreakableStore, facts: list[BrokerFact], clock: ManualClock, trouble: Exception
) -> None:
    await trade_a_little(broker, clock)
    before, said = await known(broker), len(facts)
    store.trouble = trouble
    for act in (
        broker.submit(ref(20), order(Side.BUY, "1")),
        broker.replace(ref(2), order(Side.BUY, "13", Decimal("202.00"), TimeInForce.GTC)),
        broker.cancel(ref(2)),
    ):
        with pytest.raises(BrokerUnavailable):
            await act
    assert await known(broker) == before
    assert len(facts) == said
    store.trouble = None
    await broker.cancel(ref(2))
    await broker.submit(ref(20), order(Side.BUY, "1"))
    assert [type(fact) for fact in facts[said:]] == [Cancelled, Acknowledged, Executed]


async def test_a_market_task_outlives_a_full_disk(store: BreakableStore, clock: ManualClock) -> None:
    heard: asyncio.Queue[BrokerFact] = asyncio.Queue()
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=0.001) as broker:
        broker.listen(heard.put_nowait)
        limit = await touch(broker, Side.SELL) - Decimal("0.20")
        await broker.submit(ref(1), order(Side.BUY, "5", limit))
        await heard.get()
        tried = asyncio.Event()

        class Full(StoreUnavailable):
            def __str__(self) -> str:
                tried.set()
                return "disk full"

        store.trouble = Full()
        while await touch(broker, Side.BUY) > limit:
            clock.forward(1)
        await asyncio.wait_for(tried.wait(), 10)
        assert heard.empty()
        store.trouble = None
        assert isinstance(await asyncio.wait_for(heard.get(), 10), Executed)


async def test_the_same_order_again_changes_nothing_and_another_is_refused(
    broker: PaperBroker, facts: list[BrokerFact]
) -> None:
    await broker.submit(ref(1), order(Side.BUY, "10"))
    before, said = await known(broker), len(facts)
    await broker.submit(ref(1), order(Side.BUY, "10"))
    with pytest.raises(Refused) as refused:
        await broker.submit(ref(1), order(Side.BUY, "11"))
    assert refused.value.refusal.code == "IDEMPOTENCY_CONFLICT"
    assert await known(broker) == before
    assert len(facts) == said


@pytest.mark.parametrize("reference", ["", "a b", "x" * 65, "ck:\x00", "ck:é"])
async def test_a_reference_must_be_short_printable_text(broker: PaperBroker, reference: str) -> None:
    with pytest.raises(Refused) as refused:
        await broker.submit(OrderRef(reference), order(Side.BUY, "1"))
    assert refused.value.refusal.code == "BAD_ARGUMENTS"


async def test_an_unknown_order_can_neither_be_replaced_nor_cancelled(broker: PaperBroker) -> None:
    for act in (broker.cancel(ref(9)), broker.replace(ref(9), order(Side.BUY, "1", Decimal("300.00")))):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.refusal.code == "ORDER_UNKNOWN"


async def test_a_symbol_that_is_not_listed_is_rejected(broker: PaperBroker, facts: list[BrokerFact]) -> None:
    await broker.submit(ref(1), order(Side.BUY, "1", symbol="NOPE"))
    (fact,) = facts
    assert isinstance(fact, Rejected)
    assert (await broker.orders())[0].state is OrderState.REJECTED


async def test_buying_power_counts_working_orders(broker: PaperBroker) -> None:
    assert (await broker.balances()).buying_power == 200_000
    limit = Decimal("300.00")
    await broker.submit(ref(1), order(Side.BUY, "100", limit))
    quote = await broker.quote(await instrument(broker))
    assert quote is not None
    middle = quote.mid()
    assert middle is not None
    assert (await broker.balances()).buying_power == 200_000 - 100 * middle


async def test_after_a_restart_everything_is_as_it_was(store: Store, clock: ManualClock) -> None:
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER) as first:
        first.listen(lambda fact: None)
        await trade_a_little(first, clock)
        before = await known(first)
    assert {each.state for each in before[2]} == {
        OrderState.FILLED,
        OrderState.WORKING,
        OrderState.PARTLY_FILLED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
    }
    assert len(before[1]) == 3
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER) as second:
        assert await known(second) == before


async def test_after_a_crash_everything_is_as_it_was_told(tmp_path: Path, clock: ManualClock) -> None:
    told: list[BrokerFact] = []
    store = await Store(tmp_path / "crashing", clock).__aenter__()
    broker = await PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER).__aenter__()
    broker.listen(told.append)
    await trade_a_little(broker, clock)
    before = await known(broker)
    copy = tmp_path / "after"
    copy.mkdir(mode=0o700)
    (copy / "keys").mkdir(mode=0o700)
    # what a killed process leaves: the files as they are, without any of the work of closing
    for file in (tmp_path / "crashing").rglob("*"):
        if file.is_file():
            target = copy / file.relative_to(tmp_path / "crashing")
            target.write_bytes(file.read_bytes())
            target.chmod(0o600)
    async with (
        Store(copy, clock) as left,
        PaperBroker("paper", ConnectionSettings(), left, clock, tick_seconds=NEVER) as again,
    ):
        assert await known(again) == before
        fills = {each.execution_id for order in before[2] for each in order.executions}
        assert fills == {fact.execution.execution_id for fact in told if isinstance(fact, Executed)}
    await broker.__aexit__(None, None, None)
    await store.__aexit__(None, None, None)


async def test_a_restart_does_not_make_up_fills_for_the_time_away(store: Store, clock: ManualClock) -> None:
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER) as first:
        first.listen(lambda fact: None)
        limit = await touch(first, Side.SELL) - Decimal("0.20")
        await first.submit(ref(1), order(Side.BUY, "5", limit, TimeInForce.GTC))
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER) as second:
        facts: list[BrokerFact] = []
        second.listen(facts.append)
        while await touch(second, Side.BUY) > limit:
            clock.forward(1)
        while await touch(second, Side.BUY) <= limit:
            clock.forward(1)
        await second.tick()
        assert facts == []


async def test_a_replay_after_a_restart_is_still_the_same_order(store: Store, clock: ManualClock) -> None:
    for _ in range(2):
        async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER) as broker:
            broker.listen(lambda fact: None)
            await broker.submit(ref(1), order(Side.BUY, "10"))
            assert len(await broker.orders()) == 1


async def test_a_caller_who_goes_away_leaves_a_whole_order_behind(
    broker: PaperBroker, store: BreakableStore, facts: list[BrokerFact]
) -> None:
    store.gate = asyncio.Event()
    caller = asyncio.create_task(broker.submit(ref(1), order(Side.BUY, "10")))
    while not await store.rows("SELECT 1 FROM paper_events WHERE kind = 'submit'"):
        await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert facts == []
    store.gate.set()
    await broker.replace(ref(1), order(Side.BUY, "20"))
    assert [type(fact) for fact in facts[:2]] == [Acknowledged, Executed]
    assert (await broker.positions())[0].quantity == 10


async def test_orders_show_what_was_asked_for_before_they_were_asked_for(
    broker: PaperBroker, store: BreakableStore
) -> None:
    store.gate = asyncio.Event()
    caller = asyncio.create_task(broker.submit(ref(1), order(Side.BUY, "10")))
    while not await store.rows("SELECT 1 FROM paper_events WHERE kind = 'submit'"):
        await asyncio.sleep(0)
    shown = asyncio.create_task(broker.orders())
    await asyncio.sleep(0)
    assert not shown.done()
    store.gate.set()
    assert [each.reference for each in await shown] == [ref(1)]
    await caller


async def test_leaving_waits_for_what_is_under_way(store: BreakableStore, clock: ManualClock) -> None:
    facts: list[BrokerFact] = []
    broker = PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER)
    async with broker:
        broker.listen(facts.append)
        caller = asyncio.create_task(broker.submit(ref(1), order(Side.BUY, "10")))
        await asyncio.sleep(0)
    assert [type(fact) for fact in facts] == [Acknowledged, Executed]
    await caller
    assert broker.status().link is Link.DOWN
    with pytest.raises(BrokerUnavailable):
        await broker.submit(ref(2), order(Side.BUY, "10"))


async def test_two_connections_trade_apart(store: Store, clock: ManualClock) -> None:
    async with (
        PaperBroker("one", ConnectionSettings(), store, clock, tick_seconds=NEVER) as one,
        PaperBroker("two", ConnectionSettings(cash=Decimal(5000)), store, clock, tick_seconds=NEVER) as two,
    ):
        await one.submit(ref(1), order(Side.BUY, "10"))
        assert await two.positions() == ()
        assert (await two.balances()).cash == 5000


async def test_a_replaced_order_is_told_and_shown_with_its_new_terms(
    broker: PaperBroker, facts: list[BrokerFact]
) -> None:
    await broker.submit(ref(1), order(Side.BUY, "10", Decimal("200.00")))
    await broker.replace(ref(1), order(Side.BUY, "7", Decimal("201.00")))
    wanted = order(Side.BUY, "7", Decimal("201.00"))
    assert facts[1] == Replaced(ref(1), facts[1].at, Decimal(7), Decimal("201.00"), wanted)
    (shown,) = await broker.orders()
    assert shown.request == order(Side.BUY, "7", Decimal("201.00"))


async def test_an_estimate_is_what_the_order_then_costs(broker: PaperBroker) -> None:
    wanted = order(Side.BUY, "300", symbol="BRVO")
    estimate = await broker.estimate(wanted)
    assert estimate is not None
    before = await broker.balances()
    await broker.submit(ref(1), wanted)
    after = await broker.balances()
    assert estimate.fee == after.fees
    # what the spread costs is lost from equity at once
    lost = before.equity - after.equity
    assert estimate.margin == (before.buying_power - after.buying_power) / 2 - lost
    closing = await broker.estimate(order(Side.SELL, "300", symbol="BRVO"))
    assert closing is not None
    assert closing.margin == 0


async def test_what_can_not_be_taken_has_no_estimate(broker: PaperBroker) -> None:
    assert await broker.estimate(order(Side.BUY, "1", symbol="NOPE")) is None
    assert await broker.estimate(order(Side.BUY, "0.5")) is None
    assert await broker.estimate(order(Side.BUY, "NaN")) is None
