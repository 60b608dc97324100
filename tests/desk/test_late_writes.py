"""Facts that the database did not take when they came: nothing of them is lost, and nothing is told twice."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.orders import Acknowledged, Executed, Execution, Order, OrderRef, OrderRequest, OrderState, Side
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreUnavailable, Write
from tests.desk.desks import Desk, limit, open_desk, place


async def acknowledged(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, reaches_the_disk: bool) -> Order:
    """Send an order whose acknowledgement the database says it could not take."""
    broker, real, failed = desk.connections.need("paper").broker, desk.store.commit, False

    async def takes(reference: OrderRef, request: OrderRequest) -> None:
        desk.sender.facts.sink()(Acknowledged(reference, desk.clock.now()))

    async def commit(writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> Any:
        nonlocal failed
        first = not failed and any(one.tool == "order.acknowledged" for one in audit)
        if first and not reaches_the_disk:
            failed = True
            raise StoreUnavailable("the disk is full")
        done = await real(writes, audit)
        if first:
            failed = True
            raise StoreUnavailable("an error after the commit")
        return done

    monkeypatch.setattr(broker, "submit", takes)
    monkeypatch.setattr(desk.store, "commit", commit)
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))
    order = await place(desk, desk.grants.give("claude"), limit(price, quantity="2"))
    sent = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(sent, Order)
    assert sent.state is OrderState.WORKING
    assert desk.book.is_ahead
    return sent


async def test_that_the_broker_had_an_order_is_written_with_the_rest_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        order = await acknowledged(desk, monkeypatch, reaches_the_disk=False)
        await desk.book.write_late()
        rows = await desk.store.rows("SELECT acknowledged FROM sent WHERE order_id = ?", (order.order_id,))
        assert [row["acknowledged"] for row in rows] == [1]


@pytest.mark.parametrize("reaches_the_disk", [False, True])
async def test_a_fill_behind_a_write_that_seemed_to_fail_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reaches_the_disk: bool
) -> None:
    async with open_desk(tmp_path) as desk:
        order = await acknowledged(desk, monkeypatch, reaches_the_disk=reaches_the_disk)
        price = order.request.limit_price or Decimal(0)
        fill = Execution(
            "x-1", order.reference, "ALFA", Side.BUY, Decimal(1), price, Decimal(0), desk.clock.now()
        )  # fmt: skip
        desk.sender.facts.sink()(Executed(order.reference, desk.clock.now(), fill))
        await desk.sender.facts.settled()
        rows = await desk.store.rows("SELECT state, filled FROM orders WHERE order_id = ?", (order.order_id,))
        assert [tuple(row) for row in rows] == [("partly_filled", "1")]
        assert not desk.book.is_ahead
        records = [one for one in await desk.store.audit_tail(30) if one.order_id == order.order_id]
        # A unit that another change overtook is on record as that, and changed nothing.
        told = [one.tool for one in records if one.outcome != "conflict"]
        assert told == ["order.asked", "order.approved", "order.acknowledged", "order.executed"]


async def test_facts_that_can_t_be_applied_have_the_broker_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))
        order = await place(desk, desk.grants.give("claude"), limit(price))
        await desk.decisions.approve(order.order_id, None, None, None, "test")
        asked: list[str] = []

        async def breaks(*_: object, **__: object) -> None:
            raise RuntimeError("a fault that nobody thought of")

        with monkeypatch.context() as broken:
            broken.setattr(desk.sender.facts, "on_unsure", asked.append)
            broken.setattr(desk.book, "move", breaks)
            fill = Execution("x-1", order.reference, "ALFA", Side.BUY, Decimal(1), price, Decimal(0), desk.clock.now())
            desk.sender.facts.sink()(Executed(order.reference, desk.clock.now(), fill))
            await desk.sender.facts.settled()
        assert asked == ["paper"]
