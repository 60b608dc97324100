"""The authorization endpoint: what is answered here, what goes back to the client, and what a page shows."""

from __future__ import annotations

import pytest

from cockpit.model.identity import ClientName, Scope
from tests.oauth.house import CHALLENGE, READS, REDIRECT, House, code_of, refusal_code, wait_of


async def test_offline_access_is_taken_as_a_wish_to_stay(house: House) -> None:
    client_id = (await house.register())["client_id"]
    assert (await house.authorize(client_id, scope="read:market offline_access")).status == 200
    assert house.authority.waiting()[0].asked == (Scope.READ_MARKET,)


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
        ("OPERATOR ", READS, "paper", "NAME_BAD"),
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
