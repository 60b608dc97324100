"""Orders that TWS woke up again, or holds while shares are located, through the whole cockpit."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.model.orders import Order as Known
from cockpit.model.orders import OrderState
from cockpit.model.trading import TradingState
from tests.gateway import FakeGateway
from tests.gateway.orders import Order
from tests.gateway.planned import Proceed, carry_on
from tests.gateway.session import Session
from tests.ibkr import truth
from tests.ibkr.cockpits import Within, settings_of, within


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.brokers.ibkr.broker.DEBOUNCE", 0.0)


async def test_a_kill_withdraws_an_order_that_works_again_after_it_seemed_rejected(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        await _seems_rejected(gateway, cockpit, theirs)
        _wakes_up(gateway, theirs)
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.WORKING)

        await cockpit.do("kill", reason="enough")
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.CANCELLED)
        assert theirs.status == "Cancelled"


async def test_the_operator_is_told_each_time_that_an_order_works_again(gateway: FakeGateway, tmp_path: Path) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        for times in (1, 2):
            await _seems_rejected(gateway, cockpit, theirs)
            _wakes_up(gateway, theirs)
            await cockpit.until(lambda: _ours(cockpit).state is OrderState.WORKING)
            assert len(_told(cockpit)) == times
        assert _told(cockpit)[0].endswith(
            "which was taken for rejected, is at the broker after all and working now. Cancel it unless it is wanted."
        )
        assert gateway.named("cancelOrder") == []


async def test_after_a_kill_an_order_is_cancelled_and_told_each_time_that_it_works_again(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        await _seems_rejected(gateway, cockpit, theirs)
        await cockpit.do("kill", reason="enough")
        assert gateway.named("cancelOrder") == []

        for times in (1, 2):
            _wakes_up(gateway, theirs)
            await cockpit.until(lambda: len(_told(cockpit)) == times)  # noqa: B023 - waited for at once
            await cockpit.until(lambda: _ours(cockpit).state is OrderState.CANCELLED)
            assert theirs.status == "Cancelled"
            assert len(gateway.named("cancelOrder")) == times
        assert _told(cockpit)[0].endswith("working now. KILLED: it is being cancelled.")


async def test_after_a_resume_an_order_that_works_again_is_told_and_left(gateway: FakeGateway, tmp_path: Path) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        await _seems_rejected(gateway, cockpit, theirs)
        await cockpit.do("kill", reason="enough")
        await cockpit.do("resume")
        _wakes_up(gateway, theirs)
        await cockpit.until(lambda: _told(cockpit))
        assert (theirs.status, gateway.named("cancelOrder")) == ("Submitted", [])


async def test_where_a_kill_cancels_nothing_an_order_that_works_again_is_left(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    settings = settings_of(gateway.port) + "\n[kill]\ncancel_orders = false\n"
    async with within(tmp_path / "data", settings) as cockpit:
        theirs = await _placed(gateway, cockpit)
        await _seems_rejected(gateway, cockpit, theirs)
        await cockpit.do("kill", reason="enough")
        _wakes_up(gateway, theirs)
        await cockpit.until(lambda: _told(cockpit))
        assert cockpit.cockpit.face.snapshot().switch.state is TradingState.KILLED
        assert (theirs.status, gateway.named("cancelOrder")) == ("Submitted", [])


async def test_an_order_that_is_acknowledged_only_after_a_kill_is_cancelled_then(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    held: list[Proceed] = []

    async def hold(_: Session, __: list[str], proceed: Proceed) -> None:
        held.append(proceed)

    gateway.once("newOrder", hold)
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        cockpit.broker._placing._patience = 0.05
        await cockpit.place(await cockpit.key())
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.UNKNOWN)
        await cockpit.do("kill", reason="enough")
        assert _ours(cockpit).state is OrderState.UNKNOWN
        before = len(gateway.named("cancelOrder"))

        await carry_on(held[0])
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.CANCELLED)
        theirs = truth.of_reference(gateway, _ours(cockpit).reference)
        assert theirs is not None
        assert theirs.status == "Cancelled"
        assert len(gateway.named("cancelOrder")) == before + 1
        (told,) = _told(cockpit)
        assert told.endswith(
            "which was taken for unknown, is at the broker after all and working now. KILLED: it is being cancelled."
        )


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


async def _seems_rejected(gateway: FakeGateway, cockpit: Within, theirs: Order) -> None:
    theirs.status = "Inactive"
    gateway.book.tell(theirs)
    await cockpit.until(lambda: _ours(cockpit).state is OrderState.REJECTED)


def _wakes_up(gateway: FakeGateway, theirs: Order) -> None:
    theirs.status = "Submitted"
    gateway.book.tell(theirs)


def _told(cockpit: Within) -> list[str]:
    return [one for one in cockpit.notices() if "is at the broker after all" in one]


def _ours(cockpit: Within) -> Known:
    (found,) = cockpit.known().values()
    return found
