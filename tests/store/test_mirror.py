from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from cockpit.store import mirror as mirror_module
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.mirror import Mirror
from tests.store.conftest import NOON
from tests.store.watch import call


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "_GATHER_SECONDS", 0.0)
    monkeypatch.setattr(mirror_module, "_RETRY_SECONDS", 0.01)


@asynccontextmanager
async def mirroring(store: Store, limit: int = 10_000_000) -> AsyncIterator[list[str]]:
    """A mirror that runs, and what it told about trouble."""
    told: list[str] = []
    mirror = Mirror(store.folder / "cockpit.db", limit, told.append)
    store.on_written = mirror.written
    task = asyncio.create_task(mirror.run())
    try:
        yield told
    finally:
        store.on_written = None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def numbers(folder: Path) -> list[int]:
    """The numbers in both files, in their order."""
    found: list[int] = []
    for name in ("audit.jsonl.1", "audit.jsonl"):
        if (folder / name).exists():
            found += [json.loads(line)["number"] for line in (folder / name).read_bytes().split(b"\n")[:-1]]
    return found


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


async def test_each_commit_reaches_the_file_without_its_sealed_detail(store: Store, folder: Path) -> None:
    async with mirroring(store):
        await store.commit([], [call("get_quote", secret="hidden")])
        await until(lambda: numbers(folder) == [1])
        store.record(call("get_positions"))
        await until(lambda: numbers(folder) == [1, 2])
    path = folder / "audit.jsonl"
    assert "hidden" not in path.read_text()
    assert json.loads(path.read_text().splitlines()[0]) == {
        "number": 1,
        "at": "2026-03-02T12:00:00.000000+00:00",
        "kind": "call",
        "client": "Claude",
        "tool": "get_quote",
        "outcome": "ok",
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_line_says_every_clear_column_as_it_stands_and_leaves_out_what_is_empty(
    store: Store, folder: Path
) -> None:
    odd = [
        "",
        "plain",
        '"\\"',
        "a\\b\tc\nd\x00e\x1b[31m",
        "\u20ac \u202e \u2028 \U0001f600",
        "{}",
        "'",
        "%s",
        "x" * 300,
        "\x7f\ud800",
    ]
    moments = [NOON + timedelta(microseconds=shift) for shift in (0, 1, 999_999, 10**6, 86_400 * 10**6 * 9000)]
    with_all = [
        AuditEntry(at, "call", one, other, one, other, one, other, one, duration)
        for at in moments
        for one, other in zip(odd, reversed(odd), strict=True)
        for duration in (None, 0, 1, 2**62)
    ]
    async with mirroring(store):
        await store.commit([], with_all)
        await until(lambda: len(numbers(folder)) == len(with_all))
    lines = (folder / "audit.jsonl").read_bytes().split(b"\n")[:-1]
    columns = (
        "number",
        "at",
        "kind",
        "client",
        "tool",
        "outcome",
        "code",
        "symbol",
        "order_id",
        "grant_id",
        "duration_us",
    )
    for record, line in zip(await store.audit_tail(len(with_all)), lines, strict=True):
        told = {name: getattr(record, name) for name in columns}
        told["at"] = record.at.isoformat(timespec="microseconds")
        expected = {name: value for name, value in told.items() if value not in ("", None)}
        assert line == orjson.dumps(expected)


async def test_a_slice_is_one_row_of_the_database(store: Store, folder: Path) -> None:
    await store.commit([], [call() for _ in range(500)])
    with sqlite3.connect(folder / "cockpit.db") as connection:
        found = connection.execute(mirror_module._LINES, (0,)).fetchall()
        assert [row[:2] for row in found] == [(500, 500)], "each further row takes the lock from the loop once more"


async def test_what_was_missed_is_caught_up_after_a_restart_and_a_torn_line(store: Store, folder: Path) -> None:
    async with mirroring(store):
        await store.commit([], [call(), call()])
        await until(lambda: numbers(folder) == [1, 2])
    with (folder / "audit.jsonl").open("ab") as file:
        file.write(b'{"number":3,"at')
    for _ in range(3_000):
        store.record(call())
    await store.flush()
    async with mirroring(store):
        await until(lambda: len(numbers(folder)) == 3_002)
    assert numbers(folder) == list(range(1, 3_003))


async def test_trouble_is_told_once_never_fails_a_commit_and_leaves_no_gap(store: Store, folder: Path) -> None:
    async with mirroring(store) as told:
        await store.commit([], [call()])
        await until(lambda: numbers(folder) == [1])
        (folder / "audit.jsonl").rename(folder / "kept")
        (folder / "audit.jsonl").mkdir()
        for _ in range(5):
            await store.commit([], [call()])
        await until(lambda: told)
        assert store.writable
        (folder / "audit.jsonl").rmdir()
        (folder / "kept").rename(folder / "audit.jsonl")
        await until(lambda: numbers(folder) == [1, 2, 3, 4, 5, 6])
        assert len(told) == 1


@pytest.mark.parametrize("harm", ["open", "link", "pipe"])
async def test_a_file_that_is_not_the_owners_alone_is_not_written(store: Store, folder: Path, harm: str) -> None:
    path = folder / "audit.jsonl"
    target = folder / "target"
    if harm == "open":
        path.touch(0o644)
        path.chmod(0o644)
    elif harm == "link":
        target.touch(0o600)
        path.symlink_to(target)
    else:
        os.mkfifo(path, 0o600)
    async with mirroring(store) as told:
        await store.commit([], [call()])
        await until(lambda: told)
    if harm == "open":
        assert path.read_bytes() == b""
    if harm == "link":
        assert target.read_bytes() == b""


async def test_a_large_file_is_moved_aside_and_a_new_one_begins(store: Store, folder: Path) -> None:
    async with mirroring(store, limit=400):
        for turn in range(1, 8):
            await store.commit([], [call()])
            await until(lambda turn=turn: numbers(folder)[-1:] == [turn])
    assert (folder / "audit.jsonl.1").stat().st_size >= 400
    found = numbers(folder)
    assert found == list(range(found[0], 8))
    async with mirroring(store, limit=400):
        await store.commit([], [call()])
        await until(lambda: numbers(folder)[-1:] == [8])
    assert numbers(folder) == list(range(numbers(folder)[0], 9))


async def test_a_file_that_somebody_takes_away_begins_anew_where_it_was(store: Store, folder: Path) -> None:
    async with mirroring(store):
        await store.commit([], [call()])
        await until(lambda: numbers(folder) == [1])
        (folder / "audit.jsonl").unlink()
        await store.commit([], [call()])
        await until(lambda: numbers(folder) == [2])
