"""What the broker corrects of a fill, before its order ended and after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.desk.sent import SELECT_SENT, sent_of
from cockpit.model.events import Notice
from cockpit.model.orders import (
    Executed,
    Execution,
    FoundWorking,
    Order,
    OrderRef,
    OrderRequest,
    OrderState,
    Rejected,
    Side,
)
from cockpit.model.text import Safe
from tests.desk.desks import Desk, limit, open_desk, place
from tests.desk.test_late_fees import filled

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def told(desk: Desk, order: Order, fill: Execution) -> Order:
    """Return the order after a fill was told."""
    desk.sender.facts.sink()(Executed(order.reference, desk.clock.now(), fill))
    await desk.sender.facts.settled()
    now = desk.book.get(order.order_id)
    assert now is not None
    return now


async def test_a_correction_takes_the_place_of_the_fill_and_is_told_once_with_both_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        order, fill = await filled(desk, monkeypatch)
        newer = replace(fill, price=fill.price + 1, revision=2)
        for one in (newer, fill, newer):
            now = await told(desk, order, one)

        assert (now.state, now.filled, now.average_price) == (OrderState.FILLED, 2, newer.price)
        assert [one.execution for one in await desk.book.fills("paper", 9)] == [newer]
        (says,) = [one.text for one in desk.events if isinstance(one, Notice) and "corrected" in one.text]
        assert f"2 at {newer.price}, not 2 at {fill.price}" in says
        records = [one.tool for one in await desk.store.audit_tail(50) if one.order_id == order.order_id]
        assert records.count("order.corrected") == 1


async def test_an_order_of_which_less_was_filled_after_all_is_unknown_until_the_books_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        order, fill = await filled(desk, monkeypatch)
        asked: list[str] = []
        monkeypatch.setattr(desk.sender.facts, "on_unsure", asked.append)
        now = await told(desk, order, replace(fill, quantity=Decimal(1), revision=2))
        assert (now.state, now.filled) == (OrderState.UNKNOWN, 1)
        assert "less of the order was filled" in now.reason
        assert asked == ["paper"]


async def test_an_order_that_was_found_working_was_taken_whatever_the_books_say_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:

        async def breaks(reference: OrderRef, request: OrderRequest) -> None:
            raise BrokerUnavailable("the line broke")

        monkeypatch.setattr(desk.connections.need("paper").broker, "submit", breaks)
        order = await place(desk, desk.grants.give("claude"), limit(await desk.touch("ALFA", Side.BUY), quantity="2"))
        await desk.decisions.approve(order.order_id, None, None, None, "test")
        for fact in (Rejected(order.reference, NOON, Safe("never shown")), FoundWorking(order.reference, NOON)):
            assert not await _acknowledged(desk, order)
            desk.sender.facts.sink()(fact)
            await desk.sender.facts.settled()
        assert await _acknowledged(desk, order)


async def _acknowledged(desk: Desk, order: Order) -> bool:
    return sent_of((await desk.store.rows(SELECT_SENT, (order.order_id,)))[0]).acknowledged
