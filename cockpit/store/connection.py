"""How a connection to the database is opened, and what it says when it can't go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

import aiosqlite

from cockpit.store.folder import StoreCannotOpen

DATABASE_NAME: Final = "cockpit.db"
BUSY_MS: Final = 5_000
"""How long a statement waits for another process's lock before it gives up."""
_CHECKPOINT_PAGES: Final = 10_000
_WAL_LIMIT: Final = 64 * 1024 * 1024

_STORE_FAULTS: Final = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_INTERNAL,
    }
)

P = ParamSpec("P")
T = TypeVar("T")


class StoreConnection(aiosqlite.Connection):
    """An aiosqlite connection that can also run a whole function in its thread.

    A batch of a thousand statements then costs one hop between threads, not a thousand.
    """

    def __init__(self, path: Path, configure: Callable[[sqlite3.Connection], None]) -> None:
        super().__init__(lambda: _connect(path), iter_chunk_size=64)
        self._configure = configure

    async def __aenter__(self) -> Self:
        await self
        try:
            await self.run(self._configure)
        except BaseException:
            await self.close()
            raise
        return self

    async def run(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call ``work(connection, ...)`` in the connection's thread and return what it returns."""
        return await self._execute(work, self._conn, *args, **kwargs)


def writing(path: Path) -> StoreConnection:
    """Prepare the connection of the one writer: WAL, an fsync at each commit, transactions begun by hand."""
    return StoreConnection(path, _for_writing)


def reading(path: Path) -> StoreConnection:
    """Prepare a connection that can only read, and sees each commit as soon as it is durable."""
    return StoreConnection(path, _for_reading)


def is_store_fault(error: Exception) -> bool:
    """Whether the database itself failed (disk full, read-only, I/O, damage), not the statement."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _STORE_FAULTS


def cannot_use(path: Path, error: sqlite3.Error) -> StoreCannotOpen:
    """Say why SQLite can't use the database, and what mends it."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        mend = "Close the other program that has it open."
    elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        mend = "Make the file and its folder writable for your user."
    elif code == sqlite3.SQLITE_FULL:
        mend = "Free some space on its disk."
    else:
        mend = "Restore it from a backup, or move it away to begin anew."
    return StoreCannotOpen(f"The database {path} can't be used: {error}.", mend)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, cached_statements=512)


def _for_writing(connection: sqlite3.Connection) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreCannotOpen(
            "The data folder's file system can't keep a write-ahead log.", "Put the data folder on a local disk."
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")


def _for_reading(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.row_factory = sqlite3.Row
