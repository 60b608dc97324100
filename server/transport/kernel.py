"""The SDK's kernel as we set it up: everything but calls of tools is answered by it, for both eras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp_types import (
    EmptyResult,
    ListToolsResult,
    PaginatedRequestParams,
    SetLevelRequestParams,
)

from server.host import CompletionHost, PromptHost, ResourceHost, ToolHost
from server.transport.asked import exchange_of
from server.transport.completions import add_completion
from server.transport.listening import Listening, WatchedBy
from server.transport.pages import page
from server.transport.prompts import add_prompts
from server.transport.resources import add_resources

_Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What the server says of itself."""

    name: str
    version: str
    title: str
    instructions: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is beside tools; what is None isn't announced."""

    prompts: PromptHost | None = None
    resources: ResourceHost | None = None
    completions: CompletionHost | None = None
    logs: bool = False
    """Whether tools send log messages."""


class _Kernel(Server[Any]):
    changes: NotificationOptions

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Announce which lists change; the kernel asks without options and would deny it."""
        return super().create_initialization_options(
            notification_options or self.changes, experimental_capabilities, extensions
        )


def build_kernel(
    host: ToolHost, about: About, listening: Listening, offer: Offer | None = None, watched_by: WatchedBy | None = None
) -> Server[Any]:
    """Set up the SDK's server. It has no handler for ``tools/call``: that method never reaches it."""
    offer = offer or Offer()

    async def list_tools(ctx: _Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        cursor = None if params is None else params.cursor
        tools, following = page(host.listed(exchange_of(ctx).caller), cursor, lambda tool: tool.name)
        return ListToolsResult(tools=tools, next_cursor=following, ttl_ms=0, cache_scope="private")

    kernel = _Kernel(
        about.name,
        version=about.version,
        title=about.title,
        instructions=about.instructions,
        get_tool_input_schema=host.input_schema,
        on_list_tools=list_tools,
        on_subscriptions_listen=listening.serve,
    )
    kernel.changes = NotificationOptions(
        prompts_changed=offer.prompts is not None, resources_changed=offer.resources is not None, tools_changed=True
    )
    if offer.prompts is not None:
        add_prompts(kernel, offer.prompts)
    if offer.resources is not None:
        add_resources(kernel, offer.resources, watched_by or listening.watched_by)
    if offer.completions is not None:
        add_completion(kernel, offer.completions)
    if offer.logs:
        kernel.add_request_handler("logging/setLevel", SetLevelRequestParams, _set_level)
    # Its only middleware tells OpenTelemetry of each request, and of what is in it; ours does where settings ask for it.
    kernel.middleware.clear()
    return kernel


async def _set_level(ctx: _Context, params: SetLevelRequestParams) -> EmptyResult:
    session = exchange_of(ctx).session
    if session is not None:
        session.log_level = params.level
    return EmptyResult()
