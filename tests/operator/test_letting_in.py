"""Letting clients in: what the operator is told of each, and which name it is put to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cockpit.app.wiring import Cockpit, running
from cockpit.model.clock import SystemClock
from cockpit.model.identity import Scope
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Answer as Told
from cockpit.operator.act import Command, Done
from cockpit.operator.looks import client_words
from cockpit.operator.view import ClientTicket
from cockpit.settings.load import Given, load
from tests.oauth.internet import Internet, some_internet
from tests.oauth.outside import READS, Answer, Outside, code_of, query_of, wait_of

STRANGER = "https://stranger.example/client.json"
CALLBACK = "https://stranger.example/callback"
CLAUDE = "https://claude.ai/oauth/claude-code-client-metadata"


class ShiftedClock(SystemClock):
    """The host's clock, put forward by a test."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@dataclass
class Desk(Outside):
    """A whole cockpit, its browsers and its operator."""

    cockpit: Cockpit
    clock: ShiftedClock
    http: aiohttp.ClientSession
    internet: Internet

    @property
    def base(self) -> str:
        return self.cockpit.url.removesuffix("/mcp")

    @property
    def resource(self) -> str:
        return self.cockpit.url

    async def approve(self, page: Answer, name: str = "Tester", scopes: frozenset[Scope] = READS, **more: Any) -> Any:
        return await self.act("client.approve", code=code_of(page), **({"as": name} if name else {}))

    async def act(self, act: str, /, **arguments: str) -> Told:
        return await self.cockpit.face.run(Command(act, arguments, by="socket"))

    async def ticket(self, page: Answer) -> ClientTicket:
        ticket = await self.cockpit.face.client_ticket(code_of(page))
        assert isinstance(ticket, ClientTicket), ticket
        return ticket

    async def page(self, name: str, *redirects: str) -> Answer:
        """A browser that waits for a program that has just registered."""
        told = await self.register(client_name=name, redirect_uris=list(redirects))
        return await self.authorize(told["client_id"], redirect_uri=redirects[0])


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with some_internet(tmp_path) as internet, _open(tmp_path, internet) as opened:
        yield opened


@asynccontextmanager
async def _open(folder: Path, internet: Internet) -> AsyncIterator[Desk]:
    settings = load(Given(ignore_file=True, data_dir=folder / "data"), {})
    taken, clock = socket.create_server(("127.0.0.1", 0)), ShiftedClock()
    async with (
        running(settings, taken, clock, asyncio.Event(), fetcher=internet.fetcher) as cockpit,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        yield Desk(cockpit, clock, http, internet)


def publish(desk: Desk, url: str, name: str, *redirects: str) -> None:
    desk.internet.publish(url, {"client_id": url, "client_name": name, "redirect_uris": list(redirects)})


async def test_a_stranger_is_shown_by_its_host_until_its_code_is_typed(desk: Desk) -> None:
    publish(desk, STRANGER, "Stranger", CALLBACK)
    page = await desk.authorize(STRANGER, redirect_uri=CALLBACK)
    (pending,) = desk.cockpit.face.snapshot().pending_clients
    assert (pending.host, pending.claimed_name, pending.unfetched) == ("stranger.example", "", True)
    assert desk.internet.asked == []
    ticket = await desk.ticket(page)
    assert (ticket.request.host, ticket.request.claimed_name) == ("stranger.example", "Stranger")
    assert (ticket.redirect_uri, ticket.suggested_name, ticket.warnings) == (CALLBACK, "stranger", ())
    assert isinstance(await desk.approve(page, ""), Done)
    assert "code" in query_of(await desk.get(wait_of(page)))


async def test_the_command_line_has_it_fetched_too(desk: Desk) -> None:
    publish(desk, STRANGER, "Stranger", CALLBACK)
    page = await desk.authorize(STRANGER, redirect_uri=CALLBACK)
    assert isinstance(await desk.approve(page, ""), Done)
    assert desk.internet.asked == [STRANGER]


async def test_a_stranger_without_a_description_is_let_in_by_nobody(desk: Desk) -> None:
    page = await desk.authorize(STRANGER, redirect_uri=CALLBACK)
    answer = await desk.approve(page, "stranger")
    assert isinstance(answer, Refusal)
    assert answer.code == "CLIENT_DOCUMENT"
    assert desk.cockpit.face.snapshot().pending_clients == ()
    assert (await desk.get(wait_of(page))).status == 400


@pytest.mark.parametrize("name", ["Claude", "CLAUDE desktop", "ChatGPT", "Cursor", "Visual Studio Code", "Codex"])
async def test_a_name_that_belongs_to_another_host_is_flagged(desk: Desk, name: str) -> None:
    page = await desk.page(name, "https://evil.example/callback")
    assert desk.cockpit.face.snapshot().pending_clients[0].flagged
    ticket = await desk.ticket(page)
    assert any("but its host is evil.example" in warning for warning in ticket.warnings)
    assert "WARNING" in client_words(ticket).says


@pytest.mark.parametrize(
    ("name", "redirect"),
    [
        ("Claude", "https://claude.ai/api/mcp/auth_callback"),
        ("Claude", "https://claude.com/api/mcp/auth_callback"),
        ("Cursor", "https://www.cursor.com/agents/mcp/oauth/callback"),
        ("Somebody", "https://evil.example/callback"),
    ],
)
async def test_a_name_with_its_own_host_is_not(desk: Desk, name: str, redirect: str) -> None:
    page = await desk.page(name, redirect)
    assert not desk.cockpit.face.snapshot().pending_clients[0].flagged
    assert (await desk.ticket(page)).warnings == ()


@pytest.mark.parametrize("redirect", ["http://localhost:5000/callback", "cursor://anysphere.cursor-mcp/oauth/callback"])
async def test_a_program_on_the_browsers_computer_comes_with_a_warning(desk: Desk, redirect: str) -> None:
    ticket = await desk.ticket(await desk.page("Cursor", redirect))
    (warning,) = ticket.warnings
    assert "any local program" in warning


async def test_a_genuine_description_with_a_local_redirect_comes_with_a_warning(desk: Desk) -> None:
    publish(desk, CLAUDE, "Claude Code", "http://localhost/callback")
    ticket = await desk.ticket(await desk.authorize(CLAUDE, redirect_uri="http://localhost:53211/callback"))
    assert ticket.request.host == "claude.ai"
    (warning,) = ticket.warnings
    assert "any local program" in warning


async def test_a_code_that_goes_to_another_host_comes_with_a_warning(desk: Desk) -> None:
    publish(desk, STRANGER, "Stranger", "https://other.example/callback")
    page = await desk.authorize(STRANGER, redirect_uri="https://other.example/callback")
    assert "other.example" in page.text
    (warning,) = (await desk.ticket(page)).warnings
    assert warning == "Its code goes to another host: other.example."


async def test_a_description_that_has_changed_comes_with_a_warning(desk: Desk) -> None:
    redirect = "https://claude.ai/callback"
    publish(desk, CLAUDE, "Claude Code", redirect)
    await desk.approve(await desk.authorize(CLAUDE, redirect_uri=redirect), "claude")
    publish(desk, CLAUDE, "Claude Code", redirect, "https://claude.ai/other")
    desk.clock.ahead += 86_401
    ticket = await desk.ticket(await desk.authorize(CLAUDE, redirect_uri=redirect))
    (warning,) = ticket.warnings
    assert "has changed since you let it in" in warning


async def test_a_program_that_registers_anew_is_put_to_the_name_it_has(desk: Desk) -> None:
    first = await desk.page("Claude", "https://claude.ai/api/mcp/auth_callback")
    ticket = await desk.ticket(first)
    assert (ticket.suggested_name, ticket.known, ticket.alike) == ("claude", False, 0)
    await desk.approve(first, "my claude")
    again = await desk.page("Claude", "https://claude.ai/api/mcp/auth_callback")
    ticket = await desk.ticket(again)
    assert (ticket.suggested_name, ticket.known, ticket.alike) == ("my claude", True, 1)
    assert "registered 2 times" in client_words(ticket).says
    await desk.approve(again, "")
    assert {one.client for one in desk.cockpit.face.snapshot().clients} == {"my claude"}


async def test_only_the_same_name_for_the_same_hosts_counts_as_the_same_program(desk: Desk) -> None:
    await desk.page("Claude", "https://claude.ai/api/mcp/auth_callback")
    for name, redirect in (
        ("Claude", "https://evil.example/callback"),
        ("Other", "https://claude.ai/api/mcp/auth_callback"),
    ):
        ticket = await desk.ticket(await desk.page(name, redirect))
        assert (ticket.alike, ticket.known) == (0, False)
    await desk.page("Claude", "https://claude.ai/api/mcp/auth_callback", "http://localhost/callback")
    ticket = await desk.ticket(await desk.page("Claude", "https://claude.ai/api/mcp/auth_callback"))
    assert ticket.alike == 1


async def test_a_name_of_another_host_is_never_joined(desk: Desk) -> None:
    await desk.approve(await desk.page("Claude", "https://claude.ai/api/mcp/auth_callback"), "claude")
    ticket = await desk.ticket(await desk.page("Claude", "https://evil.example/callback"))
    assert (ticket.suggested_name, ticket.known) == ("claude-2", False)


async def test_a_client_is_never_proposed_to_be_called_as_the_operator(desk: Desk) -> None:
    ticket = await desk.ticket(await desk.page("Operator", "https://evil.example/callback"))
    assert (ticket.suggested_name, ticket.known) == ("operator-2", False)


async def test_what_fits_two_names_is_left_to_the_operator(desk: Desk) -> None:
    for name in ("work", "home"):
        await desk.approve(await desk.page("Claude", "https://claude.ai/api/mcp/auth_callback"), name)
    ticket = await desk.ticket(await desk.page("Claude", "https://claude.ai/api/mcp/auth_callback"))
    assert (ticket.suggested_name, ticket.known) == ("claude", False)
