"""API keys: made by the operator, shown once, bound like grants."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from cockpit.model.identity import Caller, ClientName, Grant, Via
from tests.oauth.house import READS, House, refusal_code

SCRIPT = ClientName("script")


async def make(house: House, name: str = "script", **more: Any) -> tuple[str, Grant]:
    made = await house.authority.create_key(ClientName(name), READS, "paper", more.get("lives"), "operator")
    assert isinstance(made, tuple), made
    return made


async def test_a_key_lets_in_and_carries_its_grant(house: House) -> None:
    key, grant = await make(house)
    caller = house.check(key)
    assert isinstance(caller, Caller)
    assert caller.grant == grant
    assert (grant.via, grant.host, grant.client) == (Via.KEY, "key", "script")
    assert house.authority.touched(grant.grant_id) == house.clock.now()
    assert [entry.kind for entry in await house.store.audit_tail(1)] == ["key"]


async def test_only_the_whole_key_lets_in_and_only_its_digest_is_kept(house: House) -> None:
    key, _ = await make(house)
    for wrong in (key[:-1], key + "A", key[3:], "ck_" + "A" * 43, key.upper()):
        assert not house.lives(wrong)
    await house.store.flush()
    stored = b"".join(path.read_bytes() for path in Path(house.store.folder).rglob("*") if path.is_file())
    assert key.encode() not in stored


async def test_a_key_expires(house: House) -> None:
    key, _ = await make(house, lives=timedelta(hours=1))
    house.clock.go(3599)
    assert house.lives(key)
    house.clock.go(1)
    assert not house.lives(key)
    await house.authority.sweep()
    assert house.authority.keys() == ()


async def test_a_revoked_key_is_dead_and_its_name_is_free_again(house: House) -> None:
    key, _ = await make(house)
    assert await house.authority.revoke_key(SCRIPT, "operator") is None
    assert not house.lives(key)
    assert refusal_code(await house.authority.revoke_key(SCRIPT, "operator")) == "KEY_UNKNOWN"
    await make(house)


async def test_a_name_belongs_to_one_client(house: House) -> None:
    await make(house)
    await house.connect("Claude")
    again = await house.authority.create_key(ClientName("Script"), READS, "paper", None, "operator")
    assert refusal_code(again) == "NAME_TAKEN"
    taken = await house.authority.create_key(ClientName("claude"), READS, "paper", None, "operator")
    assert refusal_code(taken) == "NAME_TAKEN"
    client_id = (await house.register())["client_id"]
    await house.authorize(client_id)
    waiting = house.authority.waiting()[0]
    for name in (SCRIPT, ClientName("Script"), ClientName("SCRIPT")):
        answer = await house.authority.approve(waiting.request_id, name, READS, "paper", None, "operator")
        assert refusal_code(answer) == "NAME_TAKEN"


async def test_a_key_cannot_be_made_beyond_the_settings(house: House) -> None:
    for scopes, connection, name, code in (
        (READS, "nowhere", "a", "CONNECTION_UNKNOWN"),
        (READS, "paper", "../a", "NAME_BAD"),
        (READS, "paper", "operator", "NAME_BAD"),
        (frozenset(house.config.grantable), "live", "a", "SCOPE_NOT_ALLOWED"),
    ):
        answer = await house.authority.create_key(ClientName(name), scopes, connection, None, "operator")
        assert refusal_code(answer) == code


async def test_an_access_token_is_no_way_to_use_a_key(house: House) -> None:
    """A key's grant has no tokens: one that names it can only be forged or stale."""
    _, tokens = await house.connect()
    _, grant = await make(house)
    assert house.lives(tokens.access)
    claims: Any = house.check(tokens.access)
    assert claims.grant.grant_id != grant.grant_id
