"""A whole cockpit with its paper broker, served on loopback, and everybody who comes to its door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from cockpit.app.wiring import Cockpit, running
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import Scope, scope_text
from cockpit.model.orders import OrderRef, OrderRequest
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Answer as ActAnswer
from cockpit.operator.act import Command, Done
from cockpit.settings.load import load
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.where import Given
from cockpit.store.database import Store
from oauth.authority import Authority
from oauth.fetch import Fetched, FetchFailed
from server.listener import bind, port_of
from tests.oauth.outside import READS, Answer, ManualClock, Outside, code_of

TRADES = READS | {Scope.READ_ORDERS, Scope.WRITE_ORDERS}

_LIMITED = ("register", "authorize", "wait", "token", "revoke", "metadata", "bad_tokens", "sign_in")
_ROOMY = "[server.limits]\n" + "".join(f"{what}_{whom} = 1_000_000\n" for what in _LIMITED for whom in ("each", "all"))
_ROOMY_OAUTH = "[oauth]\nmax_waiting_per_address = 50\n"
"""Bounds that stand in the way of every case but the one about them, on a clock that stands still."""


@dataclass
class Site(Outside):
    """One cockpit behind real HTTP, as `cockpit serve` builds it."""

    cockpit: Cockpit
    folder: Path
    port: int
    clock: ManualClock
    http: aiohttp.ClientSession
    brokers: dict[str, RecordingBroker]
    events: list[Event]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return self.cockpit.url.removesuffix("/mcp")

    @property
    def resource(self) -> str:
        return self.cockpit.url

    # the operator

    async def act(self, act_name: str, /, **arguments: str) -> ActAnswer:
        return await self.cockpit.face.run(Command(act_name, arguments))

    async def done(self, act_name: str, /, **arguments: str) -> Any:
        answer = await self.act(act_name, **arguments)
        assert isinstance(answer, Done), answer
        return answer.data

    async def refused(self, act_name: str, /, **arguments: str) -> str:
        answer = await self.act(act_name, **arguments)
        assert isinstance(answer, Refusal), answer
        return answer.code

    async def approve(self, page: Answer, name: str = "Tester", scopes: frozenset[Scope] = READS, **more: Any) -> Any:
        terms = {"as": name, "scope": scope_text(scopes)} | more
        return await self.done("client.approve", code=code_of(page), **terms)

    async def key(self, name: str = "script", scopes: frozenset[Scope] = READS, **more: str) -> str:
        return (await self.done("key.create", name=name, scope=scope_text(scopes), **more))["key"]

    def waiting(self) -> list[str]:
        """The requests that the operator sees waiting."""
        return [one.request_id for one in self.cockpit.face.snapshot().pending_clients]

    def notices(self) -> list[Notice]:
        """What the operator was told since the site was opened."""
        return [event for event in self.events if isinstance(event, Notice)]

    # inside: only where a case is about what is kept, or about a moment that no client can choose

    @property
    def authority(self) -> Authority:
        return self.cockpit.face._rooms.authority

    @property
    def store(self) -> Store:
        return self.cockpit.face._rooms.store

    @property
    def keys(self) -> Path:
        return self.store.keys

    async def codes_in_audit(self) -> list[str]:
        return [record.code for record in await self.store.audit_tail(20)]

    def bytes_at_rest(self, *but: str) -> bytes:
        """Everything in the data folder, without the folders named."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and not set(but) & set(path.parts)]
        return b"".join(path.read_bytes() for path in files)

    # clients

    async def mcp(self, token: str | None, method: str, params: Any = None, **headers: str) -> Answer:
        """Send one message of the protocol; None sends no credentials."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, **({} if params is None else {"params": params})}
        given = {"Authorization": f"Bearer {token}"} if token is not None else {}
        given |= {"Accept": "application/json, text/event-stream"}
        return await self.ask("POST", "/mcp", json=body, headers=given | headers)

    async def call(self, token: str, tool: str, **arguments: Any) -> Answer:
        return await self.mcp(token, "tools/call", {"name": tool, "arguments": arguments})

    async def said(self, token: str, tool: str, **arguments: Any) -> Any:
        """Call a tool; the object that it answers with, a refusal's too."""
        answer = await self.call(token, tool, **arguments)
        assert answer.status == 200, answer.text
        return answer.json["result"]["structuredContent"]

    async def tools(self, token: str) -> set[str]:
        answer = await self.mcp(token, "tools/list")
        assert answer.status == 200, answer.text
        return {tool["name"] for tool in answer.json["result"]["tools"]}

    async def lives(self, token: str) -> bool:
        answer = await self.call(token, "get_session")
        assert answer.status in {200, 401}, answer.text
        return answer.status == 200

    async def place(self, token: str, key: str = "one-order-0001", **changed: Any) -> Answer:
        order = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market", "idempotency_key": key}
        return await self.call(token, "place_order", **(order | changed))


class RecordingBroker(PaperBroker):
    """The paper broker, which remembers what it was sent."""

    def __init__(self, name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> None:
        super().__init__(name, settings, store, clock)
        self.sent: list[OrderRequest] = []

    async def submit(self, reference: OrderRef, request: OrderRequest) -> None:
        self.sent.append(request)
        await super().submit(reference, request)


class Nowhere:
    """The fetcher of a host without a way out: no test reaches the internet."""

    async def __aenter__(self) -> Nowhere:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def __call__(self, url: str, largest: int) -> Fetched:
        raise FetchFailed(url)


@asynccontextmanager
async def open_site(
    folder: Path,
    clock: ManualClock | None = None,
    *,
    port: int = 0,
    settings: str = "",
    oauth: str = "",
    roomy: bool = True,
    fetcher: Callable[[], Any] | None = None,
) -> AsyncIterator[Site]:
    """Start a cockpit in ``folder``; entering it again over the same folder and port is a restart."""
    clock = clock or ManualClock()
    config = folder.parent / f"{folder.name}.toml"
    config.write_text((_ROOMY_OAUTH + oauth + _ROOMY if roomy else "") + settings)
    brokers: dict[str, RecordingBroker] = {}

    def broker(name: str, section: ConnectionSettings, store: Store, passed: Clock) -> RecordingBroker:
        brokers[name] = RecordingBroker(name, section, store, passed)
        return brokers[name]

    async with AsyncExitStack() as stack:
        taken = bind("127.0.0.1", port)
        stack.callback(taken.close)
        read = load(Given(data_dir=folder, port=0, config=config), {})
        cockpit = await stack.enter_async_context(
            running(read, taken, clock, asyncio.Event(), broker, fetcher or Nowhere)
        )
        jar = aiohttp.CookieJar(unsafe=True)
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar, auto_decompress=False))
        events: list[Event] = []
        cockpit.face.subscribe(wake=events.append)
        yield Site(cockpit, folder, port_of(taken), clock, http, brokers, events)


@asynccontextmanager
async def another_browser(cookies: dict[str, str] | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that has seen nothing yet."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, cookies=cookies, auto_decompress=False) as http:
        yield http
