"""The authorization endpoint: what is answered here, what goes back to the client, and what a page shows."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest

from cockpit.model.identity import ClientName, Scope
from tests.oauth.house import CHALLENGE, READS, REDIRECT, House, code_of, query_of, refusal_code, wait_of


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/callback",
        "https://client.example/callback/",
        "https://client.example/callback?x=1",
        "https://CLIENT.example/callback",
        "https://client.example:443/callback",
        "https://client.example.evil/callback",
        "https://client.example@evil.example/callback",
        "https://client.example/%2e%2e/callback",
        "https://client.example\\@evil.example/callback",
        "https://client.example/callback\n",
        'https://x/"é',
        "javascript:alert(1)",
    ],
)
async def test_a_wrong_redirect_is_answered_here_and_never_followed(house: House, uri: str) -> None:
    client_id = (await house.register())["client_id"]
    answer = await house.authorize(client_id, redirect_uri=uri, response_type="token")
    assert answer.status == 400
    assert "Location" not in answer.headers
    assert house.authority.waiting() == ()


async def test_an_unknown_client_is_answered_here(house: House) -> None:
    for client_id in ("c-nobody", "https://evil.example", None):
        answer = await house.authorize(client_id)
        assert (answer.status, "Location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:42]}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "A"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "trade:orders"}, "invalid_scope"),
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request_uri": "https://evil.example/request"}, "invalid_request"),
        ({"request": "e30.e30."}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("method", ["none", "client_secret_post"])
async def test_other_faults_go_back_to_the_client_with_state_and_issuer(
    house: House, changed: dict[str, Any], error: str, method: str
) -> None:
    client_id = (await house.register(token_endpoint_auth_method=method))["client_id"]
    answer = await house.authorize(client_id, **changed)
    assert answer.status == 303
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    said = query_of(answer)
    assert (said["error"], said["state"], said["iss"]) == (error, "st4te", house.config.issuer)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state", "code_challenge", "response_type", "scope"])
async def test_a_repeated_parameter_is_answered_here(house: House, name: str) -> None:
    client_id = (await house.register())["client_id"]
    query = {"client_id": client_id, "redirect_uri": REDIRECT, "response_type": "code", "code_challenge": CHALLENGE}
    values = query | {"code_challenge_method": "S256", "state": "s", "scope": "read:market"}
    twice: dict[str, Any] = values | {name: [values[name]] * 2}
    answer = await house.authorize(client_id, **twice)
    assert (answer.status, "Location" in answer.headers) == (400, False)


async def test_offline_access_is_taken_as_a_wish_to_stay(house: House) -> None:
    client_id = (await house.register())["client_id"]
    assert (await house.authorize(client_id, scope="read:market offline_access")).status == 200
    assert house.authority.waiting()[0].asked == (Scope.READ_MARKET,)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_a_loopback_redirect_fits_on_any_port_and_nothing_else_of_it_may_differ(house: House, host: str) -> None:
    client_id = (await house.register(redirect_uris=[f"http://{host}/callback"]))["client_id"]
    assert (await house.authorize(client_id, redirect_uri=f"http://{host}:53211/callback")).status == 200
    other = "127.0.0.1" if host == "localhost" else "localhost"
    for uri in (f"http://{host}:5/other", f"http://{other}:5/callback", f"http://{host}:5/callback?a=b"):
        assert (await house.authorize(client_id, redirect_uri=uri)).status == 400, uri


async def test_the_code_goes_back_to_the_port_that_was_asked_for(house: House) -> None:
    client_id = (await house.register(redirect_uris=["http://localhost/callback"]))["client_id"]
    page = await house.authorize(client_id, redirect_uri="http://localhost:53211/callback")
    assert "computer of this browser" in page.text
    await house.approve(page)
    back = await house.get(wait_of(page))
    assert back.headers["Location"].startswith("http://localhost:53211/callback?code=")


async def test_an_application_gets_its_code_through_its_own_scheme(house: House) -> None:
    uri = "cursor://anysphere.cursor-mcp/oauth/callback"
    client_id = (await house.register(redirect_uris=[uri]))["client_id"]
    page = await house.authorize(client_id, redirect_uri=uri)
    assert "cursor://anysphere.cursor-mcp" in page.text
    await house.approve(page)
    back = await house.get(wait_of(page))
    assert (back.status, back.headers["Location"].split("?")[0]) == (303, uri)


async def test_the_operator_lets_in_the_browser_whose_code_was_typed_and_no_other(house: House) -> None:
    """Anybody can bring a genuine client of theirs to wait beside the operator's own."""
    client_id = (await house.register())["client_id"]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as attackers_browser:
        theirs = await house.authorize(client_id, http=attackers_browser)
        mine = await house.authorize(client_id)
        assert code_of(mine) != code_of(theirs)
        await house.approve(mine)
        assert (await house.get(wait_of(mine))).status == 303
        async with attackers_browser.get(house.base + wait_of(theirs), allow_redirects=False) as still:
            assert still.status == 200
    house.clock.go(301)
    assert house.authority.waiting() == ()
    assert house.authority.by_code(code_of(theirs)) is None


async def test_the_page_that_waits_is_shown_to_its_own_browser_alone(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    async with aiohttp.ClientSession() as other:
        for jar in ({}, {"cockpit_bind": "A" * 43}, {"cockpit_bind": "x"}):
            async with other.get(house.base + wait_of(page), cookies=jar, allow_redirects=False) as answer:
                assert answer.status == 400
                assert code_of(page) not in await answer.text()
        await house.approve(page)
        async with other.get(house.base + wait_of(page), allow_redirects=False) as answer:
            assert (answer.status, "Location" in answer.headers) == (400, False)
    assert (await house.get(wait_of(page))).status == 303


async def test_two_tabs_of_one_browser_wait_each_for_itself(house: House) -> None:
    client_id = (await house.register())["client_id"]
    first, second = await house.authorize(client_id), await house.authorize(client_id)
    assert code_of(first) != code_of(second)
    await house.approve(second)
    assert (await house.get(wait_of(first))).status == 200
    assert (await house.get(wait_of(second))).status == 303


async def test_a_decision_is_made_once(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    waiting = house.authority.waiting()[0]
    await house.approve(page)
    assert house.authority.by_code(code_of(page)) is None
    again = await house.authority.approve(waiting.request_id, ClientName("Again"), READS, "paper", None, "operator")
    assert refusal_code(again) == "ALREADY_DECIDED"
    assert refusal_code(await house.authority.deny(waiting.request_id, "operator")) == "ALREADY_DECIDED"
    assert len(house.authority.grants()) == 1


@pytest.mark.parametrize(
    ("name", "scopes", "connection", "code"),
    [
        ("", READS, "paper", "NAME_BAD"),
        ("[@click=app.quit]x[/]", READS, "paper", "NAME_BAD"),
        ("ok", READS, "nowhere", "CONNECTION_UNKNOWN"),
        ("ok", frozenset({Scope.WRITE_ORDERS}), "live", "SCOPE_NOT_ALLOWED"),
    ],
)
async def test_terms_that_settings_do_not_allow_are_refused(
    house: House, name: str, scopes: frozenset[Scope], connection: str, code: str
) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    waiting = house.authority.waiting()[0]
    answer = await house.authority.approve(waiting.request_id, ClientName(name), scopes, connection, None, "operator")
    assert refusal_code(answer) == code
    await house.approve(page)


async def test_a_new_registration_may_be_put_to_a_known_name(house: House) -> None:
    await house.connect("Claude")
    client_id = (await house.register())["client_id"]
    grant = await house.approve(await house.authorize(client_id), name="claude")
    assert grant.client == "Claude"
    known = house.authority.names()
    assert [(one.name, one.hosts, one.claimed) for one in known] == [("Claude", ("client.example",), ("Tester",))]


async def test_a_hostile_name_is_shown_as_text_and_carries_nothing_that_steers(house: House) -> None:
    name = '<script>alert(1)</script>{{7*7}}\x1b[2J\u202e"><img src=x>'
    client_id = (await house.register(client_name=name))["client_id"]
    page = await house.authorize(client_id)
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "49" not in re.sub(r"#\w+", "", page.text.split("Calls itself")[1].split("Asks for")[0])
    shown = house.authority.waiting()[0].claimed_name
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown) <= 60


async def test_a_page_can_load_and_send_nothing_elsewhere(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text
    assert "<form" not in page.text
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    style = await house.get("/oauth/style.css")
    assert (style.status, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


async def test_looking_with_head_lets_nobody_wait_and_spends_nothing(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    query = f"client_id={client_id}&response_type=code&redirect_uri={REDIRECT}&code_challenge={CHALLENGE}"
    answer = await house.ask("HEAD", f"/oauth/authorize?{query}&code_challenge_method=S256")
    assert answer.status == 200
    assert len(house.authority.waiting()) == 1
    await house.approve(page)
    assert (await house.ask("HEAD", wait_of(page))).status == 200
    assert (await house.get(wait_of(page))).status == 303
