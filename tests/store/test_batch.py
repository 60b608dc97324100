from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.store.audit import AuditEntry, Draft, draft
from cockpit.store.batch import Unit, write_batch
from cockpit.store.chain import Head, Sealer
from cockpit.store.schema import migrate, shipped_migrations
from tests.store.conftest import NOON

SEALER = Sealer(b"k" * 32)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "batch.db", isolation_level=None)
    migrate(connection, shipped_migrations(), 1)
    yield connection
    connection.close()


def unit(drafts: tuple[Draft, ...]) -> Unit:
    return Unit((), drafts, None, 0)


def records(first: int, count: int) -> tuple[Draft, ...]:
    return tuple(
        draft(AuditEntry(NOON, "call", client=f"client {number}", duration_us=number), number)
        for number in range(first, first + count)
    )


def test_a_batch_of_every_size_is_written_whole_and_in_order(database: sqlite3.Connection) -> None:
    head, count = Head(), 0
    for size in (*range(70), 127, 128, 129, 200):
        head = write_batch(database, [unit(records(count + 1, size))], head, SEALER).head
        count += size
    rows = database.execute("SELECT number, client, duration_us, hash FROM audit ORDER BY number").fetchall()
    assert [row[:3] for row in rows] == [(number, f"client {number}", number) for number in range(1, count + 1)]
    assert head == Head(count, rows[-1][3])


def test_a_large_batch_is_few_statements_since_each_row_of_its_own_costs_a_turn_of_the_lock(
    database: sqlite3.Connection,
) -> None:
    seen: list[str] = []
    database.set_trace_callback(seen.append)
    write_batch(database, [unit((one,)) for one in records(1, 127)], Head(), SEALER)
    assert sum(statement.startswith("INSERT INTO audit ") for statement in seen) == 7


def test_a_batch_whose_last_row_cannot_stand_leaves_none_of_it(database: sqlite3.Connection) -> None:
    head = write_batch(database, [unit(records(1, 3))], Head(), SEALER).head
    with pytest.raises(sqlite3.IntegrityError):
        write_batch(database, [unit((*records(4, 99), *records(3, 1)))], head, SEALER)
    assert database.execute("SELECT max(number) FROM audit").fetchone() == (3,)
