"""A broker that contradicts itself on what is held, through the whole cockpit: clients wait, the operator gets out."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.brokers.ibkr import account, agreement
from cockpit.model.orders import OrderState
from tests.gateway import FakeGateway, faults
from tests.ibkr.cockpits import CONNECTION, settings_of, within


async def test_nothing_is_sent_for_clients_while_what_is_held_is_told_in_two_ways_that_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "SETTLES", 0.0)
    monkeypatch.setattr(account, "NEW", 0.0)
    async with (
        FakeGateway(open_always=True) as gateway,
        within(tmp_path / "data", settings_of(gateway.port)) as cockpit,
    ):
        key = await cockpit.key()
        gateway.always("updatePortfolio", faults.lose)
        await cockpit.place(key, order_type="market", limit_price=None, time_in_force="day")
        await cockpit.until(lambda: "two quantities of ALFA" in " ".join(cockpit.notices()))

        refused = await cockpit.place(key, "the-second-order")
        assert refused["code"] == "RECONCILING", refused
        assert "contradicts itself" in str(refused)

        await cockpit.do("position.close", symbol="ALFA", connection=CONNECTION)
        await cockpit.until(lambda: all(one.state is OrderState.FILLED for one in cockpit.known().values()))
        gateway.never("updatePortfolio")
        await cockpit.broker.positions()
        assert (await cockpit.place(key, "the-third-order"))["state"] == "working"
