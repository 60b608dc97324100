"""One request or notification as the SDK's kernel is told of it, and the way back from its handlers to the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anyio
from mcp.server.context import ServerRequestContext
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import RequestId

from server.transport.running import Exchange
from server.transport.talk import Line

_KIND: Final = "streamable-http"


class Asked:
    """The SDK's ``DispatchContext``."""

    __slots__ = ("_line", "can_send_request", "cancel_requested", "message_metadata", "request_id", "transport")

    def __init__(self, exchange: Exchange) -> None:
        self._line = Line(exchange)
        self.request_id: RequestId | None = exchange.message.request_id
        self.can_send_request = False
        self.cancel_requested = anyio.Event()
        self.message_metadata = ServerMessageMetadata(request_context=exchange, can_send_request=False)
        self.transport = TransportContext(kind=_KIND, can_send_request=False, headers=exchange.request.headers)

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Refuse: our own handlers ask a client by their line, and the kernel never does."""
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Send a notification that belongs to this request."""
        if self.request_id is not None:
            await self._line.notify(method, params)

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress to a client that asked for it."""
        await self._line.progress(progress, total, message)


def exchange_of(ctx: ServerRequestContext[Any, Any]) -> Exchange:
    """Return the exchange whose request a handler of the kernel serves."""
    exchange = ctx.request
    if not isinstance(exchange, Exchange):
        raise TypeError("the transport passes the exchange as the request")
    return exchange
