"""The operator's day at 120x36 in a real tmux: looks back, narrows a client, searches the audit, takes text away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.hosts import Outsider, call
from tests.e2e.terminals import Tmux, ask, screen_command

pytestmark = pytest.mark.e2e

_SETTLES = 0.6


@pytest.fixture
async def tmux(require_tmux: str, tmp_path: Path) -> AsyncIterator[Tmux]:
    (tmp_path / "cockpit.toml").write_text("[screen.keys]\nhalt = 'f9'\nclients = 'a'\n")
    terminal = Tmux(require_tmux, tmp_path, 120, 36)
    yield terminal
    terminal.end()


async def back(tmux: Tmux) -> None:
    """Go back to the main place. A key right behind an escape would be read as one with it."""
    tmux.keys("Escape")
    await tmux.wait("PENDING", "CALLS")


async def test_the_operators_day(tmux: Tmux, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    tmux.start(*screen_command(folder))
    tmux("set", "-s", "set-clipboard", "on")
    await tmux.wait("RUNNING", "keys: 'a' is", seconds=40)
    claude = Outsider((await ask(folder, "status"))["url"])
    asked = asyncio.Event()

    async def trade() -> None:
        async with claude.session("legacy") as client:
            await call(client, "get_quote", symbol="ALFA")
            await call(
                client, "place_order", symbol="ALFA", side="buy", quantity=3, order_type="market",
                idempotency_key="the-day-1",
            )  # fmt: skip
            asked.set()

    trading = asyncio.create_task(trade())
    code = await asyncio.wait_for(claude.code, 30)
    scopes = [part for scope in ("read:market", "read:orders", "write:orders") for part in ("--scope", scope)]
    await ask(folder, "approve", code, "--as", "claude", *scopes, "--yes")
    await asyncio.wait_for(asked.wait(), 30)
    await trading

    # A call in full, beside the stream and on a page of its own.
    await tmux.wait("BUY 3 ALFA MKT", "place_order")
    tmux.keys("Tab", "k")
    await tmux.wait("paused, G follows", "ASKED", "chain ")
    tmux.keys("Enter")
    await tmux.wait("RECORDED", "esc back")
    await back(tmux)
    tmux.keys("G", "Tab")
    await tmux.wait("▼ follow")

    # The rule that would have approved it; the block is written to a file.
    await asyncio.sleep(_SETTLES)
    tmux.keys("A")
    await tmux.wait("[[approval.rules]]", 'clients = ["claude"]')
    tmux.type(f":write {tmp_path / 'rule.toml'}")
    tmux.keys("Enter")
    await tmux.wait("written to")
    assert (tmp_path / "rule.toml").read_text().startswith("[[approval.rules]]\n")
    tmux.keys("Y")
    await tmux.wait("Sent to the terminal")
    assert tmux("show-buffer") == (tmp_path / "rule.toml").read_text()
    await back(tmux)

    # Narrow the client: the difference is shown, then it holds.
    tmux.keys("c")
    await tmux.wait("CLIENTS")
    tmux.keys("s")
    await tmux.wait("SCOPES of claude", "WOULD CHANGE")
    for _ in range(12):
        if "write:orders" in next((row for row in tmux.screen().splitlines() if row.startswith("▸")), ""):
            break
        tmux.keys("j")
        await asyncio.sleep(0.1)
    tmux.keys("Space")
    await tmux.wait("-write:orders")
    tmux.keys("a")
    await tmux.wait("claude may read:market read:orders")
    (row,) = await ask(folder, "clients")
    assert "write:orders" not in row["scopes"]
    await back(tmux)

    # Search the audit, and export what was found.
    tmux.type(":records client:claude tool:get_quote")
    tmux.keys("Enter")
    await tmux.wait("AUDIT  / client:claude tool:get_quote", "1 found")
    tmux.type(f":write {tmp_path / 'found.jsonl'}")
    tmux.keys("Enter")
    await tmux.wait("1 row written to")
    (found,) = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert (found["client"], found["tool"], found["detail"]["arguments"]) == ("claude", "get_quote", {"symbol": "ALFA"})

    # The other places, by their keys.
    for key, words in (("b", "CONNECTIONS 1"), ("h", "CAME AND WENT"), ("L", " INFO ")):
        await back(tmux)
        tmux.keys(key)
        await tmux.wait(words)
    await back(tmux)

    # The palette, a key of the operator's own, and a line that the next screen recalls.
    tmux.keys("C-p")
    await tmux.wait("FIND")
    tmux.type("redu")
    await tmux.wait("▸ reduce")
    tmux.keys("Escape")
    await tmux.wait_gone("FIND")
    tmux.keys("F9")
    await tmux.wait("HALTED")
    assert (await ask(folder, "status"))["state"] == "HALTED"
    kept = (folder / "typed_lines").read_text().splitlines()
    assert kept[0].startswith("write ")
    assert "records client:claude tool:get_quote" in kept
