"""The scenarios about authorization servers, against a whole cockpit whose operator lets the suite's client in."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from yarl import URL

from cockpit.app.wiring import running
from cockpit.model.clock import SystemClock
from cockpit.operator.act import Command, Done
from cockpit.operator.face import Face
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind
from tests.conformance.suite import Suite, checks

_LINK: Final = re.compile(r"^(http://127\.0\.0\.1:\d+/oauth/authorize\?\S+)$", re.MULTILINE)
_CODE: Final = re.compile(r'id="code"[^>]*>\s*([A-Z]{6})\s*<')
_WAIT: Final = re.compile(r"url=(/oauth/wait/\S+)")


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
async def test_every_scenario_about_authorization_servers_passes(suite: Suite, tmp_path: Path, version: str) -> None:
    settings = load(Given(data_dir=tmp_path / "data", port=0, ignore_file=True), {})
    port, results = _free_port(), tmp_path / "results"
    async with (
        running(settings, bind("127.0.0.1", 0), SystemClock(), asyncio.Event()) as cockpit,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):
        issuer = cockpit.url.removesuffix("/mcp")
        client_id = await _register(browser, issuer, f"http://127.0.0.1:{port}/callback")
        async with suite.running(
            "authorization", "--url", issuer, "--client-id", client_id, "--resource", cockpit.url, "--port", str(port),
            "--spec-version", version, "-o", str(results),
        ) as run:  # fmt: skip
            assert run.stdout is not None
            said = ""
            async with asyncio.timeout(90):
                async for line in run.stdout:
                    said += line.decode()
                    if "Callback server started" in said:
                        said, link = "", _LINK.search(said)
                        assert link is not None
                        await _sign_in(browser, cockpit.face, issuer, link[1])
                assert await run.wait() == 0, said
    found = checks(results)
    assert {check["id"]: check["status"] for check in found} == {
        "authorization-server-metadata": "SUCCESS",
        "authorization-server-metadata-cimd": "SUCCESS",
        "authorization-code-grant": "SUCCESS",
    }


async def _register(browser: aiohttp.ClientSession, issuer: str, callback: str) -> str:
    body = {"client_name": "Conformance", "redirect_uris": [callback], "token_endpoint_auth_method": "none"}
    async with browser.post(f"{issuer}/oauth/register", json=body) as answer:
        return (await answer.json())["client_id"]


async def _sign_in(browser: aiohttp.ClientSession, face: Face, issuer: str, link: str) -> None:
    """Open the link, have the operator type what the page shows, and go where the page goes then."""
    async with browser.get(URL(link, encoded=True)) as answer:
        page, onward = await answer.text(), _WAIT.search(answer.headers["Refresh"])
    code = _CODE.search(page)
    assert code is not None, page
    assert onward is not None
    done = await face.run(Command("client.approve", {"code": code[1]}))
    assert isinstance(done, Done), done
    async with browser.get(issuer + onward[1]) as answer:
        assert answer.status == 200, await answer.text()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
