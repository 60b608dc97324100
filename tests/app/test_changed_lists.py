"""What the operator changes for a client, as its streams hear of it: its own alone, at once, in both eras."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server.parts import ENVELOPE, LEGACY, MODERN
from tests.server.test_streams import next_event
from tests.server.whole import Client, done, whole

LISTEN = {"_meta": ENVELOPE, "notifications": {"toolsListChanged": True}}
HELLO = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


async def key_of(here: Client, name: str) -> dict[str, str]:
    made = await done(here.cockpit, "key.create", name=name, connection="paper", scope="read:market read:account")
    return {"Authorization": f"Bearer {made['key']}", "Accept": "application/json, text/event-stream"}


async def stream(here: Client, stack: AsyncExitStack, headers: dict[str, str], era: str) -> aiohttp.ClientResponse:
    url = here.cockpit.url
    if era == "modern":
        body = {"jsonrpc": "2.0", "id": "s", "method": "subscriptions/listen", "params": LISTEN}
        routing = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen"}
        opened = await stack.enter_async_context(here.http.post(url, json=body, headers=headers | routing))
        assert (await next_event(opened))["method"] == "notifications/subscriptions/acknowledged"
        return opened
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    async with here.http.post(url, json=body, headers=headers) as answer:
        session = {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"]}
    return await stack.enter_async_context(here.http.get(url, headers=headers | session))


async def tools(here: Client, headers: dict[str, str]) -> set[str]:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with here.http.post(here.cockpit.url, json=body, headers=headers) as answer:
        return {tool["name"] for tool in (await answer.json())["result"]["tools"]}


async def rest(opened: aiohttp.ClientResponse) -> list[Any]:
    """Read to the end."""
    found: list[Any] = []
    while True:
        try:
            found.append(await next_event(opened))
        except EOFError:
            return found


async def until_tools_changed(opened: aiohttp.ClientResponse) -> None:
    """Read until the list of tools is said to be another; sessions are told of prompts and resources likewise."""
    async with asyncio.timeout(10):
        while (said := (await next_event(opened))["method"]) != "notifications/tools/list_changed":
            assert said.endswith("/list_changed")


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_change_of_scopes_is_told_to_its_client_alone_and_the_kill_ends_every_stream(
    tmp_path: Path, era: str
) -> None:
    async with whole(tmp_path / "data") as here, AsyncExitStack() as stack:
        ann, ben = await key_of(here, "ann"), await key_of(here, "ben")
        hers, his = await stream(here, stack, ann, era), await stream(here, stack, ben, era)
        assert "get_positions" in await tools(here, ann)
        await done(here.cockpit, "client.scopes", client="ann", drop="read:account")
        await until_tools_changed(hers)
        assert "get_positions" not in await tools(here, ann)
        await done(here.cockpit, "client.scopes", client="ann", add="read:account")
        await until_tools_changed(hers)
        assert "get_positions" in await tools(here, ann)
        await done(here.cockpit, "kill", reason="test")
        async with asyncio.timeout(10):
            ends = [await rest(hers), await rest(his)]
        # A listening stream ends with its result, a standing one just ends. Ben heard of nothing that was ann's; she
        # may have heard of a change more than once.
        kinds = [["result" if "result" in one else one["method"] for one in said] for said in ends]
        end = ["result"] if era == "modern" else []
        assert kinds[1] == end
        assert [kind for kind in kinds[0] if not kind.endswith("/list_changed")] == end
