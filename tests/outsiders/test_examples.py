"""The programs of examples/, run as they are written, against a real cockpit."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

from tests.e2e.hosts import environment, host
from tests.outsiders.browsers import Browser

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
WRITES = ("--scope", "read:market", "--scope", "read:orders", "--scope", "preview:orders", "--scope", "write:orders")


async def _start(example: str, *arguments: str, **more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / example), *arguments, env={**environment(), **more},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def _said(program: asyncio.subprocess.Process) -> str:
    out, err = await asyncio.wait_for(program.communicate(), 60)
    assert program.returncode == 0, err.decode()
    return out.decode()


async def test_the_first_client_is_let_in_and_its_order_filled_once_it_is_approved(tmp_path: Path) -> None:
    browser = Browser(tmp_path / "browser")
    async with host(tmp_path / "data") as running:
        program = await _start("first_client.py", running.url, **browser.environment(environment()))
        await browser.approve(running, *WRITES)
        async with asyncio.timeout(60):
            while not (waiting := (await running.ask("pending"))["orders"]):
                assert program.returncode is None
        await running.ask("approve-order", waiting[0]["order_id"], "--version", "1", "--yes")
        said = await _said(program)
    states = [json.loads(line)["state"] for line in re.findall(r"^(?:place|wait_for)_order: (.*)$", said, re.MULTILINE)]
    assert (states[0], states[-1]) == ("pending", "filled")


async def test_the_first_client_places_nothing_where_it_may_only_read(tmp_path: Path) -> None:
    browser = Browser(tmp_path / "browser")
    async with host(tmp_path / "data") as running:
        program = await _start("first_client.py", running.url, **browser.environment(environment()))
        await browser.approve(running, "--scope", "read:market")
        said = await _said(program)
        assert "granted no write:orders" in said
        assert await running.ask("orders") == []


async def test_a_client_with_a_key_prints_prices_and_positions(tmp_path: Path) -> None:
    async with host(tmp_path / "data") as running:
        made = await running.ask(
            "key", "create", "--name", "bot", "--scope", "read:market", "--scope", "read:account", "--yes"
        )
        said = await _said(await _start("with_a_key.py", running.url, "ALFA", "BRVO", COCKPIT_KEY=made["key"]))
    assert said.count("'data_type': 'simulated'") >= 2
    assert "'positions'" in said
