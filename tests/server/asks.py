"""Requests as clients send them, well-formed and otherwise, in both eras."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.server.parts import ENVELOPE, LEGACY, MODERN

BOTH = "application/json, text/event-stream"


@dataclass
class Ask:
    """One request."""

    name: str
    method: str
    headers: dict[str, str]
    body: bytes


def rpc(method: str, params: Any = None, /, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method}
    if params is not None:
        body["params"] = params
    return {k: v for k, v in (body | more).items() if v != "DROP"}


REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("ping", rpc("ping")),
    ("list tools", rpc("tools/list")),
    ("list tools with params", rpc("tools/list", {})),
    ("list with a cursor that is no text", rpc("tools/list", {"cursor": 5})),
    ("call", rpc("tools/call", {"name": "echo", "arguments": {"text": "x"}})),
    ("call without arguments", rpc("tools/call", {"name": "echo"})),
    ("call with odd arguments", rpc("tools/call", {"name": "echo", "arguments": [1]})),
    ("call of nothing", rpc("tools/call", {})),
    ("call without params", rpc("tools/call")),
    ("call an unknown tool", rpc("tools/call", {"name": "nothing", "arguments": {}})),
    ("call that is refused", rpc("tools/call", {"name": "refuse", "arguments": {}})),
    ("call that raises", rpc("tools/call", {"name": "break", "arguments": {}})),
    ("call with a text id", rpc("tools/call", {"name": "echo"}, id="a")),
    ("call with an empty id", rpc("tools/call", {"name": "echo"}, id="")),
    ("call with a large id", rpc("tools/call", {"name": "echo"}, id=2**53)),
    ("call with a negative id", rpc("tools/call", {"name": "echo"}, id=-1)),
    ("list prompts", rpc("prompts/list")),
    ("get a prompt", rpc("prompts/get", {"name": "brief", "arguments": {"a": "b"}})),
    ("get an unknown prompt", rpc("prompts/get", {"name": "none"})),
    ("get a prompt with odd arguments", rpc("prompts/get", {"name": "brief", "arguments": {"a": 1}})),
    ("list resources", rpc("resources/list")),
    ("list templates", rpc("resources/templates/list")),
    ("read", rpc("resources/read", {"uri": "test://1"})),
    ("read what is not there", rpc("resources/read", {"uri": "test://none"})),
    ("read nothing", rpc("resources/read", {})),
    (
        "complete",
        rpc(
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "brief"}, "argument": {"name": "a", "value": "1"}},
        ),
    ),
    ("complete an odd reference", rpc("completion/complete", {"ref": {"type": "x"}, "argument": {}})),
    ("unknown method", rpc("nothing/here")),
    ("empty method", rpc("")),
    ("initialize without params", rpc("initialize")),
    ("discover", rpc("server/discover")),
    ("set a level", rpc("logging/setLevel", {"level": "info"})),
    ("method that is no text", rpc("ping", method=5)),
    ("params that are a list", rpc("ping", [])),
    ("params that are text", rpc("ping", "x")),
    ("no version of JSON-RPC", rpc("ping", jsonrpc="DROP")),
    ("another version of JSON-RPC", rpc("ping", jsonrpc="1.0")),
    ("id null", rpc("ping", id=None)),
    ("id true", rpc("ping", id=True)),
    ("id a fraction", rpc("ping", id=1.5)),
    ("id a list", rpc("ping", id=[1])),
    ("notification", rpc("notifications/initialized", id="DROP")),
    ("unknown notification", rpc("notifications/none", id="DROP")),
    ("cancelling nothing", rpc("notifications/cancelled", {"requestId": 77}, id="DROP")),
    ("answer to nothing", {"jsonrpc": "2.0", "id": 9, "result": {}}),
    ("error to nothing", {"jsonrpc": "2.0", "id": 9, "error": {"code": 1, "message": "x"}}),
    ("both", rpc("ping", [], result={})),
    ("neither", {"jsonrpc": "2.0", "id": 9}),
    ("empty", {}),
]
BODIES: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("no JSON", b"{"),
    ("no UTF-8", b"\xff\xfe"),
    ("no number", b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":NaN}}'),
    ("null", b"null"),
    ("number", b"7"),
    ("text", b'"x"'),
    ("batch", json.dumps([rpc("ping")]).encode()),
    ("empty batch", b"[]"),
]


LEGACY_HEADERS: list[tuple[str, str, dict[str, str | None]]] = [
    ("as it should be", "POST", {}),
    ("takes JSON alone", "POST", {"Accept": "application/json"}),
    ("takes streams alone", "POST", {"Accept": "text/event-stream"}),
    ("takes anything", "POST", {"Accept": "*/*"}),
    ("takes pages", "POST", {"Accept": "text/html"}),
    ("says nothing of what it takes", "POST", {"Accept": None}),
    ("says nothing of what it sends", "POST", {"Content-Type": None}),
    ("sends text", "POST", {"Content-Type": "text/plain"}),
    ("sends JSON with a charset", "POST", {"Content-Type": "application/json; charset=utf-8"}),
    ("has no session", "POST", {"Mcp-Session-Id": None}),
    ("has a stale session", "POST", {"Mcp-Session-Id": "from-before-a-restart"}),
    ("says no version", "POST", {"MCP-Protocol-Version": None}),
    ("says an earlier version", "POST", {"MCP-Protocol-Version": "2025-03-26"}),
    ("says a version that there isn't", "POST", {"MCP-Protocol-Version": "2099-01-01"}),
    ("reads without a session", "GET", {"Mcp-Session-Id": None}),
    ("reads a stale session", "GET", {"Mcp-Session-Id": "from-before-a-restart"}),
    ("reads a page", "GET", {"Mcp-Session-Id": None, "Accept": "text/html"}),
    ("ends no session", "DELETE", {"Mcp-Session-Id": None}),
    ("ends a stale session", "DELETE", {"Mcp-Session-Id": "from-before-a-restart"}),
    ("puts", "PUT", {}),
    ("patches", "PATCH", {}),
    ("looks", "HEAD", {"Mcp-Session-Id": None}),
]
MODERN_HEADERS: list[tuple[str, str, dict[str, str | None]]] = [
    ("as it should be", "POST", {}),
    ("takes JSON alone", "POST", {"Accept": "application/json"}),
    ("takes streams alone", "POST", {"Accept": "text/event-stream"}),
    ("takes anything", "POST", {"Accept": "*/*"}),
    ("says nothing of what it takes", "POST", {"Accept": None}),
    ("says nothing of what it sends", "POST", {"Content-Type": None}),
    ("sends text", "POST", {"Content-Type": "text/plain"}),
    ("names another method", "POST", {"Mcp-Method": "tools/list"}),
    ("names no method", "POST", {"Mcp-Method": None}),
    ("names the method in capitals", "POST", {"Mcp-Method": "TOOLS/CALL"}),
    ("names another tool", "POST", {"Mcp-Name": "wait"}),
    ("names no tool", "POST", {"Mcp-Name": None}),
    ("names the tool in Base64", "POST", {"Mcp-Name": "=?base64?ZWNobw==?="}),
    ("names the tool in bad Base64", "POST", {"Mcp-Name": "=?base64?ZWNob?="}),
    ("says a version that there isn't", "POST", {"MCP-Protocol-Version": "2099-01-01"}),
    ("says a version of no shape", "POST", {"MCP-Protocol-Version": "x"}),
    ("names a session", "POST", {"Mcp-Session-Id": "any"}),
    ("reads", "GET", {}),
    ("ends", "DELETE", {}),
    ("puts", "PUT", {}),
    ("looks", "HEAD", {}),
]
ENVELOPES: list[tuple[str, Any]] = [
    ("no envelope", None),
    ("an empty envelope", {}),
    ("an envelope that is a list", []),
    *((f"no {key.partition('/')[2]}", {k: v for k, v in ENVELOPE.items() if k != key}) for key in ENVELOPE),
    *((f"{key.partition('/')[2]} of no shape", ENVELOPE | {key: 5}) for key in ENVELOPE),
    ("another version inside", ENVELOPE | {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}),
    ("an earlier version inside", ENVELOPE | {"io.modelcontextprotocol/protocolVersion": LEGACY}),
    ("a level of no shape", ENVELOPE | {"io.modelcontextprotocol/logLevel": "loud"}),
    ("a token of no shape", ENVELOPE | {"progressToken": [1]}),
    ("more than it needs", ENVELOPE | {"example.org/more": {"x": 1}}),
]


def asks(era: str) -> list[Ask]:
    found: list[Ask] = []
    for name, message in REQUESTS:
        found.append(Ask(name, "POST", head(era, message), encoded(with_envelope(era, message))))
    for name, body in BODIES:
        found.append(Ask(name, "POST", head(era, rpc("ping")), body))
    call = rpc("tools/call", {"name": "echo", "arguments": {"text": "x"}})
    for name, method, changes in MODERN_HEADERS if era == "modern" else LEGACY_HEADERS:
        headers = {k: v for k, v in (head(era, call) | changes).items() if v is not None}
        body = encoded(with_envelope(era, call)) if method == "POST" else b""
        found.append(Ask(name, method, headers, body))
    for name, envelope in ENVELOPES:
        meta = {} if envelope is None else {"_meta": envelope}
        sent = rpc("tools/call", {"name": "echo", "arguments": {}, **meta})
        found.append(Ask(name, "POST", head(era, sent), encoded(sent)))
        listing = rpc("tools/list", meta)
        found.append(Ask(f"{name}, listing", "POST", head(era, listing), encoded(listing)))
    return found


def encoded(message: Any) -> bytes:
    return json.dumps(message).encode()


def head(era: str, message: dict[str, Any]) -> dict[str, Any]:
    headers = {"Accept": BOTH, "Content-Type": "application/json"}
    if era == "modern":
        params = message.get("params")
        named = params if isinstance(params, dict) else {}
        headers |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": str(message.get("method", ""))}
        name = named.get("name") or named.get("uri")
        sendable = isinstance(name, str) and name.isascii() and name.isprintable()
        return headers | ({"Mcp-Name": name} if sendable else {})
    return headers | {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": "SESSION"}


def with_envelope(era: str, message: dict[str, Any]) -> dict[str, Any]:
    params = message.get("params", {})
    if era == "legacy" or not isinstance(params, dict) or "id" not in message or "method" not in message:
        return message
    return message | {"params": params | {"_meta": ENVELOPE}}
