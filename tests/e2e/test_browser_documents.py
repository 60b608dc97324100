"""A browser whose program is described by a document: it goes on once the operator knows the document, or ends here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cockpit.app.wiring import running
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Command
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind
from tests.e2e.chromium import chromium
from tests.e2e.test_browser import Desk, ShiftedClock, _callbacks, code_of, is_at
from tests.oauth.internet import Internet, some_internet

STRANGER = "https://stranger.example/client.json"


@pytest.fixture
async def internet(tmp_path: Path) -> AsyncIterator[Internet]:
    async with some_internet(tmp_path) as here:
        yield here


@pytest.fixture
async def desk(tmp_path: Path, require_chromium: str, internet: Internet) -> AsyncIterator[Desk]:
    settings = load(Given(data_dir=tmp_path / "data", port=0, ignore_file=True), {})
    clock, arrived = ShiftedClock(), list[dict[str, list[str]]]()
    async with (
        running(settings, bind("127.0.0.1", 0), clock, asyncio.Event(), fetcher=internet.fetcher) as cockpit,
        _callbacks(arrived) as (callback, elsewhere),
        chromium(require_chromium, tmp_path / "profile") as browser,
        aiohttp.ClientSession() as http,
    ):
        yield Desk(cockpit, clock, browser, http, callback, elsewhere, arrived)


def describe(internet: Internet, redirect: str) -> None:
    internet.publish(STRANGER, {"client_id": STRANGER, "client_name": "Stranger", "redirect_uris": [redirect]})


async def test_a_stranger_is_fetched_after_its_code_and_its_browser_goes_on(desk: Desk, internet: Internet) -> None:
    describe(internet, "http://127.0.0.1/callback")
    tab = await desk.browser.tab()
    await tab.open(await desk.link(f"{desk.callback}/callback", client_id=STRANGER))
    code = await code_of(tab)
    text = await tab.text()
    assert "stranger.example" in text
    assert "not known yet" in text
    assert internet.asked == []
    assert not isinstance(await desk.cockpit.face.client_ticket(code), Refusal)
    await tab.wait(lambda _, text: "Stranger" in text)
    await desk.act("client.approve", code=code)
    await tab.wait(is_at(f"{desk.callback}/callback"))
    (came,) = desk.arrived
    assert ("code" in came, came["iss"]) == (True, [desk.origin])
    assert internet.asked == [STRANGER]
    assert tab.violations == []


async def test_a_stranger_whose_document_names_another_redirect_ends_here(desk: Desk, internet: Internet) -> None:
    describe(internet, "https://stranger.example/callback")
    tab = await desk.browser.tab()
    await tab.open(await desk.link(f"{desk.callback}/callback", client_id=STRANGER))
    answer = await desk.cockpit.face.run(Command("client.approve", {"code": await code_of(tab)}))
    assert isinstance(answer, Refusal)
    await tab.wait(lambda address, text: "This link doesn't work" in text and address.startswith(desk.origin))
    assert desk.arrived == []
    assert tab.violations == []
