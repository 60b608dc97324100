"""The tables, as numbered SQL files that are applied once, in order, and never change afterwards."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from cockpit.store.folder import StoreCannotOpen

APPLICATION_ID: Final = 0x434B5054
"""Marks the file as a cockpit's database in SQLite's own header (PRAGMA application_id)."""
_NAME: Final = re.compile(r"(\d{4})_([a-z][a-z0-9_]*)\.sql")
_TABLE: Final = """CREATE TABLE IF NOT EXISTS migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file of a room."""

    number: int
    name: str
    sql: str = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped_migrations(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """Read the migrations that this version brings, by number; two of one number are a ValueError."""
    source = folder if folder is not None else resources.files("cockpit.store") / "migrations"
    found: dict[int, Migration] = {}
    for file in source.iterdir():
        name = _NAME.fullmatch(file.name)
        if name is None:
            continue
        number = int(name[1])
        if number in found:
            raise ValueError(f"two migrations have the number {number:04}: {found[number].name} and {name[2]}")
        found[number] = Migration(number, name[2], file.read_text("utf-8"))
    return tuple(found[number] for number in sorted(found))


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration], now: int) -> None:
    """Bring the database to this version; each migration is one transaction.

    A database of another program, of a newer cockpit, or whose applied migrations read otherwise is `StoreCannotOpen`.
    """
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if mark != APPLICATION_ID and (mark != 0 or tables):
        raise StoreCannotOpen(
            "The database file belongs to another program.", "Move it away, or choose another folder with --data-dir."
        )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(_TABLE)
    applied: dict[int, str] = dict(connection.execute("SELECT number, sha256 FROM migrations").fetchall())
    _refuse_unknown(applied, migrations)
    for each in migrations:
        if each.number not in applied:
            _apply(connection, each, now)


def _refuse_unknown(applied: dict[int, str], migrations: Sequence[Migration]) -> None:
    known = {each.number: each for each in migrations}
    for number, digest in applied.items():
        ours = known.get(number)
        if ours is None:
            raise StoreCannotOpen(
                f"The database was written by a newer version (migration {number:04} is unknown here).",
                "Start that version, or restore the backup from before the upgrade.",
            )
        if ours.sha256 != digest:
            raise StoreCannotOpen(
                f"Migration {number:04}_{ours.name} is not the one that this database was made with.",
                "Start the version that made the database, or choose another folder with --data-dir.",
            )


def _apply(connection: sqlite3.Connection, migration: Migration, now: int) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{migration.sql}")
        connection.execute(
            "INSERT INTO migrations (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)",
            (migration.number, migration.name, migration.sha256, now),
        )
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise StoreCannotOpen(
            f"Migration {migration.number:04}_{migration.name} failed: {error}.",
            "Nothing of it was kept; check free space, or report it.",
        ) from error
