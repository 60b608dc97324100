"""What a line of standard input is, and how a refusal is said on standard output."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import orjson

from cockpit.model.refusals import Refusal, refusal_json

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603

CALL: Final = "tools/call"
CANCELLED: Final = "notifications/cancelled"
INITIALIZE: Final = "initialize"
INITIALIZED: Final = "notifications/initialized"
LISTEN: Final = "subscriptions/listen"

_VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
_NAMED_BY: Final = {CALL: "name", "prompts/get": "name", "resources/read": "uri"}
_PLAIN: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")

Id = int | str


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the program: a request has an id, a notification none, an answer no method."""

    body: bytes
    request_id: Id | None
    method: str
    params: Mapping[str, Any]
    version: str
    """The version that the message itself names (2026-07-28); empty where it is one of a session."""
    has_bad_id: bool = False
    """Whether it asks with an id that none may have; it is told so."""
    bad_id: float | None = None
    """That id, where it is a number."""
    is_answer: bool = False
    """Whether it answers something that it was asked."""

    @property
    def is_request(self) -> bool:
        """Whether it is to be answered."""
        return bool(self.method) and self.request_id is not None

    @property
    def headers(self) -> dict[str, str]:
        """What the transport wants to read of it without its body (2026-07-28, transports)."""
        if not self.version:
            return {}
        headers = {"MCP-Protocol-Version": _header(self.version), "Mcp-Method": _header(self.method)}
        name = self.params.get(_NAMED_BY.get(self.method, ""))
        if isinstance(name, str):
            headers["Mcp-Name"] = _header(name)
        return headers


def read_line(line: bytes) -> Line | None:
    """Read a line as far as the relay has to know it; the host checks the rest. None where it is no JSON object."""
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict):
        return None
    request_id, method, params = body.get("id"), body.get("method"), body.get("params")
    params = params if isinstance(params, dict) else {}
    meta = params.get("_meta")
    version = meta.get(_VERSION_KEY) if isinstance(meta, dict) else None
    return Line(
        line,
        request_id if _is_id(request_id) else None,
        method if isinstance(method, str) else "",
        params,
        version if isinstance(version, str) else "",
        has_bad_id=isinstance(method, str) and "id" in body and not _is_id(request_id),
        bad_id=request_id if isinstance(request_id, float) else None,
        is_answer=not isinstance(method, str) and ("result" in body or "error" in body),
    )


def _is_id(value: object) -> TypeGuard[Id]:
    return isinstance(value, int | str) and not isinstance(value, bool)


def error_line(request_id: Id | float | None, code: int, message: str, data: object = None) -> bytes:
    """Write an error of the protocol."""
    error: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": error})


def refusal_line(request_id: Id, refusal: Refusal) -> bytes:
    """Write a refusal as an error of the protocol."""
    return error_line(request_id, INTERNAL_ERROR, refusal.message, refusal_json(refusal))


def _header(value: str) -> str:
    """Write a text so that it survives as a header field (2026-07-28, transports)."""
    if _PLAIN.fullmatch(value) and not value.startswith("=?base64?"):
        return value
    return f"=?base64?{base64.b64encode(value.encode('utf-8', 'replace')).decode()}?="
