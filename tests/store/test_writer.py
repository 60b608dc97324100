from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from cockpit.store.audit import VOID
from cockpit.store.database import Store
from cockpit.store.writer import LINGER_SECONDS, Writer
from cockpit.store.writes import StoreBusy, StoreUnavailable
from tests.store.conftest import StandingClock
from tests.store.watch import call, count_commits, facts, hang_the_disk, on_writer, put, statement


class Alarm:
    """What the store told about trouble, and events to wait for."""

    def __init__(self, store: Store) -> None:
        self.told: list[str] = []
        self.trouble = asyncio.Event()
        self.recovery = asyncio.Event()
        store.on_trouble = self._trouble
        store.on_recovery = self.recovery.set

    def _trouble(self, reason: str) -> None:
        self.told.append(reason)
        self.trouble.set()


async def fill_the_disk(store: Store) -> None:
    await on_writer(store, lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())


async def free_the_disk(store: Store) -> None:
    await on_writer(store, lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall())


async def test_a_record_that_nobody_waits_for_reaches_the_disk_by_itself(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = asyncio.Event()
    settle = Writer._settle

    def notice(*args: object) -> None:
        settle(*args)  # type: ignore[arg-type]
        settled.set()

    monkeypatch.setattr(Writer, "_settle", notice)
    store.record(call("get_quote"))
    async with asyncio.timeout(5):
        await settled.wait()
    other = sqlite3.connect(f"file:{folder / 'cockpit.db'}?mode=ro", uri=True)
    assert other.execute("SELECT tool FROM audit").fetchall() == [("get_quote",)]
    other.close()
    assert LINGER_SECONDS <= 0.025


async def test_records_of_a_moment_share_one_transaction(store: Store) -> None:
    commits = await count_commits(store)
    for _ in range(500):
        store.record(call())
    await store.flush()
    assert len(commits) == 1


async def test_records_that_come_one_by_one_gather_before_they_are_written(store: Store) -> None:
    commits = await count_commits(store)
    for _ in range(50):
        store.record(call())
        await store.rows("SELECT 1")
    await store.flush()
    assert len(commits) <= 10


async def test_the_log_is_moved_into_the_database_when_nothing_happens(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.store.writer.IDLE_SECONDS", 0.01)
    moved = await statement(store, "PRAGMA wal_checkpoint(PASSIVE)")
    await store.commit([put("a")])
    async with asyncio.timeout(5):
        await moved.wait()


async def test_a_full_queue_refuses_and_loses_nothing_that_it_took(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock, queue=3) as store:
        assert [store.record(call()) for _ in range(3)] == [1, 2, 3]
        with pytest.raises(StoreBusy):
            store.record(call())
        with pytest.raises(StoreBusy):
            await store.commit([put("a")])
    async with Store(folder, clock) as store:
        assert [each.number for each in await store.audit_tail(9)] == [1, 2, 3]


async def test_the_bytes_that_wait_are_bounded_too(store: Store) -> None:
    large = call(text="x" * 200_000)
    taken = 0
    while taken < 400:
        try:
            store.record(large)
        except StoreBusy as busy:
            assert "bytes" in str(busy)  # noqa: PT017
            break
        taken += 1
    assert 300 < taken < 400


async def test_a_full_disk_stops_commits_and_the_store_recovers(store: Store) -> None:
    alarm = Alarm(store)
    await store.commit([put("before")], [call("before")])
    await fill_the_disk(store)
    large = b"x" * 300_000
    refused = await asyncio.gather(
        *(store.commit([put(f"lost {turn}", large)], [call("lost")]) for turn in range(3)), return_exceptions=True
    )
    assert [type(each) for each in refused] == [StoreUnavailable] * 3
    assert not store.writable
    with pytest.raises(StoreUnavailable, match="full"):
        await store.commit([put("refused at once")])
    async with asyncio.timeout(5):
        await alarm.trouble.wait()
    await free_the_disk(store)
    async with asyncio.timeout(5):
        await alarm.recovery.wait()
    assert store.writable
    assert len(alarm.told) == 1
    await store.commit([put("after")], [call("after")])
    assert await facts(store) == {"before", "after"}
    chain = [(each.kind, each.tool, each.outcome) for each in await store.audit_tail(9)]
    assert chain == [
        ("call", "before", "ok"),
        (VOID, "lost", "unavailable"),
        (VOID, "lost", "unavailable"),
        (VOID, "lost", "unavailable"),
        ("host", "store_failed", "error"),
        ("call", "after", "ok"),
    ]
    assert (await store.audit_verify(structure=True)).ok


async def test_records_taken_while_read_only_are_written_afterwards_with_their_numbers(store: Store) -> None:
    alarm = Alarm(store)
    await on_writer(store, lambda connection: connection.execute("PRAGMA query_only = ON"))
    first = store.record(call("first"))
    async with asyncio.timeout(5):
        await alarm.trouble.wait()
    assert not store.writable
    later = store.record(call("later"))
    tried = await statement(store, "BEGIN IMMEDIATE", times=3)
    async with asyncio.timeout(5):
        await tried.wait()
    assert len(alarm.told) == 1
    await on_writer(store, lambda connection: connection.execute("PRAGMA query_only = OFF"))
    async with asyncio.timeout(5):
        await alarm.recovery.wait()
    by_number = {each.number: each.tool for each in await store.audit_tail(9)}
    assert by_number == {first: "first", first + 1: "store_failed", later: "later"}
    assert (await store.audit_verify()).ok


async def test_more_records_than_a_batch_keep_their_order_through_trouble(store: Store) -> None:
    alarm = Alarm(store)
    await on_writer(store, lambda connection: connection.execute("PRAGMA query_only = ON"))
    for _ in range(2_500):
        store.record(call())
    async with asyncio.timeout(5):
        await alarm.trouble.wait()
    await on_writer(store, lambda connection: connection.execute("PRAGMA query_only = OFF"))
    async with asyncio.timeout(5):
        await alarm.recovery.wait()
    verdict = await store.audit_verify()
    assert (verdict.ok, verdict.records) == (True, 2_501)


async def test_records_taken_in_trouble_are_bounded(folder: Path, clock: StandingClock) -> None:
    async with Store(folder, clock, queue=10, probe_seconds=0.01) as store:
        alarm = Alarm(store)
        await on_writer(store, lambda connection: connection.execute("PRAGMA query_only = ON"))
        store.record(call())
        async with asyncio.timeout(5):
            await alarm.trouble.wait()
        for _ in range(8):
            store.record(call())
        with pytest.raises(StoreBusy):
            store.record(call())
        await on_writer(store, lambda connection: connection.execute("PRAGMA query_only = OFF"))
        async with asyncio.timeout(5):
            await alarm.recovery.wait()
        assert (await store.audit_verify()).records == 10


async def test_a_removed_database_is_trouble_and_not_a_silent_loss(store: Store, folder: Path) -> None:
    alarm = Alarm(store)
    path = folder / "cockpit.db"
    path.rename(folder / "moved.db")
    with pytest.raises(StoreUnavailable, match="removed"):
        await store.commit([put("a")])
    path.touch(0o600)
    with pytest.raises(StoreUnavailable):
        await store.commit([put("a")])
    (folder / "moved.db").rename(path)
    async with asyncio.timeout(5):
        await alarm.recovery.wait()
    await store.commit([put("b")])
    assert await facts(store) == {"b"}


async def test_a_stop_in_trouble_ends_and_says_how_much_was_lost(
    folder: Path, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(10), Store(folder, clock, probe_seconds=60) as store:
        await on_writer(store, lambda connection: connection.execute("PRAGMA query_only = ON"))
        with pytest.raises(StoreUnavailable):
            await store.commit([put("a")], [call()])
        store.record(call())
    assert "3 audit records could not be written" in caplog.text


async def test_a_writer_that_breaks_leaves_nobody_waiting(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alarm = Alarm(store)

    def broken(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("cockpit.store.writer.write_batch", broken)
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable):
            await store.commit([put("a")])
        await alarm.trouble.wait()
    assert not store.writable
    assert "a mistake of ours" in caplog.text


async def test_a_disk_that_hangs_is_trouble_but_what_it_takes_at_last_counts(
    folder: Path, clock: StandingClock
) -> None:
    async with Store(folder, clock, probe_seconds=0.01, stall_seconds=0.05) as store:
        alarm = Alarm(store)
        answers = threading.Event()
        hung = await hang_the_disk(store, answers)
        under_way = asyncio.create_task(store.commit([put("under way")], [call("under way")]))
        async with asyncio.timeout(5):
            await hung.wait()
            late = asyncio.create_task(store.commit([put("late")], [call("late")]))
            await alarm.trouble.wait()
        assert not store.writable
        assert not under_way.done()
        with pytest.raises(StoreUnavailable, match="has not taken a write"):
            await late
        with pytest.raises(StoreUnavailable):
            await store.commit([put("refused")])
        kept = store.record(call("kept"))
        answers.set()
        async with asyncio.timeout(5):
            assert await under_way == (1,)
            await alarm.recovery.wait()
        assert store.writable
        await store.flush()
        assert await facts(store) == {"under way"}
        by_number = {each.number: (each.kind, each.tool) for each in await store.audit_tail(9)}
        assert by_number[1] == ("call", "under way")
        assert by_number[2] == (VOID, "late")
        assert by_number[kept] == ("call", "kept")
        assert len(alarm.told) == 1
        assert (await store.audit_verify()).ok
