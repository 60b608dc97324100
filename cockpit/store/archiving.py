"""Moves old records out of the database into a file of their own, so that the chain can still be verified as one."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cockpit.store.archives import FOLDER, START, Archive, load_archives, load_start, open_read_only
from cockpit.store.audit import AuditEntry
from cockpit.store.chain import Head, Sealer
from cockpit.store.connection import DATABASE_NAME
from cockpit.store.folder import StoreCannotOpen, private_file, private_folder, sync_folder
from cockpit.store.times import to_micros
from cockpit.store.verify import check_archive
from cockpit.store.writes import Write

_SLICE: Final = 2_000
DELETED_AT_ONCE: Final = 200
"""Records a unit: a few milliseconds of the one writer, so that orders hardly wait for it."""
_COLUMNS: Final = (
    "number, at, kind, client, tool, outcome, code, symbol, order_id, grant_id, duration_us, detail, digest, hash"
)
_TABLE: Final = f"CREATE TABLE audit ({_COLUMNS.replace('number', 'number INTEGER PRIMARY KEY', 1)})"
_INSERT: Final = f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_READ: Final = f"SELECT {_COLUMNS} FROM audit WHERE number > ? AND number <= ? ORDER BY number LIMIT {_SLICE}"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Keep:
    """What stays in the database; None asks for nothing. What only one of them wants gone goes."""

    since: datetime | None = None
    """Records before this time go."""
    records: int | None = None
    """Older ones than the newest so many go."""


Steps = Generator[None, None, Archive | None]


class ArchiveFailed(Exception):
    """The archive could not be written or does not read as it should; the database is as it was."""


def archive_steps(folder: Path, keep: Keep, now: datetime) -> Steps:
    """Copy what goes to a new archive, slice by slice, and read it again; None where nothing goes.

    The database stays as it is; `ArchiveFailed` says why there is no archive. One thread alone takes the steps.
    """
    try:
        with closing(open_read_only(folder / DATABASE_NAME, immutable=False)) as connection:
            before = _end_of(load_archives(connection))
            last = _last_to_go(connection, keep)
            if last <= before.number:
                return None
            (hash_last,) = connection.execute("SELECT hash FROM audit WHERE number = ?", (last,)).fetchone()
            return (yield from _archive(connection, folder, before, Head(last, hash_last), now))
    except StoreCannotOpen as error:
        raise ArchiveFailed(str(error)) from error
    except (OSError, sqlite3.Error) as error:
        raise ArchiveFailed(f"the archive can't be written: {error}") from error


def _archive(
    connection: sqlite3.Connection, folder: Path, before: Head, end: Head, now: datetime
) -> Generator[None, None, Archive]:
    draft = _new_draft(folder, before, end)
    archive = Archive(before, end, draft.name.removeprefix("."), now)
    try:
        yield from _copy(connection, draft, before.number, end.number)
        verdict = yield from check_archive(draft, archive)
        if not verdict.ok:
            raise ArchiveFailed(f"what would go can't be verified: {verdict.reason}")
        _publish(draft, folder / FOLDER / archive.file)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return archive


def signing(archive: Archive, sealer: Sealer, now: datetime) -> tuple[Write, AuditEntry]:
    """Return what makes an archive part of the chain: its signed row, and the record of it."""
    write = Write(
        "INSERT INTO audit_archives (first, last, hash_before, hash_last, file, made_at, signature)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        archive.row(sealer),
        expect=1,
    )
    detail = {"first": archive.first, "last": archive.end.number, "hash": archive.end.hash.hex(), "file": archive.file}
    return write, AuditEntry(now, "host", tool="audit_archive", outcome="ok", detail=detail)


def next_removal(connection: sqlite3.Connection, sealer: Sealer | None) -> tuple[Write, ...]:
    """Return the writes that take the next few archived records out and move the signed beginning; empty when done.

    A stop in the middle is no harm: what is left is removed the next time.
    """
    start, end = load_start(connection, sealer), _end_of(load_archives(connection))
    if start is None or sealer is None:
        raise ArchiveFailed("where the chain begins was not signed with this audit key")
    last = min(start.number + DELETED_AT_ONCE, end.number)
    if last <= start.number:
        return ()
    (hash_last,) = connection.execute("SELECT hash FROM audit WHERE number = ?", (last,)).fetchone()
    return (
        Write("DELETE FROM audit WHERE number <= ?", (last,)),
        Write(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (START, sealer.sign_start(Head(last, hash_last))),
        ),
    )


def _end_of(archives: list[Archive]) -> Head:
    return archives[-1].end if archives else Head()


def _last_to_go(connection: sqlite3.Connection, keep: Keep) -> int:
    """Return the number of the newest record that goes; the newest of all stays."""
    (newest,) = connection.execute("SELECT max(number) FROM audit").fetchone()
    last = 0
    if keep.records is not None:
        last = (newest or 0) - keep.records
    if keep.since is not None:
        (first,) = connection.execute(
            "SELECT min(number) FROM audit WHERE at >= ?", (to_micros(keep.since),)
        ).fetchone()
        last = max(last, (newest or 0) if first is None else first - 1)
    return min(last, (newest or 0) - 1)


def _new_draft(folder: Path, before: Head, end: Head) -> Path:
    private_folder(folder / FOLDER)
    name = f"audit-{before.number + 1:010}-{end.number:010}"
    if (folder / FOLDER / f"{name}.db").exists():
        name += f"-{secrets.token_hex(4)}"  # left behind by a stop or a restored backup; evidence is not overwritten
    draft = folder / FOLDER / f".{name}.db"
    with suppress(FileNotFoundError):
        draft.unlink()
    private_file(draft)
    return draft


def _copy(source: sqlite3.Connection, draft: Path, after: int, last: int) -> Generator[None, None, None]:
    with closing(sqlite3.connect(draft, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous = OFF")  # the whole file is synced before it gets its name
        target.execute("PRAGMA journal_mode = MEMORY")
        target.execute("BEGIN")
        target.execute(_TABLE)
        while rows := source.execute(_READ, (after, last)).fetchall():
            target.executemany(_INSERT, rows)
            after = rows[-1][0]
            yield
        target.execute("COMMIT")


def _publish(draft: Path, target: Path) -> None:
    descriptor = os.open(draft, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.chmod(draft, 0o600)
    draft.rename(target)
    sync_folder(target.parent)
