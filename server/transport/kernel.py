"""The SDK's kernel as we set it up: everything but calls of tools is answered by it, for both eras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
from aiohttp import web
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.runner import modern_error_data, serve_one
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    ListToolsResult,
    PaginatedRequestParams,
    RequestId,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from cockpit.model.identity import Caller, GrantId
from server.host import ToolHost
from server.transport.running import Exchange
from server.transport.wire import Message, error_body, error_status, notification_frame, result_body

_LISTENS_OF_ONE_GRANT: Final = 16
_LISTEN_BACKLOG: Final = 64


@dataclass(frozen=True, slots=True)
class About:
    """What the server says of itself."""

    name: str
    version: str
    title: str
    instructions: str


class _Kernel(Server[Any]):
    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Announce that the list of tools changes; the kernel asks without options and would deny it."""
        changes = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(changes, experimental_capabilities, extensions)


class Listening:
    """Modern-era subscriptions: one bus for each grant, so that nobody hears of another's tools."""

    def __init__(self) -> None:
        self._by_grant: dict[GrantId, tuple[InMemorySubscriptionBus, ListenHandler]] = {}

    async def serve(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one stream of the grant that asks, until it ends or its client goes."""
        grant_id = _caller(ctx).grant.grant_id
        entry = self._by_grant.get(grant_id)
        if entry is None:
            bus = InMemorySubscriptionBus()
            handler = ListenHandler(bus, max_subscriptions=_LISTENS_OF_ONE_GRANT, max_buffered_events=_LISTEN_BACKLOG)
            entry = self._by_grant[grant_id] = (bus, handler)
        return await entry[1](ctx, params)

    async def tools_changed(self, grant_id: GrantId) -> None:
        """Tell the grant's streams."""
        if entry := self._by_grant.get(grant_id):
            await entry[0].publish(ToolsListChanged())

    def close(self, grant_id: GrantId) -> None:
        """End the grant's streams with their final result."""
        if entry := self._by_grant.pop(grant_id, None):
            entry[1].close()

    def close_all(self) -> None:
        """End all streams with their final result."""
        for grant_id in tuple(self._by_grant):
            self.close(grant_id)


def build_kernel(host: ToolHost, about: About, listening: Listening) -> Server[Any]:
    """Set up the SDK's server. It has no handler for ``tools/call``: that method never reaches it."""

    async def list_tools(ctx: ServerRequestContext[Any, Any], _: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=list(host.listed(_caller(ctx))), ttl_ms=0, cache_scope="private")

    kernel = _Kernel(
        about.name,
        version=about.version,
        title=about.title,
        instructions=about.instructions,
        get_tool_input_schema=host.input_schema,
        on_list_tools=list_tools,
        on_subscriptions_listen=listening.serve,
    )
    # Its only middleware reports to OpenTelemetry, which nobody collects here and which takes a tenth of the time.
    kernel.middleware.clear()
    return kernel


def _caller(ctx: ServerRequestContext[Any, Any]) -> Caller:
    caller = ctx.request
    if not isinstance(caller, Caller):
        raise TypeError("the transport passes the caller as the request")
    return caller


class Asked:
    """What the kernel is told about one request: who asks, and how to send something before the result."""

    __slots__ = (
        "_exchange",
        "_progress_token",
        "can_send_request",
        "cancel_requested",
        "message_metadata",
        "request_id",
        "transport",
    )

    def __init__(self, exchange: Exchange | None, request: web.Request, caller: Caller, message: Message) -> None:
        self._exchange = exchange
        self._progress_token = progress_token_from_params(message.params)
        self.request_id: RequestId | None = message.request_id
        self.can_send_request = False
        self.cancel_requested = anyio.Event()
        self.message_metadata = ServerMessageMetadata(request_context=caller, can_send_request=False)
        self.transport = TransportContext(kind="streamable-http", can_send_request=False, headers=request.headers)

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Refuse: nothing here asks a client back."""
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Send a notification that belongs to this request."""
        if self._exchange is not None and self._exchange.may_stream:
            await self._exchange.as_stream().send(notification_frame(method, params))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress to a client that asked for it."""
        if self._progress_token is None:
            return
        params: dict[str, Any] = {"progressToken": self._progress_token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self.notify("notifications/progress", params)


async def ask_kernel(
    server: Server[Any], exchange: Exchange, message: Message, connection: Connection
) -> tuple[bytes, int]:
    """Let the kernel answer a request on a connection of its own; returns body and status. No exception's text leaves."""
    assert message.request_id is not None
    asked = Asked(exchange, exchange.request, exchange.caller, message)
    try:
        result = await serve_one(
            server, asked, message.method, message.params, connection=connection, lifespan_state={}
        )
    except Exception as problem:  # noqa: BLE001 - the SDK's own table turns any exception into a wire error, and logs the unplanned
        error = modern_error_data(problem)
        return error_body(message.request_id, error), error_status(error.code)
    return result_body(message.request_id, result), 200
