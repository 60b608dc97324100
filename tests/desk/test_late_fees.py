"""Fees that the broker tells after the fill, or tells anew."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.model.orders import Acknowledged, Executed, Execution, FeeTold, Order, OrderRef, OrderRequest, Side
from tests.desk.desks import Desk, limit, open_desk, place


async def filled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> tuple[Order, Execution]:
    """Return an order with one fill whose fee is not known yet."""

    async def takes(reference: OrderRef, request: OrderRequest) -> None:
        desk.sender.facts.sink()(Acknowledged(reference, desk.clock.now()))

    monkeypatch.setattr(desk.connections.need("paper").broker, "submit", takes)
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))
    order = await place(desk, desk.grants.give("claude"), limit(price, quantity="2"))
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    fill = Execution("x-1", order.reference, "ALFA", Side.BUY, Decimal(2), price, Decimal(0), desk.clock.now())
    desk.sender.facts.sink()(Executed(order.reference, desk.clock.now(), fill))
    await desk.sender.facts.settled()
    return order, fill


async def test_a_fee_told_late_counts_once_in_the_order_and_in_its_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        order, fill = await filled(desk, monkeypatch)
        for fee in ("1.25", "1.25", "1.10"):
            desk.sender.facts.sink()(FeeTold(order.reference, desk.clock.now(), "x-1", Decimal(fee)))
        await desk.sender.facts.settled()

        known = desk.book.get(order.order_id)
        assert known is not None
        assert (known.fees, known.filled) == (Decimal("1.10"), Decimal(2))
        assert [one.execution for one in await desk.book.fills("paper", 9)] == [replace(fill, fee=Decimal("1.10"))]
        rows = await desk.store.rows("SELECT fees FROM orders WHERE order_id = ?", (order.order_id,))
        assert [row["fees"] for row in rows] == ["1.1"]


async def test_a_fee_of_a_fill_that_nobody_told_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        order, _ = await filled(desk, monkeypatch)
        before = desk.book.get(order.order_id)
        desk.sender.facts.sink()(FeeTold(order.reference, desk.clock.now(), "x-2", Decimal("1.25")))
        await desk.sender.facts.settled()
        assert desk.book.get(order.order_id) == before


async def test_a_late_fee_of_an_ended_order_is_no_reason_to_look_at_the_books(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        order, _ = await filled(desk, monkeypatch)
        asked: list[str] = []
        monkeypatch.setattr(desk.sender.facts, "on_unsure", asked.append)
        desk.sender.facts.sink()(FeeTold(order.reference, desk.clock.now(), "x-1", Decimal("1.25")))
        await desk.sender.facts.settled()
        assert asked == []
