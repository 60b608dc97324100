from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cockpit.cli.demo_client.browser import Browser
from cockpit.cli.demo_client.endings import Consent

CALLBACK = "http://127.0.0.1:43117/callback"


class Heard:
    """Remembers what was reported."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.events: list[tuple[str, str]] = []

    def code(self, code: str) -> None:
        self.codes.append(code)

    def event(self, event: str, text: str = "") -> None:
        self.events.append((event, text))


class ConsentServer:
    """A consent page bound to a cookie; it goes on after a number of looks."""

    def __init__(self) -> None:
        self.looks = 0
        self.ends_with = f"{CALLBACK}?code=secret&state=s"

    async def authorize(self, request: web.Request) -> web.Response:
        answer = web.Response(status=303, headers={"Location": "/wait"})
        answer.set_cookie("__Host-wait", "bound", secure=True, httponly=True, samesite="Lax")
        return answer

    async def wait(self, request: web.Request) -> web.Response:
        if request.cookies.get("__Host-wait") != "bound":
            return web.Response(
                status=403, text="<p>This page belongs to another browser.</p>", content_type="text/html"
            )
        self.looks += 1
        if self.looks < 3:
            headers = {"Refresh": "0"}
            return web.Response(text='<b id="code">BCDFGH</b>', content_type="text/html", headers=headers)
        return web.Response(status=303, headers={"Location": self.ends_with})


@pytest.fixture
def consent() -> ConsentServer:
    return ConsentServer()


@pytest.fixture
async def url(consent: ConsentServer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/authorize", consent.authorize)
    app.router.add_get("/wait", consent.wait)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def test_the_code_is_reported_once_and_the_redirect_read_where_it_ends(url: str) -> None:
    heard = Heard()
    async with Browser(heard) as browser:
        answer = await browser.consent(f"{url}authorize", CALLBACK)
    assert answer == {"code": "secret", "state": "s"}
    assert heard.codes == ["BCDFGH"]


async def test_a_page_that_does_not_go_on_ends_the_consent_with_its_words(url: str) -> None:
    async with Browser(Heard()) as browser:
        with pytest.raises(Consent, match="another browser"):
            await browser.consent(f"{url}wait", CALLBACK)


async def test_the_browser_does_not_follow_to_another_server(url: str, consent: ConsentServer) -> None:
    consent.ends_with = "http://192.0.2.1/steal"
    async with Browser(Heard()) as browser:
        with pytest.raises(Consent, match="another server"):
            await browser.consent(f"{url}authorize", CALLBACK)
