"""The whole way of a client, from registration to a call, over HTTP."""

from __future__ import annotations

from cockpit.model.events import ClientAsked, ClientAskEnded, GrantChanged
from cockpit.model.identity import Caller, Scope
from tests.oauth.house import READS, REDIRECT, House, code_of, query_of, tokens_of, wait_of


async def test_a_client_is_let_in_by_its_code_and_calls_with_its_token(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    assert page.status == 200
    assert (await house.get(wait_of(page))).status == 200, "it waits until the operator has decided"
    grant = await house.approve(page)
    back = await house.get(wait_of(page))
    assert back.status == 303
    assert back.headers["Location"].startswith(REDIRECT + "?")
    assert query_of(back)["state"] == "st4te"
    assert query_of(back)["iss"] == house.config.issuer
    tokens = tokens_of(await house.redeem(client_id, query_of(back)["code"]))
    caller = house.check(tokens.access)
    assert isinstance(caller, Caller)
    assert caller.grant == grant
    assert caller.narrowed is None
    assert tokens.scope == "read:market read:account"
    assert tokens.expires_in == 3600
    assert [type(event) for event in house.events] == [ClientAsked, ClientAskEnded, GrantChanged]
    said = [record.tool for record in await house.store.audit_tail(20) if record.kind == "client"]
    assert said == ["asked", "approved", "code", "token"]


async def test_the_same_poll_gets_the_same_redirect_when_its_answer_was_lost(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    await house.approve(page)
    first = await house.get(wait_of(page))
    second = await house.get(wait_of(page))
    assert first.headers["Location"] == second.headers["Location"]


async def test_a_refresh_rotates_and_the_new_token_works(house: House) -> None:
    client_id, tokens = await house.connect()
    house.clock.go(3601)
    assert not house.lives(tokens.access)
    fresh = tokens_of(await house.refresh(client_id, tokens.refresh))
    assert fresh.refresh != tokens.refresh
    assert house.lives(fresh.access)


async def test_what_is_granted_is_what_the_operator_chose_and_not_what_was_asked(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id, scope="read:market write:orders")
    await house.approve(page, scopes=frozenset({Scope.READ_MARKET, Scope.READ_ORDERS}))
    back = await house.get(wait_of(page))
    tokens = tokens_of(await house.redeem(client_id, query_of(back)["code"]))
    assert tokens.scope == "read:market read:orders"


async def test_a_denied_client_gets_access_denied(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    waiting = house.authority.by_code(code_of(page).lower())
    assert waiting is not None
    assert await house.authority.deny(waiting.request_id, "operator") is None
    back = await house.get(wait_of(page))
    assert back.status == 303
    assert query_of(back)["error"] == "access_denied"
    assert query_of(back)["iss"] == house.config.issuer
    assert "code" not in query_of(back)


async def test_nobody_decides_and_the_code_expires(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    house.clock.go(301)
    await house.authority.sweep()
    assert house.authority.by_code(code_of(page)) is None
    gone = await house.get(wait_of(page))
    assert gone.status == 410
    assert "Location" not in gone.headers


async def test_reads_are_asked_for_when_a_client_names_no_scope(house: House) -> None:
    client_id = (await house.register())["client_id"]
    await house.authorize(client_id, scope=None)
    asked = house.authority.waiting()[0].asked
    assert Scope.READ_MARKET in asked
    assert Scope.WRITE_ORDERS not in asked
    assert set(asked) >= READS
