"""Screens in terminals of their own, attached to one `cockpit serve`: what one does the others see, and none is missed."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pyotp.totp
import pytest

from tests.e2e.hosts import COMMAND, Outsider, call, host, run_command, start
from tests.e2e.terminals import Tmux, ask

pytestmark = pytest.mark.e2e

_SETTLES = 0.6
"""Seconds after which a key counts: what has just appeared takes no decision."""

_STEP = 30
_ENOUGH = 12
"""Seconds of a time step that must be left to type its code in."""

Open = Callable[..., Tmux]


@pytest.fixture
async def open_screen(require_tmux: str, tmp_path: Path) -> AsyncIterator[Open]:
    """Attach a terminal to the cockpit of ``tmp_path/data``."""
    opened: list[Tmux] = []

    def attached(width: int = 80, height: int = 24, *arguments: str) -> Tmux:
        own = tmp_path / f"terminal{len(opened)}"
        own.mkdir()
        terminal = Tmux(require_tmux, own, width, height)
        opened.append(terminal)
        config = str(tmp_path / "cockpit.toml")
        terminal.start(*COMMAND, "--config", config, "--data-dir", str(tmp_path / "data"), "attach", *arguments)
        return terminal

    yield attached
    for one in opened:
        one.end()


def _line(tmux: Tmux, text: str) -> None:
    tmux.type(text)
    tmux.keys("Enter")


async def _leave(tmux: Tmux) -> None:
    tmux.keys("q")
    await tmux.wait("LEAVE", "The cockpit goes on")
    await asyncio.sleep(_SETTLES)
    tmux.keys("y")
    await tmux.wait("Left the screen; the cockpit goes on.", "ENDED 0")


async def _let_in(tmux: Tmux, code: str) -> None:
    await asyncio.sleep(_SETTLES)
    _line(tmux, f":approve {code}")
    await tmux.wait("LET IN A CLIENT")
    tmux.keys("a")
    await tmux.wait("y yes")
    await asyncio.sleep(_SETTLES)
    tmux.keys("y")


async def test_two_screens_share_one_cockpit(open_screen: Open, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with host(folder) as running:
        left, right = open_screen(80, 24), open_screen(160, 45)
        await left.wait("RUNNING", "^k KILL")
        await right.wait("RUNNING", "^k KILL")
        claude = Outsider(running.url)
        called = asyncio.Event()

        async def look() -> None:
            async with claude.session("legacy") as client:
                while True:
                    await call(client, "get_quote", symbol="ALFA")
                    called.set()
                    await asyncio.sleep(0.2)

        looking = asyncio.create_task(look())
        code = await asyncio.wait_for(claude.code, 20)
        for screen in (left, right):
            assert code not in await screen.wait("CLIENT", "Claude")
        await _let_in(left, code)
        for screen in (left, right):
            await screen.wait("1 client", "get_quote", "✓ ok")
        assert called.is_set()
        right.keys("C-k")
        for screen in (left, right):
            await screen.wait("KILLED")
        await asyncio.wait({looking}, timeout=10)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await _leave(right)
        assert (await ask(folder, "status"))["state"] == "KILLED"
        _line(left, ":resume")
        await left.wait("TYPE RESUME")
        _line(left, "RESUME")
        await left.wait("▲ RUNNING")
        await _leave(left)
        assert (await ask(folder, "status"))["state"] == "RUNNING"
        assert await running.stop() == 0


async def test_a_screen_tells_that_its_host_is_dead_and_attaches_to_the_next_one(
    open_screen: Open, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    first = await start(folder)
    try:
        screen = open_screen()
        await screen.wait("RUNNING", "^k KILL")
        await first.kill()
        await screen.wait("NO ANSWER", "what you see is", "The cockpit doesn't answer.")
        _line(screen, ":halt")
        await screen.wait("NO_ANSWER")
        async with host(folder) as second:
            await screen.wait_gone("NO ANSWER", seconds=20)
            assert (await ask(folder, "status"))["state"] == "RUNNING", "what was refused is never sent later"
            await screen.wait(second.url.removeprefix("http://"))
            _line(screen, ":reduce")
            await screen.wait("REDUCE-ONLY")
            await _leave(screen)
            assert second.process.returncode is None
    finally:
        if first.process.returncode is None:
            await first.kill()


async def test_a_read_only_screen_changes_nothing(open_screen: Open, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with host(folder):
        screen = open_screen(80, 24, "--read-only")
        await screen.wait("RUNNING", "READ-ONLY")
        screen.keys("C-k")
        await screen.wait("This screen is read-only")
        _line(screen, ":halt")
        await asyncio.sleep(_SETTLES)
        assert (await ask(folder, "status"))["state"] == "RUNNING"
        assert (await run_command(folder, "halt"))[0] == 0
        await screen.wait("HALTED")


async def test_where_only_the_hosts_own_screen_adds_risk_an_attached_one_does_not(
    open_screen: Open, tmp_path: Path
) -> None:
    async with host(tmp_path / "data", settings='[control]\napprovals = "screen"\n'):
        screen = open_screen()
        await screen.wait("RUNNING")
        _line(screen, ":halt")
        await screen.wait("HALTED")
        _line(screen, ":resume")
        await screen.wait("TYPE RESUME")
        _line(screen, "RESUME")
        await screen.wait("SCREEN_ONLY")


async def test_once_enrolled_an_attached_screen_takes_a_code_for_a_reader_too(
    open_screen: Open, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    async with host(folder) as running:
        screen = open_screen(100, 40)
        await screen.wait("RUNNING")
        _line(screen, ":totp enroll")
        shown = await screen.wait("or type its secret", "FIRST CODE that it shows")
        secret = "".join(re.findall(r"[A-Z2-7]{4}(?: [A-Z2-7]{4}){3}", shown)).replace(" ", "")
        authenticator = pyotp.totp.TOTP(secret)
        left = _STEP - time.time() % _STEP
        if left < _ENOUGH:
            await asyncio.sleep(left)
        now = time.time()
        _line(screen, authenticator.at(now - _STEP))
        await screen.wait("Enrolled", "Backup codes")
        screen.keys("Escape")
        claude = Outsider(running.url)
        connecting = asyncio.create_task(_connect(claude))
        await _let_in(screen, await asyncio.wait_for(claude.code, 20))
        await screen.wait("AUTHENTICATOR CODE to approve")
        assert (await ask(folder, "clients")) == []
        _line(screen, authenticator.at(now))
        await asyncio.wait_for(connecting, 20)
        await screen.wait("1 client")


async def _connect(outsider: Outsider) -> None:
    async with outsider.session("legacy") as client:
        await call(client, "get_quote", symbol="ALFA")


async def test_without_a_cockpit_there_is_nothing_to_attach_to(open_screen: Open, tmp_path: Path) -> None:
    (tmp_path / "cockpit.toml").write_text("")
    await open_screen().wait("No cockpit is running on", "ENDED 1")
