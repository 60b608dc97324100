"""One transaction for many callers: each unit in a savepoint of its own, all audit records at the end."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from cockpit.store.audit import Draft, void
from cockpit.store.chain import Head, Row, Sealer, link
from cockpit.store.connection import is_store_fault
from cockpit.store.writes import Write, WriteConflict

HEAD: Final = "audit_head"
"""The row of table meta that holds the signed head of the chain."""
_INSERT: Final = (
    "INSERT INTO audit (number, at, kind, client, tool, outcome, code, symbol, order_id, grant_id, duration_us,"
    " detail, digest, hash) VALUES "
)
_ROW: Final = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TOGETHER: Final = tuple((rows, _INSERT + ", ".join([_ROW] * rows)) for rows in (64, 32, 16, 8, 4, 2, 1))
"""How many rows one statement takes. Each step of a statement gives up the interpreter's lock and has to get it back
from the loop's thread, which costs both more than the row itself."""
_SAVE_HEAD: Final = (
    "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


@dataclass(slots=True, eq=False)
class Unit:
    """What one caller wants written together, with the numbers that its audit entries already have."""

    writes: tuple[Write, ...] = field(repr=False)
    drafts: tuple[Draft, ...] = field(repr=False)
    done: asyncio.Future[tuple[int, ...]] | None
    """Told the numbers once they are durable; None for a record that nobody waits for."""
    size: int
    """Bytes that it holds in the queue, roughly."""

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(each.number for each in self.drafts)


@dataclass(frozen=True, slots=True)
class Written:
    """A batch that is durable."""

    head: Head
    failures: dict[int, Exception]
    """By place in the batch: the units of which nothing was written, and why."""


def write_batch(connection: sqlite3.Connection, units: Sequence[Unit], head: Head, sealer: Sealer) -> Written:
    """Write the units in order in one transaction and return once it is on disk.

    A unit that fails by itself is undone alone, and void records take its audit numbers. When the database fails,
    nothing of the batch is written and the sqlite3.Error is raised.
    """
    failures: dict[int, Exception] = {}
    drafts: list[Draft] = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for place, unit in enumerate(units):
            failure = _write_unit(connection, unit.writes) if unit.writes else None
            if failure is None:
                drafts.extend(unit.drafts)
            else:
                failures[place] = failure
                why = "conflict" if isinstance(failure, WriteConflict) else "error"
                drafts.extend(void(each, why) for each in unit.drafts)
        if drafts:
            rows, head = link(drafts, head, sealer)
            _insert(connection, rows)
            connection.execute(_SAVE_HEAD, (HEAD, sealer.sign(head)))
        connection.execute("COMMIT")
    except BaseException:
        # SQLite rolls back by itself on some faults; then there is nothing left to roll back.
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return Written(head, failures)


def _insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    place = 0
    for count, statement in _TOGETHER:
        while len(rows) - place >= count:
            connection.execute(statement, tuple(chain.from_iterable(rows[place : place + count])))
            place += count


def load_head(connection: sqlite3.Connection) -> bytes | None:
    """Return the stored head as it is, None for a chain that has not begun."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (HEAD,)).fetchone()
    return None if row is None else row[0]


def _write_unit(connection: sqlite3.Connection, writes: Sequence[Write]) -> Exception | None:
    connection.execute("SAVEPOINT unit")
    failure = _first_failure(connection, writes)
    if failure is not None:
        connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return failure


def _first_failure(connection: sqlite3.Connection, writes: Sequence[Write]) -> Exception | None:
    for write in writes:
        try:
            changed = connection.execute(write.sql, write.args).rowcount
        except sqlite3.IntegrityError as error:
            return WriteConflict(str(error))
        except (sqlite3.Error, sqlite3.Warning, OverflowError, TypeError, ValueError) as error:
            if is_store_fault(error):
                raise
            return error
        if write.expect is not None and changed != write.expect:
            return WriteConflict(f"expected {write.expect} rows, met {changed}: {write.sql}")
    return None
