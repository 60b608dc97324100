"""Whether the audit is whole: every record is read again, in slices, and compared with its hash and the signed head."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cockpit.store.audit import AuditVerdict
from cockpit.store.batch import load_head
from cockpit.store.chain import KEY_NAME, Head, Sealer, clear_bytes, next_hash
from cockpit.store.connection import BUSY_MS, DATABASE_NAME
from cockpit.store.folder import StoreCannotOpen
from cockpit.store.keys import read_secret

SLICE: Final = 4_000
"""Records a slice: about 20 ms, so that a writer's checkpoint never waits long for the reader."""
_DIGEST_BYTES: Final = 32
_COLUMNS: Final = (
    "number, at, kind, client, tool, outcome, code, symbol, order_id, grant_id, duration_us, detail, digest, hash"
)
_SLICE_SQL: Final = f"SELECT {_COLUMNS} FROM audit WHERE number > ? ORDER BY number LIMIT {SLICE}"  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Checked:
    """How far the chain was read, and the verdict once there is one."""

    end: Head
    verdict: AuditVerdict | None


def check_slice(connection: sqlite3.Connection, end: Head, sealer: Sealer | None) -> Checked:
    """Check the next slice after ``end`` within one snapshot of the database.

    Without a sealer the chain is checked, but not the signature of its head.
    """
    try:
        connection.execute("BEGIN")
        try:
            return _check_snapshot(connection, end, sealer)
        finally:
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        return Checked(end, _bad(end, f"the database can't be read: {error}"))


def quick_check(connection: sqlite3.Connection) -> str:
    """Return what SQLite finds wrong with the file's structure, or an empty text."""
    try:
        said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if said == "ok" else said


def verify_offline(folder: Path, *, structure: bool = False) -> AuditVerdict:
    """Verify the audit in a data folder without its lock, whether or not a cockpit runs there; nothing is written.

    ``structure`` also has SQLite check the whole file. What can't be read is a verdict, never an exception.
    """
    path = folder / DATABASE_NAME
    try:
        if not path.is_file():
            return AuditVerdict(0, False, None, f"There is no database {path}.")
        secret = read_secret(folder / "keys" / KEY_NAME)
        stopped = not _log_of(path).exists()
        verdict = _verify_file(path, secret, structure, immutable=stopped)
        if not verdict.ok and stopped and _log_of(path).exists():
            # A cockpit was started meanwhile, and the file changed under a reader that took it for still.
            verdict = _verify_file(path, secret, structure, immutable=False)
    except (StoreCannotOpen, OSError) as error:
        return AuditVerdict(0, False, None, str(error))
    except sqlite3.Error as error:
        return AuditVerdict(0, False, None, f"{path} can't be read as a database: {error}.")
    return verdict


def _verify_file(path: Path, secret: bytes | None, structure: bool, *, immutable: bool) -> AuditVerdict:
    how = "immutable=1" if immutable else "mode=ro"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_MS / 1000, isolation_level=None
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        damage = quick_check(connection) if structure else ""
        verdict = _check_all(connection, Sealer(secret) if secret else None)
    finally:
        connection.close()
    if verdict.ok and damage:
        return AuditVerdict(verdict.records, False, None, f"The database is damaged: {damage}")
    if verdict.ok and secret is None:
        return AuditVerdict(verdict.records, False, None, "The audit key is missing, so the head can't be checked.")
    return verdict


def _check_all(connection: sqlite3.Connection, sealer: Sealer | None) -> AuditVerdict:
    checked = Checked(Head(), None)
    while checked.verdict is None:
        checked = check_slice(connection, checked.end, sealer)
    return checked.verdict


def _log_of(path: Path) -> Path:
    """Return where the write-ahead log is while the database is in use, or after a crash."""
    return path.with_name(path.name + "-wal")


def _check_snapshot(connection: sqlite3.Connection, end: Head, sealer: Sealer | None) -> Checked:
    seen = 0
    number, last = end.number, end.hash
    rows = iter(connection.execute(_SLICE_SQL, (number,)))
    while True:
        try:
            row = next(rows, None)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            return Checked(Head(number, last), _bad(Head(number, last), f"it can't be read: {error}"))
        if row is None:
            break
        here, detail, digest, stored = row[0], row[11], row[12], row[13]
        if here != number + 1:
            return Checked(Head(number, last), _bad(Head(number, last), "it is missing"))
        if len(digest) != _DIGEST_BYTES or next_hash(last, clear_bytes(row[:11]), digest, detail) != stored:
            return Checked(Head(number, last), _bad(Head(number, last), "it doesn't fit its hash"))
        number, last = here, stored
        seen += 1
    reached = Head(number, last)
    return Checked(reached, None if seen == SLICE else _check_head(connection, reached, sealer))


def _check_head(connection: sqlite3.Connection, reached: Head, sealer: Sealer | None) -> AuditVerdict:
    stored = load_head(connection)
    if stored is None:
        head = Head()
    elif sealer is None:
        head = Head(int.from_bytes(stored[:8], "big"), stored[8:40])
    else:
        head = sealer.read_head(stored)
    if head is None:
        return AuditVerdict(reached.number, False, None, "The head of the chain was not signed with this audit key.")
    if head.number > reached.number:
        return _bad(reached, f"the chain once had {head.number} records; it is missing")
    if head.number < reached.number:
        return AuditVerdict(
            head.number, False, head.number + 1, f"Record {head.number + 1}: the signed head ends before it."
        )
    if head.hash != reached.hash:
        return AuditVerdict(
            reached.number - 1, False, reached.number, "The last record is not the one that was signed."
        )
    return AuditVerdict(reached.number, True, None)


def _bad(end: Head, why: str) -> AuditVerdict:
    return AuditVerdict(end.number, False, end.number + 1, f"Record {end.number + 1}: {why}.")
