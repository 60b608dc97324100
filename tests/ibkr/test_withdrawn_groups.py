"""What a group must not leave behind is withdrawn until it is over, whatever becomes of the first attempt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cockpit.brokers.ibkr import groups
from tests.gateway import FakeGateway, faults
from tests.gateway.orders import Order
from tests.ibkr.cockpits import Within, settings_of, within


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "TWS_FIRST", 0.05)


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway(messages_per_second=0, open_always=True, matching=False) as gateway:
        yield gateway


async def test_an_entry_without_its_stop_goes_as_soon_as_the_line_over_which_it_was_cancelled_is_up_again(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "AGAIN", 60.0)
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        entry, target, stop = await bracket(gateway, cockpit)
        gateway.once("cancelOrder", faults.drop_before_accept)
        gateway.book.reject(stop)
        await cockpit.until(lambda: entry.status == "Cancelled")
        assert told(cockpit, "could not be cancelled and may still work", entry.reference) == 1
    assert target.status == "Cancelled"


async def test_an_entry_without_its_stop_goes_where_the_first_cancels_are_lost(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "AGAIN", 0.05)
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        cockpit.broker._placing._patience = 0.1
        entry, target, stop = await bracket(gateway, cockpit)
        gateway.once("cancelOrder", faults.stall)
        gateway.once("cancelOrder", faults.stall)
        gateway.book.reject(stop)
        await cockpit.until(lambda: entry.status == "Cancelled")
        assert told(cockpit, "could not be cancelled and may still work", entry.reference) == 1
    assert target.status == "Cancelled"


async def test_an_exit_is_kept_where_the_entry_fills_before_it_could_be_cancelled(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "AGAIN", 60.0)
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        cockpit.broker._placing._patience = 0.1
        entry, target, stop = await bracket(gateway, cockpit)
        gateway.once("cancelOrder", faults.stall)
        gateway.once("cancelOrder", faults.stall)
        gateway.book.reject(stop)
        await cockpit.until(lambda: told(cockpit, "could not be cancelled") == 2)
        gateway.book.fill(entry, 2)
        await cockpit.until(lambda: entry.status == "Cancelled" and told(cockpit, "2 are UNPROTECTED"))
    assert target.status == "Submitted"


async def bracket(gateway: FakeGateway, cockpit: Within) -> list[Order]:
    """Place a bracket that rests, and return its orders: entry, target and stop."""
    placed = await cockpit.call(
        await cockpit.key(), "place_bracket", symbol="ALFA", side="buy", quantity=5, order_type="limit",
        limit_price="400", take_profit_price="450", stop_loss_price="350", time_in_force="gtc",
        idempotency_key="the-only-bracket",
    )  # fmt: skip
    found = sorted(gateway.book.live(), key=lambda one: one.perm_id)
    assert len(found) == 3, placed
    return found


def told(cockpit: Within, *words: str) -> int:
    """Count what the operator was told with all these words."""
    return sum(all(word in one for word in words) for one in cockpit.notices())
