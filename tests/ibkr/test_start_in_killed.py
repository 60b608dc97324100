"""A start while KILLED takes off what a kill left, tells what still works, and leaves what the operator closes."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from cockpit.desk.withdrawing import WITHIN
from cockpit.model.orders import OrderState
from tests.gateway import FakeGateway
from tests.ibkr import truth
from tests.ibkr.cockpits import CONNECTION, Within, settings_of, within
from tests.ibkr.test_kill_over_a_break import losing
from tests.outside.desks import WallClock


async def test_what_still_works_after_a_start_is_named_to_the_operator(gateway: FakeGateway, tmp_path: Path) -> None:
    clock = WallClock()
    async with within(tmp_path / "data", settings_of(gateway.port), clock=clock) as cockpit:
        await cockpit.place(await cockpit.key())
        await _killed_in_vain(gateway, cockpit, clock)
    asked = asyncio.Event()
    gateway.never("cancelOrder")
    gateway.always("cancelOrder", losing(asked))
    async with within(tmp_path / "data", settings_of(gateway.port), clock=clock) as cockpit:
        await asked.wait()
        clock.pass_time(WITHIN + 1)
        await cockpit.until(lambda: any("KILLED, but 1 may still work" in one for one in cockpit.notices()))


async def test_what_the_operator_closed_after_the_kill_stays_over_a_restart(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.book.holdings.put("DU1234567", gateway.world.one("BRVO"), Decimal(10), Decimal(80))
    clock = WallClock()
    async with within(tmp_path / "data", settings_of(gateway.port), clock=clock) as cockpit:
        await cockpit.place(await cockpit.key())
        (placed,) = cockpit.known()
        await _killed_in_vain(gateway, cockpit, clock)
        closed = await cockpit.do("position.close", symbol="BRVO", connection=CONNECTION, limit="25")
        assert closed["state"] == OrderState.WORKING, closed
    gateway.never("cancelOrder")
    async with within(tmp_path / "data", settings_of(gateway.port), clock=clock) as cockpit:
        await cockpit.until(lambda: cockpit.known()[placed].state is OrderState.CANCELLED)
        await cockpit.do("reconcile")
        theirs = truth.of_reference(gateway, closed["reference"])
        assert theirs is not None
        assert theirs.status == "Submitted"


async def _killed_in_vain(gateway: FakeGateway, cockpit: Within, clock: WallClock) -> None:
    """Kill where no cancel arrives, for as long as a kill waits."""
    lost = asyncio.Event()
    gateway.always("cancelOrder", losing(lost))
    killing = asyncio.create_task(cockpit.do("kill", reason="test"))
    await lost.wait()
    clock.pass_time(WITHIN + 1)
    await killing
