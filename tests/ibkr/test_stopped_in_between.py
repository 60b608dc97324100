"""A cockpit that is stopped while an order is on its way: it ends soon, and its next run knows the order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import aiohttp

from cockpit.model.orders import OrderState
from tests.gateway import FakeGateway, faults
from tests.ibkr.cockpits import settings_of, within


async def test_an_order_that_is_on_its_way_at_the_stop_is_known_at_the_next_start(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        key = await cockpit.key()
        gateway.once("newOrder", faults.mute)
        placing = asyncio.create_task(cockpit.place(key))
        await cockpit.until(lambda: gateway.named("placeOrder"))
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 3
    with suppress(aiohttp.ClientError, AssertionError):
        await placing
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        (order,) = cockpit.known().values()
        await cockpit.until(lambda: cockpit.known()[order.reference].state is OrderState.WORKING)
        assert len(gateway.named("placeOrder")) == 1
