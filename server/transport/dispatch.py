"""Requests that the SDK's kernel answers: on the connection of their session, or on one of their own."""

from __future__ import annotations

from typing import Any, Final

from mcp.server.connection import Connection
from mcp.server.lowlevel import Server
from mcp.server.runner import serve_one
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
        message, session, asked = exchange.message, exchange.session, Asked(exchange)
        assert message.request_id is not None
        if session is not None:
            result = await session.runner.on_request(asked, message.method, message.params)
        else:
            meta = (message.params or {}).get("_meta", {}) if exchange.modern else {}
            connection = Connection.from_envelope(
                exchange.version, meta.get(CLIENT_INFO_META_KEY), meta.get(CLIENT_CAPABILITIES_META_KEY)
            )
            result = await serve_one(
                self._server, asked, message.method, message.params, connection=connection, lifespan_state={}
            )
        return Answer(result_body(message.request_id, result))

    def refused(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Say a refusal as an error of the protocol."""
        return self._answering.refused(exchange, refusal)

    def turned_away(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Refuse a request before the kernel sees it."""
        return self.refused(exchange, refusal)
