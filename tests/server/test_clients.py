"""The SDK's own client against the transport, in every mode that it has."""

from __future__ import annotations

import asyncio

import pytest
from mcp.shared.exceptions import MCPError

from cockpit.model.refusals import refuse
from tests.server.parts import LEGACY, MODERN, house, sdk_client, wire

MODES = ["legacy", "auto", MODERN]


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_lists_and_calls_tools(mode):
    async with house() as here, sdk_client(here, "ann", mode) as client:
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools] == [tool.name for tool in here.tools.tools]
        result = await client.call_tool("echo", {"text": "hällo"})
        assert result.structured_content == {"said": {"text": "hällo"}}
        assert result.content[0].text == '{"said":{"text":"hällo"}}'
        assert not result.is_error
        assert here.tools.called == [("ann", "echo", {"text": "hällo"})]


@pytest.mark.parametrize(("mode", "version"), [("legacy", LEGACY), ("auto", MODERN), (MODERN, MODERN)])
async def test_each_mode_speaks_its_version_and_learns_that_lists_change(mode, version):
    async with house() as here, sdk_client(here, "ann", mode) as client:
        assert client.protocol_version == version
        if mode != MODERN:
            assert client.server_capabilities.tools.list_changed is True
            assert client.server_info.name == "cockpit"


@pytest.mark.parametrize("mode", MODES)
async def test_a_refusal_is_an_error_of_the_tool(mode):
    async with house() as here, sdk_client(here, "ann", mode) as client:
        here.tools.refusal = refuse("HALTED")
        result = await client.call_tool("refuse", {})
        assert result.is_error
        assert result.structured_content["code"] == "HALTED"
        assert result.structured_content["who_can_fix"] == "operator"


@pytest.mark.parametrize("mode", MODES)
async def test_an_unknown_tool_is_an_error_of_the_protocol(mode):
    async with house() as here, sdk_client(here, "ann", mode) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("nothing", {})
        assert caught.value.error.code == -32602


@pytest.mark.parametrize("mode", MODES)
async def test_clients_see_only_what_is_theirs(mode):
    async with house() as here:
        here.tools.hidden.add(("ben", "wait"))
        async with sdk_client(here, "ann", mode) as ann, sdk_client(here, "ben", mode) as ben:
            assert "wait" in [tool.name for tool in (await ann.list_tools()).tools]
            assert "wait" not in [tool.name for tool in (await ben.list_tools()).tools]


@pytest.mark.parametrize("mode", MODES)
async def test_many_calls_run_side_by_side(mode):
    async with house() as here, sdk_client(here, "ann", mode) as client:
        results = await asyncio.gather(*(client.call_tool("echo", {"text": str(n)}) for n in range(40)))
        assert [result.structured_content["said"]["text"] for result in results] == [str(n) for n in range(40)]


async def test_both_eras_say_that_the_list_of_tools_changes_and_who_serves():
    async with house() as here, wire(here) as ann:
        async with ann.modern("server/discover") as answer:
            discovered = (await answer.json())["result"]
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        async with ann.legacy("initialize", hello) as answer:
            initialized = (await answer.json())["result"]
        for result in (discovered, initialized):
            assert result["capabilities"]["tools"] == {"listChanged": True}
            assert result["instructions"] == "Ask before you trade."
        assert initialized["serverInfo"] == {"name": "cockpit", "version": "1.2.3", "title": "Cockpit"}


async def test_a_modern_list_says_for_whom_it_may_be_kept():
    async with house() as here, wire(here) as ann, ann.modern("tools/list") as answer:
        result = (await answer.json())["result"]
        assert (result["cacheScope"], result["ttlMs"]) == ("private", 0)
