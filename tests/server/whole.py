"""A whole cockpit in this process, and the way of a client that is let in."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp

from cockpit.app.wiring import Cockpit, running
from cockpit.model.clock import SystemClock
from cockpit.operator.act import Command, Done
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind, port_of

REDIRECT = "https://client.example/callback"
VERIFIER = "verifier-" + "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Answered:
    """One whole answer."""

    status: int
    headers: Any
    text: str
    json: Any = None


@dataclass
class Client:
    """What a client and its browser do."""

    cockpit: Cockpit
    http: aiohttp.ClientSession
    origin: str
    """Where it listens, whatever its public name is."""
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, **more: Any) -> Answered:
        headers = self.headers | more.pop("headers", {})
        url = self.origin + path
        async with self.http.request(method, url, allow_redirects=False, headers=headers, **more) as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json"
            return Answered(answer.status, answer.headers, text, await answer.json() if is_json and text else None)

    async def register(self, **members: Any) -> Answered:
        asked = {"client_name": "Tester", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"} | members
        return await self.ask("POST", "/oauth/register", json=asked)

    async def authorize(self, client_id: str) -> Answered:
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT,
            "state": "st4te",
            "scope": "read:market",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "resource": self.cockpit.url,
        }
        return await self.ask("GET", f"/oauth/authorize?{urlencode(asked)}")

    async def code(self, client_id: str) -> tuple[str, str]:
        """Let the operator type what the page shows; return that, and the authorization code."""
        page = await self.authorize(client_id)
        found = re.search(r'id="code"[^>]*>([A-Z]{6})<', page.text)
        assert found, page.text
        await done(self.cockpit, "client.approve", code=found[1], **{"as": "tester"})
        waits = re.search(r"url=(/oauth/wait/\S+)", page.headers["Refresh"])
        assert waits
        back = await self.ask("GET", waits[1])
        assert back.status == 303, back.text
        return found[1], parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]

    async def call(self, token: str, tool: str = "get_quote", **arguments: Any) -> Answered:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        return await self.ask("POST", "/mcp", json=body, headers={"Authorization": f"Bearer {token}"})


async def done(opened: Cockpit, act: str, /, **arguments: str) -> Any:
    """Do an act as the operator."""
    answer = await opened.face.run(Command(act, arguments))
    assert isinstance(answer, Done), answer
    return answer.data


@asynccontextmanager
async def whole(folder: Path, **variables: str) -> AsyncIterator[Client]:
    """Run a cockpit; settings as in the environment, such as ``SERVER__PUBLIC_URL``."""
    environ = {f"COCKPIT_{name}": value for name, value in variables.items()}
    settings = load(Given(data_dir=folder, port=0, ignore_file=True), environ)
    taken = bind("127.0.0.1", 0)
    try:
        async with (
            running(settings, taken, SystemClock(), asyncio.Event()) as opened,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
        ):
            yield Client(opened, http, f"http://127.0.0.1:{port_of(taken)}")
    finally:
        taken.close()
