"""Consent: only the browser whose code the operator typed is let in, with what the operator chose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from cockpit.model.identity import Scope
from cockpit.operator.view import ClientTicket
from tests.oauth.outside import READS, REDIRECT, Answer, ManualClock, code_of, query_of, tokens_of, wait_of
from tests.security.site import TRADES, Site, another_browser, open_site

HOSTILE = '{{7*7}}<script>alert(1)</script>"><img src=x onerror=alert(1)>\x1b[2J\u202e'


async def ticket_of(site: Site, page: Answer) -> ClientTicket:
    """What the operator is shown once the code of a page was typed."""
    ticket = await site.cockpit.face.client_ticket(code_of(page))
    assert isinstance(ticket, ClientTicket), ticket
    return ticket


async def looked(http: aiohttp.ClientSession, url: str) -> tuple[int, str, str | None]:
    async with http.get(url, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location")


async def test_T01_of_two_browsers_only_the_one_whose_code_was_typed_is_let_in(site: Site) -> None:
    """Somebody connects his own account of a genuine client at the moment when the operator approves his own."""
    client_id = (await site.register(client_name="Claude"))["client_id"]
    async with another_browser() as attackers:
        theirs = await site.authorize(client_id, http=attackers)
        mine = await site.authorize(client_id)
        assert code_of(mine) != code_of(theirs)
        await site.approve(mine)
        assert (await site.get(wait_of(mine))).status == 303
        status, text, location = await looked(attackers, site.base + wait_of(theirs))
        assert (status, code_of(theirs) in text, location) == (200, True, None)
        site.clock.go(301)
        status, text, location = await looked(attackers, site.base + wait_of(theirs))
        assert (status, location) == (410, None)
    assert site.waiting() == []
    assert await site.refused("client.approve", code=code_of(theirs)) == "CODE_UNKNOWN"
    assert len(await site.store.rows("SELECT 1 FROM oauth_grants")) == 1


async def test_T01_the_id_of_a_request_approves_nothing(site: Site) -> None:
    """The operator's list shows a request; its id, not its code, is used to approve it."""
    client_id = (await site.register())["client_id"]
    await site.authorize(client_id)
    assert await site.refused("client.approve", code=site.waiting()[0]) == "CODE_UNKNOWN"
    assert len(site.waiting()) == 1


async def test_T02_nothing_that_a_browser_sends_is_a_consent(site: Site) -> None:
    """A browser posts to the pages with a valid request id, with and without its code, as if there were a form."""
    client_id = (await site.register())["client_id"]
    page = await site.authorize(client_id)
    form = {"rid": wait_of(page).rpartition("/")[2], "code": code_of(page), "decision": "allow", "approve": "1"}
    for path in (wait_of(page), "/oauth/authorize", f"/oauth/authorize?{urlencode(site.asking(client_id))}"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await site.ask(method, path, data=form)
            assert (answer.status, "Location" in answer.headers) == (405, False)
    assert len(site.waiting()) == 1
    assert (await site.get(wait_of(page))).status == 200


async def test_T03_a_form_of_another_site_changes_nothing(site: Site) -> None:
    """A foreign page posts a form to the pages and endpoints: cross-site, without the cookie."""
    client_id = (await site.register())["client_id"]
    page = await site.authorize(client_id)
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    paths = (wait_of(page), "/oauth/authorize", "/oauth/token", "/oauth/revoke", "/oauth/register")
    async with another_browser() as evil:
        for path in paths:
            async with evil.post(site.base + path, headers=foreign, data={"code": code_of(page)}) as answer:
                assert answer.status == 403
        null = {"Origin": "null"}
        async with evil.post(site.base + wait_of(page), headers=null, data={"code": code_of(page)}) as answer:
            assert answer.status == 403
    assert len(site.waiting()) == 1


async def test_T04_the_page_that_waits_belongs_to_its_browser(site: Site) -> None:
    """The address of a waiting page is opened in another browser, with no cookie and with invented ones."""
    client_id = (await site.register())["client_id"]
    page = await site.authorize(client_id)
    name = page.headers["Set-Cookie"].partition("=")[0]
    for cookies in ({}, {name: "A" * 43}, {name: "x"}, {name: ""}):
        async with another_browser(cookies) as other:
            status, text, _ = await looked(other, site.base + wait_of(page))
            assert (status, code_of(page) in text) == (400, False)
            assert "Tester" not in text
    await site.approve(page)
    async with another_browser() as other:
        assert (await looked(other, site.base + wait_of(page)))[::2] == (400, None)
    assert (await site.get(wait_of(page))).status == 303


async def test_T06_a_client_that_was_let_in_is_asked_about_again(site: Site) -> None:
    """An approved client opens the browser again, with the cookie of the first time."""
    client_id, _ = await site.connect()
    again = await site.authorize(client_id)
    assert (again.status, len(code_of(again))) == (200, 6)
    assert (await site.get(wait_of(again))).status == 200
    assert len(site.waiting()) == 1


async def test_T06_prompt_none_is_no_way_around_the_operator(site: Site) -> None:
    """An approved client asks not to be asked about."""
    client_id, _ = await site.connect()
    for prompt in ("none", "login", "consent"):
        assert (await site.authorize(client_id, prompt=prompt)).status == 200
    assert len(site.waiting()) == 3


async def test_T07_every_page_forbids_frames_and_its_cookie_stays_at_home(site: Site) -> None:
    """Pages are put into frames of another site: the code, a mistake, an expiry, a stop."""
    client_id = (await site.register())["client_id"]
    waits = await site.authorize(client_id)
    expired = await site.authorize(client_id)
    site.clock.go(301)
    mistaken, over = await site.authorize("c-nobody"), await site.get(wait_of(expired))
    await site.done("kill")
    pages = [waits, mistaken, over, await site.authorize(client_id)]
    assert [page.status for page in pages] == [200, 400, 410, 503]
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cache-Control"] == "no-store"
    cookie = waits.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_T07_behind_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    """The host is reached by https; a sibling domain sets cookies for it, and a page is asked for by http."""
    settings = '[server]\npublic_url = "https://cockpit.example"\n'
    async with open_site(tmp_path / "data", settings=settings) as site:
        client_id = (await site.register())["client_id"]
        page = await site.authorize(client_id)
        cookie = page.headers["Set-Cookie"]
        assert cookie.startswith("__Host-")
        assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert page.headers["Strict-Transport-Security"].startswith("max-age=")


async def test_T08_what_a_client_says_of_itself_is_text(site: Site) -> None:
    """A client's name, addresses, state and scope hold markup, template code and script addresses."""
    told = await site.register(
        client_name=HOSTILE, client_uri="javascript:alert(1)", logo_uri="https://evil.example/x.svg",
        tos_uri="data:text/html,x", policy_uri="https://evil.example/",
    )  # fmt: skip
    client_id = told["client_id"]
    pages = [
        await site.authorize(client_id, state=HOSTILE.replace("\x1b", "").replace("\u202e", "")),
        await site.authorize(HOSTILE),
        await site.authorize(client_id, redirect_uri=f"https://x/{HOSTILE}"),
        await site.authorize(client_id, redirect_uri="https://evil.example/", scope=HOSTILE),
        await site.get(f"/oauth/wait/{urlencode({'': HOSTILE})}"),
    ]
    for page in pages:
        tags = set(re.findall(r"<\s*/?\s*([a-zA-Z]+)", page.text))
        assert not tags & {"script", "img", "iframe", "form", "a", "object", "svg", "base"}, tags
        assert "javascript:" not in page.text
        assert "evil.example/x.svg" not in page.text
        assert "\x1b" not in page.text
        assert "\u202e" not in page.text
    said = pages[0].text.split("Calls itself")[1].split("Asks for")[0]
    assert "{{7*7}}" in said
    assert "&lt;script&gt;" in said


async def test_T08_a_hostile_scope_goes_back_as_an_error_and_is_not_repeated(site: Site) -> None:
    """The scope of an otherwise good request is markup."""
    client_id = (await site.register())["client_id"]
    answer = await site.authorize(client_id, scope="<script>alert(1)</script>")
    assert answer.status == 303
    assert query_of(answer)["error"] == "invalid_scope"
    assert "alert" not in answer.headers["Location"]


@pytest.mark.parametrize("claimed", ["Claude", "CLAUDE.ai", "ChatGPT", "Cursor"])
async def test_T11_a_known_name_with_another_host_is_called_out(site: Site, claimed: str) -> None:
    """A client calls itself like a known product, but sends its code to another host."""
    evil = "https://evil.example/callback"
    client_id = (await site.register(client_name=claimed, redirect_uris=[evil]))["client_id"]
    page = await site.authorize(client_id, redirect_uri=evil)
    assert page.text.index("evil.example") < page.text.index(claimed), "the host comes first"
    assert "not verified" in page.text
    ticket = await ticket_of(site, page)
    assert any("evil.example" in warning for warning in ticket.warnings)
    assert (ticket.request.host, ticket.known) == ("evil.example", False)


async def test_T11_a_known_name_is_never_taken_over_by_another_host(site: Site) -> None:
    """A second client claims the name of one that was let in, from another host."""
    await site.connect("Claude")
    evil = "https://evil.example/callback"
    client_id = (await site.register(client_name="Claude", redirect_uris=[evil]))["client_id"]
    ticket = await ticket_of(site, await site.authorize(client_id, redirect_uri=evil))
    assert ticket.known is False
    assert ticket.suggested_name.lower() != "claude"


async def test_T12_a_client_on_the_browsers_computer_is_warned_about(site: Site) -> None:
    """A program claims to be Claude Code, and its code goes to a port of the browser's own computer."""
    local = "http://127.0.0.1/callback"
    client_id = (await site.register(client_name="Claude Code", redirect_uris=[local]))["client_id"]
    page = await site.authorize(client_id, redirect_uri="http://127.0.0.1:53211/callback")
    assert "computer of this browser" in page.text
    assert any("any local program" in warning for warning in (await ticket_of(site, page)).warnings)
    await site.approve(page)
    again = await site.authorize(client_id, redirect_uri="http://127.0.0.1:53212/callback")
    assert (again.status, len(site.waiting())) == (200, 1), "let in once, it waits again"


async def test_T13_what_is_approved_is_what_was_asked_at_first(site: Site) -> None:
    """Scope, connection, client and redirect are tampered with between the page and the approval."""
    client_id = (await site.register())["client_id"]
    page = await site.authorize(client_id, scope="read:market")
    evil = {"scope": "write:orders", "connection": "live", "client_id": "c-x", "redirect_uri": "https://evil.example/"}
    assert (await site.get(f"{wait_of(page)}?{urlencode(evil)}")).status == 200
    data = await site.done("client.approve", code=code_of(page))
    assert data["scopes"] == ["read:market"]
    back = await site.get(f"{wait_of(page)}?{urlencode(evil)}")
    assert back.headers["Location"].startswith(f"{REDIRECT}?code=")
    tokens = tokens_of(await site.redeem(client_id, query_of(back)["code"], scope="write:orders"))
    assert tokens.scope == "read:market"


async def test_T13_writes_are_granted_only_where_the_operator_names_them(site: Site) -> None:
    """A client asks for everything, and the operator just approves."""
    client_id = (await site.register())["client_id"]
    page = await site.authorize(client_id, scope=" ".join(Scope))
    ticket = await ticket_of(site, page)
    assert not {Scope.WRITE_ORDERS, Scope.WRITE_ALERTS} & set(ticket.preselected)
    data = await site.done("client.approve", code=code_of(page))
    assert "read:market" in data["scopes"]
    assert not [scope for scope in data["scopes"] if scope.startswith("write:")]


READ_ONLY = '[connections.paper]\nscopes = ["read:market", "read:account", "read:orders"]\n'


async def test_T14_a_scope_that_settings_do_not_allow_does_not_exist(tmp_path: Path) -> None:
    """A client asks for write:orders, and the operator types it, where settings allow reading alone."""
    async with open_site(tmp_path / "data", settings=READ_ONLY) as site:
        metadata = (await site.get("/.well-known/oauth-authorization-server")).json
        assert "write:orders" not in metadata["scopes_supported"]
        client_id = (await site.register())["client_id"]
        assert query_of(await site.authorize(client_id, scope="read:market write:orders"))["error"] == "invalid_scope"
        page = await site.authorize(client_id)
        given: dict[str, Any] = {"code": code_of(page), "as": "Tester", "scope": "write:orders"}
        assert await site.refused("client.approve", **given) == "SCOPE_NOT_ALLOWED"
        assert await site.refused("key.create", name="bot", scope="write:orders") == "SCOPE_NOT_ALLOWED"


async def test_T14_where_nothing_may_be_traded_no_client_may_write_orders(tmp_path: Path) -> None:
    """The connection says trade = false, and a client and the operator name write:orders all the same."""
    async with open_site(tmp_path / "data", settings="[connections.paper]\ntrade = false\n") as site:
        assert (
            "write:orders" not in (await site.get("/.well-known/oauth-authorization-server")).json["scopes_supported"]
        )
        client_id = (await site.register())["client_id"]
        assert query_of(await site.authorize(client_id, scope="read:market write:orders"))["error"] == "invalid_scope"
        given: dict[str, Any] = {"code": code_of(await site.authorize(client_id)), "as": "bot", "scope": "write:orders"}
        assert await site.refused("client.approve", **given) == "SCOPE_NOT_ALLOWED"


async def test_T14_settings_that_take_a_scope_back_take_it_from_those_who_have_it(tmp_path: Path) -> None:
    """A client was granted write:orders; then the settings allow reading alone."""
    clock = ManualClock()
    async with open_site(tmp_path / "data", clock) as site:
        client_id, tokens = await site.connect("Trader", TRADES)
        assert "place_order" in await site.tools(tokens.access)
        port = site.port
    async with open_site(tmp_path / "data", clock, port=port, settings=READ_ONLY) as site:
        assert "place_order" not in await site.tools(tokens.access)
        refused = await site.place(tokens.access)
        assert (refused.status, site.brokers["paper"].sent) == (403, [])
        fresh = tokens_of(await site.refresh(client_id, tokens.refresh, scope="read:market write:orders"))
        assert "write:orders" not in fresh.scope


async def test_T15_a_flood_of_browsers_neither_fills_the_screen_nor_keeps_others_out(tmp_path: Path) -> None:
    """Five hundred authorization requests come within a minute, from one address and then from many."""
    async with open_site(tmp_path / "data", roomy=False) as site:
        client_id = (await site.register())["client_id"]
        query = urlencode(site.asking(client_id))
        statuses = [await site.get(f"/oauth/authorize?{query}") for _ in range(250)]
        assert {answer.status for answer in statuses} == {200, 429}
        assert sum(answer.status == 200 for answer in statuses) == 5
        assert all("Retry-After" in answer.headers for answer in statuses if answer.status == 429)
        assert len(site.waiting()) == 5
        for number in range(2, 27):
            async with from_address(f"127.0.0.{number}") as flooding:
                for _ in range(10):
                    async with flooding.get(f"{site.base}/oauth/authorize?{query}", allow_redirects=False) as answer:
                        assert answer.status in {200, 429, 503}
        assert 5 < len(site.waiting()) <= 50
        site.clock.go(301)
        await site.authority.sweep()  # as it does by itself every second
        async with from_address("127.0.0.99") as honest:
            page = await site.authorize(client_id, http=honest)
            assert page.status == 200
            await site.approve(page)
            status, _, location = await looked(honest, site.base + wait_of(page))
            assert (status, str(location).startswith(REDIRECT)) == (303, True)


@pytest.mark.parametrize(
    "loads",
    [
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
async def test_T15_a_page_that_loads_it_as_a_picture_takes_no_place(tmp_path: Path, loads: dict[str, str]) -> None:
    """A web page in the operator's browser asks for authorization over and over, as a picture or in a frame."""
    async with open_site(tmp_path / "data", roomy=False) as site:
        client_id = (await site.register())["client_id"]
        query = urlencode(site.asking(client_id))
        for _ in range(250):
            answer = await site.get(f"/oauth/authorize?{query}", headers={**loads, "Sec-Fetch-Site": "cross-site"})
            assert answer.status == 400
        assert not site.waiting()
        assert (await site.authorize(client_id)).status == 200


async def test_T15_a_busy_address_keeps_no_other_out(tmp_path: Path) -> None:
    """One address floods the authorization endpoint while the operator connects from another."""
    async with open_site(tmp_path / "data", roomy=False) as site:
        client_id = (await site.register())["client_id"]
        for _ in range(250):
            await site.authorize(client_id)
        async with from_address("127.0.0.2") as honest:
            page = await site.authorize(client_id, http=honest)
            assert page.status == 200
            await site.approve(page, scopes=READS)


def from_address(address: str) -> aiohttp.ClientSession:
    """A browser at another address of this computer."""
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    return aiohttp.ClientSession(connector=connector, cookie_jar=jar, auto_decompress=False)
