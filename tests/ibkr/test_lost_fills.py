"""Fills that TWS no longer shows, or never finishes to list, through the whole cockpit: no end is believed without them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from cockpit.model.orders import Order as Known
from cockpit.model.orders import OrderState
from cockpit.model.trading import Link
from cockpit.store.connection import DATABASE_NAME
from tests.gateway import FakeGateway, faults
from tests.gateway.orders import Order
from tests.ibkr import truth
from tests.ibkr.cockpits import Within, settings_of, within

_LINE: Final = "probe_seconds = 1"


async def test_an_order_whose_fills_are_forgotten_over_the_night_has_no_wrong_end(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        theirs = await _placed(gateway, cockpit)
    gateway.book.fill(theirs, 3)
    gateway.book.executions.clear()
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.UNKNOWN, 10)
        gateway.book.cancel(theirs)
        await cockpit.do("reconcile")
        assert _ours(cockpit).state is OrderState.UNKNOWN
        (works, ended) = [one for one in cockpit.notices() if "the broker filled 3 of" in one]
        assert "shows fills of 0. It works on there" in works
        assert "It is cancelled there" in ended


async def test_an_order_whose_fills_are_forgotten_is_compared_again_and_again_without_a_word(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        await gateway.down()
        gateway.book.fill(theirs, 3)
        gateway.book.executions.clear()
        await gateway.up()
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.UNKNOWN, 10)
        await cockpit.do("reconcile")
        before, told = _ours(cockpit), cockpit.notices()
        for _ in range(3):
            await cockpit.do("reconcile")
        assert _ours(cockpit) == before
        assert cockpit.notices() == told
        gateway.book.cancel(theirs)
        await cockpit.do("reconcile")
        assert _ours(cockpit).state is OrderState.UNKNOWN
        await cockpit.do("order.resolve", order_id=before.order_id, state="cancelled")
        assert (_ours(cockpit).state, _ours(cockpit).filled) == (OrderState.CANCELLED, 0)
        await cockpit.do("reconcile")
        assert _ours(cockpit).state is OrderState.CANCELLED


async def test_fills_that_were_seen_before_the_night_need_not_be_shown_again(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        gateway.book.fill(theirs, 3)
        await cockpit.until(lambda: _ours(cockpit).filled == 3)
    gateway.book.executions.clear()
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        await cockpit.until(lambda: cockpit.broker.status().link is Link.READY)
        await cockpit.do("reconcile")
        assert _ours(cockpit).state is OrderState.PARTLY_FILLED
        gateway.book.cancel(theirs)
        await cockpit.until(lambda: _ours(cockpit).state is OrderState.CANCELLED, 10)
        assert _ours(cockpit).filled == 3


async def test_an_order_that_ended_while_nobody_listened_is_unknown_until_its_fills_are_told(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        await gateway.down()
        gateway.book.fill(theirs, 3)
        gateway.book.cancel(theirs)
        gateway.always("reqExecutions", faults.stall)
        await gateway.up()
        await cockpit.until(lambda: _ours(cockpit).state in {OrderState.UNKNOWN, OrderState.CANCELLED}, 20)
        assert _ours(cockpit).state is OrderState.UNKNOWN


async def test_a_fill_that_is_corrected_while_nobody_listens_is_booked_as_corrected_and_told_once(
    tmp_path: Path,
    gateway: FakeGateway,
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        gateway.book.fill(theirs, 3)
        await cockpit.until(lambda: _ours(cockpit).filled == 3)
    (told,) = gateway.book.executions
    corrected = replace(told, exec_id=told.exec_id.rpartition(".")[0] + ".02", price=Decimal(399))
    gateway.book.executions[:] = [corrected]
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        await cockpit.until(lambda: cockpit.broker.status().link is Link.READY)
        await cockpit.do("reconcile")
        ours = _ours(cockpit)
        assert (ours.state, ours.filled, ours.average_price) == (OrderState.PARTLY_FILLED, 3, 399)
        (says,) = [one for one in cockpit.notices() if "corrected" in one]
        assert "3 at 399, not 3 at 400" in says
    gateway.book.executions[:] = [corrected, told]
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        await cockpit.until(lambda: cockpit.broker.status().link is Link.READY)
        await cockpit.do("reconcile")
        assert (_ours(cockpit).filled, _ours(cockpit).average_price) == (3, 399)
        assert not [one for one in cockpit.notices() if "corrected" in one]


async def test_a_fill_that_was_kept_under_its_whole_id_is_not_booked_twice(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        theirs = await _placed(gateway, cockpit)
        gateway.book.fill(theirs, 3)
        await cockpit.until(lambda: _ours(cockpit).filled == 3)
    _as_kept_before(tmp_path / "data", gateway.book.executions[0].exec_id)
    async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE)) as cockpit:
        await cockpit.until(lambda: cockpit.broker.status().link is Link.READY)
        await cockpit.do("reconcile")
        assert _ours(cockpit).filled == 3


async def _placed(gateway: FakeGateway, cockpit: Within) -> Order:
    placed = await cockpit.place(await cockpit.key())
    assert placed.get("state") == OrderState.WORKING, placed
    found = truth.of_reference(gateway, _ours(cockpit).reference)
    assert found is not None
    return found


def _as_kept_before(folder: Path, whole_id: str) -> None:
    """Bring a database back to the time when fills were kept under whole ids."""
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as database, database:
        database.execute("UPDATE executions SET execution_id = ?", (whole_id,))
        database.execute("ALTER TABLE executions DROP COLUMN revision")
        database.execute("DELETE FROM migrations WHERE number = 22")


def _ours(cockpit: Within) -> Known:
    (found,) = cockpit.known().values()
    return found
