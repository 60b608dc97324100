"""The data folder, its keys and database, and the settings file: modes, owners, free space, kind of disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cockpit.cli.doctor.database import first_value
from cockpit.cli.doctor.findings import Finding, bad, good, warning
from cockpit.model.text import safe
from cockpit.store.connection import DATABASE_NAME
from cockpit.store.folder import StoreCannotOpen, refuse_strangers
from cockpit.store.schema import shipped_migrations

PART: Final = "folders"
_OTHERS_WRITE: Final = 0o022
_LITTLE: Final = 500 * 1024 * 1024
_NOTHING: Final = 20 * 1024 * 1024
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs"})
_MOUNTS: Final = Path("/proc/self/mounts")


def examine_folders(data: Path, settings_file: Path) -> list[Finding]:
    """Look at the data folder with what is in it, and at the settings file."""
    return [*_settings_file(settings_file), *(_data(data) if data.exists() else _not_yet(data))]


def _settings_file(path: Path) -> Iterator[Finding]:
    try:
        found = path.stat()
    except OSError:
        yield good(PART, f"There is no settings file at {path}; the defaults hold.")
        return
    if found.st_uid not in {os.geteuid(), 0}:
        yield bad(PART, f"{path} belongs to another user (uid {found.st_uid}).", f"chown it: {path}")
    elif stat.S_IMODE(found.st_mode) & _OTHERS_WRITE:
        yield bad(PART, f"Other users may write {path}, and so decide what is allowed.", f"chmod go-w {path}")
    else:
        yield good(PART, f"Only you can write {path}.")


def _not_yet(data: Path) -> Iterator[Finding]:
    above = next(folder for folder in data.parents if folder.exists())
    if os.access(above, os.W_OK | os.X_OK):
        yield good(PART, f"{data} doesn't exist yet; the first start makes it.")
    else:
        yield bad(PART, f"{data} doesn't exist and can't be made in {above}.", "Name another with --data-dir.")


def _data(data: Path) -> Iterator[Finding]:
    if not data.is_dir():
        yield bad(PART, f"{data} is not a folder.", "Name another with --data-dir.")
        return
    strangers = list(_open_to_others(data))
    yield from strangers
    if not strangers:
        yield good(PART, f"{data} and everything in it is yours alone.")
    if not os.access(data, os.W_OK | os.X_OK):
        yield bad(PART, f"{data} can't be written.", "Mount it writable, or name another with --data-dir.")
    yield from judge_space(data, shutil.disk_usage(data).free)
    yield from judge_disk(data, _kind_of_disk(data))
    if (data / DATABASE_NAME).is_file():
        yield from _database(data / DATABASE_NAME)


def _open_to_others(data: Path) -> Iterator[Finding]:
    keys = data / "keys"
    inside = [data / DATABASE_NAME, keys, *(sorted(keys.iterdir()) if os.access(keys, os.R_OK | os.X_OK) else ())]
    for path in (data, *inside):
        try:
            refuse_strangers(path, path.lstat())
        except FileNotFoundError:
            continue
        except StoreCannotOpen as found:
            yield bad(PART, found.what, found.mend)


def judge_space(data: Path, free: int) -> Iterator[Finding]:
    """Judge how many bytes are free where the record is written."""
    megabytes = f"{free // (1024 * 1024):,} MB are free for {data}."
    if free < _NOTHING:
        yield bad(PART, megabytes, "Make room: without it the audit can't be written, and nothing may be ordered.")
    elif free < _LITTLE:
        yield warning(PART, megabytes, "Make room, or set audit.keep_days.")
    else:
        yield good(PART, megabytes)


def judge_disk(data: Path, kind: str) -> Iterator[Finding]:
    """Judge a file system by its kind: SQLite's log and its locks need a local one."""
    if kind in _REMOTE:
        yield bad(
            PART,
            f"{data} is on a network disk ({kind}); its locks and its fsync can't be relied on.",
            "Name a folder on a local disk with --data-dir.",
        )
    elif kind in {"tmpfs", "ramfs"}:
        yield warning(PART, f"{data} is in memory ({kind}) and gone after a restart.", "Name one on a disk.")


def _kind_of_disk(path: Path, mounts: Path = _MOUNTS) -> str:
    try:
        lines = [line.split(" ") for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    here = path.resolve()
    over = [line for line in lines if len(line) > 2 and here.is_relative_to(line[1].replace(r"\040", " "))]
    return max(over, key=lambda line: len(line[1]))[2] if over else ""


def _database(path: Path) -> Iterator[Finding]:
    try:
        version = first_value(path, "SELECT max(number) FROM migrations") or 0
    except sqlite3.Error as error:
        yield bad(PART, f"{path} can't be read: {safe(str(error), 200)}.", "Restore it from a backup.")
        return
    newest = shipped_migrations()[-1].number
    if version > newest:
        yield bad(
            PART,
            f"{path} was written by a newer cockpit (step {version}, this one knows {newest}).",
            "Upgrade this one.",
        )
    elif version < newest:
        yield good(PART, f"The database is brought up to date at the next start (step {version} of {newest}).")
    else:
        yield good(PART, "The database is up to date; `cockpit audit verify` checks its chain.")
