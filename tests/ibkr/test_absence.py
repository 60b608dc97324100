"""What TWS does not show: when it is believed, and what is said when it shows up after all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cockpit.model.orders import OrderState
from tests.gateway import FakeGateway, faults
from tests.gateway.planned import Proceed, carry_on
from tests.gateway.session import Session
from tests.ibkr.cockpits import Within, settings_of, within
from tests.outside.desks import WallClock


class Absent:
    """A cockpit, its clock, and the one order that TWS doesn't show."""

    def __init__(self, gateway: FakeGateway, cockpit: Within, clock: WallClock) -> None:
        self.gateway, self.cockpit, self.clock = gateway, cockpit, clock

    @property
    def state(self) -> OrderState:
        (order,) = self.cockpit.known().values()
        return order.state

    async def look_twice(self) -> None:
        await self.cockpit.do("reconcile")
        self.clock.pass_time(6)
        await self.cockpit.do("reconcile")

    async def behind_what_was_told(self) -> None:
        await self.cockpit.broker.orders()

    def is_whole(self) -> bool:
        return self.cockpit.broker.status().whole


@pytest.fixture
async def absent(tmp_path: Path) -> AsyncIterator[Absent]:
    async with FakeGateway(open_always=True, matching=False) as gateway:
        clock = WallClock()
        settings = settings_of(gateway.port, line="probe_seconds = 1")
        async with within(tmp_path / "data", settings, clock=clock) as cockpit:
            yield Absent(gateway, cockpit, clock)


async def test_with_a_broken_farm_absence_proves_nothing(absent: Absent) -> None:
    absent.gateway.once("newOrder", faults.stall)
    await absent.cockpit.place(await absent.cockpit.key())
    absent.gateway.broadcast_error(2157, "Sec-def data farm connection is broken:secdefeu")
    await absent.behind_what_was_told()
    assert not absent.is_whole()
    await absent.look_twice()
    assert absent.state is OrderState.UNKNOWN

    absent.gateway.broadcast_error(2158, "Sec-def data farm connection is OK:secdefeu")
    await absent.behind_what_was_told()
    assert absent.is_whole()
    await absent.cockpit.do("reconcile")
    assert absent.state is OrderState.UNKNOWN, "looks before the farm came back count for nothing"
    await absent.look_twice()
    assert absent.state is OrderState.REJECTED


async def test_an_order_that_shows_up_after_it_was_given_up_is_told(absent: Absent) -> None:
    held: list[Proceed] = []

    async def hold(_: Session, __: list[str], proceed: Proceed) -> None:
        held.append(proceed)

    absent.gateway.once("newOrder", hold)
    await absent.cockpit.place(await absent.cockpit.key())
    await absent.look_twice()
    (order,) = absent.cockpit.known().values()
    assert (order.state, "sent" in order.reason) == (OrderState.REJECTED, False)

    await carry_on(held[0])
    await absent.cockpit.do("reconcile")
    await absent.cockpit.until(lambda: absent.state is OrderState.WORKING)
    assert "is at the broker after all" in " ".join(absent.cockpit.notices())
