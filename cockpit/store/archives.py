"""Where old records went: each archive is a file of its own with a signed row here, and the chain goes on after it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson

from cockpit.store.chain import Head, Sealer, unsigned
from cockpit.store.connection import BUSY_MS
from cockpit.store.times import from_micros, to_micros

FOLDER: Final = "archive"
"""Below the data folder."""
START: Final = "audit_start"
"""The row of table meta that holds the signed end of what was taken out of the database."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A file that holds a piece of the chain: its audit table alone, sealed as it was."""

    before: Head
    """The record that its first one hangs on."""
    end: Head
    """Its last record."""
    file: str
    made_at: datetime
    signature: bytes = field(default=b"", repr=False)

    @property
    def first(self) -> int:
        """The number of its first record."""
        return self.before.number + 1

    def signed(self, sealer: Sealer) -> bytes:
        """Return the signature that its row must have."""
        said = [self.first, self.end.number, self.before.hash.hex(), self.end.hash.hex(), self.file]
        return sealer.mark_archive(orjson.dumps([*said, to_micros(self.made_at)]))

    def row(self, sealer: Sealer) -> tuple[object, ...]:
        """Return its row of table audit_archives, signed."""
        made, signature = to_micros(self.made_at), self.signed(sealer)
        return (self.first, self.end.number, self.before.hash, self.end.hash, self.file, made, signature)


def load_archives(connection: sqlite3.Connection) -> list[Archive]:
    """Return every archive, the oldest first; whether their signatures fit is the reader's to check."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'audit_archives'").fetchone() is None:
        return []  # an older version wrote this database, and it is only read
    rows = connection.execute(
        "SELECT first, last, hash_before, hash_last, file, made_at, signature FROM audit_archives ORDER BY first"
    )
    return [
        Archive(Head(first - 1, before), Head(last, end), file, from_micros(made), signature)
        for first, last, before, end, file, made, signature in rows
    ]


def load_start(connection: sqlite3.Connection, sealer: Sealer | None) -> Head | None:
    """Return the last record that is no longer in the database; None where its signature doesn't fit."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (START,)).fetchone()
    if row is None:
        return Head()
    return unsigned(row[0]) if sealer is None else sealer.read_start(row[0])


def open_read_only(path: Path, *, immutable: bool) -> sqlite3.Connection:
    """Open a database to read it from outside; ``immutable`` where nobody writes it: then no file appears beside it."""
    how = "immutable=1" if immutable else "mode=ro"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_MS / 1000, isolation_level=None)
