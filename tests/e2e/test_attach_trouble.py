"""Terminals of attached screens that stall, hang up or die: the cockpit never waits for one, nor goes with it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import termios
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.hosts import COMMAND, Host, environment, host

pytestmark = pytest.mark.e2e

_LOUD = 0.02
"""Seconds between the calls that keep the screens drawing."""


class OnTerminal:
    """An attached screen whose terminal is in our hands."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.process = process
        self.master = master
        self.seen = b""

    def read(self) -> None:
        with contextlib.suppress(OSError, BlockingIOError):
            self.seen = (self.seen + os.read(self.master, 65_536))[-200_000:]

    def stall(self) -> None:
        """Read nothing any more."""
        asyncio.get_running_loop().remove_reader(self.master)

    def hang_up(self) -> None:
        """Take the terminal away."""
        if self.master >= 0:
            self.stall()
            os.close(self.master)
            self.master = -1

    async def wait(self, text: bytes) -> None:
        end = time.monotonic() + 30
        while text not in self.seen:
            assert time.monotonic() < end, self.seen[-2000:]
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def attached(folder: Path) -> AsyncIterator[OnTerminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 160, 0, 0))
    os.set_blocking(master, False)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--config", str(folder.parent / "cockpit.toml"), "--data-dir", str(folder), "attach",
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**environment(), "TERM": "xterm-256color"}, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    terminal = OnTerminal(process, master)
    asyncio.get_running_loop().add_reader(master, terminal.read)
    try:
        await terminal.wait(b"RUNNING")
        yield terminal
    finally:
        terminal.hang_up()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def call_loudly(outside: aiohttp.ClientSession, url: str, key: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "get_quote", "arguments": {"symbol": "ALFA"}}}  # fmt: skip
    while True:
        async with outside.post(url, json=body, headers={"Authorization": f"Bearer {key}"}) as answer:
            assert answer.status == 200
        await asyncio.sleep(_LOUD)


async def healthy(outside: aiohttp.ClientSession, running: Host, seconds: float) -> float:
    """Ask for health all along; return the longest answer in seconds."""
    worst, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        async with outside.get(f"{running.origin}/healthz", timeout=aiohttp.ClientTimeout(5)) as answer:
            assert answer.status == 200
        worst = max(worst, time.monotonic() - began)
        await asyncio.sleep(0.02)
    return worst


@pytest.fixture
async def loud(tmp_path: Path) -> AsyncIterator[tuple[Host, aiohttp.ClientSession]]:
    """A cockpit that is called all the time."""
    async with host(tmp_path / "data", settings="[budget]\ncalls_per_second = 1000\nburst = 10000\n") as running:
        key = (await running.ask("key", "create", "--name", "loud", "--scope", "read:market", "--yes"))["key"]
        async with aiohttp.ClientSession() as outside:
            calls = asyncio.create_task(call_loudly(outside, running.url, key))
            try:
                yield running, outside
                assert not calls.done(), calls.exception()
            finally:
                calls.cancel()
                await asyncio.gather(calls, return_exceptions=True)


async def test_a_terminal_that_nobody_reads_holds_up_neither_the_cockpit_nor_its_own_end(
    loud: tuple[Host, aiohttp.ClientSession],
) -> None:
    running, outside = loud
    async with attached(running.folder) as screen:
        screen.stall()
        assert await healthy(outside, running, 6) < 1
        screen.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(screen.process.wait(), 8) == 0


async def test_a_screen_that_stands_still_gets_what_it_missed(loud: tuple[Host, aiohttp.ClientSession]) -> None:
    running, outside = loud
    async with attached(running.folder) as screen:
        screen.process.send_signal(signal.SIGSTOP)
        assert await healthy(outside, running, 3) < 1
        await running.ask("halt", "--reason", "meanwhile")
        screen.process.send_signal(signal.SIGCONT)
        await screen.wait(b"HALTED")


async def test_a_screen_that_dies_or_hangs_up_leaves_the_cockpit_running(
    loud: tuple[Host, aiohttp.ClientSession],
) -> None:
    running, outside = loud
    async with attached(running.folder) as dying, attached(running.folder) as hung_up:
        dying.process.kill()
        hung_up.hang_up()
        assert await healthy(outside, running, 2) < 1
        assert await asyncio.wait_for(hung_up.process.wait(), 8) == 0
        assert (await running.ask("status"))["state"] == "RUNNING"


async def test_leaving_by_signal_gives_the_terminal_back(loud: tuple[Host, aiohttp.ClientSession]) -> None:
    running, _ = loud
    async with attached(running.folder) as screen:
        screen.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(screen.process.wait(), 8) == 0
        screen.read()
        assert b"\x1b[?1049l" in screen.seen, "the alternate screen is left"
