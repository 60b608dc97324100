"""How authority ends: revoked, killed, narrowed; at once in memory, for good on disk, and after a restart."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.events import ClientAskEnded, GrantChanged, GrantEnded
from cockpit.model.identity import ClientName, Grant, Scope
from cockpit.store.writes import StoreUnavailable
from tests.oauth.house import READS, House, ManualClock, open_house, refusal_code, tokens_of, wait_of
from tests.oauth.test_keys import SCRIPT, make


async def test_a_revoked_client_is_out_at_once_and_may_ask_again(house: House) -> None:
    client_id, tokens = await house.connect("Claude")
    ended = await house.authority.revoke_client("claude", "operator")
    assert isinstance(ended, tuple)
    assert len(ended) == 1
    assert not house.lives(tokens.access)
    assert (await house.refresh(client_id, tokens.refresh)).json["error"] == "invalid_client"
    assert isinstance(house.events[-1], GrantEnded)
    again = tokens_of(await house.redeem(client_id, await house.code(client_id)))
    assert house.lives(again.access)


async def test_a_client_is_revoked_by_its_id_too_and_an_unknown_one_is_said_to_be(house: House) -> None:
    client_id, tokens = await house.connect()
    assert isinstance(await house.authority.revoke_client(client_id, "operator"), tuple)
    assert not house.lives(tokens.access)
    assert refusal_code(await house.authority.revoke_client("nobody", "operator")) == "CLIENT_UNKNOWN"


async def test_one_of_two_grants_is_revoked_by_its_id_and_the_other_goes_on(house: House) -> None:
    client_id, first = await house.connect("Claude")
    second = tokens_of(await house.redeem(client_id, await house.code(client_id, "Claude")))
    caller: Any = house.check(first.access)
    assert len(await house.authority.revoke_client(caller.grant.grant_id, "operator")) == 1  # type: ignore[arg-type]
    assert not house.lives(first.access)
    assert house.lives(second.access)
    fresh = tokens_of(await house.refresh(client_id, second.refresh))
    assert house.lives(fresh.access), "its registration is still approved"
    caller = house.check(fresh.access)
    await house.authority.revoke_client(caller.grant.grant_id, "operator")
    assert (await house.refresh(client_id, fresh.refresh)).json["error"] == "invalid_client"


async def test_narrowing_counts_at_the_next_call(house: House) -> None:
    _, tokens = await house.connect()
    grant = house.authority.grants()[0]
    await house.authority.set_scopes(grant.grant_id, frozenset(), READS - {Scope.READ_MARKET}, "operator")
    caller: Any = house.check(tokens.access)
    assert caller.grant.scopes == frozenset({Scope.READ_MARKET})
    beyond = await house.authority.set_scopes("g-nobody", READS, frozenset(), "operator")  # type: ignore[arg-type]
    assert refusal_code(beyond) == "CLIENT_UNKNOWN"


async def test_what_is_taken_away_is_told_once_and_what_is_also_given_once_more(house: House) -> None:
    await house.connect()
    grant = house.authority.grants()[0]
    changes = [
        (frozenset(), frozenset({Scope.READ_ACCOUNT}), 1),
        (frozenset({Scope.READ_ACCOUNT}), frozenset(), 1),
        (frozenset({Scope.READ_ORDERS}), frozenset({Scope.READ_ACCOUNT}), 2),
        (frozenset(), frozenset(), 1),
    ]
    for add, drop, told in changes:
        house.events.clear()
        assert isinstance(await house.authority.set_scopes(grant.grant_id, add, drop, "operator"), Grant)
        assert [type(event) for event in house.events] == [GrantChanged] * told, (add, drop)
    for hours, longer, told in ((2, True, 1), (1, False, 1), (3, True, 1)):
        house.events.clear()
        lives = timedelta(hours=hours)
        assert isinstance(await house.authority.set_expiry(grant.grant_id, lives, "operator", longer=longer), Grant)
        assert [type(event) for event in house.events] == [GrantChanged] * told, hours


async def test_a_client_that_is_routed_elsewhere_is_bound_there_from_its_next_call_on(
    house: House,
) -> None:
    _, tokens = await house.connect()
    grant = house.authority.grants()[0]
    house.events.clear()
    moved = await house.authority.set_connection(grant.grant_id, "live", "operator")
    assert isinstance(moved, Grant)
    assert moved.scopes == grant.scopes
    caller: Any = house.check(tokens.access)
    assert caller.grant.connection == "live"
    assert [type(event) for event in house.events] == [GrantChanged]
    (row,) = await house.store.rows("SELECT connection FROM oauth_grants WHERE grant_id = ?", (grant.grant_id,))
    assert row["connection"] == "live"
    nowhere = await house.authority.set_connection(grant.grant_id, "nowhere", "operator")
    assert refusal_code(nowhere) == "CONNECTION_UNKNOWN"


async def test_the_kill_switch_ends_everything(house: House) -> None:
    client_id, tokens = await house.connect()
    other = (await house.register())["client_id"]
    code = await house.code(other, "Other")
    key, _ = await make(house)
    page = await house.authorize(client_id)
    house.events.clear()
    dead = house.authority.kill_now()
    assert len(dead) == 3
    assert not house.lives(tokens.access)
    assert not house.lives(key)
    assert house.authority.waiting() == ()
    assert {type(event) for event in house.events} == {GrantEnded, ClientAskEnded}
    await house.authority.kill_durably("operator")
    assert (await house.get(wait_of(page))).status == 503
    stopped = await house.authorize(client_id)
    assert stopped.status == 503
    assert "stopped" in stopped.text
    refused = await house.ask("POST", "/oauth/register", json={"redirect_uris": ["https://a.example/cb"]})
    assert refused.status == 503
    assert "stopped" in refused.json["error_description"]
    assert (await house.redeem(other, code)).status >= 400
    assert (await house.refresh(client_id, tokens.refresh)).status >= 400
    assert refusal_code(await house.authority.enable_key(SCRIPT, "operator")) == "KILL_SWITCH"
    made = await house.authority.create_key(ClientName("new"), READS, "paper", None, "operator")
    assert refusal_code(made) == "KILL_SWITCH"


async def test_after_the_kill_clients_may_ask_again_and_keys_come_back_one_by_one(house: House) -> None:
    client_id, tokens = await house.connect()
    key, _ = await make(house)
    second, _ = await make(house, "second")
    house.authority.kill_now()
    await house.authority.kill_durably("operator")
    house.authority.reopen()
    assert not house.lives(tokens.access)
    assert not house.lives(key)
    suspended = house.authority.keys()
    assert [grant.suspended for grant in suspended] == [True, True]
    assert await house.authority.enable_key(SCRIPT, "operator") is None
    assert house.lives(key)
    assert not house.lives(second)
    assert (await house.refresh(client_id, tokens.refresh)).json["error"] == "invalid_client"
    again = tokens_of(await house.redeem(client_id, await house.code(client_id)))
    assert house.lives(again.access)


async def test_everything_that_lives_survives_a_restart_and_nothing_else(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        client_id, tokens = await house.connect("Claude")
        _, revoked = await house.connect("Revoked")
        await house.authority.revoke_client("Revoked", "operator")
        key, _ = await make(house)
        code = await house.code(client_id, "Claude")
        grants, names = house.authority.grants(), house.authority.names()
        assert house.lives(tokens.access)
        used = house.authority.touched(grants[0].grant_id)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert house.authority.grants() == grants
        assert house.authority.names() == names
        assert house.authority.touched(grants[0].grant_id) == used
        assert house.lives(tokens.access)
        assert house.lives(key)
        assert not house.lives(revoked.access)
        assert (await house.refresh(client_id, tokens.refresh)).status == 200
        assert (await house.redeem(client_id, code)).status == 200


async def test_a_kill_survives_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        client_id, tokens = await house.connect()
        key, _ = await make(house)
        code = await house.code(client_id)
        house.authority.kill_now()
        await house.authority.kill_durably("operator")
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert not house.lives(tokens.access)
        assert not house.lives(key)
        assert [grant.suspended for grant in house.authority.grants()] == [True]
        assert (await house.refresh(client_id, tokens.refresh)).status >= 400
        assert (await house.redeem(client_id, code)).status >= 400


async def test_what_ends_while_the_disk_is_full_is_dead_at_once_and_written_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tokens = await house.connect("Claude")
    commit = house.store.commit

    async def full(*_: object) -> tuple[int, ...]:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(house.store, "commit", full)
    assert refusal_code(await house.authority.revoke_client("Claude", "operator")) == "AUDIT_UNAVAILABLE"
    assert not house.lives(tokens.access)
    with pytest.raises(StoreUnavailable):
        await house.authority.kill_durably("operator")
    monkeypatch.setattr(house.store, "commit", commit)
    open_before = await house.store.rows("SELECT 1 FROM oauth_grants WHERE ended_at IS NULL")
    assert len(open_before) == 1
    assert isinstance(await house.authority.revoke_client("Claude", "operator"), tuple)
    assert await house.store.rows("SELECT 1 FROM oauth_grants WHERE ended_at IS NULL") == []


async def test_the_token_endpoint_says_try_again_when_the_disk_is_full_and_nothing_is_spent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_id, tokens = await house.connect()
    commit = house.store.commit

    async def full(*_: object) -> tuple[int, ...]:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(house.store, "commit", full)
    answer = await house.refresh(client_id, tokens.refresh)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    monkeypatch.setattr(house.store, "commit", commit)
    assert (await house.refresh(client_id, tokens.refresh)).status == 200


async def test_an_approval_under_way_does_not_outlive_a_kill(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    client_id = (await house.register())["client_id"]
    await house.authorize(client_id)
    waiting = house.authority.waiting()[0]
    commit, begun, go_on = house.store.commit, asyncio.Event(), asyncio.Event()

    async def slow(*given: Any) -> tuple[int, ...]:
        begun.set()
        await go_on.wait()
        return await commit(*given)

    monkeypatch.setattr(house.store, "commit", slow)
    approving = asyncio.create_task(
        house.authority.approve(waiting.request_id, ClientName("Late"), READS, "paper", None, "operator")
    )
    await begun.wait()
    house.authority.kill_now()
    go_on.set()
    assert refusal_code(await approving) == "KILL_SWITCH"
    await house.authority.kill_durably("operator")
    assert house.authority.grants() == ()
    assert await house.store.rows("SELECT 1 FROM oauth_grants WHERE ended_at IS NULL") == []


@pytest.mark.parametrize("shown", ["access", "refresh", "code"])
async def test_what_belongs_to_an_ended_grant_is_shown_again_and_again_without_a_record_of_it(
    house: House, shown: str
) -> None:
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id)
    tokens = tokens_of(await house.redeem(client_id, code))
    other = tokens_of(await house.redeem(client_id, await house.code(client_id)))

    async def show() -> int:
        if shown == "code":
            return (await house.redeem(client_id, code)).status
        token = tokens.access if shown == "access" else tokens.refresh
        return (await house.ask("POST", "/oauth/revoke", data={"client_id": client_id, "token": token})).status

    first = await show()
    assert not house.lives(tokens.access)
    (before,) = await house.store.rows("SELECT max(number) AS last FROM audit")
    for _ in range(20):
        assert await show() == first
    (after,) = await house.store.rows("SELECT max(number) AS last FROM audit")
    assert after["last"] == before["last"]
    assert house.lives(other.access), "another grant of the same registration"
