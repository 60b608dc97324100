"""The store that the other rooms use: durable writes, reads, and the audit."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import AsyncExitStack, suppress
from importlib.resources.abc import Traversable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from cockpit.model.clock import Clock
from cockpit.store.archives import Archive
from cockpit.store.archiving import Keep, archive_steps, next_removal, signing
from cockpit.store.audit import AuditEntry, AuditQuery, AuditRecord, AuditVerdict
from cockpit.store.batch import load_head
from cockpit.store.chain import KEY_NAME, Head, Sealer, new_audit_key
from cockpit.store.connection import DATABASE_NAME, StoreConnection, cannot_use, is_store_fault, reading, writing
from cockpit.store.folder import (
    FolderLock,
    StoreCannotOpen,
    private_file,
    private_folder,
    refuse_strangers,
    sync_folder,
)
from cockpit.store.keys import secret_file
from cockpit.store.reads import find_records
from cockpit.store.schema import Migration, migrate, shipped_migrations
from cockpit.store.times import to_micros
from cockpit.store.verify import Ended, quick_check, take_step, verify_steps
from cockpit.store.writer import Pace, Writer
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write

_EMPTY: Final = AuditQuery()
T = TypeVar("T")


class Store:
    """One data folder: its lock, its database and its audit key. An async context manager.

    Entering raises `StoreCannotOpen` when the folder or the database can't be used. Leaving writes what waits.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        queue: int = 20_000,
        probe_seconds: float = 1.0,
        stall_seconds: float = 10.0,
        migrations: Traversable | None = None,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._pace = Pace(queue, probe_seconds, stall_seconds)
        self._migrations = migrations
        self._path = folder / DATABASE_NAME
        self._open = AsyncExitStack()
        self._reader: StoreConnection | None = None
        self._writer: Writer | None = None
        self._sealer: Sealer | None = None
        self._inode = 0
        self._whole_chain = asyncio.Lock()
        self.on_trouble: Callable[[str], None] | None = None
        """Told once, with the reason, when the database can't be written any more."""
        self.on_recovery: Callable[[], None] | None = None
        """Told once when it can be written again."""
        self.on_written: Callable[[], None] | None = None
        """Told after each commit that is on disk; must not wait."""

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self._folder

    @property
    def keys(self) -> Path:
        """The folder of secrets, for `secret_file`."""
        return self._folder / "keys"

    @property
    def writable(self) -> bool:
        """Whether a commit may succeed now."""
        return self._writer is not None and not self._writer.trouble

    async def __aenter__(self) -> Self:
        # At DEBUG aiosqlite logs the arguments of every statement.
        logging.getLogger("aiosqlite").setLevel(logging.INFO)
        async with AsyncExitStack() as opening:
            private_folder(self._folder)
            opening.callback(FolderLock.take(self._folder).release)
            self._sealer = Sealer(secret_file(self.keys, KEY_NAME, new_audit_key))
            self._make_private_files()
            head = await self._open_database(opening, self._sealer)
            self._reader = await opening.enter_async_context(reading(self._path))
            await self._start_writer(opening, head, self._sealer)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader = None
        await self._open.aclose()

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> tuple[int, ...]:
        """Write one atomic unit and return its audit numbers once it is on disk.

        Units are written in the order of the calls. `WriteConflict` when the unit met another state than expected;
        `StoreBusy` when too much waits; `StoreUnavailable` when the database can't be written. In each case nothing
        of the unit is kept. A caller that is cancelled leaves its unit to be written.
        """
        unit = self._live_writer().place(writes, audit, wait=True)
        assert unit.done is not None
        return await unit.done

    def record(self, entry: AuditEntry) -> int:
        """Give an entry its place in the chain at once and return its number; it is on disk within 50 ms.

        While the database can't be written, entries are kept in memory until it can; `StoreBusy` when too many wait.
        """
        return self._live_writer().place((), (entry,), wait=False).drafts[0].number

    async def flush(self) -> None:
        """Return once everything recorded so far is on disk; raises like `commit`."""
        await self.commit(())

    async def rows(self, sql: str, args: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return the rows of a query; every commit that has returned is seen. `StoreUnavailable` if it can't be read."""
        try:
            return list(await self._live_reader().execute_fetchall(sql, args))
        except sqlite3.Error as error:
            if is_store_fault(error):
                raise StoreUnavailable(f"the database can't be read: {error}") from error
            raise

    async def audit_tail(self, count: int) -> list[AuditRecord]:
        """Return the last ``count`` records, newest last, with their details opened."""
        return await self.audit_search(_EMPTY, count)

    async def audit_search(self, query: AuditQuery, count: int, *, oldest_first: bool = False) -> list[AuditRecord]:
        """Return the newest (or the oldest) ``count`` records that fit, in ascending order.

        To page through all of them: oldest first, each time ``after`` the last number seen.
        """
        await self._flush_if_possible()
        assert self._sealer is not None
        try:
            return await self._live_reader().run(find_records, query, count, oldest_first, self._sealer)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the audit can't be read: {error}") from error

    async def audit_verify(self, *, structure: bool = False, archives: bool = True) -> AuditVerdict:
        """Read the whole chain again and say whether it is whole; other work goes on meanwhile.

        ``structure`` also has SQLite check the whole file; without ``archives`` what was moved out is left alone.
        """
        async with self._whole_chain:
            await self._flush_if_possible()
            return await self._in_steps(verify_steps(self._folder, structure=structure, archives=archives))

    async def audit_archive(self, keep: Keep) -> Archive | None:
        """Move what needn't stay to a file in DATA/archive and return it; None where nothing goes.

        `ArchiveFailed` leaves the database as it is. A stop on the way is finished by the next call.
        """
        async with self._whole_chain:
            await self.flush()
            await self._remove_archived()
            now = self._clock.now()
            archive = await self._in_steps(archive_steps(self._folder, keep, now))
            if archive is None:
                return None
            assert self._sealer is not None
            write, entry = signing(archive, self._sealer, now)
            await self.commit([write], [entry])
            await self._remove_archived()
            return archive

    async def _remove_archived(self) -> None:
        while writes := await self._live_reader().run(next_removal, self._sealer):
            await self.commit(writes)

    async def _in_steps(self, steps: Generator[None, None, T]) -> T:
        """Take steps in a thread of their own, one after the other, so that a stop waits for one of them at most."""
        async with reading(self._path) as thread:
            try:
                while (ended := await thread.run(_next_step, steps)) is None:
                    pass
            finally:
                await thread.run(_no_more_steps, steps)
        return ended.result

    def _make_private_files(self) -> None:
        private_file(self._path)
        for beside in ("-wal", "-shm"):
            path = self._path.with_name(self._path.name + beside)
            with suppress(FileNotFoundError):
                refuse_strangers(path, path.lstat())
        sync_folder(self._folder)
        self._inode = self._path.stat().st_ino

    async def _open_database(self, opening: AsyncExitStack, sealer: Sealer) -> Head:
        try:
            self._connection = await opening.enter_async_context(writing(self._path))
            opening.push_async_callback(self._shrink_log)
            migrations = shipped_migrations(self._migrations)
            return await self._connection.run(_inspect, migrations, to_micros(self._clock.now()), sealer)
        except sqlite3.Error as error:
            raise cannot_use(self._path, error) from error

    async def _start_writer(self, opening: AsyncExitStack, head: Head, sealer: Sealer) -> None:
        writer = Writer(self._connection, head, sealer, self._clock, self._pace, self._check_file)
        writer.on_trouble = self._tell_trouble
        writer.on_recovery = self._tell_recovery
        writer.on_written = self._tell_written
        self._writer = writer
        task = asyncio.create_task(writer.run(), name="store writer")
        opening.push_async_callback(_stop, writer, task)

    def _check_file(self) -> None:
        """Refuse to write into a file that is no longer the one in the folder: such writes would be lost."""
        try:
            here = os.stat(self._path).st_ino
        except FileNotFoundError as error:
            raise OSError(f"{self._path} was removed") from error
        if here != self._inode:
            raise OSError(f"{self._path} was replaced by another file")

    async def _shrink_log(self) -> None:
        with suppress(sqlite3.Error):
            await self._connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    async def _flush_if_possible(self) -> None:
        with suppress(StoreUnavailable, StoreBusy):
            await self.flush()

    def _tell_trouble(self, reason: str) -> None:
        if self.on_trouble is not None:
            self.on_trouble(reason)

    def _tell_recovery(self) -> None:
        if self.on_recovery is not None:
            self.on_recovery()

    def _tell_written(self) -> None:
        if self.on_written is not None:
            self.on_written()

    def _live_writer(self) -> Writer:
        if self._writer is None:
            raise StoreUnavailable("the store is not open")
        return self._writer

    def _live_reader(self) -> StoreConnection:
        if self._reader is None:
            raise StoreUnavailable("the store is not open")
        return self._reader


async def _stop(writer: Writer, task: asyncio.Task[None]) -> None:
    writer.close()
    await task


def _next_step(_connection: sqlite3.Connection, steps: Generator[None, None, T]) -> Ended[T] | None:
    return take_step(steps)


def _no_more_steps(_connection: sqlite3.Connection, steps: Generator[None, None, object]) -> None:
    steps.close()


def _inspect(connection: sqlite3.Connection, migrations: Sequence[Migration], now: int, sealer: Sealer) -> Head:
    """Check the file, bring it to this version, and return the end of its chain."""
    damage = quick_check(connection)
    if damage:
        raise StoreCannotOpen(f"The database is damaged: {damage}.", "Restore it from a backup, or move it away.")
    migrate(connection, migrations, now)
    stored = load_head(connection)
    head = Head() if stored is None else sealer.read_head(stored)
    last = connection.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    if head is None:
        raise StoreCannotOpen(
            "The audit's head was not signed with the key in keys/audit.key.",
            "Restore the database and the keys folder from the same backup, or move the database away.",
        )
    if head != (Head() if last is None else Head(*last)):
        raise StoreCannotOpen(
            "The audit does not end where its signed head says; it was changed from outside.",
            "Look at `cockpit audit verify`; restore a backup, or move the database away to begin anew.",
        )
    return head
