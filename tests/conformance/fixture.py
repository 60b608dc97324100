"""What the official suite wants of a server under test, mounted on our transport: everybody may come in and do all of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    ClientCapabilities,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
    Tool,
)

from cockpit.model.clock import SystemClock
from cockpit.model.identity import Caller, Via
from server.addresses import Addresses
from server.app import build_app
from server.door import Challenge, Door
from server.guard import Policy
from server.host import Talk, ToolAnswer, ToolResult
from server.listener import bind, port_of, serve
from server.transport.kernel import About, Offer
from server.transport.transport import Transport
from tests.conformance import fixture_asks, fixture_offers
from tests.server.parts import caller

_ANYBODY: Final = caller("anybody", via=Via.KEY)
_AUDIO: Final = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
_STEP_SECONDS: Final = 0.05
"""The suite wants to see that messages come while the tool works."""

Do: TypeAlias = Callable[[Talk, Mapping[str, Any]], Awaitable[ToolResult]]

_RICH_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
_MIRRORED_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    "required": ["region"],
}


def says(text: str, *more: ContentBlock) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text), *more])


def embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


def image() -> ImageContent:
    return ImageContent(type="image", data=fixture_offers.PIXEL, mime_type="image/png")


class Everything:
    """Implements ``server.host.ToolHost`` with one tool for each thing that a server may do."""

    def __init__(self) -> None:
        self.transport: Transport | None = None
        self._does: dict[str, Do] = {
            "test_simple_text": _simple_text,
            "test_image_content": _image,
            "test_audio_content": _audio,
            "test_embedded_resource": _embedded_resource,
            "test_multiple_content_types": _several_kinds,
            "test_tool_with_logging": _logging,
            "test_logging_tool": _logging,
            "test_tool_with_progress": _progress,
            "test_error_handling": _error,
            "test_missing_capability": _missing_capability,
            "test_x_mcp_header": _mirrored,
            "test_reconnection": _reconnection,
            "json_schema_2020_12_tool": _mirrored,
            "test_trigger_tool_change": self._change_tools,
            "test_trigger_prompt_change": self._change_prompts,
            **fixture_asks.TOOLS,
        }
        self._tools = [
            Tool(name=name, description=f"{name}, as the suite wants it.", input_schema=_schema(name))
            for name in self._does
        ]

    def listed(self, caller: Caller) -> Sequence[Tool]:
        return self._tools

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        return next((tool.input_schema for tool in self._tools if tool.name == name), None)

    async def call(self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk) -> ToolResult:
        do = self._does.get(name)
        if do is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {name}")
        return await do(talk, arguments)

    async def _change_tools(self, talk: Talk, _: Mapping[str, Any]) -> ToolResult:
        assert self.transport is not None
        self.transport.tools_changed(_ANYBODY.grant.grant_id)
        return says("The tools changed.")

    async def _change_prompts(self, talk: Talk, _: Mapping[str, Any]) -> ToolResult:
        assert self.transport is not None
        self.transport.prompts_changed(_ANYBODY.grant.grant_id)
        return says("The prompts changed.")


def _schema(name: str) -> dict[str, Any]:
    special = {"test_x_mcp_header": _MIRRORED_SCHEMA, "json_schema_2020_12_tool": _RICH_SCHEMA}
    return special.get(name, {"type": "object"})


async def _simple_text(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    return says("This is a simple text response for testing.")


async def _image(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    return CallToolResult(content=[image()])


async def _audio(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    return CallToolResult(content=[AudioContent(type="audio", data=_AUDIO, mime_type="audio/wav")])


async def _embedded_resource(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    text = "This is an embedded resource content."
    return CallToolResult(content=[embedded("test://embedded-resource", "text/plain", text)])


async def _several_kinds(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    inside = embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return says("Multiple content types test:", image(), inside)


async def _logging(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await talk.log("info", text, "fixture")
        await asyncio.sleep(_STEP_SECONDS)
    return says("It logged three times.")


async def _progress(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    for progress in (0, 50, 100):
        await talk.progress(progress, 100, f"Completed step {progress} of 100")
        await asyncio.sleep(_STEP_SECONDS)
    return says("It progressed.")


async def _error(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    text = TextContent(type="text", text="This tool intentionally returns an error for testing")
    return CallToolResult(content=[text], is_error=True)


async def _missing_capability(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    can = talk.capabilities or ClientCapabilities()
    if can.sampling is None:
        needs = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "The client must be able to sample", needs)
    return says("The client can sample.")


async def _mirrored(talk: Talk, arguments: Mapping[str, Any]) -> ToolResult:
    return ToolAnswer({"arguments": dict(arguments)})


async def _reconnection(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    await talk.hang_up()
    await asyncio.sleep(_STEP_SECONDS)
    return says("The client came back.")


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[str]:
    """Serve it on loopback and yield its address."""
    taken = bind("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{port_of(taken)}"
    challenge = Challenge.at(origin)
    tools, prompts = Everything(), fixture_offers.Prompts()
    offer = Offer(prompts, fixture_offers.Resources(), prompts, logs=True)
    about = About("fixture", "1.0.0", "Fixture", "Everything that the suite wants to see.")
    async with Transport(tools, SystemClock(), challenge, about, offer=offer, asks_clients=True) as transport:
        tools.transport = transport
        door = Door(lambda authorization, address: _ANYBODY, challenge, Addresses())
        app = build_app(transport, door, Policy.of("", (), (), 1_048_576), lambda: "running")
        async with serve(app, taken):
            yield f"{origin}/mcp"
