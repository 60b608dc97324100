"""The trading switch over restarts, and on a disk that takes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit.desk.switch import MARKER
from cockpit.model.trading import TradingState
from cockpit.store.writes import StoreUnavailable
from tests.desk.desks import open_desk


async def test_the_first_start_is_running(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data") as desk:
        assert desk.switch.state is TradingState.RUNNING
        assert (tmp_path / "data" / MARKER).exists()


@pytest.mark.parametrize("state", [TradingState.REDUCE_ONLY, TradingState.HALTED, TradingState.KILLED])
async def test_it_stands_where_it_stood_before_the_restart(tmp_path: Path, state: TradingState) -> None:
    async with open_desk(tmp_path / "data") as desk:
        desk.switch.lower(state, "because")
        await desk.switch.save("test", "test")
    async with open_desk(tmp_path / "data") as desk:
        assert (desk.switch.state, desk.switch.stands.reason) == (state, "because")


async def test_a_kill_that_could_not_be_written_is_found_after_the_restart(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data") as desk:
        desk.switch.lower(TradingState.KILLED, "disk full")
        # Nothing is saved: the marker alone tells.
    async with open_desk(tmp_path / "data") as desk:
        assert desk.switch.state is TradingState.KILLED


async def test_a_kill_stands_since_it_was_asked_for_last(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data") as desk:
        for _ in range(2):
            desk.clock.pass_time(1)
            desk.switch.lower(TradingState.KILLED, "x")
        assert desk.switch.stands.since == desk.clock.now()
        desk.clock.pass_time(1)
        desk.switch.lower(TradingState.HALTED, "y")
        assert desk.switch.stands.since < desk.clock.now()


async def test_a_kill_that_could_not_be_written_stands_since_the_start_that_found_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data") as desk:
        desk.switch.lower(TradingState.KILLED, "disk full")
    async with open_desk(tmp_path / "data") as desk:
        found = desk.switch.stands
        desk.clock.pass_time(1)
    async with open_desk(tmp_path / "data", clock=desk.clock) as desk:
        assert desk.switch.stands == found


async def test_only_resume_moves_it_towards_freedom(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data") as desk:
        desk.switch.lower(TradingState.KILLED, "x")
        assert not desk.switch.lower(TradingState.HALTED, "y")
        assert desk.switch.state is TradingState.KILLED
        await desk.switch.resume("go", "test")
        assert desk.switch.state is TradingState.RUNNING
    async with open_desk(tmp_path / "data") as desk:
        assert desk.switch.state is TradingState.RUNNING


async def test_a_resume_that_can_not_be_written_stays_killed(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data") as desk:
        desk.switch.lower(TradingState.KILLED, "x")
        await desk.switch.save("kill", "test")
        (tmp_path / "data" / "cockpit.db").rename(tmp_path / "gone.db")
        with pytest.raises(StoreUnavailable):
            await desk.switch.resume("go", "test")
        assert desk.switch.state is TradingState.KILLED
        assert not (tmp_path / "data" / MARKER).exists()


@pytest.mark.parametrize("before", [TradingState.HALTED, TradingState.KILLED])
async def test_a_kill_while_a_resume_is_being_written_wins(tmp_path: Path, before: TradingState) -> None:
    async with open_desk(tmp_path / "data") as desk:
        desk.switch.lower(before, "x")
        resuming = asyncio.create_task(desk.switch.resume("go", "test"))
        await asyncio.sleep(0)
        desk.switch.lower(TradingState.KILLED, "no")
        assert not await resuming
        assert desk.switch.state is TradingState.KILLED
        assert not (tmp_path / "data" / MARKER).exists()
    async with open_desk(tmp_path / "data") as desk:
        assert desk.switch.state is TradingState.KILLED


async def test_a_marker_that_can_not_be_removed_does_not_stop_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(self: Path, missing_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system")

    async with open_desk(tmp_path / "data") as desk:
        with monkeypatch.context() as disk:
            disk.setattr(Path, "unlink", refuses)
            assert desk.switch.lower(TradingState.KILLED, "x")
        assert desk.switch.state is TradingState.KILLED
        assert desk.switch.marked
