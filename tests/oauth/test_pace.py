"""How often one grant is given new tokens, and what it costs nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.identity import ClientName, GrantId
from oauth.authority import Made, Terms
from oauth.pace import Pace
from tests.oauth.house import READS, House, open_house, tokens_of

A, B = GrantId("g-a"), GrantId("g-b")


@pytest.fixture
async def paced(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path / "data", refreshes_each_minute=3, refreshes_at_once=3) as opened:
        yield opened


async def written(house: House) -> tuple[int, int]:
    (rows,) = await house.store.rows("SELECT count(*) AS n FROM oauth_refresh")
    (records,) = await house.store.rows("SELECT max(number) AS n FROM audit")
    return rows["n"], records["n"]


async def test_a_client_that_refreshes_without_end_is_told_to_come_later_and_writes_nothing(paced: House) -> None:
    client_id, tokens = await paced.connect()
    other_id, other = await paced.connect("Other")
    for _ in range(3):
        tokens = tokens_of(await paced.refresh(client_id, tokens.refresh))
    before = await written(paced)
    for _ in range(20):
        answer = await paced.refresh(client_id, tokens.refresh)
        assert (answer.status, answer.json["error"]) == (429, "too_many_requests")
        assert answer.headers["Retry-After"] == "20"
    assert await written(paced) == before
    assert (await paced.refresh(other_id, other.refresh)).status == 200, "another grant"
    paced.clock.go(20)
    fresh = tokens_of(await paced.refresh(client_id, tokens.refresh))
    assert paced.lives(fresh.access), "the token that was turned away is as good as before"


async def test_denials_that_leave_a_record_are_counted_too(paced: House) -> None:
    client_id, first = await paced.connect()
    second = tokens_of(await paced.refresh(client_id, first.refresh))
    tokens_of(await paced.refresh(client_id, second.refresh))
    stale = [(await paced.refresh(client_id, first.refresh)).status for _ in range(4)]
    assert stale == [400, 429, 429, 429]


async def test_an_old_token_ends_its_grant_however_fast_it_comes(paced: House) -> None:
    client_id, first = await paced.connect()
    second = tokens_of(await paced.refresh(client_id, first.refresh))
    third = tokens_of(await paced.refresh(client_id, second.refresh))
    paced.clock.go(61)
    for _ in range(3):
        third = tokens_of(await paced.refresh(client_id, third.refresh))
    assert (await paced.refresh(client_id, third.refresh)).status == 429
    assert (await paced.refresh(client_id, first.refresh)).status == 400
    assert not paced.lives(third.access)


async def test_a_service_has_a_pace_too(paced: House) -> None:
    made = await paced.authority.create_service(Terms(ClientName("robot"), READS, "paper", None), "screen")
    assert isinstance(made, Made)
    asked = {"client_id": made.grant.client_id, "client_secret": made.secret}
    statuses = [(await paced.token(grant_type="client_credentials", **asked)).status for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


@given(
    rate=st.integers(1, 100),
    at_once=st.integers(1, 100),
    gaps=st.lists(st.floats(0, 30, allow_nan=False), max_size=200),
)
def test_no_span_holds_more_than_its_share(rate: int, at_once: int, gaps: list[float]) -> None:
    pace, now, passed = Pace(rate, at_once), 1000.0, 0
    for gap in gaps:
        now += gap
        passed += pace.take(A, now) is None
    assert passed <= at_once + (now - 1000.0) * rate / 60 + 1e-3


def test_who_waits_as_long_as_told_is_let_through_and_others_do_not_wait() -> None:
    pace = Pace(2, 2)
    assert [pace.take(A, 5.0) for _ in range(3)] == [None, None, 30]
    assert pace.take(B, 5.0) is None
    assert pace.take(A, 35.0) is None


def test_grants_at_rest_are_forgotten() -> None:
    pace = Pace(60, 60)
    for number in range(5000):
        pace.take(GrantId(f"g-{number}"), number * 2.0)
    assert len(pace._empty_at) <= 1024
