"""The answer to a call of a tool, written as bytes at once: the same JSON that the SDK would make, without its models."""

from __future__ import annotations

from typing import Any, Final

import orjson
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import SERVER_INFO_META_KEY, RequestId

from cockpit.model.refusals import Refusal, refusal_json
from server.host import ToolAnswer
from server.transport.wire import dumps

_OPEN: Final = b'{"jsonrpc":"2.0","id":'
_CONTENT: Final = b'"content":[{"type":"text","text":'
_STRUCTURED: Final = b'}],"structuredContent":'
_FINE: Final = b',"isError":false'
_ERROR: Final = b',"isError":true'


class ResultForm:
    """How one era frames a result: the modern one adds the result's type and who answered."""

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = b',"result":{' + before + _CONTENT
        self._fine = _FINE + after + b"}}"
        self._error = _ERROR + after + b"}}"

    @classmethod
    def legacy(cls) -> ResultForm:
        """Return the form of every handshake version."""
        return cls(b"", b"")

    @classmethod
    def modern(cls, server: Server[Any]) -> ResultForm:
        """Return the form of 2026-07-28."""
        stamp = dumps({SERVER_INFO_META_KEY: server.server_info_stamp})
        return cls(b'"_meta":' + stamp + b",", b',"resultType":"complete"')

    def body(self, request_id: RequestId, answer: ToolAnswer) -> bytes:
        """Write the answer: structured content, and the same JSON as text for clients that read no other."""
        structured = dumps(answer.structured)
        return b"".join(
            (
                _OPEN,
                orjson.dumps(request_id),
                self._before,
                orjson.dumps(structured.decode()),
                _STRUCTURED,
                structured,
                self._fine if answer.refusal is None else self._error,
            )
        )


def stamped(server: Server[Any], result: dict[str, Any]) -> dict[str, Any]:
    """Say in a result of 2026-07-28 who answered, and that it is whole where it doesn't say otherwise."""
    meta = {SERVER_INFO_META_KEY: server.server_info_stamp, **(result.get("_meta") or {})}
    return {"resultType": "complete", **result, "_meta": meta}


def protocol_error(code: int, refusal: Refusal, **data: str) -> MCPError:
    """Return a refusal as an error of the protocol, for which the specification has a code; ``data`` is added to it."""
    return MCPError(code, refusal.message, {**refusal_json(refusal), **data})


def refusal_answer(refusal: Refusal) -> ToolAnswer:
    """Return a refusal as clients read it, whoever refused."""
    return ToolAnswer(refusal_json(refusal), refusal)
