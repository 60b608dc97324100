"""A cockpit whose client number was changed while orders work, through all of it: they are still taken off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.brokers.ibkr import groups
from cockpit.model.orders import OrderState, Role
from tests.gateway import FakeGateway, faults
from tests.gateway.clients import connected
from tests.gateway.orders import Order
from tests.ibkr import truth
from tests.ibkr.cockpits import CLIENT_ID, Within, settings_of, within

NEW = CLIENT_ID + 1


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    """Two lives of a cockpit come within a second."""
    async with FakeGateway(messages_per_second=100, open_always=True, matching=False) as gateway:
        yield gateway


async def _placed(gateway: FakeGateway, folder: Path, *limits: str) -> tuple[str, list[Order]]:
    """Leave orders under the first number; return a key, and the orders as the gateway has them."""
    async with within(folder / "data", settings_of(gateway.port)) as cockpit:
        key = await cockpit.key()
        for number, limit in enumerate(limits):
            placed = await cockpit.place(key, f"order-{number:010}", limit_price=limit)
            assert placed.get("state") == OrderState.WORKING, placed
        found = [truth.of_reference(gateway, one) for one in cockpit.known()]
    return key, [one for one in found if one is not None]


def _states(cockpit: Within) -> set[OrderState]:
    return {one.state for one in cockpit.known().values()}


def _who_cancelled(gateway: FakeGateway) -> list[int]:
    return [one.client_id for one in gateway.named("cancelOrder")]


@pytest.mark.parametrize("way", ["client", "operator", "cancel all", "kill"])
async def test_they_are_cancelled_by_whoever_may(gateway: FakeGateway, tmp_path: Path, way: str) -> None:
    stranger = truth.Stranger(gateway)
    key, theirs = await _placed(gateway, tmp_path, "400", "401", "402")
    async with within(tmp_path / "data", settings_of(gateway.port, client_id=NEW)) as cockpit:
        orders = list(cockpit.known().values())
        match way:
            case "client":
                for one in orders:
                    await cockpit.call(key, "cancel_order", order_id=one.order_id)
            case "operator":
                for one in orders:
                    await cockpit.do("order.cancel", order_id=one.order_id)
            case "cancel all":
                await cockpit.do("order.cancel_all")
            case _:
                assert (await cockpit.do("kill", reason="enough"))["cancelled"] == 3
        await cockpit.until(lambda: _states(cockpit) == {OrderState.CANCELLED})
        assert not any("may still work" in one for one in cockpit.notices())

    assert {one.status for one in theirs} == {"Cancelled"}
    assert _who_cancelled(gateway) == [CLIENT_ID] * 3
    assert stranger.is_untouched()


async def test_while_another_program_has_the_number_they_stay_and_the_operator_is_told(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    _, (theirs,) = await _placed(gateway, tmp_path, "400")
    async with (
        within(tmp_path / "data", settings_of(gateway.port, client_id=NEW)) as cockpit,
        connected(gateway, CLIENT_ID),
    ):
        (ours,) = cockpit.known().values()
        await cockpit.do("order.cancel", order_id=ours.order_id)
        await cockpit.until(lambda: any("cancel in TWS" in one for one in cockpit.notices()))
        assert _states(cockpit) == {OrderState.WORKING}
    assert (theirs.status, _who_cancelled(gateway)) == ("Submitted", [])


@pytest.mark.parametrize(
    ("fault", "state"),
    [(faults.drop_before_accept, OrderState.WORKING), (faults.drop_after_accept, OrderState.CANCELLED)],
)
async def test_a_cancel_whose_line_breaks_is_seen_in_the_books_and_not_sent_again(
    gateway: FakeGateway, tmp_path: Path, fault: Any, state: OrderState
) -> None:
    await _placed(gateway, tmp_path, "400")
    async with within(tmp_path / "data", settings_of(gateway.port, client_id=NEW)) as cockpit:
        (ours,) = cockpit.known().values()
        gateway.once("cancelOrder", fault)
        await cockpit.do("order.cancel", order_id=ours.order_id)
        await cockpit.do("reconcile")
        truth.agrees(gateway, cockpit.known(), " ".join(cockpit.notices()))
        assert _states(cockpit) == {state}
    assert len(_who_cancelled(gateway)) == 1


async def test_a_bracket_that_loses_its_stop_is_judged_under_the_new_number_too(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "TWS_FIRST", 0.05)
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        await cockpit.call(
            await cockpit.key(), "place_bracket", symbol="ALFA", side="buy", quantity=5, order_type="limit",
            limit_price="400", take_profit_price="450", stop_loss_price="350", time_in_force="gtc",
            idempotency_key="the-only-bracket",
        )  # fmt: skip
        entry, target, stop = sorted(gateway.book.live(), key=lambda one: one.perm_id)
        gateway.book.fill(entry, 2)
        await cockpit.until(lambda: OrderState.PARTLY_FILLED in _states(cockpit))

    async with within(tmp_path / "data", settings_of(gateway.port, client_id=NEW)) as cockpit:
        gateway.book.reject(stop)
        # Nobody tells of it over this line: the books say it, once they are read again.
        await cockpit.do("reconcile")
        await cockpit.until(lambda: any("2 are UNPROTECTED" in one for one in cockpit.notices()))
        await cockpit.until(
            lambda: (
                {one.role: one.state for one in cockpit.known().values()}
                == {
                    Role.ENTRY: OrderState.CANCELLED,
                    Role.TARGET: OrderState.WORKING,
                    Role.STOP: OrderState.REJECTED,
                }
            )
        )
    assert (entry.status, target.status, _who_cancelled(gateway)) == ("Cancelled", "Submitted", [CLIENT_ID])
