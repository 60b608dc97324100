"""Secrets in files of their own: whole or not there, replaced at once, and read only while nobody else can."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from cockpit.store.folder import StoreCannotOpen, cannot_write, private_folder, refuse_strangers, sync_folder

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_LARGEST: Final = 65_536


def secret_file(folder: Path, name: str, make: Callable[[], bytes]) -> bytes:
    """Return the secret in ``folder / name``; if there is none, make it and keep it durably.

    ``folder`` is the keys folder itself (DATA/keys); it is made with mode 0700, the file with 0600. The file appears
    whole or not at all, and if two processes make it at once, both return the same secret. `StoreCannotOpen` when
    folder or file is open to others, belongs to another user, is empty, or can't be written.
    """
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"not a name for a secret file: {name!r}")
    private_folder(folder)
    path = folder / name
    found = read_secret(path)
    if found is not None:
        return found
    secret = make()
    if not 0 < len(secret) <= _LARGEST:
        raise ValueError("a secret is 1 to 65,536 bytes")
    try:
        _create(folder, path, secret)
    except OSError as error:
        raise cannot_write(path, error) from error
    return read_secret(path) or secret


def read_secret(path: Path) -> bytes | None:
    """Return the secret in a file, None if there is no such file; refuse one that others can read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreCannotOpen(f"{path} can't be read: {error.strerror}.", "Restore it from a backup.") from error
    with os.fdopen(descriptor, "rb") as file:
        refuse_strangers(path, os.fstat(descriptor))
        secret = file.read(_LARGEST + 1)
    if not 0 < len(secret) <= _LARGEST:
        raise StoreCannotOpen(f"{path} holds {len(secret)} bytes, which is no secret.", "Restore it from a backup.")
    return secret


def replace_secret(folder: Path, name: str, secret: bytes) -> None:
    """Put another secret in the place of the one in ``folder / name``, durably: readers find the one or the other.

    Only for the process that holds the folder's lock. Drafts that a crash left behind go. `StoreCannotOpen` when it
    can't be written; the file is the old one then.
    """
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"not a name for a secret file: {name!r}")
    if not 0 < len(secret) <= _LARGEST:
        raise ValueError("a secret is 1 to 65,536 bytes")
    private_folder(folder)
    path = folder / name
    try:
        for left in folder.glob(f".{name}.*"):
            left.unlink(missing_ok=True)
        draft = _draft(path, secret)
        try:
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise cannot_write(path, error) from error


def _create(folder: Path, path: Path, secret: bytes) -> None:
    """Write a private file beside the target, then link it in place: a link never replaces what is there."""
    draft = _draft(path, secret)
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(folder)


def _draft(path: Path, secret: bytes) -> Path:
    """Write a private file beside ``path``, flushed to the disk."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft
