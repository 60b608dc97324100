"""Who may open the data folder: its owner alone, and one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

LOCK_NAME: Final = "cockpit.lock"
_OTHERS: Final = 0o077


class StoreCannotOpen(Exception):
    """The data folder or its database can't be used: what is wrong, and what mends it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what} {mend}")
        self.what = what
        """One sentence about what was found."""
        self.mend = mend
        """One sentence about what the owner of the host can do."""


def private_folder(folder: Path) -> None:
    """Make the folder with mode 0700 if it is missing, and refuse one that isn't the owner's alone."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.stat()
    except OSError as error:
        raise StoreCannotOpen(
            f"The folder {folder} can't be made: {error.strerror}.", "Choose another with --data-dir."
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise StoreCannotOpen(f"{folder} is not a folder.", "Choose another with --data-dir.")
    refuse_strangers(folder, found)


def private_file(path: Path) -> None:
    """Make an empty file with mode 0600 if it is missing, and refuse one that others may read or write."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        refuse_strangers(path, os.fstat(descriptor))
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names of new files in a folder durable."""
    listing = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(listing)
    finally:
        os.close(listing)


def refuse_strangers(path: Path, found: os.stat_result) -> None:
    """Refuse what belongs to another user, or gives any right to the group or to others."""
    if found.st_uid != os.geteuid():
        raise StoreCannotOpen(
            f"{path} belongs to another user (uid {found.st_uid}).", "Run as that user, or choose another folder."
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OTHERS:
        wanted = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise StoreCannotOpen(
            f"{path} is open to other users (mode {mode:04o}).", f"Close it with: chmod {wanted} {path}"
        )


def cannot_write(path: Path, error: OSError) -> StoreCannotOpen:
    """Say that a file of the folder can't be written, and why."""
    if error.errno == errno.ELOOP:
        return StoreCannotOpen(f"{path} is a symbolic link.", "Put the file itself there.")
    return StoreCannotOpen(
        f"{path} can't be written: {error.strerror}.", "Make the folder writable, or choose another with --data-dir."
    )


class FolderLock:
    """The right to use the folder, held by one process through an advisory lock that dies with it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Take the lock or say which process has it."""
        path = folder / LOCK_NAME
        private_file(path)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreCannotOpen(
                f"Another cockpit (pid {holder}) uses the folder {folder}.",
                "Stop it first, or choose another folder with --data-dir.",
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise cannot_write(path, error) from error
        return cls(descriptor)

    def release(self) -> None:
        """Give the folder back. The file stays, because removing it would let two processes hold two locks."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
