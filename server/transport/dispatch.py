"""Requests that the SDK's kernel answers: on the connection of their session, or on one of their own."""

from __future__ import annotations

from typing import Any, Final

from mcp.server.connection import Connection
from mcp.server.lowlevel import Server
from mcp.server.runner import ServerRunner
from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY

from cockpit.model.refusals import Refusal
from server.transport.answering import Answering
from server.transport.asked import Asked
from server.transport.running import Answer, Exchange
from server.transport.wire import result_body

LISTEN: Final = "subscriptions/listen"


class KernelRequests:
    """Implements ``server.transport.answering.Work`` with the kernel."""

    def __init__(self, server: Server[Any], answering: Answering) -> None:
        self._server = server
        self._answering = answering

    async def run(self, exchange: Exchange) -> Answer:
        """Let the kernel answer."""
        message, session = exchange.message, exchange.session
        if session is not None:
            connection = session.connection()
        else:
            meta = (message.params or {}).get("_meta", {}) if exchange.modern else {}
            connection = Connection.from_envelope(
                exchange.version, meta.get(CLIENT_INFO_META_KEY), meta.get(CLIENT_CAPABILITIES_META_KEY)
            )
        return await self.on(connection, exchange)

    async def on(self, connection: Connection, exchange: Exchange) -> Answer:
        """Let the kernel answer on a connection. None of our handlers leaves anything behind that had to be closed."""
        message = exchange.message
        assert message.request_id is not None
        runner: ServerRunner[Any] = ServerRunner(self._server, connection, {})
        return Answer(
            result_body(message.request_id, await runner.on_request(Asked(exchange), message.method, message.params))
        )

    def refused(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Say a refusal as an error of the protocol."""
        return self._answering.refused(exchange, refusal)

    def turned_away(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Refuse a request before the kernel sees it."""
        return self.refused(exchange, refusal)
