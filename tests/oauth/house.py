"""A running authorization server on loopback, and what a client, a browser and an operator do with it."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from aiohttp import web
from joserfc.jwk import RSAKey
from yarl import URL

from cockpit.model.events import Event
from cockpit.model.identity import Caller, ClientName, Grant, Scope
from cockpit.model.refusals import Refusal
from cockpit.store.database import Store
from cockpit.store.keys import secret_file
from oauth.authority import Authority, AuthorityConfig, TokenProblem
from server.oauth_routes import oauth_routes

READS = frozenset({Scope.READ_MARKET, Scope.READ_ACCOUNT})
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REDIRECT = "https://client.example/callback"


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 20, 12, tzinfo=UTC)
        self._seconds = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._seconds

    def go(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._seconds += seconds


@dataclass
class Answer:
    status: int
    headers: Any
    text: str
    json: Any


@dataclass
class Tokens:
    access: str
    refresh: str
    scope: str
    expires_in: int


@dataclass
class House:
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

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        url = URL(path if path.startswith("http") else self.base + path, encoded=True)
        async with self.http.request(method, url, allow_redirects=False, **more) as response:
            body = await response.read()
            is_json = response.content_type == "application/json"
            return Answer(
                response.status, response.headers, body.decode(), await response.json() if is_json and body else None
            )

    async def register(self, **members: Any) -> Any:
        asked = {"client_name": "Tester", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"} | members
        answer = await self.ask("POST", "/oauth/register", json=asked)
        assert answer.status == 201, answer.text
        return answer.json

    async def authorize(self, client_id: Any, /, http: aiohttp.ClientSession | None = None, **changed: Any) -> Answer:
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT,
            "state": "st4te",
            "scope": "read:market read:account",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "resource": self.config.resource,
        } | changed
        given = {name: value for name, value in asked.items() if value is not None}
        before, self.http = self.http, http or self.http
        try:
            return await self.get(f"/oauth/authorize?{urlencode(given, doseq=True)}")
        finally:
            self.http = before

    async def approve(self, page: Answer, name: str = "Tester", scopes: frozenset[Scope] = READS, **more: Any) -> Grant:
        waiting = self.authority.by_code(code_of(page))
        assert waiting is not None
        grant = await self.authority.approve(
            waiting.request_id, ClientName(name), scopes, more.get("connection", "paper"), more.get("lives"), "operator"
        )
        assert isinstance(grant, Grant), grant
        return grant

    async def code(self, client_id: str, name: str = "Tester", scopes: frozenset[Scope] = READS, **changed: Any) -> str:
        page = await self.authorize(client_id, **changed)
        await self.approve(page, name, scopes)
        back = await self.get(wait_of(page))
        assert back.status == 303, back.text
        return query_of(back)["code"]

    async def token(self, **form: Any) -> Answer:
        headers = form.pop("headers", None)
        return await self.ask("POST", "/oauth/token", data=form, headers=headers)

    async def redeem(self, client_id: str, code: str, **changed: Any) -> Answer:
        form = {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        } | changed
        return await self.token(**{name: value for name, value in form.items() if value is not None})

    async def refresh(self, client_id: str, token: str, **more: Any) -> Answer:
        return await self.token(grant_type="refresh_token", client_id=client_id, refresh_token=token, **more)

    async def connect(self, name: str = "Tester", scopes: frozenset[Scope] = READS) -> tuple[str, Tokens]:
        client_id = (await self.register())["client_id"]
        answer = await self.redeem(client_id, await self.code(client_id, name, scopes))
        assert answer.status == 200, answer.text
        return client_id, tokens_of(answer)

    def check(self, token: str) -> Caller | TokenProblem:
        return self.authority.check(f"Bearer {token}", "127.0.0.1")

    def lives(self, token: str) -> bool:
        return isinstance(self.check(token), Caller)


def code_of(page: Answer) -> str:
    found = re.search(r'id="code"[^>]*>([A-Z]{6})<', page.text)
    assert found, page.text
    return found.group(1)


def wait_of(page: Answer) -> str:
    found = re.fullmatch(r"2; url=(/oauth/wait/\S+)", page.headers["Refresh"])
    assert found
    return found.group(1)


def query_of(answer: Answer) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def tokens_of(answer: Answer) -> Tokens:
    assert answer.status == 200, answer.text
    given = answer.json
    return Tokens(given["access_token"], given["refresh_token"], given.get("scope", ""), given["expires_in"])


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
        "scopes_by_connection": {
            "paper": frozenset(Scope),
            "live": frozenset({Scope.READ_MARKET, Scope.READ_ACCOUNT}),
        },
    }
    return AuthorityConfig(**(settings | changed))


@asynccontextmanager
async def open_house(folder: Path, clock: ManualClock | None = None, **changed: Any) -> AsyncIterator[House]:
    """Start everything in ``folder``; entering it again over the same folder is a restart."""
    clock = clock or ManualClock()
    events: list[Event] = []
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(folder, clock))
        app = web.Application()
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        # The port is wanted before the routes are made, because metadata is constant.

        listening = socket.create_server(("127.0.0.1", changed.pop("port", 0)))
        config = config_for(listening.getsockname()[1], **changed)
        secret_file(store.keys, "oauth_signing.pem", _one_key)
        authority = Authority(config, store, clock, store.keys, events.append)
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
