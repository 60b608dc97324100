"""Refresh tokens over HTTP: rotation, lost answers, theft, clamped scopes, and the end of a family."""

from __future__ import annotations

from typing import Any

from cockpit.model.identity import Scope
from tests.oauth.house import READS, House, tokens_of


async def test_a_stolen_token_in_the_hands_of_another_client_harms_nobody(house: House) -> None:
    owner, tokens = await house.connect()
    thief, _ = await house.connect("Thief")
    second = tokens_of(await house.refresh(owner, tokens.refresh))
    tokens_of(await house.refresh(owner, second.refresh))
    house.clock.go(61)
    assert (await house.refresh(thief, tokens.refresh)).json["error"] == "invalid_grant"
    assert house.lives(second.access)


async def test_a_narrowed_client_that_asks_for_what_it_had_gets_what_is_left(house: House) -> None:
    client_id, tokens = await house.connect()
    grant = house.authority.grants()[0]
    await house.authority.set_scopes(grant.grant_id, frozenset(), READS - {Scope.READ_MARKET}, "operator")
    fresh = tokens_of(await house.refresh(client_id, tokens.refresh, scope="read:market read:account"))
    assert fresh.scope == "read:market"


async def test_a_client_that_asks_for_less_gets_less_and_may_have_it_all_back(house: House) -> None:
    client_id, tokens = await house.connect()
    less = tokens_of(await house.refresh(client_id, tokens.refresh, scope="read:market"))
    caller: Any = house.check(less.access)
    assert caller.narrowed == frozenset({Scope.READ_MARKET})
    full = tokens_of(await house.refresh(client_id, less.refresh))
    caller = house.check(full.access)
    assert caller.narrowed is None
    assert caller.grant.scopes == READS


async def test_a_scope_that_the_operator_adds_reaches_a_client_that_repeats_its_first_wish(house: House) -> None:
    client_id, tokens = await house.connect()
    grant = house.authority.grants()[0]
    await house.authority.set_scopes(grant.grant_id, frozenset({Scope.WRITE_ORDERS}), frozenset(), "operator")
    caller: Any = house.check(tokens.access)
    assert Scope.WRITE_ORDERS in caller.grant.scopes, "at the next call, with the same token"
    fresh = tokens_of(await house.refresh(client_id, tokens.refresh, scope="read:market read:account"))
    caller = house.check(fresh.access)
    assert caller.narrowed is None


async def test_a_family_ends_on_its_day_however_often_it_was_rotated(house: House) -> None:
    client_id, tokens = await house.connect()
    for _ in range(29):
        house.clock.go(86_400)
        tokens = tokens_of(await house.refresh(client_id, tokens.refresh))
    house.clock.go(86_400)
    assert (await house.refresh(client_id, tokens.refresh)).json["error"] == "invalid_grant"
    await house.authority.sweep()
    assert house.authority.grants() == ()
