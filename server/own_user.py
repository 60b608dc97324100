"""Unix sockets for programs of the same Unix user and nobody else: mode 0600, and the kernel says who connects."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

_UCRED: Final = struct.Struct("=iII")


class ControlInUse(Exception):
    """Another cockpit listens on the socket, or something that is no socket is in its place."""


def listen(path: Path, backlog: int) -> socket.socket:
    """Listen at ``path``. Raises `ControlInUse`; what a dead process left behind is taken away."""
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # the socket must never exist with a looser mode, not even until a chmod
    try:
        listener.bind(os.fspath(path))
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ControlInUse(f"can't listen on {path}: {error.strerror or error}") from error
    finally:
        os.umask(before)
    return listener


def inode_of(path: Path) -> int:
    """Return what tells the socket at ``path`` from another one that takes its place."""
    return path.stat().st_ino


def take_away(path: Path, inode: int) -> None:
    """Remove the socket at ``path``, unless another one is there by now."""
    with contextlib.suppress(OSError):
        if inode_of(path) == inode:
            path.unlink()


def is_same_user(peer: socket.socket) -> bool:
    """Whether the program at the other end runs as the user that this process runs as."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # where the system can't say who connects, the modes of folder and socket are the guard
    _pid, uid, _gid = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return uid == os.getuid()


def _clear(path: Path) -> None:
    """Remove a socket that a dead process left behind; anything else stays, and is an error."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlInUse(f"{path} is in the way and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise ControlInUse(f"{path} is in use: {error.strerror or error}") from error
    raise ControlInUse(f"another cockpit listens on {path}")
