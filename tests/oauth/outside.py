"""What a client and its browser do with an authorization server, over HTTP alone."""

from __future__ import annotations

import base64
import hashlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from yarl import URL

from cockpit.model.identity import Scope

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


class Outside(ABC):
    """Clients and browsers in front of a server; only the approval needs somebody inside."""

    http: aiohttp.ClientSession

    @property
    @abstractmethod
    def base(self) -> str:
        """Where the server is reached."""

    @property
    @abstractmethod
    def resource(self) -> str:
        """What tokens are asked for."""

    @abstractmethod
    async def approve(self, page: Answer, name: str = "Tester", scopes: frozenset[Scope] = READS, **more: Any) -> Any:
        """Type the code of a page, as the operator does."""

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
        """Open the link that a client gives its user; ``http`` is another browser."""
        given = self.asking(client_id, **changed)
        before, self.http = self.http, http or self.http
        try:
            return await self.get(f"/oauth/authorize?{urlencode(given, doseq=True)}")
        finally:
            self.http = before

    def asking(self, client_id: Any, /, **changed: Any) -> dict[str, Any]:
        """The parameters of a good authorization request; None leaves one out."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT,
            "state": "st4te",
            "scope": "read:market read:account",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "resource": self.resource,
        } | changed
        return {name: value for name, value in asked.items() if value is not None}

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
