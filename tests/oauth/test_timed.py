"""Authority for a time: scopes that fall away by themselves, ends that are moved, and clocks that are put back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.events import GrantChanged, Notice
from cockpit.model.identity import Grant, Scope
from cockpit.store.writes import StoreUnavailable
from tests.oauth.house import READS, House, ManualClock, open_house, refusal_code, tokens_of
from tests.oauth.test_keys import make

WRITES = frozenset({Scope.WRITE_ORDERS})
HALF_AN_HOUR = timedelta(minutes=30)


class TurnedClock(ManualClock):
    """A clock that somebody turns back by hand; its monotonic seconds don't follow."""

    def turn_back(self, seconds: float) -> None:
        self._now -= timedelta(seconds=seconds)


async def trade_for_half_an_hour(house: House) -> Grant:
    grant = house.authority.grants()[0]
    changed = await house.authority.set_scopes(grant.grant_id, WRITES, frozenset(), "screen", HALF_AN_HOUR)
    assert isinstance(changed, Grant), changed
    return changed


def scopes_of_call(house: House, token: str) -> frozenset[Scope]:
    caller: Any = house.check(token)
    return caller.grant.scopes


async def test_a_scope_for_a_time_is_there_until_its_last_second_and_gone_at_it(house: House) -> None:
    _, tokens = await house.connect()
    await trade_for_half_an_hour(house)
    house.clock.go(1799.999)
    assert scopes_of_call(house, tokens.access) == READS | WRITES
    house.clock.go(0.001)
    assert scopes_of_call(house, tokens.access) == READS
    assert house.authority.grants()[0].scopes == READS


async def test_a_token_that_is_issued_after_a_scope_fell_away_does_not_name_it(house: House) -> None:
    client_id, tokens = await house.connect()
    await trade_for_half_an_hour(house)
    first = tokens_of(await house.refresh(client_id, tokens.refresh))
    assert first.scope == "read:market read:account write:orders"
    house.clock.go(1800)
    second = tokens_of(await house.refresh(client_id, first.refresh))
    assert second.scope == "read:market read:account"


async def test_what_falls_away_is_recorded_and_told_to_streams_and_waiting_orders(house: House) -> None:
    await house.connect()
    await trade_for_half_an_hour(house)
    house.events.clear()
    await house.authority.sweep()
    assert house.events == [], "nothing is due yet"
    house.clock.go(1800)
    await house.authority.sweep()
    assert [type(event) for event in house.events] == [GrantChanged]
    (record,) = await house.store.audit_tail(1)
    assert record.detail["dropped"] == ["write:orders"]
    (row,) = await house.store.rows("SELECT scopes, timed FROM oauth_grants")
    assert (row["scopes"], row["timed"]) == ("read:market read:account", "")


async def test_a_scope_for_a_time_survives_a_restart_and_falls_away_while_the_host_is_off(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        _, tokens = await house.connect()
        before = await trade_for_half_an_hour(house)
    clock.go(60)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert house.authority.grants() == (before,)
        assert scopes_of_call(house, tokens.access) == READS | WRITES
    clock.go(1740)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert scopes_of_call(house, tokens.access) == READS


async def test_named_again_a_scope_gets_a_new_time_or_stays_for_good(house: House) -> None:
    _, tokens = await house.connect()
    grant = await trade_for_half_an_hour(house)
    house.clock.go(600)
    await trade_for_half_an_hour(house)
    house.clock.go(1799)
    assert scopes_of_call(house, tokens.access) >= WRITES
    await house.authority.set_scopes(grant.grant_id, WRITES, frozenset(), "screen")
    house.clock.go(700)
    assert scopes_of_call(house, tokens.access) >= WRITES


async def test_a_scope_that_is_not_named_keeps_its_time(house: House) -> None:
    _, tokens = await house.connect()
    grant = await trade_for_half_an_hour(house)
    await house.authority.set_scopes(grant.grant_id, frozenset({Scope.READ_ORDERS}), frozenset(), "screen")
    house.clock.go(1800)
    assert scopes_of_call(house, tokens.access) == READS | {Scope.READ_ORDERS}


async def test_a_scope_that_was_held_for_good_can_be_bounded_and_is_bounded_though_the_disk_is_full(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tokens = await house.connect(scopes=READS | WRITES)

    async def full(*_: object) -> tuple[int, ...]:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(house.store, "commit", full)
    grant = house.authority.grants()[0]
    answer = await house.authority.set_scopes(grant.grant_id, WRITES, frozenset(), "screen", HALF_AN_HOUR)
    assert refusal_code(answer) == "AUDIT_UNAVAILABLE"
    house.clock.go(1800)
    assert scopes_of_call(house, tokens.access) == READS


async def test_added_scopes_wait_for_the_disk(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, tokens = await house.connect()
    grant = house.authority.grants()[0]

    async def full(*_: object) -> tuple[int, ...]:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(house.store, "commit", full)
    answer = await house.authority.set_scopes(grant.grant_id, WRITES, frozenset(), "screen", HALF_AN_HOUR)
    assert refusal_code(answer) == "AUDIT_UNAVAILABLE"
    assert scopes_of_call(house, tokens.access) == READS


async def test_an_earlier_end_counts_for_access_and_refresh_tokens(house: House) -> None:
    client_id, tokens = await house.connect()
    grant = house.authority.grants()[0]
    assert isinstance(await house.authority.set_expiry(grant.grant_id, HALF_AN_HOUR, "socket"), Grant)
    house.clock.go(1799)
    assert house.lives(tokens.access)
    fresh = tokens_of(await house.refresh(client_id, tokens.refresh))
    assert fresh.expires_in == 1
    house.clock.go(1)
    assert not house.lives(fresh.access)
    assert (await house.refresh(client_id, fresh.refresh)).json["error"] == "invalid_grant"


async def test_a_later_end_is_said_twice_stays_within_the_settings_and_reaches_refresh_tokens(house: House) -> None:
    client_id, tokens = await house.connect()
    grant = house.authority.grants()[0]
    house.clock.go(10 * 86_400)
    month = timedelta(days=30)
    assert refusal_code(await house.authority.set_expiry(grant.grant_id, month, "socket")) == "BAD_ACT_ARGUMENTS"
    beyond = await house.authority.set_expiry(grant.grant_id, month + timedelta(seconds=1), "socket", longer=True)
    assert refusal_code(beyond) == "LIFE_BOUNDED"
    assert isinstance(await house.authority.set_expiry(grant.grant_id, month, "socket", longer=True), Grant)
    house.clock.go(29 * 86_400)
    assert house.lives(tokens_of(await house.refresh(client_id, tokens.refresh)).access), "39 days after its approval"


async def test_a_key_without_an_end_can_be_given_one_and_keeps_it_over_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        key, grant = await make(house)
        assert isinstance(await house.authority.set_expiry(grant.grant_id, HALF_AN_HOUR, "socket"), Grant)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        clock.go(1799)
        assert house.lives(key)
        clock.go(1)
        assert not house.lives(key)


async def test_a_clock_that_is_put_back_lengthens_no_token(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with open_house(tmp_path / "data", clock) as house:
        client_id, tokens = await house.connect()
        clock.go(1800)
        assert house.lives(tokens.access)
        clock.turn_back(1700)
        clock.go(1799)
        assert house.lives(tokens.access), "its hour isn't over"
        clock.go(1)
        assert not house.lives(tokens.access)
        fresh = tokens_of(await house.refresh(client_id, tokens.refresh))
        assert fresh.expires_in == 3600
        assert house.lives(fresh.access), "and what is issued now lives its own hour"
        clock.go(3600)
        assert not house.lives(fresh.access)


async def test_a_clock_that_is_put_back_over_a_restart_lengthens_no_token_and_is_told(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        _, tokens = await house.connect()
        clock.go(3599)
        assert house.lives(tokens.access)
    clock.turn_back(3000)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert house.lives(tokens.access)
        assert [event.bad for event in house.events if isinstance(event, Notice)] == [True]
        clock.go(1)
        assert not house.lives(tokens.access)


async def test_a_clock_is_believed_again_once_nothing_lives_that_it_could_lengthen(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with open_house(tmp_path / "data", clock) as house:
        await house.connect()
        clock.go(365 * 86_400)
        house.authority.live(house.authority.grants()[0].grant_id)
        clock.turn_back(365 * 86_400)
        house.authority.kill_now()
        house.authority.reopen()
        await house.connect("Again")
        assert house.authority.grants()[0].made_at == clock.now()
