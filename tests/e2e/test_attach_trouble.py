"""Terminals of attached screens that stall, hang up or die: the cockpit never waits for one, nor goes with it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.hosts import COMMAND, Host, host
from tests.e2e.ptys import Health, OnTerminal, is_ignored, loudly, on_terminal

pytestmark = pytest.mark.e2e

Loud = tuple[Host, aiohttp.ClientSession]


@contextlib.asynccontextmanager
async def attached(folder: Path, program: tuple[str, ...] = COMMAND, **environ: str) -> AsyncIterator[OnTerminal]:
    config = str(folder.parent / "cockpit.toml")
    async with on_terminal(*program, "--config", config, "--data-dir", str(folder), "attach", **environ) as screen:
        await screen.wait(b"RUNNING")
        yield screen


@pytest.fixture
async def loud(tmp_path: Path) -> AsyncIterator[Loud]:
    """A cockpit that is called all the time."""
    async with host(tmp_path / "data", settings="[budget]\ncalls_per_second = 1000\nburst = 10000\n") as running:
        key = (await running.ask("key", "create", "--name", "loud", "--scope", "read:market", "--yes"))["key"]
        async with loudly(running.url, key) as outside:
            yield running, outside


async def screens(running: Host) -> int:
    """Return how many screens the cockpit counts as attached."""
    return (await running.ask("status"))["screens"]


async def until_screens(running: Host, count: int) -> None:
    async with asyncio.timeout(20):
        while await screens(running) != count:
            await asyncio.sleep(0.1)


async def test_a_terminal_that_nobody_reads_holds_up_neither_the_cockpit_nor_its_own_end(loud: Loud) -> None:
    running, outside = loud
    async with attached(running.folder) as screen:
        screen.stall()
        async with Health(outside, running.origin, "the terminal of an attached screen stalls"):
            await asyncio.sleep(12)
        screen.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(screen.process.wait(), 8) == 0
        assert not screen.is_raw()
    assert (await running.ask("status"))["state"] == "RUNNING"


async def test_a_screen_that_stands_still_gets_what_it_missed(loud: Loud) -> None:
    running, outside = loud
    async with attached(running.folder) as screen:
        screen.process.send_signal(signal.SIGSTOP)
        async with Health(outside, running.origin, "an attached screen stands still"):
            await asyncio.sleep(3)
        await running.ask("halt", "--reason", "meanwhile")
        screen.process.send_signal(signal.SIGCONT)
        await screen.wait_shown("HALTED")


async def test_a_screen_that_is_killed_or_loses_its_terminal_takes_nothing_with_it(loud: Loud) -> None:
    running, outside = loud
    async with (
        attached(running.folder) as dying,
        attached(running.folder) as hung_up,
        attached(running.folder) as staying,
    ):
        await until_screens(running, 3)
        async with Health(outside, running.origin, "attached screens die and hang up"):
            dying.process.kill()
            hung_up.hang_up()
            assert await asyncio.wait_for(hung_up.process.wait(), 8) == 0
            await until_screens(running, 1)
        await running.ask("halt", "--reason", "seen by the one that stays")
        await staying.wait_shown("HALTED")
        staying.key(b":resume")
        await staying.wait_shown("resume")
        assert staying.process.returncode is None
    await until_screens(running, 0)


async def test_a_screen_that_breaks_again_and_again_says_so_at_the_end_and_gives_the_terminal_back(
    loud: Loud, tmp_path: Path
) -> None:
    running, outside = loud
    breaks = tmp_path / "breaks"
    program = (sys.executable, "-m", "tests.e2e.breaking")
    async with attached(running.folder, program, BREAKS=str(breaks)) as screen:
        async with Health(outside, running.origin, "an attached screen breaks"):
            breaks.write_text("1000")
            assert await asyncio.wait_for(screen.process.wait(), 30) == 1
        screen.assert_as_it_was()
        assert b"The screen broke; the cockpit goes on without it." in screen.seen
        assert b"a-value-that-no-trace-may-show" not in screen.seen
    assert (await running.ask("status"))["state"] == "RUNNING"


async def test_leaving_by_signal_gives_the_terminal_back(loud: Loud) -> None:
    running, _ = loud
    async with attached(running.folder) as screen:
        assert screen.is_raw()
        assert is_ignored(signal.SIGTSTP, screen.process.pid)
        screen.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(screen.process.wait(), 8) == 0
        screen.assert_as_it_was()
