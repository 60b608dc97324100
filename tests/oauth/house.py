"""A running authorization server on loopback, and what a client, a browser and an operator do with it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from joserfc.jwk import RSAKey

from cockpit.model.events import Event
from cockpit.model.identity import Caller, ClientName, Grant, Scope
from cockpit.model.refusals import Refusal
from cockpit.store.database import Store
from cockpit.store.keys import secret_file
from oauth.authority import Authority, AuthorityConfig, TokenProblem
from oauth.fetch import Fetch, out_of_reach
from server.oauth_routes import oauth_routes
from tests.oauth.outside import (
    CHALLENGE,
    READS,
    REDIRECT,
    VERIFIER,
    Answer,
    ManualClock,
    Outside,
    Tokens,
    code_of,
    query_of,
    tokens_of,
    wait_of,
)

__all__ = [
    "CHALLENGE",
    "READS",
    "REDIRECT",
    "VERIFIER",
    "Answer",
    "House",
    "ManualClock",
    "Tokens",
    "code_of",
    "config_for",
    "open_house",
    "query_of",
    "refusal_code",
    "tokens_of",
    "wait_of",
]


@dataclass
class House(Outside):
    """One authority behind real HTTP."""

    config: AuthorityConfig
    store: Store
    clock: ManualClock
    authority: Authority
    http: aiohttp.ClientSession
    events: list[Event] = field(default_factory=list)

    @property
    def base(self) -> str:
        return self.config.issuer

    @property
    def resource(self) -> str:
        return self.config.resource

    async def approve(self, page: Answer, name: str = "Tester", scopes: frozenset[Scope] = READS, **more: Any) -> Grant:
        waiting = self.authority.by_code(code_of(page))
        assert waiting is not None
        grant = await self.authority.approve(
            waiting.request_id, ClientName(name), scopes, more.get("connection", "paper"), more.get("lives"), "operator"
        )
        assert isinstance(grant, Grant), grant
        return grant

    def check(self, token: str) -> Caller | TokenProblem:
        return self.authority.check(f"Bearer {token}", "127.0.0.1")

    def lives(self, token: str) -> bool:
        return isinstance(self.check(token), Caller)


def config_for(port: int, **changed: Any) -> AuthorityConfig:
    settings: dict[str, Any] = {
        "issuer": f"http://127.0.0.1:{port}",
        "resource": f"http://127.0.0.1:{port}/mcp",
        "access_seconds": 3600,
        "refresh_days": 30,
        "code_seconds": 60,
        "ask_seconds": 300,
        "max_waiting": 50,
        "max_waiting_per_address": 50,
        "max_unapproved_clients": 200,
        "refreshes_at_once": 1000,
        "scopes_by_connection": {
            "paper": frozenset(Scope),
            "live": frozenset({Scope.READ_MARKET, Scope.READ_ACCOUNT}),
        },
    }
    return AuthorityConfig(**(settings | changed))


@asynccontextmanager
async def open_house(
    folder: Path, clock: ManualClock | None = None, fetch: Fetch = out_of_reach, **changed: Any
) -> AsyncIterator[House]:
    """Start everything in ``folder``; entering it again over the same folder is a restart."""
    clock = clock or ManualClock()
    events: list[Event] = []
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(folder, clock))
        app = web.Application()
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        # The port is wanted before the routes are made, because metadata is constant.

        listening = socket.create_server(("127.0.0.1", changed.pop("port", 0)))
        orders_go = changed.pop("orders_go", lambda client: "")
        config = config_for(listening.getsockname()[1], **changed)
        secret_file(store.keys, "oauth_signing.pem", _one_key)
        authority = Authority(config, store, clock, store.keys, events.append, fetch=fetch, orders_go=orders_go)
        await stack.enter_async_context(authority)
        app.add_routes(oauth_routes(authority))
        app.router.add_post("/mcp", _resource(authority))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listening).start()
        http = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), auto_decompress=False)
        )
        yield House(config, store, clock, authority, http, events)


@cache
def _one_key() -> bytes:
    """Return one signing key for all tests: making one takes longer than most of them."""
    return RSAKey.generate_key(2048).as_pem(private=True)


def _resource(authority: Authority) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The least that a protected resource says: who is calling, or where to get a token."""

    async def call(request: web.Request) -> web.Response:
        caller = authority.check(request.headers.get("Authorization"), request.remote or "")
        if isinstance(caller, Caller):
            return web.json_response({"client": caller.grant.client})
        at = f"{authority.config.issuer}/.well-known/oauth-protected-resource/mcp"
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer resource_metadata="{at}"'})

    return call


def refusal_code(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code
