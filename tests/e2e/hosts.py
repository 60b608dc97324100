"""A cockpit in a process of its own, its command line, and a browser and a client that come from outside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

from tests.sdk import MemoryStorage

COMMAND = (sys.executable, "-m", "cockpit")
CALLBACK = "http://127.0.0.1:43999/callback"
_CODE = re.compile(r'id="code"[^>]*>\s*([A-Z]{6})\s*<')


def environment() -> dict[str, str]:
    """The environment without what would steer a cockpit from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COCKPIT_")}
    return {**kept, "PYTHONUNBUFFERED": "1"}


@dataclass
class Host:
    """A `cockpit serve` that runs."""

    folder: Path
    process: asyncio.subprocess.Process
    url: str

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/mcp")

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command of the command line; exit code, stdout, stderr."""
        return await run_command(self.folder, *arguments)

    async def ask(self, *arguments: str) -> Any:
        """Run a command with ``--json`` that must succeed."""
        code, out, err = await self.run(*arguments, "--json")
        assert code == 0, err or out
        return json.loads(out)

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 10)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


async def run_command(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--data-dir", str(folder), *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def start(
    folder: Path, *, port: int = 0, settings: str = "", command: Sequence[str] = COMMAND, faults: Path | None = None
) -> Host:
    """Start a host and wait for its ready line; ``faults`` is the folder that tells a faulty one how to fail."""
    env = {**environment(), **({} if faults is None else {"FAULTS": str(faults)})}
    config = folder.parent / "cockpit.toml"
    config.write_text(settings)
    with (folder.parent / "stderr.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, "--config", str(config), "--data-dir", str(folder), "--port", str(port), "serve",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log, env=env,
        )  # fmt: skip
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    assert line.startswith("ready "), (folder.parent / "stderr.log").read_text()
    return Host(folder, process, line.removeprefix("ready ").strip())


@asynccontextmanager
async def host(
    folder: Path, *, settings: str = "", command: Sequence[str] = COMMAND, faults: Path | None = None
) -> AsyncIterator[Host]:
    running = await start(folder, settings=settings, command=command, faults=faults)
    try:
        yield running
    finally:
        if running.process.returncode is None:
            with suppress(ProcessLookupError):
                running.process.kill()
            await running.process.wait()


class Outsider:
    """Somebody's AI client with its browser: it shows a code, and waits until the operator has typed it."""

    def __init__(self, url: str, name: str = "Claude") -> None:
        self.url = url
        self.storage = MemoryStorage()
        self.code: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._result: AuthorizationCodeResult | None = None
        self._name = name

    def provider(self) -> OAuthClientProvider:
        metadata = OAuthClientMetadata(
            client_name=self._name, redirect_uris=[AnyUrl(CALLBACK)], token_endpoint_auth_method="none"
        )
        return OAuthClientProvider(self.url, metadata, self.storage, self._browse, self._called_back)

    @asynccontextmanager
    async def session(self, mode: str) -> AsyncIterator[Client]:
        """Connect as the SDK does in an era; asks for consent when there is no token yet."""
        async with create_mcp_http_client(auth=self.provider()) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client

    async def _browse(self, authorize_url: str) -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            at = authorize_url
            while True:
                async with browser.get(at, allow_redirects=False) as page:
                    text = await page.text()
                    where = page.headers.get("Location")
                    if where is not None:
                        if urljoin(at, where).startswith(CALLBACK):
                            self._result = _parsed(urljoin(at, where))
                            return
                        at = urljoin(at, where)
                        continue
                    assert page.status == 200, text
                    found = _CODE.search(text)
                    if found and not self.code.done():
                        self.code.set_result(found.group(1))
                    refresh = page.headers.get("Refresh", "")
                    if "url=" in refresh:
                        at = urljoin(at, refresh.partition("url=")[2])
                await asyncio.sleep(0.2)  # a browser's refresh, faster

    async def _called_back(self) -> AuthorizationCodeResult:
        assert self._result is not None
        return self._result


def _parsed(url: str) -> AuthorizationCodeResult:
    query = parse_qs(urlsplit(url).query)
    assert "code" in query, query
    return AuthorizationCodeResult(code=query["code"][0], state=query["state"][0], iss=query["iss"][0])


async def call(client: Client, tool: str, **arguments: object) -> tuple[dict[str, Any], bool]:
    """Call a tool; its object, and whether it is an error."""
    result = await client.call_tool(tool, arguments, read_timeout_seconds=60)
    assert isinstance(result.structured_content, dict)
    return result.structured_content, bool(result.is_error)
