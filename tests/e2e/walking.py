"""What a walk needs: a terminal that may change its size at every step, an AI client, and a script with an API key."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.hosts import Outsider, call, environment
from tests.e2e.terminals import Tmux, ask

SETTLES = 0.6
"""Seconds after which a key counts: what has just appeared takes no decision."""

SIZES = ((80, 24), (120, 36), (160, 45))
TOO_SMALL = (50, 12)
"""Below 60x16: status, head of the queue and kill alone."""


class Walk:
    """The operator's hands and eyes."""

    def __init__(self, tmux: Tmux, folder: Path, size: tuple[int, int], *, attached: bool, resizing: bool) -> None:
        self.tmux = tmux
        self.attached = attached
        self.folder = folder
        self._size = size
        self._sizes = cycle((*(one for one in SIZES if one != size), size)) if resizing else None

    async def ask(self, *arguments: str) -> Any:
        """Ask the host itself, with its command line."""
        return await ask(self.folder, *arguments)

    async def order(self, placed: Mapping[str, Any]) -> Any:
        """Return an order as the host has it now."""
        return next(order for order in await self.ask("orders") if order["order_id"] == placed["order_id"])

    async def keys(self, *keys: str) -> None:
        """Press keys that decide something, once what is on the screen has been there for a moment."""
        await asyncio.sleep(SETTLES)
        self.tmux.keys(*keys)

    async def line(self, text: str) -> None:
        """Type a line and enter it."""
        self.tmux.type(text)
        self.tmux.keys("Enter")

    async def turn(self) -> None:
        """Go on to the next step, where the walk says so at another size: small first, then the next one."""
        if self._sizes is not None:
            await self.shrink()
            await self.resize(next(self._sizes))

    async def shrink(self) -> None:
        """Where the walk resizes, leave a screen on which only status, head of the queue and kill have room."""
        if self._sizes is not None:
            await self.resize(TOO_SMALL)

    async def grow(self) -> None:
        """Where the walk resizes, come back from a screen that was too small."""
        if self._sizes is not None:
            await self.resize(next(self._sizes))

    async def resize(self, size: tuple[int, int]) -> None:
        """Change the terminal; its last row must name the kill again, and its first one the state."""
        width, height = size
        self.tmux("resize-window", "-x", str(width), "-y", str(height))
        rows: list[str] = []
        for _ in range(500):
            rows = self.tmux.screen().splitlines()
            if len(rows) == height and "KILL" in rows[-1] and re.search(r"RUNNING|HALTED|KILLED", rows[0]):
                return
            await asyncio.sleep(0.03)
        raise AssertionError(f"not drawn at {width}x{height}:\n" + "\n".join(rows))

    async def choose(self, text: str) -> None:
        """Go down until the chosen row says this."""
        for _ in range(14):
            screen = self.tmux.screen()
            row = next((row for row in screen.splitlines() if row.startswith("▸")), "")
            if text in row:
                return
            self.tmux.keys("j")
            await asyncio.sleep(0.15)
        raise AssertionError(f"{text} can't be chosen:\n{self.tmux.screen()}")

    async def main(self) -> None:
        """Go back to the main place. A key right behind an escape would be read as one with it."""
        for _ in range(4):
            if " PENDING " in self.tmux.screen():
                return
            self.tmux.keys("Escape")
            await asyncio.sleep(0.7)
        raise AssertionError(self.tmux.screen())

    async def kill(self) -> None:
        """Kill from wherever this is, and see that it holds here and at the host."""
        self.tmux.keys("C-k")
        await self.tmux.wait("KILLED")
        while (status := await self.ask("status"))["pending"]:  # voided right after everything has been stopped
            assert status["state"] == "KILLED"
        assert status["state"] == "KILLED"
        assert all(row["suspended"] for row in await self.ask("clients"))
        await self.tmux.wait_gone("⏎ go")
        await self.tmux.wait_gone("y yes")

    async def resume(self) -> None:
        """Type the word that lets clients act again."""
        await self.line(":resume")
        await self.tmux.wait("TYPE RESUME")
        await self.line("RESUME")
        await self.tmux.wait("▲ RUNNING")
        assert (await self.ask("status"))["state"] == "RUNNING"
        await self.main()

    @contextmanager
    def viewer(self, size: tuple[int, int]) -> Iterator[int]:
        """Attach a terminal to tmux, as somebody does who comes back over SSH; gives what it is written to."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        client = subprocess.Popen(
            self.tmux.command("attach"),
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**environment(), "TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(theirs)
        os.set_blocking(ours, False)
        try:
            yield ours
        finally:
            client.kill()
            client.wait()
            os.close(ours)


class Assistant:
    """An AI client that does what it is told, once it was let in."""

    def __init__(self, url: str, name: str) -> None:
        self._outsider = Outsider(url, name)
        self._wanted: asyncio.Queue[tuple[str, dict[str, object], asyncio.Future[dict[str, Any]]]] = asyncio.Queue()
        self._works = asyncio.create_task(self._work())

    async def code(self) -> str:
        """Return the code that its browser shows."""
        return await asyncio.wait_for(asyncio.shield(self._outsider.code), 30)

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Let it call a tool."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        await self._wanted.put((tool, arguments, answer))
        return await asyncio.wait_for(answer, 30)

    async def leave(self) -> None:
        """End it."""
        self._works.cancel()
        await asyncio.gather(self._works, return_exceptions=True)

    async def _work(self) -> None:
        async with self._outsider.session("legacy") as client:
            while True:
                tool, arguments, answer = await self._wanted.get()
                answer.set_result((await call(client, tool, **arguments))[0])


async def place_with_key(url: str, key: str, **order: object) -> tuple[int, dict[str, Any]]:
    """Place an order as a script does; the HTTP status, and what the tool gave."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "place_order", "arguments": order}}
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as script, script.post(url, json=body) as answer:
        return answer.status, (await answer.json()).get("result", {}).get("structuredContent", {})
