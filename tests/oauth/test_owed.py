"""What is in force and not on disk yet: it is written in front of what is newer, and it is told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from cockpit.model.events import GrantChanged
from cockpit.model.identity import Grant, Scope
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreUnavailable, Write
from tests.oauth.house import READS, House, ManualClock, open_house, refusal_code

TRADE: Final = frozenset({Scope.WRITE_ORDERS})
ALERTS: Final = frozenset({Scope.WRITE_ALERTS})
NONE: Final = frozenset[Scope]()


def fill(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let nothing be written until the returned callable is called."""
    commit = house.store.commit

    async def refuse(*_: object) -> tuple[int, ...]:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(house.store, "commit", refuse)
    return lambda: monkeypatch.setattr(house.store, "commit", commit)


def one(house: House) -> Grant:
    (grant,) = house.authority.grants()
    return grant


async def test_a_narrowing_that_was_written_late_does_not_undo_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path) as house:
        await house.connect(scopes=READS | TRADE | ALERTS)
        freed = fill(house, monkeypatch)
        late = await house.authority.set_scopes(one(house).grant_id, NONE, ALERTS, "screen")
        assert refusal_code(late) == "AUDIT_UNAVAILABLE"
        freed()
        assert isinstance(await house.authority.set_scopes(one(house).grant_id, NONE, TRADE, "screen"), Grant)
        await house.authority.sweep()
    async with open_house(tmp_path) as house:
        assert one(house).scopes == READS


async def test_an_end_that_was_written_late_does_not_undo_a_sooner_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    async with open_house(tmp_path, clock) as house:
        await house.connect()
        freed = fill(house, monkeypatch)
        late = await house.authority.set_expiry(one(house).grant_id, timedelta(days=7), "screen")
        assert refusal_code(late) == "AUDIT_UNAVAILABLE"
        freed()
        soon = await house.authority.set_expiry(one(house).grant_id, timedelta(minutes=30), "screen")
        assert isinstance(soon, Grant)
        await house.authority.sweep()
    async with open_house(tmp_path, clock) as house:
        assert one(house).expires_at == soon.expires_at


async def test_a_lapse_that_comes_while_a_scope_is_dropped_does_not_bring_it_back(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path, clock) as house:
        await house.connect(scopes=READS | ALERTS)
        grant_id = one(house).grant_id
        await house.authority.set_scopes(grant_id, TRADE, NONE, "screen", timedelta(minutes=1))
        clock.go(60)
        async with house.authority._state.lock:
            dropped = asyncio.ensure_future(house.authority.set_scopes(grant_id, NONE, ALERTS, "screen"))
            await asyncio.sleep(0)
            swept = asyncio.ensure_future(house.authority.sweep())
            await asyncio.sleep(0)
        assert isinstance(await dropped, Grant)
        await swept
        assert one(house).scopes == READS
    async with open_house(tmp_path, clock) as house:
        assert one(house).scopes == READS


async def test_a_lapse_while_a_scope_is_added_leaves_the_added_one_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    async with open_house(tmp_path, clock) as house:
        await house.connect()
        grant_id = one(house).grant_id
        await house.authority.set_scopes(grant_id, TRADE, NONE, "screen", timedelta(minutes=1))
        commit, begun, go_on = house.store.commit, asyncio.Event(), asyncio.Event()

        async def slow(writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> tuple[int, ...]:
            begun.set()
            await go_on.wait()
            return await commit(writes, audit)

        monkeypatch.setattr(house.store, "commit", slow)
        adding = asyncio.ensure_future(house.authority.set_scopes(grant_id, ALERTS, NONE, "screen"))
        await begun.wait()
        clock.go(60)
        swept = asyncio.ensure_future(house.authority.sweep())
        await asyncio.sleep(0)
        go_on.set()
        assert isinstance(await adding, Grant)
        await swept
        assert one(house).scopes == READS | ALERTS
        (row,) = await house.store.rows("SELECT scopes FROM oauth_grants WHERE ended_at IS NULL")
        assert set(row["scopes"].split()) == {scope.value for scope in READS | ALERTS}


async def test_whatever_is_committed_next_carries_what_is_owed(house: House) -> None:
    await house.connect(scopes=READS | TRADE)
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    grant = next(one for one in house.authority.grants() if one.client == "Tester")
    house.authority._state.owe([], [Write("UPDATE oauth_grants SET hint = 'owed' WHERE 1", (), expect=77)], [])
    await house.approve(page, "Other")
    (row,) = await house.store.rows("SELECT hint FROM oauth_grants WHERE grant_id = ?", (grant.grant_id,))
    assert row["hint"] == "owed", "in front of the approval, and no count of its rows stands in anybody's way"
    assert house.authority._state.owed == []


@pytest.mark.parametrize("what", ["dropped", "bounded", "ended sooner"])
async def test_what_is_taken_away_is_told_although_it_cannot_be_written(
    house: House, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    await house.connect(scopes=READS | TRADE)
    grant = one(house)
    fill(house, monkeypatch)
    house.events.clear()
    match what:
        case "dropped":
            answer = await house.authority.set_scopes(grant.grant_id, NONE, TRADE, "screen")
        case "bounded":
            answer = await house.authority.set_scopes(grant.grant_id, TRADE, NONE, "screen", timedelta(minutes=1))
        case _:
            answer = await house.authority.set_expiry(grant.grant_id, timedelta(minutes=1), "screen")
    assert refusal_code(answer) == "AUDIT_UNAVAILABLE"
    assert [event.grant_id for event in house.events if isinstance(event, GrantChanged)] == [grant.grant_id]
    monkeypatch.undo()
