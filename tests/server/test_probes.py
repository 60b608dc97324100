"""What real clients send before and beside the protocol as it is written, each as its own logs and reports show it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tests.server.parts import ENVELOPE, LEGACY, MODERN, house

PAGE = "https://inspector.example"
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def rpc(method: str, params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 0, "method": method} | more
    return body if params is None else body | {"params": params}


HELLO = rpc(
    "initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "probe", "version": "1"}}
)
DISCOVER = rpc("server/discover", {"_meta": ENVELOPE})
CALL = rpc("tools/call", {"name": "echo", "arguments": {}})


@dataclass(frozen=True)
class Probe:
    """One request, and what its client needs to go on."""

    who: str
    method: str
    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    told: dict[str, str] = field(default_factory=dict[str, str])
    """Headers of the answer, and what stands in each."""
    known: bool = True
    """Whether it comes with a token."""
    says: str = ""
    """What stands in the body of the answer."""


CHALLENGE = {"WWW-Authenticate": "resource_metadata="}
PROBES = [
    # before anybody signed in
    Probe("mcp-remote looks for a stream first", "GET", 401, known=False, told=CHALLENGE),
    Probe("a browser looks", "GET", 401, {"Accept": HTML}, known=False, told=CHALLENGE),
    Probe("a monitor looks", "HEAD", 401, known=False, told=CHALLENGE),
    Probe("claude.ai begins", "POST", 401, {"Accept": "*/*"}, HELLO, CHALLENGE, known=False),
    Probe("claude.ai discovers", "POST", 401, {"MCP-Protocol-Version": MODERN}, DISCOVER, CHALLENGE, known=False),
    Probe("somebody posts nothing", "POST", 401, known=False, told=CHALLENGE),
    Probe("somebody ends a session", "DELETE", 401, {"Mcp-Session-Id": "x"}, known=False, told=CHALLENGE),
    # a browser's page
    Probe(
        "the Inspector's page asks whether it may post",
        "OPTIONS",
        204,
        {
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,mcp-protocol-version,mcp-method,mcp-name",
        },
        told={
            "Access-Control-Allow-Origin": PAGE,
            "Access-Control-Allow-Headers": "Mcp-Method, Mcp-Name, Last-Event-ID",
            "Access-Control-Allow-Methods": "DELETE",
        },
        known=False,
    ),
    Probe(
        "the Inspector's page begins",
        "POST",
        200,
        {"Origin": PAGE},
        HELLO,
        {"Access-Control-Expose-Headers": "Mcp-Session-Id", "Mcp-Session-Id": "", "Vary": "Origin"},
    ),
    Probe("another page asks", "OPTIONS", 403, {"Origin": "https://evil.example"}, known=False),
    # streams that are not there
    Probe("claude.ai looks like a browser", "GET", 405, {"Accept": HTML}, told={"Allow": "POST"}),
    Probe("Claude Desktop looks for a stream", "GET", 405, {"Accept": "text/event-stream"}, told={"Allow": "POST"}),
    Probe("a modern client looks for a stream", "GET", 405, {"MCP-Protocol-Version": MODERN}, told={"Allow": "POST"}),
    Probe("a monitor looks, with a token", "HEAD", 200, told={"Allow": "POST"}),
    Probe("a monitor puts", "PUT", 405, told={"Allow": "POST"}),
    Probe("a client without a session ends it", "DELETE", 405, told={"Allow": "POST"}),
    # beginnings
    Probe("claude.ai begins with any kind", "POST", 200, {"Accept": "*/*", "MCP-Protocol-Version": LEGACY}, HELLO),
    Probe("claude.ai begins without a version", "POST", 200, {"Accept": "*/*"}, HELLO, {"Mcp-Session-Id": ""}),
    Probe(
        "claude.ai discovers, with a token",
        "POST",
        200,
        {"MCP-Protocol-Version": MODERN, "Mcp-Method": "server/discover"},
        DISCOVER,
        says='"supportedVersions":["2026-07-28"]',
    ),
    Probe(
        "mcp-remote names the method in the handshake era",
        "POST",
        200,
        {"Mcp-Method": "initialize", "MCP-Protocol-Version": LEGACY},
        HELLO,
    ),
    Probe(
        "a client of a later version than any begins",
        "POST",
        200,
        body=rpc("initialize", HELLO["params"] | {"protocolVersion": "2031-01-01"}),
        says=f'"protocolVersion":"{LEGACY}"',
    ),
    Probe(
        "a client begins again within its session",
        "POST",
        200,
        {"Mcp-Session-Id": "stale"},
        HELLO,
        {"Mcp-Session-Id": ""},
    ),
    # calls
    Probe("claude.ai never names its session", "POST", 200, body=CALL, says="structuredContent"),
    Probe(
        "Claude Code goes on after a restart", "POST", 200, {"Mcp-Session-Id": "stale"}, CALL, says="structuredContent"
    ),
    Probe("a script says nothing of what it takes", "POST", 200, {"Accept": ""}, CALL),
    Probe("a script takes JSON alone", "POST", 200, {"Accept": "application/json"}, CALL),
    Probe("a script takes pages alone", "POST", 406, {"Accept": "text/html"}, CALL),
    Probe("curl sends a form", "POST", 200, {"Content-Type": "application/x-www-form-urlencoded"}, CALL),
    Probe("a script says nothing of what it sends", "POST", 200, {"Content-Type": ""}, CALL),
    Probe("an editor names its charset", "POST", 200, {"Content-Type": "application/json; charset=utf-8"}, CALL),
    Probe("a client of the first version calls", "POST", 200, {"MCP-Protocol-Version": "2024-11-05"}, CALL),
    Probe("a client pings before it begins", "POST", 200, body=rpc("ping"), says='"result":{}'),
    Probe(
        "a client says that it is ready", "POST", 202, body={"jsonrpc": "2.0", "method": "notifications/initialized"}
    ),
    Probe("a client asks for what is not offered", "POST", 200, body=rpc("prompts/list"), says="-32601"),
]


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.who)
async def test_every_probe_is_answered_so_that_its_client_goes_on(probe: Probe, path: str):
    async with house(origins=(PAGE,)) as here, aiohttp.ClientSession() as http:
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"} | probe.headers
        sent = {name: value for name, value in headers.items() if value}
        if probe.known:
            sent["Authorization"] = "Bearer ann"
        skip = {"Accept", "Content-Type"} - sent.keys()
        data = b"" if probe.body is None else json.dumps(probe.body).encode()
        async with http.request(
            probe.method,
            here.origin + path,
            headers=sent,
            data=data or None,
            skip_auto_headers=skip,
            allow_redirects=False,
        ) as answer:
            body = await answer.text()
            assert answer.status == probe.status, body
            for name, value in probe.told.items():
                assert value in answer.headers[name]
            assert probe.says in body


async def test_a_call_may_name_a_session_that_was_begun_by_the_other_spelling():
    async with house() as here, aiohttp.ClientSession(headers={"Authorization": "Bearer ann"}) as http:
        async with http.post(here.origin + "/mcp/", json=HELLO) as answer:
            session = answer.headers["Mcp-Session-Id"]
        async with http.post(here.url, json=CALL, headers={"Mcp-Session-Id": session}) as answer:
            assert (answer.status, answer.headers["Mcp-Session-Id"]) == (200, session)
