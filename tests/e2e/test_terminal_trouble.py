"""A terminal may stall, hang up or be told to stop: the host answers all along, and stops cleanly when asked."""

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
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.hosts import environment, run_command
from tests.e2e.terminals import ask, screen_command

pytestmark = pytest.mark.e2e

_LOUD = 0.02
"""Seconds between the calls that keep the screen drawing."""


@dataclass
class OnTerminal:
    """A cockpit whose terminal is in our hands."""

    folder: Path
    process: asyncio.subprocess.Process
    master: int
    url: str
    key: str
    reading: bool = True
    seen: bytes = b""

    def read(self) -> None:
        with contextlib.suppress(OSError, BlockingIOError):
            self.seen = (self.seen + os.read(self.master, 65_536))[-200_000:]

    async def call_loudly(self, outside: aiohttp.ClientSession) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": {"name": "get_quote", "arguments": {"symbol": "ALFA"}}}  # fmt: skip
        while True:
            async with outside.post(self.url, json=body, headers={"Authorization": f"Bearer {self.key}"}) as answer:
                assert answer.status == 200
            await asyncio.sleep(_LOUD)


async def healthy(outside: aiohttp.ClientSession, url: str, seconds: float) -> float:
    """Ask for health all along; return the longest answer in seconds."""
    worst, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        async with outside.get(url.removesuffix("/mcp") + "/healthz", timeout=aiohttp.ClientTimeout(5)) as answer:
            assert answer.status == 200
        worst = max(worst, time.monotonic() - began)
        await asyncio.sleep(0.02)
    return worst


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[OnTerminal]:
    (tmp_path / "cockpit.toml").write_text("[budget]\ncalls_per_second = 1000\nburst = 10000\n")
    folder = tmp_path / "data"
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 160, 0, 0))
    os.set_blocking(master, False)
    process = await asyncio.create_subprocess_exec(
        *screen_command(folder), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**environment(), "TERM": "xterm-256color"}, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    terminal = OnTerminal(folder, process, master, "", "")
    loop = asyncio.get_running_loop()
    loop.add_reader(master, terminal.read)
    end = time.monotonic() + 30
    while b"RUNNING" not in terminal.seen:
        assert time.monotonic() < end, terminal.seen[-2000:]
        await asyncio.sleep(0.05)
    terminal.url = (await ask(folder, "status"))["url"]
    terminal.key = (await ask(folder, "key", "create", "--name", "loud", "--scope", "read:market", "--yes"))["key"]
    yield terminal
    loop.remove_reader(master)
    with contextlib.suppress(OSError):
        os.close(master)
    if process.returncode is None:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def loud(running: OnTerminal) -> AsyncIterator[aiohttp.ClientSession]:
    """Keep calls, and so drawing, going."""
    async with aiohttp.ClientSession() as outside:
        calls = asyncio.create_task(running.call_loudly(outside))
        try:
            yield outside
            assert not calls.done(), calls.exception()
        finally:
            calls.cancel()
            await asyncio.gather(calls, return_exceptions=True)


async def test_a_terminal_that_nobody_reads_does_not_hold_up_the_host(running: OnTerminal) -> None:
    async with loud(running) as outside:
        asyncio.get_running_loop().remove_reader(running.master)
        worst = await healthy(outside, running.url, 8)
        assert worst < 1
    running.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(running.process.wait(), 6) == 0
    asyncio.get_running_loop().add_reader(running.master, running.read)


async def test_a_terminal_that_hangs_up_while_drawing_leaves_the_host_running(running: OnTerminal) -> None:
    async with loud(running) as outside:
        asyncio.get_running_loop().remove_reader(running.master)
        os.close(running.master)
        worst = await healthy(outside, running.url, 3)
        assert worst < 1
    assert (await ask(running.folder, "status"))["state"] == "RUNNING"
    running.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(running.process.wait(), 6) == 0
    assert (await run_command(running.folder, "audit", "verify"))[0] == 0


async def test_being_told_to_stop_by_the_terminal_is_ignored(running: OnTerminal) -> None:
    async with loud(running) as outside:
        running.process.send_signal(signal.SIGTSTP)
        worst = await healthy(outside, running.url, 2)
        assert worst < 1


async def test_a_stop_gives_the_terminal_back(running: OnTerminal) -> None:
    running.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(running.process.wait(), 6) == 0
    await asyncio.sleep(0.1)
    running.read()
    assert b"\x1b[?1049l" in running.seen, "the alternate screen is left"
