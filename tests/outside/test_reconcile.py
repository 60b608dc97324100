"""Our orders and the books of a broker outside, with everything going wrong between them that can."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.reconciling import FOREIGN_APART
from cockpit.model.money import ZERO
from cockpit.model.orders import AT_BROKER, Order, OrderState, Replaced
from cockpit.model.refusals import Refusal
from cockpit.model.trading import Link
from tests.desk.desks import Desk, limit, market, place
from tests.outside.adapter import OutsideBroker
from tests.outside.control import Outside
from tests.outside.desks import FILLS, RESTS, WallClock, becomes, desk_outside, notices, send, state


def adapter(outside: Outside, *, books_complete: bool = False) -> OutsideBroker:
    return OutsideBroker(outside.port, patience=0.3, books_complete=books_complete)


async def resolved(desk: Desk, order: Order) -> Order:
    return await becomes(desk, order, lambda now: now.state not in {OrderState.UNKNOWN, OrderState.SENDING})


async def test_orders_work_fill_change_and_end_by_what_is_pushed(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        claude = desk.grants.give("claude")
        order = await send(desk, claude, limit(RESTS, quantity="5"))
        order = await becomes(desk, order, state(OrderState.WORKING))
        await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(3), None)
        order = await becomes(desk, order, lambda now: now.request.quantity == 3)
        await outside.quote("ALFA", "98.9")
        order = await becomes(desk, order, state(OrderState.FILLED))
        assert (order.filled, order.average_price) == (Decimal(3), RESTS)
        other = await send(desk, claude, limit(Decimal(98), quantity="2"), "key-00000002")
        await becomes(desk, other, state(OrderState.WORKING))
        await desk.decisions.cancel(other.order_id, "test")
        await becomes(desk, other, state(OrderState.CANCELLED))
        assert len(await outside.journal("submit")) == 2


@pytest.mark.parametrize(("how", "end"), [("drop_after", OrderState.WORKING), ("silent_after", OrderState.WORKING)])
async def test_an_order_whose_answer_was_lost_is_found_by_its_reference(
    tmp_path: Path, outside: Outside, how: str, end: OrderState
) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        await outside.fault("submit", how)
        order = await send(desk, desk.grants.give("claude"), limit(RESTS))
        order = await becomes(desk, order, state(OrderState.UNKNOWN, end))
        assert (await resolved(desk, order)).state is end
        assert len(await outside.journal("submit")) == 1


@pytest.mark.parametrize("how", ["drop_before", "silent"])
async def test_absence_is_believed_only_after_two_looks_five_seconds_apart(
    tmp_path: Path, outside: Outside, how: str
) -> None:
    clock, broker = WallClock(), adapter(outside)
    async with desk_outside(tmp_path / "data", broker, clock=clock) as desk:
        await outside.fault("submit", how)
        order = await send(desk, desk.grants.give("claude"), limit(RESTS))
        order = await becomes(desk, order, state(OrderState.UNKNOWN))
        await broker.connected()
        for _ in range(2):
            (found,) = await desk.decisions.reconcile()
            assert found.unknown == (order.order_id,)
        assert any(order.order_id in text for text in notices(desk))
        clock.pass_time(5)
        (found,) = await desk.decisions.reconcile()
        assert found.unknown == ()
        assert (desk.book.get(order.order_id) or order).state is OrderState.REJECTED
        assert len(await outside.journal("submit")) == 1


async def test_complete_books_are_believed_at_once(tmp_path: Path, outside: Outside) -> None:
    broker = adapter(outside, books_complete=True)
    async with desk_outside(tmp_path / "data", broker) as desk:
        await outside.fault("submit", "drop_before")
        order = await send(desk, desk.grants.give("claude"), limit(RESTS))
        assert (await resolved(desk, order)).state is OrderState.REJECTED


async def test_absence_on_another_trading_day_proves_nothing(tmp_path: Path, outside: Outside) -> None:
    clock, broker = WallClock(), adapter(outside)
    async with desk_outside(tmp_path / "data", broker, clock=clock) as desk:
        await outside.fault("submit", "drop_before")
        order = await send(desk, desk.grants.give("claude"), limit(RESTS))
        await becomes(desk, order, state(OrderState.UNKNOWN))
        await broker.connected()
        clock.pass_time(timedelta(days=1).total_seconds())
        await desk.decisions.reconcile()
        clock.pass_time(60)
        (found,) = await desk.decisions.reconcile()
        assert found.unknown == (order.order_id,)


async def test_absence_with_a_position_that_nobody_explains_proves_nothing(tmp_path: Path, outside: Outside) -> None:
    clock, broker = WallClock(), adapter(outside)
    async with desk_outside(tmp_path / "data", broker, clock=clock) as desk:
        await outside.fault("submit", "drop_after")
        order = await send(desk, desk.grants.give("claude"), market())
        # It was taken and filled, but the books leave it out.
        await outside.hide(order.reference)
        await broker.connected()
        await desk.decisions.reconcile()
        clock.pass_time(6)
        (found,) = await desk.decisions.reconcile()
        assert found.unknown == (order.order_id,)


async def test_a_position_that_our_other_fills_explain_is_no_doubt(tmp_path: Path, outside: Outside) -> None:
    clock, broker = WallClock(), adapter(outside)
    async with desk_outside(tmp_path / "data", broker, clock=clock) as desk:
        claude = desk.grants.give("claude")
        resting = await send(desk, claude, limit(RESTS, quantity="4"), "key-00000002")
        await becomes(desk, resting, state(OrderState.WORKING))
        await outside.fault("submit", "drop_before")
        lost = await send(desk, claude, limit(Decimal(98)))
        await becomes(desk, lost, state(OrderState.UNKNOWN))
        await broker.connected()
        await outside.quote("ALFA", "98.9")
        await becomes(desk, resting, state(OrderState.FILLED))
        await desk.decisions.reconcile()
        clock.pass_time(6)
        await desk.decisions.reconcile()
        assert (desk.book.get(lost.order_id) or lost).state is OrderState.REJECTED


async def test_an_order_that_was_acknowledged_is_never_believed_away(tmp_path: Path, outside: Outside) -> None:
    clock, broker = WallClock(), adapter(outside, books_complete=True)
    async with desk_outside(tmp_path / "data", broker, clock=clock) as desk:
        order = await send(desk, desk.grants.give("claude"), limit(RESTS))
        await becomes(desk, order, state(OrderState.WORKING))
        await outside.hide(order.reference)
        for _ in range(3):
            await desk.decisions.reconcile()
            clock.pass_time(6)
        assert (desk.book.get(order.order_id) or order).state is OrderState.UNKNOWN


async def test_what_happened_while_the_line_was_down_is_learned_after_it(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        order = await send(desk, desk.grants.give("claude"), limit(RESTS, quantity="3"))
        await becomes(desk, order, state(OrderState.WORKING))
        await outside.down()
        await outside.quote("ALFA", "98.9")
        await outside.up()
        order = await becomes(desk, order, state(OrderState.FILLED))
        assert order.filled == 3


async def test_a_broker_that_numbers_its_orders_anew_confuses_nobody(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        claude = desk.grants.give("claude")
        first = await send(desk, claude, limit(RESTS, quantity="3"))
        await becomes(desk, first, state(OrderState.WORKING))
        await outside.fault("submit", "restart")
        second = await send(desk, claude, limit(Decimal(98), quantity="7"), "key-00000002")
        second = await becomes(desk, second, state(OrderState.WORKING))
        await desk.decisions.reconcile()
        now = desk.book.get(first.order_id) or first
        assert (now.state, now.request.quantity, second.request.quantity) == (OrderState.WORKING, 3, 7)


async def test_a_line_that_is_down_takes_nothing_and_says_so(tmp_path: Path, outside: Outside) -> None:
    broker = adapter(outside)
    async with desk_outside(tmp_path / "data", broker) as desk:
        order = await place(desk, desk.grants.give("claude"), limit(RESTS))
        await outside.down()
        async with asyncio.timeout(5):
            while broker.status().link is Link.READY:
                await asyncio.sleep(0)
        answer = await desk.decisions.approve(order.order_id, None, None, None, "test")
        assert isinstance(answer, Refusal)
        assert await outside.journal("submit") == []


async def test_a_start_without_the_broker_leaves_what_was_being_sent_unknown(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        await outside.fault("submit", "silent")
        grants = desk.grants
        order = await place(desk, grants.give("claude"), limit(RESTS))
        approving = asyncio.create_task(desk.decisions.approve(order.order_id, None, None, None, "test"))
        await becomes(desk, order, state(OrderState.SENDING))
        await outside.down()
        rows = await desk.store.rows("SELECT state FROM orders")
        assert [row["state"] for row in rows] == [OrderState.SENDING]
        approving.cancel()
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        now = desk.book.get(order.order_id)
        assert now is not None
        assert now.state is OrderState.UNKNOWN
        assert any(order.order_id in text for text in notices(desk))
        await outside.up()


async def test_orders_of_others_are_counted_and_left_alone(tmp_path: Path, outside: Outside) -> None:
    await outside.foreign("tws-17", limit(RESTS, quantity="9"))
    await outside.foreign("ck:00000000000000000000000000", limit(RESTS, quantity="1"))
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        (found,) = await desk.decisions.reconcile()
        assert [one.reference for one in found.foreign] == ["tws-17"]
        assert any("1 open order in the account" in text for text in notices(desk))
        (lost,) = [text for text in notices(desk) if "knows nothing" in text]
        assert "ck:00000000000000000000000000" in lost
        await desk.decisions.cancel_all("test")
        assert await outside.journal("cancel") == []


async def counted(desk: Desk) -> None:
    """Wait until an order of others counts against the account."""
    async with asyncio.timeout(5):
        while not desk.observer.foreign("paper"):
            await asyncio.sleep(0.01)


async def test_orders_of_others_are_looked_for_again_and_again(
    tmp_path: Path, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.desk.reconciling.EVERY", 0.3)
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        await desk.decisions.reconcile()
        assert not desk.observer.foreign("paper")
        await outside.foreign("tws-17", limit(RESTS, quantity="9"))
        await counted(desk)
        judged = await desk.observer.judge(desk.connections.need("paper"), market())
        assert judged.seen.committed_buy == 9


async def test_orders_of_others_are_looked_for_at_once_where_the_broker_tells_of_them(
    tmp_path: Path, outside: Outside
) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        await desk.decisions.reconcile()
        await outside.foreign("tws-17", limit(RESTS, quantity="9"), told=True)
        await counted(desk)


async def test_however_often_a_broker_tells_of_others_it_is_compared_every_two_seconds_at_most(
    tmp_path: Path, outside: Outside
) -> None:
    clock = WallClock()
    async with desk_outside(tmp_path / "data", adapter(outside), clock=clock) as desk:
        reconciler = desk.decisions.reconciler
        await reconciler.reconcile()
        begun = reconciler._lines["paper"].begun
        assert begun is not None
        for _ in range(50):
            desk.sender.facts.on_foreign("paper")
        assert reconciler._due["paper"] == pytest.approx(begun + FOREIGN_APART, abs=0.05)


async def test_nothing_is_compared_regularly_over_a_line_that_is_down(tmp_path: Path, outside: Outside) -> None:
    clock, broker = WallClock(), adapter(outside)
    async with desk_outside(tmp_path / "data", broker, clock=clock) as desk:
        reconciler = desk.decisions.reconciler
        await reconciler.reconcile()
        clock.pass_time(61)
        assert reconciler._regularly_due(clock.monotonic()) == ["paper"]
        await outside.link("degraded")
        async with asyncio.timeout(5):
            while broker.status().link is Link.READY:
                await asyncio.sleep(0.01)
        clock.pass_time(61)
        assert reconciler._regularly_due(clock.monotonic()) == []


async def test_an_order_on_its_way_is_not_taken_for_absent(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside, books_complete=True)) as desk:
        await outside.fault("submit", "slow", seconds=0.2)
        order = await place(desk, desk.grants.give("claude"), limit(RESTS))
        approving = asyncio.create_task(desk.decisions.approve(order.order_id, None, None, None, "test"))
        await becomes(desk, order, state(OrderState.SENDING))
        await desk.decisions.reconcile()
        await approving
        assert (await becomes(desk, order, state(OrderState.WORKING))).filled == ZERO
        entries = [record.tool for record in await desk.store.audit_tail(20)]
        assert "order.rejected" not in entries


async def test_a_change_on_its_way_is_not_taken_for_refused(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        claude = desk.grants.give("claude")
        order = await send(desk, claude, limit(RESTS, quantity="5"))
        await becomes(desk, order, state(OrderState.WORKING))
        await outside.fault("replace", "slow", seconds=0.2)
        changing = asyncio.create_task(desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(3), None))
        await becomes(desk, order, lambda now: now.proposed is not None)
        await desk.decisions.reconcile()
        await changing
        order = await becomes(desk, order, lambda now: now.proposed is None)
        assert order.request.quantity == 3
        assert "order.replacerefused" not in [record.tool for record in await desk.store.audit_tail(20)]


async def test_what_is_durable_and_not_sent_yet_is_on_its_way_but_what_another_run_left_is_not(
    tmp_path: Path, outside: Outside
) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        order = await place(desk, desk.grants.give("claude"), limit(RESTS))
        about_to_leave = replace(order, state=OrderState.SENDING)
        assert desk.sender.is_under_way(about_to_leave)
        desk.sender.found_sending([about_to_leave])
        assert not desk.sender.is_under_way(about_to_leave)


async def test_books_that_are_older_than_what_was_heard_since_are_read_again(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        claude = desk.grants.give("claude")
        order = await send(desk, claude, limit(RESTS, quantity="5"))
        await becomes(desk, order, state(OrderState.WORKING))
        await outside.fault("orders", "stale", seconds=0.2)
        comparing = asyncio.create_task(desk.decisions.reconcile())
        await asyncio.sleep(0)
        await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(3), None)
        await becomes(desk, order, lambda now: now.request.quantity == 3)
        assert not comparing.done()
        await comparing
        assert (desk.book.get(order.order_id) or order).request.quantity == 3
        assert [record.tool for record in await desk.store.audit_tail(20)].count("order.replaced") == 1
        older = Replaced(order.reference, order.changed_at, Decimal(4), RESTS)
        assert not await desk.sender.facts.learn(order, [older])
        assert (desk.book.get(order.order_id) or order).request.quantity == 3


async def test_the_operator_resolves_and_the_books_overrule_him(tmp_path: Path, outside: Outside) -> None:
    broker = adapter(outside)
    async with desk_outside(tmp_path / "data", broker) as desk:
        await outside.fault("submit", "drop_after")
        await outside.fault("orders", "silent", times=1000)
        order = await send(desk, desk.grants.give("claude"), limit(RESTS))
        order = await becomes(desk, order, state(OrderState.UNKNOWN))
        wrong = await desk.decisions.resolve(order.order_id, OrderState.FILLED, "test")
        assert isinstance(wrong, Refusal)
        ended = await desk.decisions.resolve(order.order_id, OrderState.CANCELLED, "test")
        assert isinstance(ended, Order)
        assert ended.state is OrderState.CANCELLED
        again = await desk.decisions.resolve(order.order_id, OrderState.CANCELLED, "test")
        assert isinstance(again, Refusal)
        await outside.heal()
        await broker.connected()
        await desk.decisions.reconcile()
        now = desk.book.get(order.order_id) or order
        assert now.state is OrderState.WORKING
        assert now in desk.book.open()
        assert now.state in AT_BROKER
        assert (await desk.store.audit_verify()).ok


async def test_facts_that_come_twice_late_or_reversed_end_in_the_truth(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        claude = desk.grants.give("claude")
        for number, how in enumerate(("duplicate", "late", "reorder", "facts_first")):
            await outside.fault("submit", how)
            order = await send(desk, claude, limit(FILLS, quantity="2"), f"key-0000000{number}")
            order = await becomes(desk, order, state(OrderState.FILLED))
            assert order.filled == 2
        (position,) = await desk.connections.need("paper").broker.positions()
        assert position.quantity == 8


async def test_a_cancel_that_is_refused_is_told(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", adapter(outside)) as desk:
        order = await send(desk, desk.grants.give("claude"), limit(RESTS))
        await becomes(desk, order, state(OrderState.WORKING))
        await outside.fault("cancel", "reject")
        await desk.decisions.cancel(order.order_id, "test")
        assert any("was refused" in text for text in notices(desk))
        assert (desk.book.get(order.order_id) or order).state is OrderState.WORKING
