"""Terminals that are in a test's hands, and a probe that asks for health all along while something happens to them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import struct
import termios
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import pyte

from tests.e2e.hosts import environment

P99_SECONDS = 0.25
WORST_SECONDS = 1.5
"""Bounds for a machine that does much else; what was measured is printed."""

_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_SHOWN_MODES = {7, 25}
"""Private modes that are on in a terminal at rest: wrapping and the cursor."""


def is_ignored(number: int, pid: int) -> bool:
    """Whether a process ignores a signal. Sending it proves nothing: who leads a session is never stopped by SIGTSTP."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) >> (number - 1) & 1)


class OnTerminal:
    """A process whose terminal is read, left alone or taken away as the test wants."""

    def __init__(self, process: asyncio.subprocess.Process, master: int, modes: list[Any]) -> None:
        self.process = process
        self.master = master
        self.seen = b""
        """Everything that it wrote."""
        self._modes = modes
        self._reads = False
        self.read_on()

    def read(self) -> None:
        with contextlib.suppress(OSError, BlockingIOError):
            while data := os.read(self.master, 65_536):
                self.seen += data

    def read_on(self) -> None:
        if not self._reads:
            asyncio.get_running_loop().add_reader(self.master, self.read)
            self._reads = True

    def stall(self) -> None:
        """Read nothing any more."""
        if self._reads:
            asyncio.get_running_loop().remove_reader(self.master)
            self._reads = False

    def hang_up(self) -> None:
        """Take the terminal away."""
        if self.master >= 0:
            self.stall()
            os.close(self.master)
            self.master = -1

    def key(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def screen(self) -> str:
        """Return what a terminal of 160x45 shows now; what was written before the last clearing doesn't matter."""
        screen = pyte.Screen(160, 45)
        pyte.ByteStream(screen).feed(self.seen[-400_000:])
        return "\n".join(screen.display)

    async def wait(self, text: bytes, seconds: float = 30) -> None:
        """Wait until some text was written since the last time that this was asked."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen[-2000:]
            assert self.process.returncode is None, self.seen[-2000:]
            await asyncio.sleep(0.05)

    async def wait_shown(self, text: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while text not in self.screen():
            assert time.monotonic() < end, self.screen()
            await asyncio.sleep(0.1)

    def is_raw(self) -> bool:
        return termios.tcgetattr(self.master) != self._modes

    def assert_as_it_was(self) -> None:
        """Modes of the line and of the screen, cursor, title, mouse and paste are as before."""
        self.read()
        assert not self.is_raw(), "the line is still in raw mode"
        modes = {int(mode): what == b"h" for found, what in _MODE.findall(self.seen) for mode in found.split(b";")}
        assert {mode for mode, on in modes.items() if on} <= _SHOWN_MODES, modes
        assert modes[25], "the cursor is hidden"
        assert not modes[1049], "the other screen is still up"
        assert self.seen.count(b"\x1b[22;0t") == self.seen.count(b"\x1b[23;0t"), "the title isn't put back"
        assert self.seen.count(b"\x1b[<u") >= self.seen.count(b"\x1b[>1u"), "the keyboard's protocol stays"


@contextlib.asynccontextmanager
async def on_terminal(*command: str, **environ: str) -> AsyncIterator[OnTerminal]:
    """Run a command on a terminal of 160x45 that is its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 160, 0, 0))
    modes = termios.tcgetattr(slave)
    os.set_blocking(master, False)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**environment(), "TERM": "xterm-256color", **environ},
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    # The test keeps its end of the line open: its modes can be looked at after the process has gone.
    terminal = OnTerminal(process, master, modes)
    try:
        yield terminal
    finally:
        terminal.hang_up()
        os.close(slave)
        if process.returncode is None:
            process.kill()
            await process.wait()


class Health:
    """Asks for health all along; at the end prints what it took, and holds it to the bounds."""

    def __init__(self, outside: aiohttp.ClientSession, origin: str, during: str) -> None:
        self._outside, self._url, self._during = outside, f"{origin}/healthz", during
        self._took: list[float] = []
        self._probe: asyncio.Task[None] | None = None

    async def _ask(self) -> None:
        while True:
            began = time.monotonic()
            async with self._outside.get(self._url, timeout=aiohttp.ClientTimeout(5)) as answer:
                assert answer.status == 200
            self._took.append(time.monotonic() - began)
            await asyncio.sleep(0.01)

    async def __aenter__(self) -> Self:
        self._probe = asyncio.create_task(self._ask())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._probe is not None
        if self._probe.done():
            self._probe.result()
        self._probe.cancel()
        await asyncio.gather(self._probe, return_exceptions=True)
        if kind is not None:
            return
        took = sorted(self._took)
        assert len(took) > 10
        p50, p99, worst = (percentile(took, share) for share in (0.5, 0.99, 1.0))
        words = f"{p50 * 1000:.1f} / {p99 * 1000:.1f} / {worst * 1000:.1f} ms"
        print(f"/healthz p50 / p99 / worst of {len(took)} while {self._during}: {words}")
        assert p99 < P99_SECONDS, words
        assert worst < WORST_SECONDS, words


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def call_loudly(outside: aiohttp.ClientSession, url: str, key: str, every: float = 0.02) -> None:
    """Keep calling, so that screens keep drawing."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "get_quote", "arguments": {"symbol": "ALFA"}}}  # fmt: skip
    while True:
        async with outside.post(url, json=body, headers={"Authorization": f"Bearer {key}"}) as answer:
            assert answer.status == 200
        await asyncio.sleep(every)


@contextlib.asynccontextmanager
async def loudly(url: str, key: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Keep calls, and so drawing, going; a session for other questions."""
    async with aiohttp.ClientSession() as outside:
        calls = asyncio.create_task(call_loudly(outside, url, key))
        try:
            yield outside
            assert not calls.done(), calls.exception()
        finally:
            calls.cancel()
            await asyncio.gather(calls, return_exceptions=True)
