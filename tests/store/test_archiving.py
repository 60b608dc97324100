from __future__ import annotations

import asyncio
import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from cockpit.store import archiving
from cockpit.store.archiving import ArchiveFailed, Keep
from cockpit.store.audit import AuditEntry, AuditQuery
from cockpit.store.database import Store
from cockpit.store.export import export_audit
from cockpit.store.verify import verify_offline
from cockpit.store.writes import StoreUnavailable
from tests.store.conftest import NOON, StandingClock
from tests.store.watch import edit

COUNT = 5_000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "DELETED_AT_ONCE", 100)


async def fill(store: Store, count: int = COUNT) -> None:
    for turn in range(count):
        store.record(AuditEntry(NOON + timedelta(minutes=turn), "call", "claude", "get_quote", detail={"turn": turn}))
    await store.flush()


async def numbers(store: Store) -> tuple[int, int]:
    (row,) = await store.rows("SELECT min(number), max(number) FROM audit")
    return row[0], row[1]


@pytest.fixture
async def archived(folder: Path, clock: StandingClock) -> Path:
    """The folder of a stopped store with two archives of 2,000 and 1,500 records; it keeps the rest."""
    async with Store(folder, clock) as store:
        await fill(store)
        await store.audit_archive(Keep(records=3_000))
        await store.audit_archive(Keep(since=NOON + timedelta(minutes=3_500)))
    return folder


def archive_files(folder: Path) -> list[Path]:
    return sorted((folder / "archive").iterdir())


async def test_the_chain_goes_on_after_an_archive_and_is_verified_as_one(store: Store, folder: Path) -> None:
    await fill(store)
    archive = await store.audit_archive(Keep(records=3_000))
    assert archive is not None
    assert (archive.first, archive.end.number) == (1, 2_000)
    assert await numbers(store) == (2_001, COUNT + 1)
    (path,) = archive_files(folder)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await fill(store, 10)
    verdict = await store.audit_verify(structure=True)
    assert (verdict.ok, verdict.records) == (True, COUNT + 11)
    assert (await store.audit_verify(archives=False)).records == COUNT + 11 - 2_000
    (told,) = await store.audit_search(AuditQuery(tool="audit_archive"), 9)
    assert told.detail == {"first": 1, "last": 2_000, "hash": archive.end.hash.hex(), "file": path.name}


async def test_records_before_a_time_go_and_a_second_archive_hangs_on_the_first(archived: Path) -> None:
    assert [path.name for path in archive_files(archived)] == [
        "audit-0000000001-0000002000.db",
        "audit-0000002001-0000003500.db",
    ]
    verdict = verify_offline(archived, structure=True)
    assert (verdict.ok, verdict.records) == (True, COUNT + 2)


async def test_nothing_to_archive_is_no_archive_and_the_newest_record_always_stays(store: Store, folder: Path) -> None:
    assert await store.audit_archive(Keep(records=0)) is None
    await fill(store, 10)
    assert await store.audit_archive(Keep()) is None
    assert await store.audit_archive(Keep(records=10, since=NOON)) is None
    assert not (folder / "archive").exists()
    await store.audit_archive(Keep(since=NOON + timedelta(days=9_999)))
    assert await numbers(store) == (10, 11)
    assert (await store.audit_verify()).ok


async def test_an_archived_store_opens_again_and_goes_on(archived: Path, clock: StandingClock) -> None:
    async with Store(archived, clock) as store:
        assert store.record(AuditEntry(NOON, "call")) == COUNT + 3
        assert await store.audit_archive(Keep(records=100)) is not None
    assert verify_offline(archived).ok


async def test_an_export_goes_through_the_archives(archived: Path, tmp_path: Path) -> None:
    manifest = export_audit(archived, tmp_path / "all", AuditQuery())
    assert (manifest.records, manifest.first, manifest.last) == (COUNT + 2, 1, COUNT + 2)
    some = export_audit(archived, tmp_path / "some", AuditQuery(client="claude", since=NOON + timedelta(minutes=1_990)))
    assert (some.records, some.first) == (COUNT - 1_990, 1_991)


async def test_a_missing_archive_is_no_good_verdict_unless_archives_are_left_out(archived: Path) -> None:
    archive_files(archived)[0].unlink()
    verdict = verify_offline(archived)
    assert (verdict.ok, verdict.first_bad) == (False, 1)
    assert "is missing" in verdict.reason
    assert verify_offline(archived, archives=False).ok


@pytest.mark.parametrize("which", [0, 1])
async def test_a_changed_or_shortened_archive_is_found(archived: Path, which: int) -> None:
    path = archive_files(archived)[which]
    first = 1 if which == 0 else 2_001
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE audit SET client = 'x' WHERE number = ?", (first + 10,))
    connection.close()
    assert verify_offline(archived).first_bad == first + 10
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM audit WHERE number >= ?", (first + 5,))
    connection.close()
    assert verify_offline(archived).first_bad == first + 5
    path.write_bytes(b"junk" * 3_000)
    assert not verify_offline(archived).ok


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_archives WHERE first = 1",
        "DELETE FROM audit_archives",
        "UPDATE audit_archives SET file = 'other.db' WHERE first = 1",
        "UPDATE audit_archives SET last = 3400 WHERE first = 2001",
        "DROP TABLE audit_archives",
        "DELETE FROM meta WHERE name = 'audit_start'",
        "UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'audit_head') WHERE name = 'audit_start'",
        (
            "INSERT INTO audit SELECT 7, at, kind, client, tool, outcome, code, symbol, order_id, grant_id, duration_us,"
            " detail, digest, hash FROM audit WHERE number = 4000"
        ),
    ],
)
async def test_what_says_where_records_went_can_not_be_changed_unseen(archived: Path, sql: str) -> None:
    edit(archived, sql)
    assert not verify_offline(archived).ok
    assert not verify_offline(archived, archives=False).ok


async def test_records_can_not_be_thrown_away_as_if_they_had_been_archived(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock) as store:
        await fill(store)
    edit(folder, "DELETE FROM audit WHERE number <= 2000")
    edit(folder, "INSERT INTO meta SELECT 'audit_start', value FROM meta WHERE name = 'audit_head'")
    assert not verify_offline(folder, archives=False).ok


async def test_a_stop_between_copy_and_removal_is_finished_by_the_next_run(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store)
    removed = 0
    commit = Store.commit

    async def stopping(self: Store, writes: object, audit: object = ()) -> tuple[int, ...]:
        nonlocal removed
        if audit == ():
            removed += 1
        if removed == 5:
            raise StoreUnavailable("stopped")
        return await commit(self, writes, audit)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "commit", stopping)
    with pytest.raises(StoreUnavailable):
        await store.audit_archive(Keep(records=3_000))
    monkeypatch.setattr(Store, "commit", commit)
    first, _ = await numbers(store)
    assert 1 < first < 2_001
    assert (await store.audit_verify()).ok
    manifest = export_audit(folder, folder.parent / "all", AuditQuery())
    assert (manifest.records, manifest.last) == (COUNT + 1, COUNT + 1)
    await store.audit_archive(Keep(records=3_500))
    assert (await numbers(store))[0] == 2_001
    assert (await store.audit_verify()).ok


async def test_an_archive_that_can_not_be_written_leaves_the_database_as_it_is(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archiving, "_publish", full)
    with pytest.raises(ArchiveFailed, match="No space"):
        await store.audit_archive(Keep(records=3_000))
    assert archive_files(folder) == []
    assert await numbers(store) == (1, COUNT)
    assert store.writable


async def test_a_broken_chain_is_not_archived(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock) as store:
        await fill(store)
    edit(folder, "UPDATE audit SET client = 'x' WHERE number = 1000")
    async with Store(folder, clock) as store:
        with pytest.raises(ArchiveFailed, match="1000"):
            await store.audit_archive(Keep(records=3_000))
        assert await numbers(store) == (1, COUNT)
    assert verify_offline(folder).first_bad == 1_000


async def test_a_look_from_outside_finds_the_chain_whole_while_records_are_archived(store: Store, folder: Path) -> None:
    await fill(store)
    archiving_task = asyncio.create_task(store.audit_archive(Keep(records=1_000)))
    looks = 0
    while not archiving_task.done():
        verdict = await asyncio.to_thread(verify_offline, folder)
        assert verdict.ok, verdict.reason
        looks += 1
    await archiving_task
    assert looks > 1


async def test_calls_go_on_while_records_are_archived(store: Store) -> None:
    await fill(store)
    archiving_task = asyncio.create_task(store.audit_archive(Keep(records=1_000)))
    while not archiving_task.done():
        await store.commit([], [AuditEntry(NOON, "order")])
    await archiving_task
    assert (await store.audit_verify()).ok
