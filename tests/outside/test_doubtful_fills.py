"""Fills that can't be right, or that a broker doesn't show: the operator is told, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.model.orders import BrokerOrder, Executed, Execution, Order, OrderState, Side
from tests.desk.desks import Desk, limit
from tests.outside.adapter import OutsideBroker
from tests.outside.control import Outside
from tests.outside.desks import FILLS, RESTS, becomes, desk_outside, notices, send, state


async def test_a_fill_beyond_the_quantity_is_told_once(tmp_path: Path, outside: Outside) -> None:
    async with desk_outside(tmp_path / "data", OutsideBroker(outside.port, patience=0.3)) as desk:
        order = await send(desk, desk.grants.give("claude"), limit(RESTS, quantity="2"))
        order = await becomes(desk, order, state(OrderState.WORKING))
        fill = Execution("x-1", order.reference, "ALFA", Side.BUY, Decimal(3), RESTS, Decimal(0), desk.clock.now())
        desk.sender.facts.sink()(Executed(order.reference, desk.clock.now(), fill))
        await desk.sender.facts.settled()
        await _compared_twice(desk)

        assert len(_about(desk, order, "more than it asked for")) == 1


async def test_fills_of_an_ended_order_that_the_broker_does_not_show_are_told_once(
    tmp_path: Path, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = OutsideBroker(outside.port, patience=0.3)
    async with desk_outside(tmp_path / "data", broker) as desk:
        order = await send(desk, desk.grants.give("claude"), limit(FILLS, quantity="2"))
        order = await becomes(desk, order, state(OrderState.FILLED))
        orders = broker.orders

        async def more() -> Sequence[BrokerOrder]:
            return [replace(one, filled=Decimal(3)) for one in await orders()]

        monkeypatch.setattr(broker, "orders", more)
        await _compared_twice(desk)

        assert len(_about(desk, order, "shows fills of")) == 1


async def _compared_twice(desk: Desk) -> None:
    for _ in range(2):
        (compared,) = await desk.decisions.reconciler.reconcile("paper")
        assert compared.problem == ""


def _about(desk: Desk, order: Order, words: str) -> list[str]:
    return [one for one in notices(desk) if order.order_id in one and words in one]
