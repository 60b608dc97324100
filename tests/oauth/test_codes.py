"""Authorization codes and the token endpoint under attack."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.oauth.house import House, query_of, tokens_of, wait_of


async def test_a_request_cannot_pair_its_own_code_with_the_refresh_token_of_another(house: House) -> None:
    _, victim = await house.connect("Victim")
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id, "Attacker")
    tokens = tokens_of(await house.redeem(client_id, code, refresh_token=victim.refresh))
    caller: Any = house.check(tokens.access)
    assert caller.grant.client == "Attacker"
    attack = await house.refresh(client_id, victim.refresh, code=code)
    assert attack.json["error"] == "invalid_grant"
    assert house.lives(victim.access)


async def test_a_grant_that_nobody_collects_ends_by_itself(house: House) -> None:
    client_id = (await house.register())["client_id"]
    await house.code(client_id)
    assert len(house.authority.grants()) == 1
    house.clock.go(361)
    await house.authority.sweep()
    assert house.authority.grants() == ()


async def test_a_collected_grant_outlives_the_time_to_collect_it(house: House) -> None:
    _, tokens = await house.connect()
    house.clock.go(400)
    await house.authority.sweep()
    assert house.lives(tokens.access)


async def test_a_client_that_was_never_let_in_is_unauthorized_and_an_unknown_one_invalid(house: House) -> None:
    new = (await house.register())["client_id"]
    assert (await house.redeem(new, "x")).json["error"] == "unauthorized_client"
    assert (await house.redeem("c-nobody", "x")).json["error"] == "invalid_client"


async def test_a_grant_revoked_between_approval_and_the_next_poll_gives_no_code(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    await house.approve(page)
    await house.authority.revoke_client("Tester", "operator")
    gone = await house.get(wait_of(page))
    assert gone.status == 410
    assert "Location" not in gone.headers


async def test_the_answer_of_the_token_endpoint_is_what_picky_clients_want(house: House) -> None:
    client_id = (await house.register())["client_id"]
    answer = await house.redeem(client_id, await house.code(client_id))
    assert answer.json["token_type"] == "Bearer"
    assert type(answer.json["expires_in"]) is int
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    assert None not in answer.json.values()


async def test_a_token_never_outlives_its_grant(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    from datetime import timedelta

    await house.approve(page, lives=timedelta(minutes=10))
    tokens = tokens_of(await house.redeem(client_id, query_of(await house.get(wait_of(page)))["code"]))
    assert tokens.expires_in == 600
    house.clock.go(600)
    assert not house.lives(tokens.access)
    assert (await house.refresh(client_id, tokens.refresh)).json["error"] == "invalid_grant"


async def test_a_client_that_hangs_up_does_not_tear_its_redemption(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id)
    commit, begun, go_on, done = house.store.commit, asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(*given: Any) -> tuple[int, ...]:
        begun.set()
        await go_on.wait()
        numbers = await commit(*given)
        done.set()
        return numbers

    monkeypatch.setattr(house.store, "commit", slow)
    redeeming = asyncio.create_task(house.redeem(client_id, code))
    await begun.wait()
    redeeming.cancel()
    await asyncio.gather(redeeming, return_exceptions=True)
    await house.get("/oauth/jwks.json")
    go_on.set()
    await asyncio.wait_for(done.wait(), 5)
    assert len(await house.store.rows("SELECT 1 FROM oauth_refresh")) == 1
