"""What a kill takes off the brokers' books, and what it leaves there."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from cockpit.brokers.base import FOR_SENDING
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.withdrawing import WITHIN, Withdrawing
from cockpit.model.identity import Caller
from cockpit.model.orders import OrderRef, OrderState, Side
from cockpit.model.trading import Link, TradingState
from tests.desk.desks import Desk
from tests.desk.test_by_hand import by_hand, hold, wanted
from tests.desk.test_flattening import rest


async def test_what_the_operator_closes_while_the_kill_still_withdraws_stays(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(desk, claude, "20")
    stuck = await rest(desk, claude, Side.BUY, "1")
    above = round(await desk.touch("ALFA", Side.BUY) * Decimal("1.01"), 2)
    before = await by_hand(desk).close(wanted("1", above), "", "screen")
    broker = desk.connections.need("paper").broker
    cancel, orders, looked = broker.cancel, broker.orders, asyncio.Event()

    async def loses_one(reference: OrderRef) -> None:
        if reference != stuck.reference:
            await cancel(reference)

    async def tells() -> object:
        assert FOR_SENDING.get(), "it stands behind what clients read"
        looked.set()
        return await orders()

    monkeypatch.setattr(broker, "cancel", loses_one)
    desk.decisions.withdrawing.killed_at = lambda: desk.switch.stands.since
    desk.switch.lower(TradingState.KILLED, "test")
    desk.clock.pass_time(0.001)
    leaving = asyncio.create_task(desk.decisions.withdrawing.withdraw("test", 60))
    await asyncio.sleep(0)
    after = await by_hand(desk).close(wanted("2", above), "", "screen")
    assert after.state is OrderState.WORKING
    monkeypatch.setattr(broker, "orders", tells)
    for _ in range(2):
        looked.clear()
        await looked.wait()
    desk.clock.pass_time(60)
    gone = await leaving
    assert (gone.cancelled, [stuck.order_id in one or stuck.reference in one for one in gone.left]) == (1, [True])
    states = [desk.book.get(one.order_id) for one in (before, after)]
    assert [one.state for one in states if one is not None] == [OrderState.CANCELLED, OrderState.WORKING]


async def test_what_the_operator_closes_after_a_kill_stays_where_another_connection_shows_it_too(
    desk: Desk, claude: Caller
) -> None:
    paper = desk.connections.need("paper")
    other = Connection("other", paper.settings, paper.broker)
    withdrawing = Withdrawing(desk.book, desk.sender, Connections({"paper": paper, "other": other}), desk.clock)
    withdrawing.killed_at = lambda: desk.switch.stands.since
    above = await _killed(desk, claude)
    meant = await by_hand(desk).close(wanted("2", above), "", "screen")
    desk.clock.pass_time(WITHIN)

    withdrawing.link_sink(other)(Link.READY, "")
    await asyncio.gather(*withdrawing._tasks)

    assert desk.book.now(meant).state is OrderState.WORKING


async def test_another_kill_takes_off_what_the_operator_closed_since_the_first(desk: Desk, claude: Caller) -> None:
    desk.decisions.withdrawing.killed_at = lambda: desk.switch.stands.since
    above = await _killed(desk, claude)
    closed = await by_hand(desk).close(wanted("2", above), "", "screen")
    desk.clock.pass_time(0.001)

    desk.switch.lower(TradingState.KILLED, "again")
    gone = await desk.decisions.withdrawing.withdraw("test")

    assert gone.cancelled == 1
    assert desk.book.now(closed).state is OrderState.CANCELLED


async def _killed(desk: Desk, claude: Caller) -> Decimal:
    """Kill with 20 held; return a price at which their sale rests."""
    await hold(desk, claude, "20")
    desk.switch.lower(TradingState.KILLED, "test")
    desk.clock.pass_time(0.001)
    return round(await desk.touch("ALFA", Side.BUY) * Decimal("1.01"), 2)
