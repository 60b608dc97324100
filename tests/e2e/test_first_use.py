"""Somebody who has read nothing but the screen: from the start of the demo to a filled order, key by key."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.terminals import Tmux, ask, screen_command

pytestmark = pytest.mark.e2e

MOST_KEYS = 12
MOST_SECONDS = 60
_READS = 0.6
"""Seconds that a newcomer takes at least to read what has just come; sooner, no key decides on it."""


@pytest.fixture
async def tmux(require_tmux: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Tmux]:
    (tmp_path / "cockpit.toml").write_text("")
    terminal = Tmux(require_tmux, tmp_path, *request.param)
    yield terminal
    terminal.end()


class Newcomer:
    """Presses only keys that the screen names at that moment, and counts them."""

    def __init__(self, tmux: Tmux) -> None:
        self._tmux = tmux
        self.pressed: list[str] = []

    async def reads(self, pattern: str, seconds: float = 30) -> re.Match[str]:
        """Wait until a row of the screen says this."""
        end = time.monotonic() + seconds
        while True:
            screen = await asyncio.to_thread(self._tmux.screen)
            if (found := re.search(pattern, screen, re.MULTILINE)) is not None:
                return found
            assert time.monotonic() < end, f"{pattern} never came:\n{screen}"
            await asyncio.sleep(0.03)

    async def presses(self, pattern: str) -> None:
        """Press the key that the screen names: what the pattern's group holds now."""
        key = (await self.reads(pattern)).group("key")
        self.pressed.append(key)
        self._tmux.keys({"⏎": "Enter", "space": "Space", "^k": "C-k"}.get(key, key))

    async def copies(self, text: str) -> None:
        """Type letters that the screen shows; they are no key presses of the count."""
        self._tmux.type(text)
        await self.reads(rf"^ (CODE|:|TYPE) .*{re.escape(text.removeprefix(':'))}\b")


@pytest.mark.parametrize("tmux", [(80, 24), (160, 45)], indirect=True, ids=["80x24", "160x45"])
async def test_the_first_order_takes_a_minute_and_a_dozen_keys_at_most(tmux: Tmux, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    began = time.monotonic()
    tmux.start(*screen_command(folder, "demo"))
    newcomer = Newcomer(tmux)

    shown = await newcomer.reads(
        r"page shows (?P<code>[A-Z]{6}); press (?P<hinted>\S+) and type it\. (?P<scope>\S+) lets"
    )
    await asyncio.sleep(_READS)
    await newcomer.presses(rf"^ \^k KILL .*\s(?P<key>{shown['hinted']}) let in")
    await newcomer.copies(shown["code"])
    await newcomer.presses(r"CODE .*(?P<key>⏎) looks it up")

    chosen = rf"^▸ \[.\] {shown['scope']} "
    await newcomer.reads(rf"^. \[ \] {shown['scope']} ")
    await asyncio.sleep(_READS)
    while not re.search(chosen, tmux.screen(), re.MULTILINE):
        before = (await newcomer.reads(r"^▸ (?P<row>.*)$"))["row"]
        await newcomer.presses(r"^ \^k KILL .*\s(?P<key>\S) \S choose")
        await newcomer.reads(rf"^▸ (?!{re.escape(before)}$)")
    await newcomer.presses(r"^ \^k KILL .*\s(?P<key>\S+) change")
    await newcomer.reads(rf"^▸ \[✓\] {shown['scope']} ")
    await newcomer.presses(r"^ \^k KILL .*\s(?P<key>\S) let in")
    await newcomer.reads(r"^ LET IN  ")
    await asyncio.sleep(_READS)
    await newcomer.presses(r"\s(?P<key>\S) yes +n no ")

    hint = await newcomer.reads(r"an order waits; (?P<begins>\S) and then (?P<sends>\S) sends it")
    await newcomer.reads(r"^▸◷ ORDER ")
    await asyncio.sleep(_READS)
    await newcomer.presses(rf"^ \^k KILL .*\s(?P<key>{hint['begins']}) approve")
    await newcomer.reads(r"^ APPROVE +buy 1 ")
    await asyncio.sleep(_READS)
    await newcomer.presses(rf"\s(?P<key>{hint['sends']}) yes +n no ")
    await newcomer.reads(r"^ BUY 1 .*: filled")
    took = time.monotonic() - began

    filled = [order for order in await ask(folder, "orders") if order["state"] == "filled"]
    assert [(order["client"], order["filled"]) for order in filled] == [("demo trader", "1")]
    assert len(newcomer.pressed) <= MOST_KEYS, newcomer.pressed
    assert took <= MOST_SECONDS
    await goes_on_after_a_kill(newcomer)
    assert (await ask(folder, "status"))["state"] == "RUNNING"


async def goes_on_after_a_kill(newcomer: Newcomer) -> None:
    await newcomer.presses(r"^ (?P<key>\^k) KILL")
    await newcomer.reads(r"^ ■ KILLED ")
    named = await newcomer.reads(r"^   (?P<command>:\w+) lets clients act again")
    await newcomer.reads(rf"^ \^k KILL .*{named['command']} goes on")
    await newcomer.copies(named["command"])
    await newcomer.presses(r"^ \^k KILL +(?P<key>⏎) go")
    word = (await newcomer.reads(r"^ TYPE (?P<word>[A-Z]+) to let clients act again"))["word"]
    await newcomer.copies(word)
    await newcomer.presses(r"^ \^k KILL +(?P<key>⏎) go")
    await newcomer.reads(r"^ ▲ RUNNING ")
