"""Real money at 80x24 in a real tmux: refused unarmed, armed with a code, one order opened, and refused once time is over."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pyotp.totp
import pytest

from tests.e2e.hosts import run_command
from tests.e2e.terminals import Tmux, ask

pytestmark = pytest.mark.e2e

SETTINGS = """
[server]
port = 0
[connections.real]
broker = "ibkr"
mode = "live"
account = "U7654321"
trade = true
[connections.real.ibkr]
port = 4001
[connections.real.policy]
allowed_symbols = ["ALFA"]
[connections.training]
"""
_SCOPES = ("read:market", "read:account", "read:orders", "preview:orders", "write:orders")


@pytest.fixture
async def tmux(require_tmux: str, tmp_path: Path) -> AsyncIterator[Tmux]:
    (tmp_path / "cockpit.toml").write_text(SETTINGS)
    terminal = Tmux(require_tmux, tmp_path, 80, 24)
    yield terminal
    terminal.end()


def line(tmux: Tmux, text: str) -> None:
    tmux.type(text)
    tmux.keys("Enter")


async def tool(http: aiohttp.ClientSession, url: str, key: str, name: str, **arguments: object) -> dict[str, Any]:
    """Call a tool as a program with a key does."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    async with http.post(url, json=body, headers=headers) as answer:
        return (await answer.json())["result"]["structuredContent"]


async def test_real_money_opens_only_while_it_is_armed(tmux: Tmux, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    settings = {"COCKPIT_CONFIG": str(tmp_path / "cockpit.toml"), "COCKPIT_DATA_DIR": str(folder)}
    tmux.start(
        "env", *(f"{name}={value}" for name, value in settings.items()), sys.executable, "-m", "tests.e2e.live_host"
    )
    screen = await tmux.wait("RUNNING", "● LIVE MONEY", "^k KILL", seconds=30)
    assert "ARMED" not in screen

    line(tmux, ":arm real")
    await tmux.wait("LIVE MONEY: TYPE ARM to let orders open on real")
    line(tmux, "ARM")
    await tmux.wait("TOTP_NOT_ENROLLED")
    begun = await ask(folder, "totp", "enroll")
    phone = pyotp.totp.TOTP(begun["secret"])
    codes = (await ask(folder, "totp", "confirm", phone.at(int(time.time()) - 30)))["backup_codes"]
    arguments = [word for scope in _SCOPES for word in ("--scope", scope)]
    made = await ask(
        folder, "key", "create", "--name", "script", "--connection", "real", *arguments, "--yes", "--totp", codes[0]
    )
    url, key = (await ask(folder, "status"))["url"], made["key"]

    async with aiohttp.ClientSession() as http:
        quote = await tool(http, url, key, "get_quote", symbol="ALFA")
        terms = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "limit", "limit_price": quote["ask"]}

        async def place(number: int) -> dict[str, Any]:
            return await tool(http, url, key, "place_order", idempotency_key=f"live-order-{number}", **terms)

        assert (await place(1))["code"] == "LIVE_DISABLED"
        assert (await tool(http, url, key, "get_session"))["may_open"] is False

        line(tmux, ":arm real --for 40s")
        await tmux.wait("TYPE ARM")
        line(tmux, "ARM")
        await tmux.wait("AUTHENTICATOR CODE to arm")
        began = time.monotonic()
        line(tmux, phone.now())
        screen = await tmux.wait("● LIVE ARMED until")
        assert re.search(r"ARMED until \d\d:\d\d ", screen.splitlines()[0])
        assert (await tool(http, url, key, "get_session"))["may_open"] is True

        waiting = await place(2)
        assert waiting["state"] == "pending", waiting
        await tmux.wait("BUY 1 ALFA LMT")
        tmux.keys("Enter")
        await tmux.wait("● LIVE MONEY", "ARMED until", "it may open a position")
        approved = await run_command(
            folder, "approve-order", waiting["order_id"], "--yes", "--totp", codes[1], "--json"
        )
        assert approved[0] == 0, approved
        tmux.keys("Escape")

        await tmux.wait("is armed for", seconds=40)
        await tmux.wait_gone("ARMED until", seconds=60)
        assert time.monotonic() - began > 38
        assert "● LIVE MONEY" in tmux.screen().splitlines()[0]
        assert (await place(3))["code"] == "LIVE_DISABLED"
        held = (await ask(folder, "positions"))["positions"]
        assert [(one["symbol"], one["quantity"]) for one in held] == [("ALFA", "1")]
        sold = await tool(
            http, url, key, "place_order", idempotency_key="live-order-4",
            **{**terms, "side": "sell", "limit_price": (await tool(http, url, key, "get_quote", symbol="ALFA"))["bid"]},
        )  # fmt: skip
        assert sold["state"] == "pending", sold
