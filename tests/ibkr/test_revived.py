"""Orders that TWS woke up again, or holds while shares are located, through the whole cockpit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cockpit.model.orders import Order as Known
from cockpit.model.orders import OrderState
from tests.gateway import FakeGateway
from tests.gateway.orders import Order
from tests.ibkr import truth
from tests.ibkr.cockpits import Within, settings_of, within


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway() as gateway:
        gateway.world.open_always()
        gateway.book.matching = False
        yield gateway


async def test_a_kill_withdraws_an_order_that_works_again_after_it_seemed_rejected(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        theirs.status = "Inactive"
        gateway.book.tell(theirs)
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.REJECTED)
        theirs.status = "Submitted"
        gateway.book.tell(theirs)
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.WORKING)
        assert "works at the broker" in " ".join(cockpit.notices())

        await cockpit.do("kill", reason="enough")
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.CANCELLED)
        assert theirs.status == "Cancelled"


async def test_an_order_whose_shares_are_being_located_works_on_and_can_be_cancelled(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        theirs.status, theirs.why_held = "Inactive", "locate"
        gateway.book.tell(theirs)
        with pytest.raises(TimeoutError):
            await cockpit.until(lambda: _ours(cockpit).state is not OrderState.WORKING, 0.6)
        await cockpit.do("kill", reason="enough")
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.CANCELLED)
        assert theirs.status == "Cancelled"


async def _placed(gateway: FakeGateway, cockpit: Within) -> Order:
    placed = await cockpit.place(await cockpit.key())
    assert placed.get("state") == OrderState.WORKING, placed
    found = truth.of_reference(gateway, _ours(cockpit).reference)
    assert found is not None
    return found


def _ours(cockpit: Within) -> Known:
    (found,) = cockpit.known().values()
    return found
