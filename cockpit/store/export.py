"""Writes records of the audit to a file, in slices, from the archives first and then from the database."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from cockpit.store.archives import FOLDER, load_archives, load_start, open_read_only
from cockpit.store.audit import AuditQuery, AuditRecord
from cockpit.store.chain import Sealer
from cockpit.store.folder import sync_folder
from cockpit.store.outside import reading_outside
from cockpit.store.reads import AuditRow, record_of, slices
from cockpit.store.writes import StoreUnavailable

_SLICE: Final = 2_000
_COLUMNS: Final = (
    *("number", "at", "kind", "client", "tool", "outcome", "code", "symbol", "order_id", "grant_id"),
    *("duration_us", "hash", "detail"),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


class ExportRefused(Exception):
    """The file can't be written as asked: what is wrong, and what mends it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an exported file holds; its last line says the same."""

    records: int = 0
    first: int | None = None
    last: int | None = None
    last_hash: str = ""
    sealed: bool = False
    """Whether the details were left out."""


def export_audit(
    folder: Path, target: Path, query: AuditQuery, *, table: bool = False, sealed: bool = False, force: bool = False
) -> Manifest:
    """Write every record that fits to ``target``, the oldest first, as JSON Lines or as a ``table`` (CSV).

    The file has mode 0600 and appears whole or not at all; one that is there is replaced only with ``force``. What
    was opened of the seals is in it in the clear, unless it stays ``sealed``. `ExportRefused` when the file is there
    or can't be written, `StoreUnavailable` when the audit can't be read.
    """
    if target.is_dir() or (os.path.lexists(target) and not force):
        raise ExportRefused(f"{target} is there already; choose another name, or say --force to replace it.")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            manifest = _write(folder, query, sealed, file.write, _table_lines if table else _json_lines)
            file.flush()
            os.fsync(file.fileno())
        if force:
            draft.replace(target)
        else:
            os.link(draft, target)
        sync_folder(target.parent)
    except FileExistsError as error:
        raise ExportRefused(f"{target} is there already; choose another name, or say --force to replace it.") from error
    except OSError as error:
        raise ExportRefused(f"{target} can't be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return manifest


def _write(
    folder: Path,
    query: AuditQuery,
    sealed: bool,
    write: Callable[[bytes], object],
    lines: Callable[[Iterable[dict[str, Any]]], Iterator[bytes]],
) -> Manifest:
    manifest = Manifest(sealed=sealed)
    written = 0

    def told() -> Iterator[dict[str, Any]]:
        nonlocal manifest, written
        for row, sealer in _rows(folder, query, sealed):
            said = _said(record_of(row, sealer), sealed)
            written += 1
            manifest = Manifest(written, manifest.first or said["number"], said["number"], said["hash"], sealed)
            yield said

    for line in lines(told()):
        write(line)
    write(_manifest_line(manifest, lines is _table_lines))
    return manifest


def _rows(folder: Path, query: AuditQuery, sealed: bool) -> Iterator[tuple[AuditRow, Sealer | None]]:
    """Yield what fits, oldest first. What an archiving cockpit takes away meanwhile is read from its archive."""
    after = query.after
    with reading_outside(folder) as (connection, sealer):
        if sealer is None and not sealed:
            raise StoreUnavailable("the audit key is missing, so only --sealed can be exported")
        while True:
            start = load_start(connection, None)
            for archive in load_archives(connection):
                if archive.end.number <= after:
                    continue
                path = folder / FOLDER / Path(archive.file).name
                if not path.is_file():
                    raise StoreUnavailable(f"the archive {path} is missing")
                with closing(open_read_only(path, immutable=True)) as old:
                    for piece in slices(old, replace(query, after=after), _SLICE):
                        for row in piece:
                            yield row, sealer
                after = archive.end.number
            gone = False
            for piece in slices(connection, replace(query, after=after), _SLICE):
                if load_start(connection, None) != start:
                    gone = True
                    break
                for row in piece:
                    yield row, sealer
                after = piece[-1][0]
            if not gone:
                return


def _said(record: AuditRecord, sealed: bool) -> dict[str, Any]:
    said: dict[str, Any] = {name: getattr(record, name) for name in _COLUMNS[:-2]}
    said["at"] = record.at.isoformat(timespec="microseconds")
    said["hash"] = record.hash.hex()
    if not sealed:
        said["detail"] = record.detail if record.readable else None
    return said


def _json_lines(records: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for each in records:
        yield _json(each) + b"\n"


def _table_lines(records: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    yield _row(_COLUMNS)
    for each in records:
        detail = each.get("detail")
        text = "" if detail is None else _json(detail).decode()
        yield _row([*(each[name] for name in _COLUMNS[:-1]), text])


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # what a client sent: integers beyond 64 bits, lone surrogates
        return json.dumps(value).encode()


def _manifest_line(manifest: Manifest, table: bool) -> bytes:
    said = {name: getattr(manifest, name) for name in ("records", "first", "last", "last_hash", "sealed")}
    if table:
        return _row(["# manifest", orjson.dumps(said).decode()])
    return orjson.dumps({"manifest": said}, option=orjson.OPT_APPEND_NEWLINE)


def _row(cells: Sequence[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([_defused(cell) for cell in cells])
    return line.getvalue().encode("utf-8", "backslashreplace")


def _defused(cell: object) -> object:
    """Put an apostrophe before text that a spreadsheet would carry out."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
