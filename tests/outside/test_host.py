"""A whole cockpit on the broker outside, from a client's call over HTTP to a death in the middle of a sending."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from tests.e2e.hosts import Host, call, environment
from tests.outside.control import Outside
from tests.outside.host import PORT
from tests.outside.points import VARIABLE

SCOPES = ("--scope", "read:market", "--scope", "read:account", "--scope", "read:orders", "--scope", "write:orders")


@asynccontextmanager
async def cockpit(folder: Path, outside: Outside, dies_at: str = "") -> AsyncIterator[Host]:
    """Run a whole cockpit on the broker outside until the end of the test, or until it dies."""
    more = {PORT: str(outside.port), "COCKPIT_DATA_DIR": str(folder), "COCKPIT_SERVER__PORT": "0"}
    if dies_at:
        more[VARIABLE] = dies_at
    with (folder.parent / "stderr.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.outside.host",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
            env={**environment(), **more},
        )  # fmt: skip
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    assert line.startswith("ready "), (folder.parent / "stderr.log").read_text()
    try:
        yield Host(folder, process, line.removeprefix("ready ").strip())
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def place(url: str, key: str) -> str:
    """Ask for an order as a client with a key; its id."""
    async with (
        create_mcp_http_client(headers={"Authorization": f"Bearer {key}"}) as http,
        Client(streamable_http_client(url, http_client=http), mode="2026-07-28") as client,
    ):
        order, failed = await call(
            client, "place_order", symbol="ALFA", side="buy", quantity=1, order_type="limit", limit_price="99",
            time_in_force="gtc", idempotency_key="the-only-order",
        )  # fmt: skip
    assert not failed, order
    return order["order_id"]


async def test_a_cockpit_that_dies_while_it_sends_finds_its_order_again(tmp_path: Path, outside: Outside) -> None:
    folder = tmp_path / "data"
    async with cockpit(folder, outside, dies_at="submit.sent") as running:
        made = await running.ask("key", "create", "--name", "script", "--connection", "paper", *SCOPES, "--yes")
        order_id = await place(running.url, made["key"])
        await running.run("approve-order", order_id, "--yes", "--json")
        assert await asyncio.wait_for(running.process.wait(), 10) == -signal.SIGKILL
    assert len(await outside.journal("submit")) == 1
    async with cockpit(folder, outside) as running:
        (order,) = await running.ask("orders")
        assert (order["order_id"], order["state"]) == (order_id, "working")
        assert await place(running.url, made["key"]) == order_id
        killed = await running.ask("kill")
        assert killed["cancelled"] == 1
    assert len(await outside.journal("submit")) == 1
    assert {one.state for one in (await outside.books()).values()} == {"cancelled"}
