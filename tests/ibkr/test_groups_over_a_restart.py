"""Orders that hang together, over a restart of the cockpit: what ends meanwhile, or later, means what it did before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from cockpit.brokers.ibkr import groups
from cockpit.model.orders import OrderState, Role
from tests.gateway import FakeGateway, faults
from tests.gateway.orders import Order
from tests.ibkr import truth
from tests.ibkr.cockpits import Within, settings_of, within


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "TWS_FIRST", 0.05)


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    """Two lives of a cockpit come within a second."""
    async with FakeGateway(messages_per_second=100, open_always=True, matching=False) as gateway:
        yield gateway


async def test_a_position_whose_stop_ends_while_no_cockpit_runs_is_told_and_grows_no_further(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with _cockpit(gateway, tmp_path) as cockpit:
        entry, target, stop = await _bracket(gateway, cockpit)
        gateway.book.fill(entry, 2)
        await cockpit.until(lambda: _state(cockpit, Role.ENTRY) is OrderState.PARTLY_FILLED)
    gateway.book.reject(stop)

    async with _cockpit(gateway, tmp_path) as cockpit:
        await cockpit.until(lambda: _state(cockpit, Role.ENTRY) is OrderState.CANCELLED)
        assert _told(cockpit, "2 are UNPROTECTED") == 1
    assert (entry.status, target.status) == ("Cancelled", "Submitted")


async def test_an_entry_that_has_not_begun_goes_when_its_exit_ends_after_a_restart(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with _cockpit(gateway, tmp_path) as cockpit:
        _, target, _ = await _bracket(gateway, cockpit)

    async with _cockpit(gateway, tmp_path) as cockpit:
        gateway.book.reject(target)
        await cockpit.until(lambda: _state(cockpit, Role.ENTRY) is OrderState.CANCELLED)
    assert gateway.book.live() == []


async def test_what_had_filled_before_and_is_told_no_more_still_counts(gateway: FakeGateway, tmp_path: Path) -> None:
    async with _cockpit(gateway, tmp_path) as cockpit:
        entry, target, stop = await _bracket(gateway, cockpit)
        gateway.book.fill(entry)
        await cockpit.until(lambda: _state(cockpit, Role.ENTRY) is OrderState.FILLED)
    gateway.book.forget_done()

    async with _cockpit(gateway, tmp_path) as cockpit:
        gateway.book.reject(stop)
        await cockpit.until(lambda: _told(cockpit, "5 are UNPROTECTED"))
    assert (target.status, gateway.named("cancelOrder")) == ("Submitted", [])


async def test_an_end_that_nobody_acted_on_before_the_cockpit_died_is_acted_on_by_the_next(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _cockpit(gateway, tmp_path) as cockpit:
        _, _, stop = await _bracket(gateway, cockpit)
        monkeypatch.setattr(groups, "TWS_FIRST", 60.0)
        gateway.book.reject(stop)
        await cockpit.until(lambda: _state(cockpit, Role.STOP) is OrderState.REJECTED)
    gateway.book.forget_done()
    monkeypatch.setattr(groups, "TWS_FIRST", 0.05)

    async with _cockpit(gateway, tmp_path) as cockpit:
        await cockpit.until(lambda: _state(cockpit, Role.ENTRY) is OrderState.CANCELLED)
    assert gateway.book.live() == []


async def test_a_stop_that_was_cancelled_on_purpose_is_not_missed_by_the_next_run(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _cockpit(gateway, tmp_path) as cockpit:
        entry, _, stop = await _bracket(gateway, cockpit)
        (ours,) = [one for one in cockpit.known().values() if one.role is Role.STOP]
        await cockpit.do("order.cancel", order_id=ours.order_id)
        await cockpit.until(lambda: _state(cockpit, Role.STOP) is OrderState.CANCELLED)
    assert stop.status == "Cancelled"

    looked, judge = asyncio.Event(), groups.left_of_bracket
    monkeypatch.setattr(groups, "left_of_bracket", lambda *legs: looked.set() or judge(*legs))
    async with _cockpit(gateway, tmp_path) as cockpit:
        await asyncio.wait_for(looked.wait(), 3)
        assert not _told(cockpit, "bracket")
    assert entry.status == "Submitted"


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_stop_whose_cancel_was_refused_is_missed(gateway: FakeGateway, tmp_path: Path, restarted: bool) -> None:
    async with _cockpit(gateway, tmp_path) as cockpit:
        entry, _, stop = await _bracket(gateway, cockpit)
        gateway.book.fill(entry, 2)
        await cockpit.until(lambda: _state(cockpit, Role.ENTRY) is OrderState.PARTLY_FILLED)
        (ours,) = [one for one in cockpit.known().values() if one.role is Role.STOP]
        gateway.once("cancelOrder", faults.reject(161))
        await cockpit.do("order.cancel", order_id=ours.order_id)
        if not restarted:
            gateway.book.reject(stop)
            await cockpit.until(lambda: _told(cockpit, "2 are UNPROTECTED"))
    if restarted:
        gateway.book.reject(stop)

    async with _cockpit(gateway, tmp_path) as cockpit:
        await cockpit.until(lambda: _told(cockpit, "2 are UNPROTECTED"))
        await cockpit.until(lambda: _state(cockpit, Role.ENTRY) is OrderState.CANCELLED)
    assert entry.status == "Cancelled"


async def test_a_pair_of_an_earlier_run_loses_its_other_order_when_one_fills(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with _cockpit(gateway, tmp_path) as cockpit:
        first, second = await _pair(gateway, cockpit)
    # As where the one filled before TWS had the other.
    first.terms["ocaGroup"] = second.terms["ocaGroup"] = ""

    async with _cockpit(gateway, tmp_path) as cockpit:
        gateway.book.fill(first, 2)
        await cockpit.until(lambda: second.status == "Cancelled")


@pytest.mark.parametrize("restarted", [False, True])
async def test_one_of_a_pair_that_is_rejected_later_is_told_and_the_other_works_on(
    gateway: FakeGateway, tmp_path: Path, restarted: bool
) -> None:
    async with _cockpit(gateway, tmp_path) as cockpit:
        first, second = await _pair(gateway, cockpit)
        if not restarted:
            gateway.book.reject(first, 201, "Order rejected - reason:Not allowed")
            await cockpit.until(lambda: _told(cockpit, "one order of a pair was rejected"))
    if restarted:
        gateway.book.reject(first, 201, "Order rejected - reason:Not allowed")

    async with _cockpit(gateway, tmp_path) as cockpit:
        await cockpit.until(lambda: _told(cockpit, "one order of a pair was rejected"))
        (told,) = [one for one in cockpit.notices() if "pair" in one]
        assert "Not allowed" in told
        assert f"the other works on alone ({second.reference})" in told
        await cockpit.do("reconcile")
        states = {one.reference: one.state for one in cockpit.known().values()}
    assert states == {first.reference: OrderState.REJECTED, second.reference: OrderState.WORKING}
    assert (second.status, gateway.named("cancelOrder")) == ("Submitted", [])


def _cockpit(gateway: FakeGateway, folder: Path) -> AbstractAsyncContextManager[Within]:
    return within(folder / "data", settings_of(gateway.port))


async def _bracket(gateway: FakeGateway, cockpit: Within) -> list[Order]:
    placed = await cockpit.call(
        await cockpit.key(), "place_bracket", symbol="ALFA", side="buy", quantity=5, order_type="limit",
        limit_price="400", take_profit_price="450", stop_loss_price="350", time_in_force="gtc",
        idempotency_key="the-only-bracket",
    )  # fmt: skip
    return _placed(gateway, placed)


async def _pair(gateway: FakeGateway, cockpit: Within) -> list[Order]:
    leg = {"side": "buy", "order_type": "limit"}
    placed = await cockpit.call(
        await cockpit.key(), "place_oco", symbol="ALFA", quantity=5, idempotency_key="the-only-pair",
        first=leg | {"limit_price": "400"}, second=leg | {"limit_price": "390"},
    )  # fmt: skip
    return _placed(gateway, placed)


def _placed(gateway: FakeGateway, placed: dict[str, object]) -> list[Order]:
    found = sorted(gateway.book.live(), key=lambda one: one.perm_id)
    assert found, placed
    assert all(truth.of_reference(gateway, one.reference) is one for one in found)
    return found


def _state(cockpit: Within, role: Role) -> OrderState:
    (found,) = [one.state for one in cockpit.known().values() if one.role is role]
    return found


def _told(cockpit: Within, words: str) -> int:
    return sum(words in one for one in cockpit.notices())
