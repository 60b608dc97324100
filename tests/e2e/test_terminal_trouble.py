"""A terminal may stall, hang up, be told to stop, or show a broken screen: the host answers all along, and ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.e2e.hosts import run_command
from tests.e2e.ptys import Health, OnTerminal, is_ignored, loudly, on_terminal
from tests.e2e.terminals import ask, screen_command

pytestmark = pytest.mark.e2e

_SETTINGS = "[budget]\ncalls_per_second = 1000\nburst = 10000\n"


class Running:
    """A cockpit with its screen on a terminal, and a client's key."""

    def __init__(self, terminal: OnTerminal, folder: Path, url: str, key: str) -> None:
        self.terminal, self.folder, self.url, self.key = terminal, folder, url, key
        self.process = terminal.process
        self.origin = url.removesuffix("/mcp")

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 10)


@contextlib.asynccontextmanager
async def cockpit(tmp_path: Path, *command: str, **environ: str) -> AsyncIterator[Running]:
    (tmp_path / "cockpit.toml").write_text(_SETTINGS)
    folder = tmp_path / "data"
    async with on_terminal(*(command or screen_command(folder)), **environ) as terminal:
        await terminal.wait(b"RUNNING")
        url = (await ask(folder, "status"))["url"]
        key = (await ask(folder, "key", "create", "--name", "loud", "--scope", "read:market", "--yes"))["key"]
        yield Running(terminal, folder, url, key)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with cockpit(tmp_path) as made:
        yield made


async def test_a_terminal_that_nobody_reads_for_twelve_seconds_holds_nothing_up_and_is_painted_anew(
    running: Running,
) -> None:
    terminal = running.terminal
    async with loudly(running.url, running.key) as outside:
        terminal.stall()
        async with Health(outside, running.origin, "the terminal stalls"):
            await asyncio.sleep(12)
        await ask(running.folder, "halt", "--reason", "meanwhile")
        terminal.read_on()
        await terminal.wait_shown("HALTED")
    assert await running.stop() == 0
    terminal.assert_as_it_was()


async def test_a_host_whose_terminal_stalls_ends_when_told_and_leaves_the_line_as_it_was(running: Running) -> None:
    async with loudly(running.url, running.key) as outside:
        running.terminal.stall()
        async with Health(outside, running.origin, "the terminal stalls, before the end"):
            await asyncio.sleep(6)
    assert await running.stop() == 0
    assert not running.terminal.is_raw()
    assert (await run_command(running.folder, "audit", "verify"))[0] == 0


async def test_a_terminal_that_hangs_up_while_drawing_leaves_the_host_running(running: Running) -> None:
    async with loudly(running.url, running.key) as outside:
        running.terminal.hang_up()
        async with Health(outside, running.origin, "the terminal has hung up"):
            await asyncio.sleep(3)
    assert (await ask(running.folder, "status"))["state"] == "RUNNING"
    assert await running.stop() == 0
    assert (await run_command(running.folder, "audit", "verify"))[0] == 0


async def test_being_told_to_stop_by_the_terminal_is_ignored(running: Running) -> None:
    terminal = running.terminal
    async with loudly(running.url, running.key) as outside, Health(outside, running.origin, "told to stop"):
        assert is_ignored(signal.SIGTSTP, running.process.pid)
        running.process.send_signal(signal.SIGTSTP)
        await asyncio.sleep(1)
        terminal.key(b"\x1a")
        await asyncio.sleep(1)
        terminal.key(b":halt")
        await terminal.wait_shown("halt [--reason")
    assert await running.stop() == 0
    terminal.assert_as_it_was()


async def test_a_stop_gives_the_terminal_back(running: Running) -> None:
    assert running.terminal.is_raw()
    async with loudly(running.url, running.key):
        await asyncio.sleep(0.5)
    assert await running.stop() == 0
    running.terminal.assert_as_it_was()


async def test_a_widget_that_breaks_once_costs_a_blink_and_breaking_on_ends_the_screen_alone(tmp_path: Path) -> None:
    breaks = tmp_path / "breaks"
    command = (sys.executable, "-m", "tests.e2e.breaking", *screen_command(tmp_path / "data")[3:])
    async with cockpit(tmp_path, *command, BREAKS=str(breaks)) as running:
        terminal = running.terminal
        async with (
            loudly(running.url, running.key) as outside,
            Health(outside, running.origin, "the screen breaks again and again"),
        ):
            starts = terminal.seen.count(b"\x1b[?1049h")
            breaks.write_text("1")
            await _until(lambda: terminal.seen.count(b"\x1b[?1049h") == starts + 1 and not breaks.exists())
            await ask(running.folder, "halt", "--reason", "seen by the screen that came back")
            await terminal.wait_shown("HALTED")
            breaks.write_text("1000")
            await _until(lambda: terminal.seen.count(b"\x1b[?1049l") == starts + 3)
            await asyncio.sleep(1)
            assert terminal.seen.count(b"\x1b[?1049h") == starts + 3, "three restarts within a minute, no more"
        terminal.assert_as_it_was()
        assert b"a bug in a widget" not in terminal.seen
        assert b"a-value-that-no-trace-may-show" not in terminal.seen
        assert (await ask(running.folder, "status"))["state"] == "HALTED"
        log = "".join(path.read_text() for path in (tmp_path / "data").rglob("*.log"))
        assert log.count("the screen crashed") == 4
        assert "a bug in a widget" in log
        assert "a-value-that-no-trace-may-show" not in log
        assert "without it" in log
        assert await running.stop() == 0
    assert (await run_command(tmp_path / "data", "audit", "verify"))[0] == 0


async def _until(holds: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.05)
