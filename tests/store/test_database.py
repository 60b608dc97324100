from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from cockpit.store.audit import VOID, AuditQuery
from cockpit.store.database import Store
from cockpit.store.folder import StoreCannotOpen
from cockpit.store.writes import StoreUnavailable, Write, WriteConflict
from tests.store.conftest import NOON, StandingClock
from tests.store.watch import call, count_commits, edit, facts, on_writer, put


async def test_a_commit_is_seen_by_the_next_read_and_numbered_without_gaps(store: Store) -> None:
    assert await store.commit([put("a", b"1")], [call(), call()]) == (1, 2)
    assert await store.commit([put("b")]) == ()
    assert await store.commit([], [call()]) == (3,)
    assert await facts(store) == {"a", "b"}


async def test_a_record_comes_back_with_its_detail_opened(store: Store) -> None:
    await store.commit([], [call("place_order", symbol="ALFA", quantity=3)])
    (record,) = await store.audit_tail(10)
    assert (record.number, record.at, record.tool, record.client) == (1, NOON, "place_order", "Claude")
    assert record.readable
    assert record.detail == {"symbol": "ALFA", "quantity": 3}


async def test_the_detail_lies_sealed_in_the_file(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock) as store:
        await store.commit([], [call("get_account", account="DU1234567")])
    content = (folder / "cockpit.db").read_bytes()
    assert b"get_account" in content
    assert b"DU1234567" not in content


async def test_sixteen_callers_share_transactions(store: Store) -> None:
    commits = await count_commits(store)

    async def caller(who: int) -> None:
        for turn in range(10):
            await store.commit([put(f"{who}-{turn}")], [call()])

    await asyncio.gather(*(caller(who) for who in range(16)))
    assert len(await facts(store)) == 160
    assert len(commits) <= 40


async def test_a_conflict_undoes_its_own_unit_and_no_other(store: Store) -> None:
    await store.commit([put("taken")])
    results = await asyncio.gather(
        store.commit([put("before")], [call("before")]),
        store.commit([put("lost"), put("taken")], [call("lost"), call("lost too")]),
        store.commit([put("after")], [call("after")]),
        return_exceptions=True,
    )
    assert results[0] == (1,)
    assert isinstance(results[1], WriteConflict)
    assert results[2] == (4,)
    assert await facts(store) == {"taken", "before", "after"}
    assert [(each.kind, each.tool) for each in await store.audit_tail(9)] == [
        ("call", "before"),
        (VOID, "lost"),
        (VOID, "lost too"),
        ("call", "after"),
    ]
    assert (await store.audit_verify()).ok


async def test_a_wrong_count_of_rows_is_a_conflict_and_undoes_what_it_changed(store: Store) -> None:
    await store.commit([put("a"), put("b")])
    with pytest.raises(WriteConflict, match="expected 1 rows, met 2"):
        await store.commit([Write("UPDATE meta SET value = ? WHERE name <> 'audit_head'", (b"x",), expect=1)])
    assert {bytes(row["value"]) for row in await store.rows("SELECT value FROM meta")} == {b""}


@pytest.mark.parametrize(
    "write", [Write("INSERT INTO nowhere VALUES (1)"), Write("SELECT ?", (object(),)), Write("SELECT ?", (2**70,))]
)
async def test_a_statement_that_is_wrong_fails_alone(store: Store, write: Write) -> None:
    wrong, right = await asyncio.gather(
        store.commit([put("lost"), write], [call()]), store.commit([put("kept")], [call()]), return_exceptions=True
    )
    assert isinstance(wrong, (sqlite3.Error, OverflowError))
    assert right == (2,)
    assert await facts(store) == {"kept"}
    assert store.writable


async def test_a_cancelled_callers_unit_is_still_written(store: Store) -> None:
    waiting = asyncio.create_task(store.commit([put("a")], [call()]))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await store.flush()
    assert await facts(store) == {"a"}


async def test_commits_and_records_stand_in_the_chain_in_the_order_of_the_calls(store: Store) -> None:
    first = store.record(call("one"))
    second = asyncio.create_task(store.commit([], [call("two")]))
    await asyncio.sleep(0)
    third = store.record(call("three"))
    assert (first, await second, third) == (1, (2,), 3)
    assert [each.tool for each in await store.audit_tail(9)] == ["one", "two", "three"]


async def test_the_tail_ends_with_the_newest(store: Store) -> None:
    for turn in range(5):
        store.record(call(str(turn)))
    assert [each.tool for each in await store.audit_tail(2)] == ["3", "4"]


async def test_a_search_finds_by_clear_columns_and_pages_from_the_oldest(store: Store) -> None:
    for turn in range(6):
        store.record(call("even" if turn % 2 == 0 else "odd"))
    odd = AuditQuery(tool="odd")
    assert [each.number for each in await store.audit_search(odd, 2)] == [4, 6]
    first = await store.audit_search(odd, 2, oldest_first=True)
    assert [each.number for each in first] == [2, 4]
    rest = await store.audit_search(AuditQuery(tool="odd", after=4), 2, oldest_first=True)
    assert [each.number for each in rest] == [6]
    assert await store.audit_search(AuditQuery(since=NOON, until=NOON), 9) == []
    assert len(await store.audit_search(AuditQuery(since=NOON), 9)) == 6


async def test_a_search_for_an_order_uses_its_index(store: Store) -> None:
    plan = await store.rows(
        "EXPLAIN QUERY PLAN SELECT * FROM audit WHERE number > ? AND order_id = ? AND order_id <> ''"
        " ORDER BY number DESC LIMIT 5",
        (0, "O-1"),
    )
    assert "audit_order" in plan[0]["detail"]


async def test_reads_cannot_write(store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        await store.rows("DELETE FROM meta")


async def test_every_commit_is_synced_to_the_disk(store: Store) -> None:
    def pragmas(connection: sqlite3.Connection) -> list[object]:
        names = ("synchronous", "journal_mode", "foreign_keys", "busy_timeout")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await on_writer(store, pragmas) == [2, "wal", 1, 5000]


async def test_the_files_are_the_owners_alone(store: Store, folder: Path) -> None:
    await store.commit([put("a")])
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    assert modes == {
        "cockpit.db": 0o600,
        "cockpit.db-wal": 0o600,
        "cockpit.db-shm": 0o600,
        "cockpit.lock": 0o600,
        "keys": 0o700,
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_what_was_recorded_is_there_after_a_stop_and_the_chain_goes_on(
    folder: Path, clock: StandingClock
) -> None:
    async with Store(folder, clock) as store:
        assert [store.record(call()) for _ in range(2_500)][-1] == 2_500
    async with Store(folder, clock) as store:
        assert await store.commit([], [call()]) == (2_501,)
        assert await store.audit_verify(structure=True) == await store.audit_verify()
        assert (await store.audit_verify()).records == 2_501


async def test_a_closed_store_refuses(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock) as store:
        assert store.writable
    assert not store.writable
    with pytest.raises(StoreUnavailable):
        await store.commit([put("a")])
    with pytest.raises(StoreUnavailable):
        store.record(call())
    with pytest.raises(StoreUnavailable):
        await store.rows("SELECT 1")


async def test_a_clean_stop_leaves_no_log_beside_the_database(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock) as store:
        await store.commit([put("a")])
    assert sorted(each.name for each in folder.iterdir()) == ["cockpit.db", "cockpit.lock", "keys"]


async def test_a_second_store_on_the_folder_is_refused_and_harms_nothing(
    store: Store, folder: Path, clock: StandingClock
) -> None:
    with pytest.raises(StoreCannotOpen, match="Another cockpit"):
        await Store(folder, clock).__aenter__()
    assert await store.commit([put("a")], [call()]) == (1,)


@pytest.mark.parametrize("name", ["cockpit.db", "cockpit.lock", "keys/audit.key"])
async def test_a_file_open_to_others_is_refused_by_name(folder: Path, clock: StandingClock, name: str) -> None:
    async with Store(folder, clock):
        pass
    (folder / name).chmod(0o644)
    with pytest.raises(StoreCannotOpen, match=f"{name}.*chmod 600"):
        await Store(folder, clock).__aenter__()


@pytest.mark.parametrize("content", [b"this is not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 8_000])
async def test_a_file_that_is_no_database_is_refused_and_kept(
    folder: Path, clock: StandingClock, content: bytes
) -> None:
    folder.mkdir(mode=0o700)
    (folder / "cockpit.db").write_bytes(content)
    (folder / "cockpit.db").chmod(0o600)
    with pytest.raises(StoreCannotOpen, match="Restore it from a backup"):
        await Store(folder, clock).__aenter__()
    assert (folder / "cockpit.db").read_bytes() == content


async def test_a_damaged_database_is_refused(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock) as store:
        for _ in range(500):
            store.record(call(text="x" * 500))
    path = folder / "cockpit.db"
    content = bytearray(path.read_bytes())
    page = len(content) // 4096 // 2 * 4096
    content[page : page + 200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(StoreCannotOpen, match="damaged"):
        await Store(folder, clock).__aenter__()


async def test_another_audit_key_is_refused_at_the_start(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock) as store:
        await store.commit([], [call()])
    (folder / "keys" / "audit.key").write_bytes(b"n" * 32)
    with pytest.raises(StoreCannotOpen, match=r"not signed with the key in keys/audit\.key"):
        await Store(folder, clock).__aenter__()


async def test_a_chain_that_lost_its_end_is_refused_at_the_start(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock) as store:
        await store.commit([], [call(), call()])
    edit(folder, "DELETE FROM audit WHERE number = 2")
    with pytest.raises(StoreCannotOpen, match="changed from outside"):
        await Store(folder, clock).__aenter__()


async def test_a_refused_start_gives_the_folder_free(folder: Path, clock: StandingClock) -> None:
    folder.mkdir(mode=0o700)
    (folder / "cockpit.db").write_bytes(b"x" * 5_000)
    (folder / "cockpit.db").chmod(0o600)
    with pytest.raises(StoreCannotOpen):
        await Store(folder, clock).__aenter__()
    (folder / "cockpit.db").unlink()
    async with Store(folder, clock) as store:
        assert store.writable
