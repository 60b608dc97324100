"""How JSON-RPC looks on the wire: bodies, errors, frames of a stream, and the headers that go with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson
from aiohttp import web
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, RequestId
from multidict import CIMultiDict, CIMultiDictProxy

REQUEST_CANCELLED: Final = -32800
"""The code that the language server protocol gave to a request that its sender called off; MCP names none."""

VERSION_HEADER: Final = "MCP-Protocol-Version"
SESSION_HEADER: Final = "Mcp-Session-Id"

JSON_HEADERS: Final = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json"}))
STREAM_HEADERS: Final = CIMultiDictProxy(
    CIMultiDict(
        {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-cache, no-transform",
            "X-Accel-Buffering": "no",
        }
    )
)
"""A stream must not be kept back by proxies."""

PING: Final = b": ping\r\n\r\n"
BROKEN: Final = (ConnectionError, OSError)
"""What writing raises once a client is gone."""


BODY_SECONDS: Final = 30.0
"""How long a client may take to send a body."""


class Message(NamedTuple):
    """One JSON-RPC message of a client: a request has an id, a notification none, a response no method."""

    request_id: RequestId | None
    method: str
    """Empty for a response."""
    params: dict[str, Any] | None
    body: dict[str, Any]


class Malformed(NamedTuple):
    """A body that is no message: its error, without an id."""

    code: int
    message: str


_NO_JSON: Final = Malformed(PARSE_ERROR, "Parse error")
_NO_MESSAGE: Final = Malformed(INVALID_REQUEST, "Body must be a single JSON-RPC request or notification object")


async def read_body(request: web.Request) -> bytes:
    """Read the body; 408 where it doesn't come, 413 where it is too large. Most have come with their headers."""
    if request.content.is_eof():
        return await request.read()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def read_message(body: bytes) -> Message | Malformed:
    """Read a POST body. Batches, other types, fractions as ids, lone surrogates and deep nesting are malformed."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NO_JSON
    if type(value) is not dict or value.get("jsonrpc") != "2.0":
        return _NO_MESSAGE
    request_id = value.get("id")
    method = value.get("method")
    params = value.get("params")
    if type(request_id) is not int and type(request_id) is not str and "id" in value:
        return _NO_MESSAGE
    if params is not None and type(params) is not dict:
        return _NO_MESSAGE
    if type(method) is not str or not method:
        is_response = "method" not in value and request_id is not None and ("result" in value or "error" in value)
        return Message(request_id, "", None, value) if is_response else _NO_MESSAGE
    return Message(request_id, method, params, value)


def dumps(value: object) -> bytes:
    """Write JSON; integers beyond 64 bits, which the quick writer refuses, go the slow way."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def result_body(request_id: RequestId, result: Mapping[str, Any]) -> bytes:
    """Return the answer to a request."""
    return dumps({"jsonrpc": "2.0", "id": request_id, "result": result})


def error_body(request_id: RequestId | None, error: ErrorData) -> bytes:
    """Return the error of a request; the id is null where none could be read."""
    return dumps(
        {"jsonrpc": "2.0", "id": request_id, "error": error.model_dump(mode="json", by_alias=True, exclude_none=True)}
    )


def notification_body(method: str, params: Mapping[str, Any] | None) -> bytes:
    """Return one notification."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        body["params"] = params
    return dumps(body)


def request_body(request_id: RequestId, method: str, params: Mapping[str, Any]) -> bytes:
    """Return a request to a client."""
    return dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def frame(body: bytes, event_id: str = "") -> bytes:
    """Wrap a message for ``text/event-stream``; an event with an id can be come back for."""
    named = f"id: {event_id}\r\n".encode() if event_id else b""
    return named + b"event: message\r\ndata: " + body + b"\r\n\r\n"


def opening_frame(event_id: str, retry_ms: int) -> bytes:
    """Return the event that names a place to come back to before anything is said (2025-11-25, transports)."""
    return f"id: {event_id}\r\nretry: {retry_ms}\r\ndata: \r\n\r\n".encode()


def error_status(code: int) -> int:
    """Return the HTTP status of a JSON-RPC error: the SDK's table, and 200 for what a handler answered."""
    return ERROR_CODE_HTTP_STATUS.get(code, 200)


def json_response(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON."""
    response = web.Response(body=body, status=status, headers=JSON_HEADERS)
    if headers:
        response.headers.update(headers)
    return response


def error_response(
    request_id: RequestId | None,
    code: int,
    message: str,
    data: Any = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer with a JSON-RPC error."""
    body = error_body(request_id, ErrorData(code=code, message=message, data=data))
    return json_response(body, error_status(code) if status is None else status, headers)


class Accepts(NamedTuple):
    """What kinds of answer a client takes."""

    json: bool
    stream: bool


@lru_cache(maxsize=256)
def accepts(header: str) -> Accepts:
    """Read an Accept header; real clients leave it out or name only one kind, so absence takes both."""
    kinds = {part.partition(";")[0].strip().lower() for part in header.split(",")} - {""}
    if not kinds or "*/*" in kinds:
        return Accepts(json=True, stream=True)
    return Accepts(
        json=not kinds.isdisjoint({"application/json", "application/*"}),
        stream=not kinds.isdisjoint({"text/event-stream", "text/*"}),
    )
