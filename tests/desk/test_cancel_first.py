"""The operator's cancel goes out whatever else hangs here: the disk, its queue, or a change that waits for a price."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.instruments import Instrument
from cockpit.model.orders import Order, OrderRef, OrderState, Side
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refused
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write
from tests.desk.desks import Desk, limit, open_desk, place

Commit = Callable[[Sequence[Write], Sequence[AuditEntry]], Awaitable[Any]]


async def far(desk: Desk) -> Decimal:
    return (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))


async def working(desk: Desk) -> Order:
    order = await place(desk, desk.grants.give("claude"), limit(await far(desk)))
    sent = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(sent, Order)
    return sent


def on_cancel(desk: Desk, monkeypatch: pytest.MonkeyPatch, does: Callable[[], Awaitable[None]]) -> None:
    """Do something in the place of writing that a cancel was asked."""
    real: Commit = desk.store.commit

    async def commit(writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> Any:
        if any(one.tool.startswith(("order.cancel", "order.withdrawn")) for one in audit):
            await does()
        return await real(writes, audit)

    monkeypatch.setattr(desk.store, "commit", commit)


def state(desk: Desk, order: Order) -> OrderState:
    return (desk.book.get(order.order_id) or order).state


@pytest.mark.parametrize("trouble", [StoreBusy("the queue is full"), StoreUnavailable("the disk is full")])
@pytest.mark.parametrize("everything", [False, True])
async def test_a_sick_disk_holds_no_cancel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception, everything: bool
) -> None:
    async def fails() -> None:
        raise trouble

    async with open_desk(tmp_path) as desk:
        order = await working(desk)
        on_cancel(desk, monkeypatch, fails)
        if everything:
            (ended,) = await desk.decisions.cancel_all("operator")
            assert ended.state is OrderState.CANCELLED
        else:
            await desk.decisions.cancel(order.order_id, "operator")
        assert state(desk, order) is OrderState.CANCELLED
        assert "order.cancel_asked" in [one.tool for one in await desk.store.audit_tail(20)]


async def test_a_disk_that_hangs_holds_no_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def cancel(_: OrderRef) -> None:
        reached.set()

    async with open_desk(tmp_path) as desk:
        await working(desk)
        monkeypatch.setattr(desk.connections.need("paper").broker, "cancel", cancel)
        on_cancel(desk, monkeypatch, lambda: wait_for(go_on))
        cancelling = asyncio.create_task(desk.decisions.cancel_all("operator"))
        await asyncio.wait_for(reached.wait(), 5)
        go_on.set()
        (still,) = await cancelling
        assert still.state is OrderState.WORKING, "the broker has said nothing yet, and that is what is told"


async def test_a_waiting_order_is_withdrawn_on_a_full_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails() -> None:
        raise StoreUnavailable("the disk is full")

    async with open_desk(tmp_path) as desk:
        order = await place(desk, desk.grants.give("claude"), limit(await far(desk)))
        on_cancel(desk, monkeypatch, fails)
        await desk.decisions.cancel(order.order_id, "operator")
        assert state(desk, order) is OrderState.CANCELLED


async def test_a_change_that_waits_for_a_price_holds_neither_cancel_nor_facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    async with open_desk(tmp_path) as desk:
        order = await working(desk)
        broker = desk.connections.need("paper").broker
        real = broker.quote

        async def hangs(instrument: Instrument) -> Quote | None:
            asked.set()
            await go_on.wait()
            return await real(instrument)

        monkeypatch.setattr(broker, "quote", hangs)
        caller = desk.admitted(desk.grants.give("claude"))
        changing = asyncio.create_task(desk.orders.modify(caller, order.order_id, Decimal(5), None))
        await asked.wait()
        ended = await asyncio.wait_for(desk.decisions.cancel(order.order_id, "operator"), 5)
        assert isinstance(ended, Order)
        assert ended.state is OrderState.CANCELLED
        go_on.set()
        with pytest.raises(Refused) as refused:
            await changing
        assert refused.value.refusal.code == "ORDER_BUSY"


async def test_an_approval_that_waits_for_a_price_loses_against_a_cancel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    async with open_desk(tmp_path) as desk:
        order = await place(desk, desk.grants.give("claude"), limit(await far(desk)))
        broker = desk.connections.need("paper").broker
        real = broker.quote

        async def hangs(instrument: Instrument) -> Quote | None:
            asked.set()
            await go_on.wait()
            return await real(instrument)

        monkeypatch.setattr(broker, "quote", hangs)
        approving = asyncio.create_task(desk.decisions.approve(order.order_id, None, None, None, "test"))
        await asked.wait()
        await asyncio.wait_for(desk.decisions.cancel(order.order_id, "operator"), 5)
        go_on.set()
        refusal = await approving
        assert getattr(refusal, "code", "") == "ALREADY_DECIDED"
        assert state(desk, order) is OrderState.CANCELLED


async def wait_for(event: asyncio.Event) -> None:
    await event.wait()
