"""A connection's name that stands for another account than at the last start: nobody writes there unnoticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cockpit.model.events import Notice
from cockpit.model.identity import WRITE_SCOPES, ClientName, Grant, Scope
from cockpit.model.trading import Mode
from cockpit.store.writes import StoreUnavailable
from oauth.config import Behind
from tests.oauth.house import READS, House, ManualClock, open_house

PAPER, REAL = Behind(Mode.PAPER, "DU1"), Behind(Mode.LIVE, "U1")
SCOPES = READS | {Scope.WRITE_ORDERS}


def start(folder: Path, clock: ManualClock, **behind: Behind) -> Any:
    allowed = dict.fromkeys(behind or {"paper": PAPER}, frozenset(Scope))
    return open_house(folder / "data", clock, behind=behind, scopes_by_connection=allowed)


async def key(house: House, name: str, scopes: frozenset[Scope] = SCOPES, connection: str = "main") -> Grant:
    made = await house.authority.create_key(ClientName(name), scopes, connection, None, "screen")
    assert isinstance(made, tuple), made
    return made[1]


def told(house: House) -> list[str]:
    return [event.text for event in house.events if isinstance(event, Notice) and event.bad]


def scopes(house: House, grant: Grant) -> frozenset[Scope]:
    live = house.authority.live(grant.grant_id)
    assert live is not None
    return live.scopes


async def test_what_was_given_for_paper_money_does_not_write_with_real_money_until_it_is_given_again(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with start(tmp_path, clock, main=PAPER, other=PAPER) as house:
        writes, reads = await key(house, "batch"), await key(house, "watcher", READS)
        elsewhere = await key(house, "elsewhere", connection="other")
        assert told(house) == []
    async with start(tmp_path, clock, main=REAL, other=PAPER) as house:
        assert (scopes(house, writes), scopes(house, reads)) == (READS, READS)
        assert scopes(house, elsewhere) == SCOPES
        assert [one.grant_id for one in house.authority.no_longer_writing] == [writes.grant_id]
        (says,) = told(house)
        assert "main was paper money at the last start and is real now" in says
        assert says.endswith("batch.")
    async with start(tmp_path, clock, main=REAL, other=PAPER) as house:
        assert told(house) == []
        assert scopes(house, writes) == READS, "a second start changes nothing"
        given = await house.authority.set_scopes(writes.grant_id, WRITE_SCOPES, frozenset(), "screen")
        assert isinstance(given, Grant)
    async with start(tmp_path, clock, main=REAL, other=PAPER) as house:
        assert scopes(house, writes) == READS | WRITE_SCOPES
        assert house.authority.no_longer_writing == ()


async def test_a_name_that_was_gone_for_a_while_still_stands_for_what_it_stood_for(tmp_path: Path) -> None:
    clock = ManualClock()
    async with start(tmp_path, clock, main=PAPER) as house:
        writes = await key(house, "batch")
    async with start(tmp_path, clock, other=PAPER) as house:
        assert scopes(house, writes) == SCOPES
    async with start(tmp_path, clock, main=REAL) as house:
        assert scopes(house, writes) == READS


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        (REAL, Behind(Mode.LIVE, "U2"), "(live U1, now live U2)"),
        (REAL, PAPER, "(live U1, now paper DU1)"),
        (PAPER, Behind(Mode.PAPER, "DU2"), "(paper DU1, now paper DU2)"),
        (Behind(Mode.PAPER, ""), PAPER, ""),
        (PAPER, Behind(Mode.PAPER, ""), ""),
    ],
)
async def test_of_another_account_those_are_told_who_may_write_there(
    tmp_path: Path, was: Behind, now: Behind, says: str
) -> None:
    clock = ManualClock()
    async with start(tmp_path, clock, main=was) as house:
        writes = await key(house, "batch")
        await key(house, "watcher", READS)
    async with start(tmp_path, clock, main=now) as house:
        assert scopes(house, writes) == SCOPES
        assert [says in one and "batch may write" in one for one in told(house)] == ([True] if says else [])


async def test_an_account_that_is_named_again_is_the_one_that_was_named_last(tmp_path: Path) -> None:
    clock = ManualClock()
    for behind, loud in ((PAPER, 0), (Behind(Mode.PAPER, ""), 0), (Behind(Mode.PAPER, "DU2"), 1)):
        async with start(tmp_path, clock, main=behind) as house:
            if behind is PAPER:
                await key(house, "batch")
            assert len(told(house)) == loud


async def test_a_client_whose_orders_went_to_paper_money_that_is_real_now_writes_no_longer(tmp_path: Path) -> None:
    clock = ManualClock()
    async with start(tmp_path, clock, main=REAL, shadow=PAPER) as house:
        writes = await key(house, "batch")
    async with open_house(
        tmp_path / "data",
        clock,
        orders_go=lambda client: "shadow",
        behind={"main": REAL, "shadow": REAL},
        scopes_by_connection=dict.fromkeys(("main", "shadow"), frozenset(Scope)),
    ) as house:
        assert scopes(house, writes) == READS


async def test_where_the_disk_takes_nothing_the_scopes_are_gone_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    async with start(tmp_path, clock, main=PAPER) as house:
        writes = await key(house, "batch")

    async def full(*_: object) -> None:
        raise StoreUnavailable("full")

    with monkeypatch.context() as broken:
        broken.setattr("oauth.state.State.commit", full)
        async with start(tmp_path, clock, main=REAL) as house:
            assert scopes(house, writes) == READS
    async with start(tmp_path, clock, main=REAL) as house:
        assert scopes(house, writes) == READS
