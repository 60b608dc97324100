"""A copy of the audit's clear columns as JSON Lines, for ``tail -F``: it follows the database and never holds it up."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from cockpit.store.connection import StoreConnection, reading
from cockpit.store.folder import StoreCannotOpen, refuse_strangers

MIRROR_NAME: Final = "audit.jsonl"
OLDER_NAME: Final = "audit.jsonl.1"
_SLICE: Final = 2_000
_FIRST: Final = 1_000
"""Records that a new file begins with."""
_GATHER_SECONDS: Final = 0.05
_RETRY_SECONDS: Final = 5.0
_TAIL_BYTES: Final = 8_192
_NAMES: Final = ("kind", "client", "tool", "outcome", "code", "symbol", "order_id", "grant_id", "duration_us")
_AT: Final = "strftime('%Y-%m-%dT%H:%M:%S', at / 1000000, 'unixepoch') || printf('.%06d+00:00', at % 1000000)"
_TOLD: Final = " || ".join(
    f"CASE WHEN {name} <> '' THEN ',\"{name}\":' || json_quote({name}) ELSE '' END" for name in _NAMES
)
_LINES: Final = (
    "SELECT count(*), max(number), group_concat(line, '') FROM ("  # noqa: S608 - of constant names alone
    f"SELECT number, '{{\"number\":' || number || ',\"at\":\"' || {_AT} || '\"' || {_TOLD} || '}}' || char(10) AS line"
    f" FROM audit WHERE number > ? ORDER BY number LIMIT {_SLICE})"
)
"""SQLite writes a slice in one step: row by row this thread would take the interpreter's lock from the loop's."""
_log: Final = logging.getLogger(__name__)


class Mirror:
    """Appends what was committed to a file that may be read, moved or lost without harm.

    Lines are read back from the database, so what is missing after trouble or a restart comes by the same way. It is
    not synced, and what it says is proved by nothing: the chain in the database is the record.
    """

    def __init__(self, database: Path, limit_bytes: int, trouble: Callable[[str], None]) -> None:
        self._database = database
        self._path = database.with_name(MIRROR_NAME)
        self._older = database.with_name(OLDER_NAME)
        self._limit = limit_bytes
        self._trouble = trouble
        self._more = asyncio.Event()
        self._last: int | None = None
        self._failing = False

    def written(self) -> None:
        """Say that the database has more; costs nothing."""
        self._more.set()

    async def run(self) -> None:
        """Follow for ever. Without a file yet it begins with the newest records."""
        while True:
            try:
                async with reading(self._database) as connection:
                    if self._last is None:
                        self._last = await connection.run(self._where_it_ends)
                    await self._follow(connection)
            except (OSError, sqlite3.Error, StoreCannotOpen, ValueError) as error:
                self._fail(str(error))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self, connection: StoreConnection) -> None:
        while True:
            while await connection.run(self._append):
                pass
            self._recover()
            await self._more.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._more.clear()

    def _fail(self, why: str) -> None:
        if not self._failing:
            self._failing = True
            self._trouble(why)

    def _recover(self) -> None:
        if self._failing:
            self._failing = False
            _log.info("%s is written again", self._path.name)

    def _append(self, connection: sqlite3.Connection) -> bool:
        """Write the next slice; whether there may be more."""
        count, last, text = connection.execute(_LINES, (self._last,)).fetchone()
        if not count:
            return False
        lines = text.encode()
        descriptor = os.open(
            self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600
        )
        try:
            found = os.fstat(descriptor)
            refuse_strangers(self._path, found)
            if os.write(descriptor, lines) != len(lines):
                os.ftruncate(descriptor, found.st_size)
                raise OSError("the disk took only a part of it")
        finally:
            os.close(descriptor)
        self._last = last
        if found.st_size + len(lines) >= self._limit:
            self._path.replace(self._older)
        return count == _SLICE

    def _where_it_ends(self, connection: sqlite3.Connection) -> int:
        """Return the last number that the files hold; a line that a stop cut short is taken away."""
        newest = connection.execute("SELECT max(number) FROM audit").fetchone()[0] or 0
        for path in (self._path, self._older):
            with suppress(OSError, ValueError, LookupError, TypeError):
                return min(newest, _last_number(path))
        return max(0, newest - _FIRST)


def _last_number(path: Path) -> int:
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
        end = tail.rfind(b"\n") + 1
        if end < len(tail):
            file.truncate(size - len(tail) + end)
        return int(orjson.loads(tail[:end].splitlines()[-1])["number"])
