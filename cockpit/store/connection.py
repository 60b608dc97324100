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

    async def __aenter__(self) -> Self:
        await self
        return self

    async def run(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call ``work(connection, ...)`` in the connection's thread and return what it returns."""
        return await self._execute(work, self._conn, *args, **kwargs)


def writing(path: Path) -> StoreConnection:
    """Prepare the connection of the one writer: WAL, an fsync at each commit, transactions begun by hand."""

    def connect() -> sqlite3.Connection:
        connection = _connect(path)
        try:
            _configure(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection

    return StoreConnection(connect, iter_chunk_size=64)


def reading(path: Path) -> StoreConnection:
    """Prepare a connection that can only read, and sees each commit as soon as it is durable."""

    def connect() -> sqlite3.Connection:
        connection = _connect(path)
        connection.execute("PRAGMA query_only = ON")
        connection.row_factory = sqlite3.Row
        return connection

    return StoreConnection(connect, iter_chunk_size=64)


def is_store_fault(error: Exception) -> bool:
    """Whether the database itself failed (disk full, read-only, I/O, damage), not the statement."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _STORE_FAULTS


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, cached_statements=512)


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreCannotOpen(
            f"The file system of {path} can't keep a write-ahead log.", "Put the data folder on a local disk."
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
