"""The SDK's own session manager with the same tools, prompts and resources, asked without a network between."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmptyResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    PromptReference,
    ReadResourceRequestParams,
    ReadResourceResult,
    SetLevelRequestParams,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    TextContent,
)

from server.host import Completing, ToolAnswer
from server.transport.wire import dumps
from tests.server.offers import Offered
from tests.server.parts import FakeTools, caller

_Context = ServerRequestContext[Any, Any]
_ANN = caller("ann")


class _Server(Server[Any]):
    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        changes = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
        return super().create_initialization_options(changes, experimental_capabilities, extensions)


def same_server(tools: FakeTools, offered: Offered) -> Server[Any]:
    """Make a server of the SDK's that offers to ann what the fakes offer her."""
    private: Any = {"ttl_ms": 0, "cache_scope": "private"}

    async def list_tools(_: _Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        _first_page(params)
        return ListToolsResult(tools=list(tools.listed(_ANN)), **private)

    async def call_tool(ctx: _Context, params: CallToolRequestParams) -> CallToolResult:
        talk: Any = None
        answer = await tools.call(_ANN, params.name, params.arguments or {}, talk)
        assert isinstance(answer, ToolAnswer)
        if answer.refusal is not None and answer.refusal.code == "UNKNOWN_TOOL":
            raise MCPError(-32602, answer.refusal.message, dict(answer.structured))
        text = TextContent(type="text", text=dumps(answer.structured).decode())
        return CallToolResult(
            content=[text], structured_content=dict(answer.structured), is_error=answer.refusal is not None
        )

    async def list_prompts(_: _Context, params: PaginatedRequestParams | None) -> ListPromptsResult:
        _first_page(params)
        return ListPromptsResult(prompts=list(offered.prompts.listed(_ANN)), **private)

    async def get_prompt(ctx: _Context, params: GetPromptRequestParams) -> GetPromptResult:
        talk: Any = None
        found = await offered.prompts.get(_ANN, params.name, params.arguments or {}, talk)
        if not isinstance(found, GetPromptResult):
            raise MCPError(-32602, "none", {"name": params.name})
        return found

    async def list_resources(_: _Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        _first_page(params)
        return ListResourcesResult(resources=list(offered.resources.listed(_ANN)), **private)

    async def list_templates(_: _Context, params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        _first_page(params)
        return ListResourceTemplatesResult(resource_templates=list(offered.resources.templates(_ANN)), **private)

    async def read(ctx: _Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        talk: Any = None
        found = await offered.resources.read(_ANN, params.uri, talk)
        if not isinstance(found, list):
            modern = ctx.protocol_version == "2026-07-28"
            raise MCPError(-32602 if modern else -32002, "Resource not found", {"uri": params.uri})
        return ReadResourceResult(contents=found, **private)

    async def complete(_: _Context, params: CompleteRequestParams) -> CompleteResult:
        named = params.ref.name if isinstance(params.ref, PromptReference) else ""
        fits = await offered.completions.complete(_ANN, Completing(params.argument.name, params.argument.value, named))
        values = list(fits[:100])
        return CompleteResult(completion=Completion(values=values, total=len(fits), has_more=len(fits) > 100))

    async def nothing(_: _Context, __: Any) -> EmptyResult:
        return EmptyResult()

    async def subscribe(_: _Context, params: SubscribeRequestParams) -> EmptyResult:
        if not await offered.resources.watchable(_ANN, params.uri):
            raise MCPError(-32002, "Resource not found", {"uri": params.uri})
        return EmptyResult()

    async def listen(_: _Context, __: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        raise NotImplementedError  # announced, never asked

    server = _Server(
        "cockpit",
        version="1.2.3",
        title="Cockpit",
        instructions="Ask before you trade.",
        get_tool_input_schema=tools.input_schema,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read,
        on_completion=complete,
        on_subscribe_resource=subscribe,
        on_unsubscribe_resource=nothing,
        on_subscriptions_listen=listen,
    )
    server.add_request_handler("logging/setLevel", SetLevelRequestParams, nothing)
    return server


def _first_page(params: PaginatedRequestParams | None) -> None:
    if params is not None and params.cursor is not None:
        raise MCPError(-32602, "there is one page")


@dataclass
class Heard:
    """One whole answer: status, headers, and the messages in it however they were framed."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def messages(self) -> list[Any]:
        if not self.body:
            return []
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            lines = self.body.decode().splitlines()
            return [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line[6:].strip()]
        try:
            return [json.loads(self.body)]
        except ValueError:
            return []


class Oracle:
    """Answers requests as the SDK's manager does."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def ask(self, method: str, headers: Mapping[str, str], body: bytes) -> Heard:
        """Ask as over HTTP/1.1, and wait for the whole answer."""
        heard, sent, over = Heard(), False, asyncio.Event()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": "/mcp",
            "raw_path": b"/mcp",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }

        async def receive() -> Any:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                heard.status = message["status"]
                heard.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            else:
                heard.body += message.get("body", b"")

        try:
            async with asyncio.timeout(20):
                await self._manager.handle_request(scope, receive, send)
        finally:
            over.set()
        return heard


@contextlib.asynccontextmanager
async def oracle(tools: FakeTools, offered: Offered) -> AsyncIterator[Oracle]:
    """Run the SDK's manager."""
    manager = StreamableHTTPSessionManager(same_server(tools, offered))
    async with manager.run():
        yield Oracle(manager)
