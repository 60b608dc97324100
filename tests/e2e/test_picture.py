"""The picture in the README: the real cockpit's screen, after real calls of real clients."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import aiohttp

from cockpit.app.wiring import Cockpit, running
from cockpit.model.clock import SystemClock
from cockpit.model.screen import ScreenSettings
from cockpit.operator.act import Command, Done
from cockpit.settings.model import Settings
from server.listener import bind
from tests.e2e.hosts import Outsider
from tui.app import CockpitScreen

PICTURE = Path(__file__).parent.parent.parent / "docs" / "screen.svg"
_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)
_NOTE = re.compile(r"<!--.*?-->", re.DOTALL)


class Script:
    """A program with an API key."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}

    async def call(self, tool: str, **arguments: Any) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        async with (
            aiohttp.ClientSession(headers=self._headers) as outside,
            outside.post(self._url, json=body) as answer,
        ):
            assert answer.status in {200, 403}


async def script(cockpit: Cockpit, name: str, scopes: str) -> Script:
    made = await cockpit.face.run(Command("key.create", {"name": name, "scope": scopes}))
    assert isinstance(made, Done)
    assert isinstance(made.data, dict)
    return Script(cockpit.url, made.data["key"])


async def test_the_picture_of_the_readme(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", config_dir=tmp_path)
    taken = bind("127.0.0.1", 0)
    async with running(settings, taken, SystemClock(), asyncio.Event()) as cockpit:
        every = "read:market read:account read:orders preview:orders write:orders"
        claude, cursor = await script(cockpit, "claude", every), await script(cockpit, "cursor", "read:market")
        newcomer = Outsider(cockpit.url, "ChatGPT")

        async def connect() -> None:
            async with newcomer.session("legacy"):
                pass

        connecting = asyncio.create_task(connect())
        await asyncio.wait_for(newcomer.code, 20)
        await claude.call("get_session")
        await cursor.call("get_quote", symbol="BRVO")
        await claude.call("get_bars", symbol="ALFA", interval="5m", count=60)
        await claude.call("get_positions")
        await cursor.call("place_order", symbol="BRVO", side="buy", quantity=10, order_type="market",
                          idempotency_key="cursor-order-1")  # fmt: skip
        await claude.call("check_risk", symbol="ALFA", side="buy", quantity=2, order_type="market")
        await claude.call("place_order", symbol="ALFA", side="buy", quantity=2, order_type="market",
                          idempotency_key="claude-order-1")  # fmt: skip
        (first,) = cockpit.face.snapshot().pending_orders
        done = await cockpit.face.run(Command("order.approve", {"order_id": first.order.order_id}))
        assert isinstance(done, Done)
        await claude.call("wait_for_order", order_id=first.order.order_id, wait_seconds=1)
        await cursor.call("get_quote", symbol="NOPE")
        await claude.call("get_quote", symbol="CHRL")
        await claude.call("place_order", symbol="CHRL", side="sell", quantity=5, order_type="market",
                          idempotency_key="claude-order-2")  # fmt: skip
        screen = CockpitScreen(cockpit.face, ScreenSettings(rate_hz=8))
        async with screen.run_test(size=(100, 28)) as pilot:
            for _ in range(20):
                await pilot.pause(0.1)
                picture = _NOTE.sub("", _FONT.sub("", screen.export_screenshot(title="cockpit")))
                plain = picture.replace("&#160;", " ")
                if "CHRL MKT" in plain and "ChatGPT" in plain:
                    break
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
    for seen in ("RUNNING", "PAPER", "SELL 5 CHRL MKT", "ChatGPT", "get_bars", "SCOPE_MISSING", "KILL"):
        assert seen in plain, seen
    assert "http://127" not in plain.replace(cockpit.url, "")
    assert "cdnjs" not in picture
    if os.environ.get("WRITE_PICTURES") == "1":
        shown = picture.replace("Fira Code", "monospace").replace(cockpit.url, "http://127.0.0.1:8722/mcp")
        PICTURE.write_text(shown)
    assert PICTURE.exists(), "make pictures writes it"
