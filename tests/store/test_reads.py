from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.store import reads
from cockpit.store.audit import AuditEntry, AuditQuery
from cockpit.store.database import Store
from cockpit.store.outside import search_offline
from cockpit.store.reads import find_records, plan_of, slices
from cockpit.store.schema import migrate, shipped_migrations
from tests.store.conftest import NOON, StandingClock

COUNT = 400
CLIENTS, TOOLS, CODES, SYMBOLS = (
    ("claude", "cursor"),
    ("get_quote", "place_order"),
    ("", "HALTED"),
    ("", "ALFA", "BRVO"),
)


def entry(turn: int) -> AuditEntry:
    """One of many records; in the middle of them the clock jumps back by an hour."""
    code = CODES[turn % 7 == 0]
    back = timedelta(hours=1) if turn > COUNT // 2 else timedelta()
    return AuditEntry(
        NOON + timedelta(minutes=turn) - back,
        "call" if turn % 10 else "order",
        CLIENTS[turn % 3 == 0],
        TOOLS[turn % 5 == 0],
        "denied" if code else "ok",
        code,
        SYMBOLS[turn % 3],
        f"O-{turn // 4}" if turn % 4 == 0 else "",
        f"G-{turn % 2}",
        detail={"turn": turn},
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a stopped store with a few hundred different records."""
    folder = tmp_path_factory.mktemp("audit") / "data"

    async def write() -> None:
        async with Store(folder, StandingClock()) as store:
            for turn in range(1, COUNT + 1):
                store.record(entry(turn))

    asyncio.run(write())
    return folder


@pytest.fixture
def connection(written: Path) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(written / "cockpit.db")
    yield opened
    opened.close()


def way(connection: sqlite3.Connection, query: AuditQuery) -> str:
    """How SQLite goes about the inner statement, which finds the numbers."""
    plan = plan_of(connection, query, oldest_first=False)
    said = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {plan.sql}", (*plan.args, 10))]
    assert said[0] == "SEARCH audit USING INTEGER PRIMARY KEY (rowid=?)"
    assert not any("TEMP B-TREE" in line for line in said), said
    return said[-1]


MOMENTS = st.none() | st.integers(-10, COUNT + 10).map(lambda minutes: NOON + timedelta(minutes=minutes))
QUERIES = st.builds(
    AuditQuery,
    kind=st.sampled_from(["", "call", "order", "switch"]),
    client=st.sampled_from(["", *CLIENTS, "nobody"]),
    tool=st.sampled_from(["", *TOOLS]),
    outcome=st.sampled_from(["", "ok", "denied"]),
    code=st.sampled_from(CODES),
    symbol=st.sampled_from(SYMBOLS),
    order_id=st.sampled_from(["", "O-1", "O-50"]),
    grant_id=st.sampled_from(["", "G-1"]),
    since=MOMENTS,
    until=MOMENTS,
    after=st.sampled_from([0, 17, COUNT, 2**63 - 2, 2**63 - 1, 2**63, 10**30, -1, -(10**30)]),
)


def fits(turn: int, query: AuditQuery) -> bool:
    it = entry(turn)
    for name in ("kind", "client", "tool", "outcome", "code", "symbol", "order_id", "grant_id"):
        wanted = getattr(query, name)
        if wanted and wanted != getattr(it, name):
            return False
    after_since = query.since is None or it.at >= query.since
    return turn > query.after and after_since and (query.until is None or it.at < query.until)


@given(
    QUERIES,
    st.integers(1, 30),
    st.booleans(),
    st.sampled_from([(1,), (1, 40), (1_000, 100_000)]),
    st.sampled_from([1, 100, 50_000]),
)
def test_a_search_finds_exactly_what_fits_whichever_way_it_goes(
    written: Path, query: AuditQuery, count: int, oldest_first: bool, counted: tuple[int, ...], many: int
) -> None:
    every = [turn for turn in range(1, COUNT + 1) if fits(turn, query)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reads, "_COUNTED", counted)
        patch.setattr(reads, "_MANY", many)
        opened = sqlite3.connect(written / "cockpit.db")
        found = [each.number for each in find_records(opened, query, count, oldest_first, None)]
        streamed = [row[0] for piece in slices(opened, query, 7) for row in piece]
        opened.close()
    assert found == (every[:count] if oldest_first else every[-count:])
    assert streamed == every


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (AuditQuery(order_id="O-7", client="claude"), "audit_order (order_id=? AND rowid>? AND rowid<?)"),
        (AuditQuery(code="HALTED", client="claude"), "COVERING INDEX audit_code (code=? AND number>? AND number<?)"),
        (AuditQuery(symbol="ALFA", since=NOON), "COVERING INDEX audit_symbol (symbol=? AND number>? AND number<?)"),
        (AuditQuery(client="nobody"), "COVERING INDEX audit_client (client=? AND number>? AND number<?)"),
        (AuditQuery(tool="place_order"), "COVERING INDEX audit_tool (tool=? AND number>? AND number<?)"),
        (AuditQuery(kind="order"), "COVERING INDEX audit_kind (kind=? AND number>? AND number<?)"),
        (AuditQuery(outcome="denied"), "COVERING INDEX audit_outcome (outcome=? AND number>? AND number<?)"),
        (AuditQuery(kind="call", since=NOON), "COVERING INDEX audit_clear (number>? AND number<?)"),
        (AuditQuery(), "COVERING INDEX audit_clear (number>? AND number<?)"),
    ],
    ids=lambda value: value.split(" (")[0].split()[-1] if isinstance(value, str) else "",
)
def test_each_filter_goes_through_its_index(connection: sqlite3.Connection, query: AuditQuery, index: str) -> None:
    assert index in way(connection, query)


@pytest.mark.parametrize("counted", [(1,), (3,), (1_000,)])
def test_of_several_values_none_is_looked_for_in_sealed_details(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, counted: tuple[int, ...]
) -> None:
    monkeypatch.setattr(reads, "_COUNTED", counted)
    every = {
        "kind": "order",
        "client": "cursor",
        "tool": "get_quote",
        "outcome": "ok",
        "code": "HALTED",
        "symbol": "ALFA",
    }
    for one, other in itertools.combinations(every, 2):
        query = replace(AuditQuery(since=NOON), **{one: every[one], other: every[other]})
        assert "COVERING INDEX" in way(connection, query), query


def test_the_rarest_value_leads(connection: sqlite3.Connection) -> None:
    query = AuditQuery(client="claude", tool="place_order", outcome="denied")
    counts = {
        name: connection.execute(f"SELECT count(*) FROM audit WHERE {name} = ?", (getattr(query, name),)).fetchone()[0]
        for name in ("client", "tool", "outcome")
    }
    rarest = min(counts, key=lambda name: counts[name])
    assert f"audit_{rarest} " in way(connection, query)


def test_the_indexes_of_an_older_database_are_made_anew_with_its_records_in_them(written: Path, tmp_path: Path) -> None:
    shipped = shipped_migrations()
    older, newer = (sqlite3.connect(tmp_path / "older.db", isolation_level=None) for _ in range(2))
    migrate(older, [each for each in shipped if each.number < 15], 0)
    older.execute("ATTACH ? AS made", (str(written / "cockpit.db"),))
    older.execute("INSERT INTO audit SELECT * FROM made.audit")
    older.close()
    migrate(newer, shipped, 0)
    query = AuditQuery(client="cursor", tool="get_quote")
    found = [each.number for each in find_records(newer, query, COUNT, True, None)]
    assert found == [turn for turn in range(1, COUNT + 1) if fits(turn, query)]
    assert "COVERING INDEX" in way(newer, query)
    newer.close()


def test_records_are_found_and_opened_without_a_running_cockpit(written: Path) -> None:
    before = sorted(written.iterdir())
    (newest,) = search_offline(written, AuditQuery(order_id="O-50"), 9)
    assert (newest.number, newest.readable, newest.detail) == (200, True, {"turn": 200})
    assert sorted(written.iterdir()) == before
