"""A real browser in front of the pages: its policies, its cookies and its redirects, not our idea of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from aiohttp import web

from cockpit.app.wiring import Cockpit, running
from cockpit.model.clock import SystemClock
from cockpit.operator.act import Command, Done
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind, serve
from tests.e2e.chromium import Browser, Tab, chromium

# base64url of the SHA-256 of fifty times "v".
_VERIFIER: Final = "v" * 50
_CHALLENGE: Final = "CrlVwe1WSHWuTQYh3iczmx3aS-faRx6C92k9_hNxl4A"
_HOSTILE: Final = "<script>document.title='owned'</script>\"><img src=x onerror=alert(1)>{{7*7}}\u202e"


class ShiftedClock(SystemClock):
    """The host's clock, put forward by a test."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@dataclass
class Desk:
    """A cockpit that runs, a browser in front of it, and a client's callback behind."""

    cockpit: Cockpit
    clock: ShiftedClock
    browser: Browser
    http: aiohttp.ClientSession
    callback: str
    elsewhere: str
    """Another origin, to which the callback sends on."""
    arrived: list[dict[str, list[str]]] = field(default_factory=list)
    """What came to the callback's last address."""

    @property
    def origin(self) -> str:
        return self.cockpit.url.removesuffix("/mcp")

    async def link(self, redirect: str, *, name: str = "Tester", scope: str = "read:market", **changed: str) -> str:
        """Register a client and return the address that it would open in a browser."""
        body = {"client_name": name, "redirect_uris": [redirect], "token_endpoint_auth_method": "none"}
        async with self.http.post(f"{self.origin}/oauth/register", json=body) as answer:
            assert answer.status == 201, await answer.text()
            client_id = (await answer.json())["client_id"]
        asked = {
            "response_type": "code", "client_id": client_id, "redirect_uri": redirect, "state": "st4te", "scope": scope,
            "code_challenge": _CHALLENGE, "code_challenge_method": "S256", "resource": self.cockpit.url,
        }  # fmt: skip
        return f"{self.origin}/oauth/authorize?{urlencode(asked | changed)}"

    async def act(self, act: str, /, **arguments: str) -> Any:
        """Have the operator do something."""
        answer = await self.cockpit.face.run(Command(act, arguments))
        assert isinstance(answer, Done), answer
        return answer.data


@contextlib.asynccontextmanager
async def _callbacks(arrived: list[dict[str, list[str]]]) -> AsyncIterator[tuple[str, str]]:
    """A client's callback that takes the code, and one that sends on to another origin first."""

    async def takes(request: web.Request) -> web.Response:
        arrived.append({**parse_qs(request.query_string), "referer": [request.headers.get("Referer", "")]})
        return web.Response(text="<!doctype html><title>t</title><p>You are connected</p>", content_type="text/html")

    async def sends_on(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{last}/done?{request.query_string}"})

    async with contextlib.AsyncExitStack() as stack:
        app = web.Application()
        app.router.add_get("/done", takes)
        # Another name of the loopback is another origin, and another site.
        last = f"http://localhost:{await stack.enter_async_context(serve(app, bind('127.0.0.1', 0)))}"
        first = web.Application()
        first.router.add_get("/callback", takes)
        first.router.add_get("/onward", sends_on)
        yield f"http://127.0.0.1:{await stack.enter_async_context(serve(first, bind('127.0.0.1', 0)))}", last


@pytest.fixture
async def desk(tmp_path: Path, require_chromium: str) -> AsyncIterator[Desk]:
    settings = load(Given(data_dir=tmp_path / "data", port=0, ignore_file=True), {})
    clock, arrived = ShiftedClock(), list[dict[str, list[str]]]()
    async with (
        running(settings, bind("127.0.0.1", 0), clock, asyncio.Event()) as cockpit,
        _callbacks(arrived) as (callback, elsewhere),
        chromium(require_chromium, tmp_path / "profile") as browser,
        aiohttp.ClientSession() as http,
    ):
        yield Desk(cockpit, clock, browser, http, callback, elsewhere, arrived)


async def code_of(tab: Tab) -> str:
    """Wait for the page with the code, and read it as the operator would."""
    await tab.wait(lambda _, text: "Type this code in the cockpit" in text)
    return str(await tab.value("document.getElementById('code').textContent.trim()"))


def is_at(url: str) -> Any:
    return lambda address, _: address.startswith(url)


async def test_an_approved_browser_goes_on_by_itself_and_nothing_breaks_the_policy(desk: Desk) -> None:
    tab = await desk.browser.tab()
    await tab.open(await desk.link(f"{desk.callback}/callback"))
    await desk.act("client.approve", code=await code_of(tab))
    text = await tab.wait(is_at(f"{desk.callback}/callback"))
    assert "You are connected" in text
    (came,) = desk.arrived
    assert came["state"] == ["st4te"]
    assert came["iss"] == [desk.origin]
    assert came["referer"] == [""], "the address of the page would tell the request's id"
    token = {
        "grant_type": "authorization_code", "code": came["code"][0], "code_verifier": _VERIFIER,
        "redirect_uri": f"{desk.callback}/callback", "client_id": _asked(tab, desk)["client_id"][0],
    }  # fmt: skip
    async with desk.http.post(f"{desk.origin}/oauth/token", data=token) as answer:
        assert answer.status == 200, await answer.text()
    assert tab.violations == []


async def test_a_denied_browser_takes_the_denial_back_to_its_client(desk: Desk) -> None:
    tab = await desk.browser.tab()
    await tab.open(await desk.link(f"{desk.callback}/callback"))
    await desk.act("client.deny", code=await code_of(tab))
    await tab.wait(is_at(f"{desk.callback}/callback"))
    (came,) = desk.arrived
    assert (came["error"], came["state"], "code" in came) == (["access_denied"], ["st4te"], False)
    assert tab.violations == []


async def test_a_code_that_nobody_types_expires_on_its_page(desk: Desk) -> None:
    tab = await desk.browser.tab()
    await tab.open(await desk.link(f"{desk.callback}/callback"))
    code = await code_of(tab)
    desk.clock.ahead += 301
    text = await tab.wait(lambda _, text: "The code has expired" in text)
    assert code not in text
    assert desk.arrived == []
    assert tab.violations == []


async def test_two_tabs_show_two_codes_and_only_the_typed_one_goes_on(desk: Desk) -> None:
    first, second = await desk.browser.tab(), await desk.browser.tab()
    link = await desk.link(f"{desk.callback}/callback")
    await first.open(f"{link}&nonce=1")
    one = await code_of(first)
    await second.open(f"{link}&nonce=2")
    two = await code_of(second)
    assert one != two
    await desk.act("client.approve", code=two)
    await second.wait(is_at(f"{desk.callback}/callback"))
    assert await code_of(first) == one
    await desk.act("client.deny", code=one)
    await first.wait(is_at(f"{desk.callback}/callback"))
    assert ["code" in came for came in desk.arrived] == [True, False]


async def test_another_browser_can_t_watch_the_page(desk: Desk, tmp_path: Path, require_chromium: str) -> None:
    tab = await desk.browser.tab()
    await tab.open(await desk.link(f"{desk.callback}/callback"))
    code = await code_of(tab)
    await tab.wait(lambda address, _: "/oauth/wait/" in address)
    async with chromium(require_chromium, tmp_path / "other") as other:
        stolen = await other.tab()
        await stolen.open(str(await tab.value("location.href")))
        text = await stolen.wait(lambda _, text: "Nothing waits here" in text)
    assert code not in text


async def test_a_hostile_name_is_text_and_nothing_else(desk: Desk) -> None:
    tab = await desk.browser.tab()
    await tab.open(await desk.link(f"{desk.callback}/callback", name=_HOSTILE))
    await code_of(tab)
    text = await tab.text()
    assert "<script>document.title='owned'" in text
    assert "49" not in text
    assert "\u202e" not in text
    assert "owned" not in str(await tab.value("document.title"))
    assert await tab.value("document.querySelectorAll('script, img, form, a').length") == 0
    assert tab.violations == []


async def test_T28_a_callback_that_sends_on_to_another_origin_is_reached(desk: Desk) -> None:
    """In Chromium, the client's callback sends the browser on to a third origin."""
    tab = await desk.browser.tab()
    await tab.open(await desk.link(f"{desk.callback}/onward"))
    await desk.act("client.approve", code=await code_of(tab))
    await tab.wait(is_at(f"{desk.elsewhere}/done"))
    assert "code" in desk.arrived[0]
    assert tab.violations == []


async def test_T28_a_callback_of_a_program_s_own_scheme_is_handed_over(desk: Desk) -> None:
    """In Chromium, the client is a desktop application with a scheme of its own."""
    tab, redirect = await desk.browser.tab(), "cursor://anysphere.cursor-mcp/oauth/callback"
    await tab.open(await desk.link(redirect))
    await desk.act("client.approve", code=await code_of(tab))
    handed = await tab.asked_for(redirect)
    assert {"code", "state", "iss"} <= parse_qs(urlsplit(handed).query).keys()
    assert tab.violations == []


async def test_T07_the_page_can_t_be_framed(desk: Desk) -> None:
    """In Chromium, another page puts the page with the code into a frame."""
    link = await desk.link(f"{desk.callback}/callback")
    tab = await desk.browser.tab()
    await tab.open(f"{desk.callback}/callback")
    await tab.wait(lambda _, text: "connected" in text)
    await tab.value(
        f"document.body.appendChild(Object.assign(document.createElement('iframe'), {{src: {link!r}}})) && 1"
    )
    await tab.complained_of("frame-ancestors")


def _asked(tab: Tab, desk: Desk) -> dict[str, list[str]]:
    found = next(address for address in tab.asked if address.startswith(f"{desk.origin}/oauth/authorize"))
    return parse_qs(urlsplit(found).query)
