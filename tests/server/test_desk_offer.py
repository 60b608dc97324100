"""Prompts, resources and completion of a whole cockpit, as the SDK's own client uses them in both eras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourceUpdated
from mcp_types import PromptReference, ResourceTemplateReference

from tests.server.whole import Client as Here
from tests.server.whole import done, whole

READING = "read:market read:account read:orders read:audit"
ALL = f"{READING} preview:orders write:orders"
MODES = ["legacy", "auto"]
WAIT = 20


@asynccontextmanager
async def opened(here: Here, name: str, scope: str, mode: str, **more: Any) -> AsyncIterator[Client]:
    key = (await done(here.cockpit, "key.create", name=name, scope=scope))["key"]
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
        Client(streamable_http_client(f"{here.origin}/mcp", http_client=http), mode=mode, **more) as client,
    ):
        yield client


async def own_calls(client: Client, tool: str) -> list[dict[str, Any]]:
    told = (await client.call_tool("tail_audit", {"count": 200})).structured_content
    assert told is not None
    return [row for row in told["calls"] if row["tool"] == tool]


@pytest.mark.parametrize("mode", MODES)
async def test_the_sdk_client_reads_resources_uses_prompts_and_completes(tmp_path: Path, mode: str) -> None:
    async with whole(tmp_path) as here, opened(here, "bot", ALL, mode) as client:
        listed = {str(one.uri) for one in (await client.list_resources()).resources}
        assert listed == {"cockpit://portfolio", "cockpit://orders"}
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "cockpit://quotes/{symbol}"
        quote = json.loads((await client.read_resource("cockpit://quotes/alfa")).contents[0].text)  # type: ignore[union-attr]
        assert (quote["symbol"], quote["data_type"]) == ("ALFA", "simulated")
        portfolio = json.loads((await client.read_resource("cockpit://portfolio")).contents[0].text)  # type: ignore[union-attr]
        assert portfolio["positions"] == []
        names = {prompt.name for prompt in (await client.list_prompts()).prompts}
        assert names == {"morning_brief", "position_review", "order_ticket", "end_of_day"}
        asked = {"symbol": "alfa", "side": "Buy", "quantity": "2"}
        ticket = (await client.get_prompt("order_ticket", asked)).messages[0].content
        assert "symbol ALFA, side buy, quantity 2, order_type market" in ticket.text  # type: ignore[union-attr]
        reference = ResourceTemplateReference(type="ref/resource", uri="cockpit://quotes/{symbol}")
        found = await client.complete(reference, {"name": "symbol", "value": "al"})
        assert found.completion.values[0] == "ALFA"
        sides = await client.complete(
            PromptReference(type="ref/prompt", name="order_ticket"), {"name": "side", "value": "s"}
        )
        assert sides.completion.values == ["sell"]
        for method, count in (("resources/read", 2), ("prompts/get", 1), ("completion/complete", 2)):
            assert [row["outcome"] for row in await own_calls(client, method)] == ["ok"] * count


@pytest.mark.parametrize("mode", MODES)
async def test_what_the_scopes_do_not_allow_is_neither_listed_nor_given(tmp_path: Path, mode: str) -> None:
    async with whole(tmp_path) as here, opened(here, "bot", "read:market read:audit", mode) as client:
        assert (await client.list_resources()).resources == []
        assert (await client.list_prompts()).prompts == []
        for asking in (
            client.read_resource("cockpit://portfolio"),
            client.get_prompt("end_of_day", {}),
            client.read_resource("cockpit://nothing"),
            client.read_resource("cockpit://quotes/NOPE"),
            client.get_prompt("nothing", {}),
        ):
            with pytest.raises(MCPError):
                await asking
        codes = [row["code"] for row in await own_calls(client, "resources/read")]
        assert codes == ["SCOPE_MISSING", "UNKNOWN_TOOL", "INSTRUMENT_UNRESOLVED"]
        codes = [row["code"] for row in await own_calls(client, "prompts/get")]
        assert codes == ["SCOPE_MISSING", "UNKNOWN_TOOL"]


async def test_arguments_of_prompts_are_validated(tmp_path: Path) -> None:
    async with whole(tmp_path) as here, opened(here, "bot", ALL, "auto") as client:
        for wrong in (
            {"symbol": "ALFA", "side": "long", "quantity": "1"},
            {"symbol": "ALFA", "side": "buy", "quantity": "-1"},
            {"symbol": "ALFA", "side": "buy"},
            {"symbol": "ALFA", "side": "buy", "quantity": "1", "extra": "x"},
            {"symbol": "NOPE", "side": "buy", "quantity": "1"},
        ):
            with pytest.raises(MCPError):
                await client.get_prompt("order_ticket", wrong)
        codes = {row["code"] for row in await own_calls(client, "prompts/get")}
        assert codes == {"BAD_ARGUMENTS", "INSTRUMENT_UNRESOLVED"}


async def test_who_wants_to_watch_what_is_in_the_audit(tmp_path: Path) -> None:
    async with whole(tmp_path) as here, opened(here, "bot", READING, "legacy") as client:
        await client.subscribe_resource("cockpit://quotes/ALFA")
        for nothing in ("cockpit://quotes/NOPE", "cockpit://nothing"):
            with pytest.raises(MCPError):
                await client.subscribe_resource(nothing)
        codes = [row["code"] for row in await own_calls(client, "resources/subscribe")]
        assert codes == ["", "INSTRUMENT_UNRESOLVED", "UNKNOWN_TOOL"]


async def test_a_session_hears_of_a_changed_order_and_stops_when_its_scope_is_taken_away(tmp_path: Path) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def take(message: Any) -> None:
        heard.put_nowait(message)

    async def until(method: str) -> Any:
        async with asyncio.timeout(WAIT):
            while getattr(message := await heard.get(), "method", "") != method:
                pass
        return message

    async with whole(tmp_path) as here, opened(here, "bot", ALL, "legacy", message_handler=take) as client:
        await client.subscribe_resource("cockpit://orders")
        await until("notifications/resources/updated")  # once for whoever begins to watch
        order = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market", "idempotency_key": "watch-1-a"}
        await client.call_tool("place_order", order)
        updated = await until("notifications/resources/updated")
        assert str(updated.params.uri) == "cockpit://orders"
        with pytest.raises(MCPError):
            await client.subscribe_resource("cockpit://quotes/%00")
        await done(here.cockpit, "client.scopes", client="bot", drop="read:orders")
        await until("notifications/resources/list_changed")
        with pytest.raises(MCPError):
            await client.subscribe_resource("cockpit://orders")
        await client.subscribe_resource("cockpit://portfolio")
        await client.call_tool("place_order", {**order, "idempotency_key": "watch-2-b", "quantity": 2})
        updated = await until("notifications/resources/updated")
        assert str(updated.params.uri) == "cockpit://portfolio"


async def test_a_listener_hears_of_quotes_until_its_scope_is_taken_away(tmp_path: Path) -> None:
    async with whole(tmp_path) as here, opened(here, "bot", READING, "auto") as client:
        quote = "cockpit://quotes/ALFA"
        async with asyncio.timeout(WAIT), client.listen(resource_subscriptions=[quote]) as events:
            count = 0
            async for event in events:
                assert isinstance(event, ResourceUpdated)
                assert str(event.uri) == quote
                count += 1
                if count == 2:
                    await done(here.cockpit, "client.scopes", client="bot", drop="read:market")
        assert count >= 2


async def test_the_kill_ends_a_listener(tmp_path: Path) -> None:
    async with (
        whole(tmp_path) as here,
        opened(here, "bot", READING, "auto") as client,
        asyncio.timeout(WAIT),
        client.listen(resource_subscriptions=["cockpit://portfolio"]) as events,
    ):
        async for _ in events:
            await done(here.cockpit, "kill")
