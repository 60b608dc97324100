"""The operator at 80x24 in a real tmux: lets a client in, sees its call, sends its order, stops everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.hosts import Outsider, call, run_command
from tests.e2e.terminals import Tmux, ask, screen_command

pytestmark = pytest.mark.e2e

_SETTLES = 0.6
"""Seconds after which a key counts: what has just appeared takes no decision."""


@pytest.fixture
async def tmux(require_tmux: str, tmp_path: Path) -> AsyncIterator[Tmux]:
    (tmp_path / "cockpit.toml").write_text("")
    terminal = Tmux(require_tmux, tmp_path, 80, 24)
    yield terminal
    terminal.end()


async def test_the_operators_first_minutes(tmux: Tmux, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    tmux.start(*screen_command(folder))
    await tmux.wait("RUNNING", "^k KILL")
    url = (await ask(folder, "status"))["url"]
    claude = Outsider(url)
    filled = asyncio.Event()

    async def trade() -> None:
        async with claude.session("legacy") as client:
            await call(client, "get_quote", symbol="ALFA")
            order, _ = await call(
                client, "place_order", symbol="ALFA", side="buy", quantity=3, order_type="market",
                idempotency_key="tmux-order-1",
            )  # fmt: skip
            assert order["state"] == "pending"
            while order["state"] != "filled":
                order, _ = await call(client, "wait_for_order", order_id=order["order_id"], wait_seconds=20)
            filled.set()
            while True:
                await call(client, "get_quote", symbol="BRVO")
                await asyncio.sleep(0.1)

    trading = asyncio.create_task(trade())
    code = await asyncio.wait_for(claude.code, 20)
    screen = await tmux.wait("CLIENT", "Claude")
    assert code not in screen
    await asyncio.sleep(_SETTLES)
    tmux.keys("a")
    await tmux.wait("CODE")
    tmux.type(code)
    tmux.keys("Enter")
    await tmux.wait("127.0.0.1", "write:orders", "[ ]")
    screen = tmux.screen()
    at = next(line for line in screen.splitlines() if "write:orders" in line)
    assert "[ ]" in at, "writes are never preselected"
    for _ in range(12):
        line = next((line for line in tmux.screen().splitlines() if line.startswith("▸ [")), "")
        if "write:orders" in line:
            break
        tmux.keys("j")
        await asyncio.sleep(0.05)
    tmux.keys("Space")
    await tmux.wait("[✓] write:orders")
    tmux.keys("a")
    await tmux.wait("y yes")
    await asyncio.sleep(_SETTLES)  # the prompt ignores y for 400 ms
    tmux.keys("y")
    await tmux.wait("get_quote", "✓ ok")
    await tmux.wait("ORDER", "BUY 3 ALFA MKT")
    assert not filled.is_set()
    await asyncio.sleep(_SETTLES)
    tmux.keys("a")
    await tmux.wait("y yes")
    tmux.keys("y")
    await asyncio.sleep(0.1)
    assert not filled.is_set(), "a y within 400 ms of the prompt must not send"
    await asyncio.sleep(_SETTLES)
    tmux.keys("y")
    await asyncio.wait_for(filled.wait(), 10)
    (order,) = await ask(folder, "orders")
    assert (order["state"], order["filled"]) == ("filled", "3")
    token = claude.storage.tokens
    assert token is not None
    tmux.keys("C-k")
    await tmux.wait("KILLED")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token.access_token}"}) as outside:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        assert (await outside.post(url, json=body)).status == 401
    trading.cancel()
    await asyncio.gather(trading, return_exceptions=True)
    tmux.type(":resume")
    tmux.keys("Enter")
    await tmux.wait("TYPE RESUME")
    tmux.type("RESUME")
    tmux.keys("Enter")
    await tmux.wait("▲ RUNNING")
    assert (await ask(folder, "status"))["state"] == "RUNNING"
    tmux.keys("q")
    await tmux.wait("QUIT")
    await asyncio.sleep(_SETTLES)
    tmux.keys("y")
    await tmux.wait("ENDED 0")
    assert (await run_command(folder, "audit", "verify"))[0] == 0


async def test_a_small_terminal_still_shows_state_and_kill(tmux: Tmux, tmp_path: Path) -> None:
    tmux.start(*screen_command(tmp_path / "data"))
    await tmux.wait("RUNNING", "^k KILL")
    for width, height in ((160, 45), (50, 12), (80, 24)):
        tmux("resize-window", "-x", str(width), "-y", str(height))
        await asyncio.sleep(0.3)
        await tmux.wait("RUNNING", "KILL")
