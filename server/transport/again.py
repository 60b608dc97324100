"""What the head of a request alone decides about a call of a tool, so that the same head needn't be judged again.

Nothing about authority is in it: token and grant are asked for each call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from multidict import CIMultiDictProxy

from cockpit.model.identity import Caller
from server.transport.running import Exchange
from server.transport.sessions import Session
from server.transport.wire import SESSION_HEADER, VERSION_HEADER, Message, accepts

PLAIN_CALL: web.RequestKey[bool] = web.RequestKey("plain_call", bool)
"""Marks a request whose head passed every check that a call of a tool has to."""

MakeRequest: TypeAlias = Callable[[Exchange], web.Request]


@dataclass(frozen=True, slots=True)
class CallHead:
    """The head of a call that was served."""

    headers: CIMultiDictProxy[str]
    version: str | None
    """The version of the protocol that it names."""
    is_modern: bool
    name: str | None
    """The tool that it names (2026-07-28)."""
    session_id: str
    """The session that it names; empty where it names none."""
    may_stream: bool

    @classmethod
    def of(cls, headers: CIMultiDictProxy[str]) -> CallHead:
        """Read the head of a request that bears the mark."""
        version = headers.get(VERSION_HEADER)
        return cls(
            headers,
            version,
            version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS,
            decode_header_value(headers.get(MCP_NAME_HEADER)),
            headers.get(SESSION_HEADER, ""),
            accepts(headers.get("Accept", "")).stream,
        )

    def exchange(
        self,
        caller: Caller,
        message: Message,
        version: str,
        now: float,
        make_request: MakeRequest,
        session: Session | None = None,
    ) -> Exchange:
        """Return another call with this head on its way to its answer."""
        return Exchange(
            None,
            caller,
            message,
            version,
            now=now,
            may_stream=self.may_stream,
            modern=self.is_modern,
            is_call=True,
            session=session,
            make_request=make_request,
        )
