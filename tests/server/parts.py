"""A host with fake tools behind the real door, served on loopback, and clients of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ssl import SSLContext
from typing import Any

import httpx2
from aiohttp import ClientSession
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Tool

from cockpit.model.identity import Caller, ClientName, Grant, GrantId, Scope, Via
from cockpit.model.networks import Networks
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from server.addresses import Addresses
from server.app import build_app
from server.connections import Connections
from server.door import Challenge
from server.door import Door as ServerDoor
from server.guard import Policy
from server.host import Talk, ToolAnswer, ToolResult
from server.limits import Limits as RequestLimits
from server.listener import bind, port_of, serve
from server.transport.kernel import About, Offer
from server.transport.results import refusal_answer
from server.transport.telemetry import Telemetry
from server.transport.transport import Limits, Transport

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Problem:
    """A token that is no good."""

    error: str


def caller(name: str, *, grant_id: str | None = None, via: Via = Via.OAUTH) -> Caller:
    """Make a caller whose grant is called after it."""
    grant = Grant(
        GrantId(grant_id or f"grant-{name}"),
        ClientName(name),
        f"client-{name}",
        frozenset({Scope.READ_MARKET}),
        "paper",
        via,
        START,
        None,
        safe("host.example"),
    )
    return Caller(grant, None, "127.0.0.1")


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


class FakeTools:
    """Tools that answer as they are told."""

    def __init__(self) -> None:
        self.hidden: set[tuple[str, str]] = set()
        self.called: list[tuple[str, str, Mapping[str, Any]]] = []
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.finished = asyncio.Event()
        self.refusal: Refusal = refuse("HALTED")
        self.answer: Mapping[str, Any] = {"fine": True}
        self.do: Callable[[Caller, Talk], Awaitable[ToolResult]] | None = None
        self.tools = [
            Tool(name="echo", description="Says it again.", input_schema=schema(text={"type": "string"})),
            Tool(name="wait", description="Waits until told.", input_schema=schema()),
            Tool(name="refuse", description="Refuses.", input_schema=schema()),
            Tool(name="answer", description="Answers what it was told.", input_schema=schema()),
            Tool(name="do", description="Does what it was told.", input_schema=schema()),
            Tool(name="break", description="Raises.", input_schema=schema()),
            Tool(
                name="mirrored",
                description="Has a parameter that is mirrored in a header.",
                input_schema=schema(symbol={"type": "string", "x-mcp-header": "Symbol"}),
            ),
        ]

    def listed(self, caller: Caller) -> Sequence[Tool]:
        return [tool for tool in self.tools if (caller.grant.client, tool.name) not in self.hidden]

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        return next((tool.input_schema for tool in self.tools if tool.name == name), None)

    async def call(self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk) -> ToolResult:
        self.called.append((caller.grant.client, name, arguments))
        match name:
            case "echo" | "mirrored":
                return ToolAnswer({"said": dict(arguments)})
            case "answer":
                return ToolAnswer(self.answer)
            case "do":
                assert self.do is not None
                return await self.do(caller, talk)
            case "wait":
                return await self._wait()
            case "refuse":
                return refusal_answer(self.refusal)
            case "break":
                raise RuntimeError("secret inner text")
            case _:
                return refusal_answer(refuse("UNKNOWN_TOOL", f"There is no tool {name!r}."))

    async def _wait(self) -> ToolAnswer:
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        finally:
            self.finished.set()
        return ToolAnswer({"waited": True})


@dataclass
class Door:
    """Tokens by name: ``Bearer NAME`` is the caller of that name."""

    callers: dict[str, Caller] = field(default_factory=lambda: {name: caller(name) for name in ("ann", "ben")})

    def check(self, authorization: str | None, address: str) -> Caller | Problem:
        if authorization is None:
            return Problem("")
        scheme, _, token = authorization.partition(" ")
        found = self.callers.get(token) if scheme.lower() == "bearer" else None
        return found or Problem("invalid_token")


@dataclass
class House:
    """Everything of one served host."""

    port: int
    tools: FakeTools
    door: Door
    clock: FakeClock
    transport: Transport
    turned_away: list[tuple[str, str, str]]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"


@contextlib.asynccontextmanager
async def house(
    *,
    limits: Limits | None = None,
    origins: tuple[str, ...] = (),
    max_body: int = 65_536,
    routes: Any = (),
    addresses: Addresses | None = None,
    allowed: tuple[str, ...] = (),
    requests: RequestLimits | None = None,
    connections: Connections | None = None,
    public: str = "https://cockpit.example",
    failed: Callable[[], None] | None = None,
    tls: Callable[[], SSLContext] | None = None,
    most_open: int = 150,
    offer: Offer | None = None,
    asks_clients: bool = False,
    telemetry: Callable[[FakeTools], Telemetry] | None = None,
) -> AsyncIterator[House]:
    """Serve a host until left."""
    tools, door, clock = FakeTools(), Door(), FakeClock()
    turned_away: list[tuple[str, str, str]] = []
    taken = bind("127.0.0.1", 0)
    challenge = Challenge.at(f"http://127.0.0.1:{port_of(taken)}")
    about = About("cockpit", "1.2.3", "Cockpit", "Ask before you trade.")

    def turn_away(who: Caller, tool: str, refusal: Refusal) -> None:
        turned_away.append((who.grant.client, tool, refusal.code))

    async with Transport(
        tools,
        clock,
        challenge,
        about,
        limits,
        turn_away,
        offer=offer,
        asks_clients=asks_clients,
        telemetry=None if telemetry is None else telemetry(tools),
    ) as transport:
        policy = Policy.of(public, ("desk.lan",), origins, max_body)
        way = ServerDoor(door.check, challenge, addresses or Addresses(), Networks(allowed), requests)
        app = build_app(transport, way, policy, lambda: "running", routes, most_open)
        async with serve(app, taken, connections, tls, failed) as port:
            yield House(port, tools, door, clock, transport, turned_away)


@contextlib.asynccontextmanager
async def sdk_client(house: House, who: str, mode: Any, **options: Any) -> AsyncIterator[Client]:
    """Connect the SDK's own client."""
    headers = {"Authorization": f"Bearer {who}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(house.url, http_client=http), mode=mode, **options) as client,
    ):
        yield client


ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}


class Wire:
    """A client that sends exactly what it is told."""

    def __init__(self, house: House, http: ClientSession, who: str | None) -> None:
        self.house = house
        self.http = http
        self.auth = {"Authorization": f"Bearer {who}"} if who else {}

    def modern(self, method: str, params: dict[str, Any] | None = None, request_id: Any = 1, **headers: str) -> Any:
        params = {"_meta": ENVELOPE, **(params or {})}
        routing = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        if method == "tools/call":
            routing["Mcp-Name"] = str(params.get("name"))
        return self.post({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}, **routing | headers)

    def legacy(self, method: str, params: dict[str, Any] | None = None, request_id: Any = 1, **headers: str) -> Any:
        body = {"jsonrpc": "2.0", "id": request_id, "method": method}
        if params is not None:
            body["params"] = params
        return self.post(body, **{"MCP-Protocol-Version": LEGACY} | headers)

    def post(self, body: Any = None, *, data: bytes | None = None, **headers: str) -> Any:
        sent = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json", **self.auth}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            return self.http.post(self.house.url, data=data, headers=sent)
        return self.http.post(self.house.url, json=body, headers=sent)

    async def initialize(self) -> str:
        async with self.legacy(
            "initialize",
            {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
        ) as answer:
            assert answer.status == 200, await answer.text()
            return answer.headers.get("Mcp-Session-Id", "")


@contextlib.asynccontextmanager
async def wire(house: House, who: str | None = "ann") -> AsyncIterator[Wire]:
    """Open a raw HTTP client."""
    async with ClientSession() as http:
        yield Wire(house, http, who)
