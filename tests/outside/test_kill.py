"""Kill and halt against a broker outside, with a read that hangs, a disk that is full, and a line that breaks."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cockpit.model.identity import GrantId
from cockpit.model.orders import Order, OrderState
from cockpit.model.refusals import Refusal
from cockpit.model.trading import TradingState
from cockpit.operator.feed import Feed
from cockpit.operator.stopping import Stopping
from cockpit.settings.model import Settings
from cockpit.store.writes import StoreUnavailable
from tests.desk.desks import Desk, limit, place
from tests.outside.adapter import OutsideBroker
from tests.outside.control import Outside
from tests.outside.desks import RESTS, becomes, desk_outside, notices, send, state


class Authorities:
    """The authority as far as a kill needs it, over the desk's own grants."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def kill_now(self) -> tuple[GrantId, ...]:
        ended = tuple(self._desk.grants.grants)
        self._desk.grants.grants.clear()
        return ended

    async def kill_durably(self, by: str) -> None:
        await self._desk.store.commit(())

    def reopen(self) -> None:
        pass


class Rooms:
    """What the stopping acts stand on."""

    def __init__(self, desk: Desk) -> None:
        self.settings = Settings(data_dir=desk.store.folder, config_dir=desk.store.folder)
        self.authority = Authorities(desk)
        self.switch, self.book, self.decisions = desk.switch, desk.book, desk.decisions
        self.feed, self.clock = Feed(), desk.clock


def stopping(desk: Desk) -> Stopping:
    return Stopping(Rooms(desk))  # type: ignore[arg-type]


@asynccontextmanager
async def full_disk(desk: Desk) -> AsyncIterator[None]:
    """Let the database take no page more, as on a disk that is full."""

    def fault(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    writer = desk.store._writer
    assert writer is not None
    real, writer._write_in_thread = writer._write_in_thread, fault  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreUnavailable):
        await desk.store.commit(())
    try:
        yield
    finally:
        writer._write_in_thread = real  # type: ignore[method-assign]


async def writable(desk: Desk) -> None:
    async with asyncio.timeout(5):
        while not desk.store.writable:
            await asyncio.sleep(0)


@asynccontextmanager
async def working(folder: Path, outside: Outside, count: int = 3) -> AsyncIterator[tuple[Desk, list[Order]]]:
    """A desk with orders that rest at the broker outside."""
    async with desk_outside(folder, OutsideBroker(outside.port, patience=3)) as desk:
        claude = desk.grants.give("claude")
        orders = [await send(desk, claude, limit(RESTS), f"key-0000000{number}") for number in range(count)]
        yield desk, [await becomes(desk, order, state(OrderState.WORKING)) for order in orders]


async def test_a_kill_takes_everything_off_the_brokers_book(tmp_path: Path, outside: Outside) -> None:
    async with working(tmp_path / "data", outside) as (desk, orders):
        waiting = await place(desk, desk.grants.give("cursor"), limit(RESTS))
        done = await stopping(desk).kill("", "test")
        assert not isinstance(done, Refusal)
        assert "3 orders cancelled" in done.says
        assert {one.state for one in (await outside.books()).values()} == {OrderState.CANCELLED}
        assert {(desk.book.get(one.order_id) or one).state for one in orders} == {OrderState.CANCELLED}
        assert (desk.book.get(waiting.order_id) or waiting).state is OrderState.REFUSED
        assert len(await outside.journal("cancel")) == 3


async def test_the_cancels_go_out_while_a_read_hangs_and_an_approval_ends_at_once(
    tmp_path: Path, outside: Outside
) -> None:
    async with working(tmp_path / "data", outside) as (desk, _):
        claude = desk.grants.give("claude-2")
        waiting = await place(desk, claude, limit(RESTS))
        await outside.fault("balances", "silent", times=1000)
        approving = asyncio.create_task(desk.decisions.approve(waiting.order_id, None, None, None, "test"))
        reading = asyncio.create_task(desk.connections.need("paper").broker.balances())
        await asyncio.sleep(0.05)
        before = asyncio.get_running_loop().time()
        await stopping(desk).kill("", "test")
        answer = await approving
        took = asyncio.get_running_loop().time() - before
        assert isinstance(answer, Refusal)
        assert answer.code in {"KILL_SWITCH", "ALREADY_DECIDED"}
        assert took < 2.5, "the kill waited for a read"
        assert not reading.done()
        assert len(await outside.journal("cancel")) == 3
        assert len(await outside.journal("submit")) == 3
        reading.cancel()


async def test_a_kill_on_a_full_disk_cancels_voids_and_is_killed_after_a_restart(
    tmp_path: Path, outside: Outside
) -> None:
    async with working(tmp_path / "data", outside) as (desk, orders):
        waiting = await place(desk, desk.grants.give("cursor"), limit(RESTS))
        async with full_disk(desk):
            done = await stopping(desk).kill("", "test")
            assert not isinstance(done, Refusal)
            assert "could not be written" in done.says
            assert {one.state for one in (await outside.books()).values()} == {OrderState.CANCELLED}
            assert {(desk.book.get(one.order_id) or one).state for one in orders} == {OrderState.CANCELLED}
            assert (desk.book.get(waiting.order_id) or waiting).state is OrderState.REFUSED
            rows = await desk.store.rows("SELECT state FROM orders WHERE state = 'cancelled'")
            assert rows == []
            # The process ends here as far as the disk is concerned.
            desk.store._writer._trouble = "gone"  # type: ignore[union-attr]
    async with desk_outside(tmp_path / "data", OutsideBroker(outside.port)) as desk:
        assert desk.switch.state is TradingState.KILLED
        assert {one.state for one in desk.book.all()} <= {OrderState.CANCELLED, OrderState.REFUSED}
        assert (await desk.store.audit_verify()).ok


@pytest.mark.parametrize("stop", [TradingState.HALTED, TradingState.REDUCE_ONLY])
async def test_a_halt_on_a_full_disk_is_found_after_a_restart_and_ends_with_resume(
    tmp_path: Path, outside: Outside, stop: TradingState
) -> None:
    async with working(tmp_path / "data", outside, 0) as (desk, _), full_disk(desk):
        await stopping(desk).lower(stop, "halt", "", "test")
        rows = await desk.store.rows("SELECT state FROM trading_switch")
        assert rows[0]["state"] == TradingState.RUNNING
    async with working(tmp_path / "data", outside, 0) as (desk, _):
        assert desk.switch.state is stop
        await stopping(desk).resume("test")
    async with working(tmp_path / "data", outside, 0) as (desk, _):
        assert desk.switch.state is TradingState.RUNNING


async def test_what_a_broker_says_while_the_disk_is_full_is_known_at_once_and_written_later(
    tmp_path: Path, outside: Outside
) -> None:
    async with working(tmp_path / "data", outside) as (desk, orders):
        async with full_disk(desk):
            await outside.quote("ALFA", "98.9")
            for order in orders:
                filled = await becomes(desk, order, state(OrderState.FILLED))
                assert filled.filled == 1
            assert any("can't be written" in text for text in notices(desk))
            rows = await desk.store.rows("SELECT count(*) AS count FROM executions")
            assert rows[0]["count"] == 0
            before = asyncio.get_running_loop().time()
            await desk.decisions.cancel(orders[0].order_id, "test")
            assert asyncio.get_running_loop().time() - before < 2
        await writable(desk)
        async with asyncio.timeout(5):
            while desk.book.is_ahead:
                await asyncio.sleep(0.01)
        rows = await desk.store.rows("SELECT state, version FROM orders ORDER BY order_id")
        ours = sorted(desk.book.all(), key=lambda one: one.order_id)
        assert [(row["state"], row["version"]) for row in rows] == [(one.state, one.version) for one in ours]
        rows = await desk.store.rows("SELECT count(*) AS count FROM executions")
        assert rows[0]["count"] == 3
        told = [record.tool for record in await desk.store.audit_tail(30)]
        assert told.count("order.executed") == 3
        assert (await desk.store.audit_verify()).ok


async def test_what_never_reached_the_disk_is_found_again_at_the_broker(tmp_path: Path, outside: Outside) -> None:
    async with working(tmp_path / "data", outside) as (desk, orders), full_disk(desk):
        await outside.quote("ALFA", "98.9")
        for order in orders:
            await becomes(desk, order, state(OrderState.FILLED))
        desk.store._writer._trouble = "gone"  # type: ignore[union-attr]
        desk.book._unwritten._late.clear()
    async with desk_outside(tmp_path / "data", OutsideBroker(outside.port)) as desk:
        assert {(one.state, one.filled) for one in desk.book.all()} == {(OrderState.FILLED, 1)}


async def test_a_cancel_that_is_lost_in_a_kill_is_sent_again_until_nothing_rests(
    tmp_path: Path, outside: Outside
) -> None:
    async with working(tmp_path / "data", outside) as (desk, _):
        await outside.fault("cancel", "drop_before")
        done = await stopping(desk).kill("", "test")
        assert not isinstance(done, Refusal)
        assert "may still work" not in done.says
        assert {one.state for one in (await outside.books()).values()} == {OrderState.CANCELLED}


async def test_what_may_still_work_after_a_kill_is_listed(tmp_path: Path, outside: Outside) -> None:
    async with working(tmp_path / "data", outside, 1) as (desk, (order,)):
        await outside.fault("cancel", "reject", times=1000)
        gone = await desk.decisions.withdrawing.withdraw("test", 0.3)
        assert gone.cancelled == 0
        assert len(gone.left) == 1
        assert order.reference in gone.left[0]


async def test_a_kill_also_cancels_what_our_database_has_forgotten(tmp_path: Path, outside: Outside) -> None:
    await outside.foreign("tws-17", limit(RESTS))
    await outside.foreign("ck:00000000000000000000000000", limit(RESTS))
    async with working(tmp_path / "data", outside, 0) as (desk, _):
        await stopping(desk).kill("", "test")
        states = {reference: one.state for reference, one in (await outside.books()).items()}
        assert states == {"tws-17": OrderState.WORKING, "ck:00000000000000000000000000": OrderState.CANCELLED}


async def test_a_client_that_waits_learns_of_the_kill_at_once(tmp_path: Path, outside: Outside) -> None:
    async with working(tmp_path / "data", outside, 0) as (desk, _):
        claude = desk.grants.give("claude")
        order = await place(desk, claude, limit(RESTS))
        wait = asyncio.create_task(desk.orders.wait(desk.admitted(claude), order.order_id, 30, None))
        await asyncio.sleep(0)
        await stopping(desk).kill("", "test")
        async with asyncio.timeout(1):
            assert (await wait).state is OrderState.REFUSED
