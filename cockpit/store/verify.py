"""Whether the audit is whole: every record is read again, in slices, and compared with its hash and the signed head."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final, Generic, TypeVar

import orjson

from cockpit.store.archives import FOLDER, Archive, load_archives, load_start, open_read_only
from cockpit.store.audit import AuditVerdict
from cockpit.store.batch import load_head
from cockpit.store.chain import KEY_NAME, Head, Sealer, unsigned
from cockpit.store.connection import DATABASE_NAME
from cockpit.store.folder import StoreCannotOpen
from cockpit.store.keys import read_secret

SLICE: Final = 4_000
"""Records a slice: about 20 ms, so that a writer's checkpoint never waits long for the reader."""
_DIGEST_BYTES: Final = 32
_COLUMNS: Final = (
    "number, at, kind, client, tool, outcome, code, symbol, order_id, grant_id, duration_us, detail, digest, hash"
)
_SLICE_SQL: Final = f"SELECT {_COLUMNS} FROM audit WHERE number > ? ORDER BY number LIMIT {SLICE}"  # noqa: S608 - constants


T = TypeVar("T")
Steps = Generator[None, None, AuditVerdict]
"""A verification in slices, which one thread alone takes on; it returns the verdict."""


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """What came of work in steps."""

    result: T


def verify_offline(folder: Path, *, structure: bool = False, archives: bool = True) -> AuditVerdict:
    """Verify the audit in a data folder without its lock, whether or not a cockpit runs there; nothing is written.

    ``structure`` also has SQLite check the whole file; without ``archives`` what was moved out is left alone. What
    can't be read is a verdict, never an exception.
    """
    steps = verify_steps(folder, structure=structure, archives=archives)
    while (ended := take_step(steps)) is None:
        pass
    return ended.result


def take_step(steps: Generator[None, None, T]) -> Ended[T] | None:
    """Take one more step; what came of all of them once they have ended."""
    try:
        next(steps)
    except StopIteration as ended:
        return Ended(ended.value)
    return None


def verify_steps(folder: Path, *, structure: bool, archives: bool) -> Steps:
    """Verify like `verify_offline`, in slices."""
    path = folder / DATABASE_NAME
    try:
        if not path.is_file():
            return AuditVerdict(0, False, None, f"There is no database {path}.")
        secret = read_secret(folder / "keys" / KEY_NAME)
        sealer = Sealer(secret) if secret else None
        while True:
            still = not log_of(path).exists()
            began = _beginning(path, sealer, still)
            verdict = yield from _verify_folder(path, sealer, structure, archives, still)
            # A cockpit that was started meanwhile changes the file under a reader that took it for still, and one that
            # archives takes away records that were not read yet.
            started = still and log_of(path).exists()
            if verdict.ok or not (started or began != _beginning(path, sealer, still)):
                return verdict
    except (StoreCannotOpen, OSError) as error:
        return AuditVerdict(0, False, None, str(error))
    except sqlite3.Error as error:
        return AuditVerdict(0, False, None, f"{path} can't be read as a database: {error}.")


def quick_check(connection: sqlite3.Connection) -> str:
    """Return what SQLite finds wrong with the file's structure, or an empty text."""
    try:
        said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if said == "ok" else said


def check_archive(path: Path, archive: Archive) -> Steps:
    """Check an archive's records, from the one that they hang on to the last that was signed."""
    if not path.is_file():
        why = f"The archive {path.name} is missing; it is part of the chain."
        return AuditVerdict(archive.before.number, False, archive.first, why)
    try:
        with closing(open_read_only(path, immutable=True)) as connection:
            verdict = yield from _check_chain(connection, archive.before, None, archive.end)
    except sqlite3.Error as error:
        verdict = _bad(archive.before, f"the database can't be read: {error}")
    return verdict if verdict.ok else replace(verdict, reason=f"Archive {path.name}: {verdict.reason}")


def log_of(path: Path) -> Path:
    """Return where the write-ahead log is while the database is in use, or after a crash."""
    return path.with_name(path.name + "-wal")


def _beginning(path: Path, sealer: Sealer | None, still: bool) -> Head | None:
    with closing(open_read_only(path, immutable=still)) as connection:
        return load_start(connection, sealer)


def _verify_folder(path: Path, sealer: Sealer | None, structure: bool, archives: bool, still: bool) -> Steps:
    with closing(open_read_only(path, immutable=still)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        damage = quick_check(connection) if structure else ""
        start = load_start(connection, sealer)
        if start is None:
            return AuditVerdict(0, False, None, "Where the chain begins was not signed with this audit key.")
        before = yield from _verify_archives(path.parent, load_archives(connection), start, sealer, archives)
        if not before.ok:
            return before
        (first,) = connection.execute("SELECT min(number) FROM audit").fetchone()
        if first is not None and first <= start.number:
            return AuditVerdict(before.records, False, first, f"Record {first}: the signed chain begins after it.")
        verdict = yield from _check_chain(connection, start, sealer, None)
    if not archives:
        verdict = replace(verdict, records=verdict.records - start.number)
    if verdict.ok and damage:
        return AuditVerdict(verdict.records, False, None, f"The database is damaged: {damage}")
    if verdict.ok and sealer is None:
        return AuditVerdict(verdict.records, False, None, "The audit key is missing, so the head can't be checked.")
    return verdict


def _verify_archives(folder: Path, moved: list[Archive], start: Head, sealer: Sealer | None, read: bool) -> Steps:
    """Check that signed archives, end to end, hold everything that is no longer in the database."""
    end = Head()
    for each in moved:
        if sealer is not None and each.signature != each.signed(sealer):
            return _bad(end, f"the row of the archive {each.file} was not signed with this audit key")
        if each.before != end or Path(each.file).name != each.file:
            return _bad(end, f"the archive {each.file} doesn't follow the one before it")
        if read:
            verdict = yield from check_archive(folder / FOLDER / each.file, each)
            if not verdict.ok:
                return verdict
        end = each.end
    if end.number < start.number or (end.number == start.number and end != start):
        return _bad(end, "it is no longer in the database, and no archive has it")
    return AuditVerdict(end.number, True, None)


def _check_chain(connection: sqlite3.Connection, end: Head, sealer: Sealer | None, until: Head | None) -> Steps:
    """Check slice by slice, each within a snapshot of its own: up to ``until``, or to this database's signed head."""
    while True:
        try:
            connection.execute("BEGIN")
            try:
                reached = _check_slice(connection, end, sealer, until)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            return _bad(end, f"the database can't be read: {error}")
        if isinstance(reached, AuditVerdict):
            return reached
        end = reached
        yield


def _check_slice(
    connection: sqlite3.Connection, end: Head, sealer: Sealer | None, until: Head | None
) -> Head | AuditVerdict:
    """Return how far the chain was read, or the verdict. One record costs little more than its SHA-256."""
    number, last, seen, dumps = end.number, end.hash, 0, orjson.dumps
    try:
        for row in connection.execute(_SLICE_SQL, (number,)):
            detail, digest, stored = row[11:]
            if row[0] != number + 1:
                return _bad(Head(number, last), "it is missing")
            # The same bytes as chain.next_hash, without a call for each record.
            last_of_row = sha256(b"".join((last, dumps(row[:11]), digest, detail))).digest()
            if last_of_row != stored or len(digest) != _DIGEST_BYTES:
                return _bad(Head(number, last), "it doesn't fit its hash")
            number, last = number + 1, stored
            seen += 1
    except (sqlite3.Error, UnicodeDecodeError, TypeError) as error:
        return _bad(Head(number, last), f"it can't be read: {error}")
    reached = Head(number, last)
    if seen == SLICE:
        return reached
    return _check_head(connection, reached, sealer) if until is None else _compare(reached, until)


def _check_head(connection: sqlite3.Connection, reached: Head, sealer: Sealer | None) -> AuditVerdict:
    stored = load_head(connection)
    if stored is None:
        head = Head()
    elif sealer is None:
        head = unsigned(stored)
    else:
        head = sealer.read_head(stored)
    if head is None:
        return AuditVerdict(reached.number, False, None, "The head of the chain was not signed with this audit key.")
    return _compare(reached, head)


def _compare(reached: Head, signed: Head) -> AuditVerdict:
    if signed.number > reached.number:
        return _bad(reached, f"the chain once had {signed.number} records; it is missing")
    if signed.number < reached.number:
        return AuditVerdict(
            signed.number, False, signed.number + 1, f"Record {signed.number + 1}: the signed head ends before it."
        )
    if signed.hash != reached.hash:
        return AuditVerdict(
            reached.number - 1, False, reached.number, "The last record is not the one that was signed."
        )
    return AuditVerdict(reached.number, True, None)


def _bad(end: Head, why: str) -> AuditVerdict:
    return AuditVerdict(end.number, False, end.number + 1, f"Record {end.number + 1}: {why}.")
