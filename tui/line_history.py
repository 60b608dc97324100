"""Lines that were typed behind the colon: recalled by the arrows, and kept over restarts without any secret."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from pathlib import Path
from typing import Final

from cockpit.model.text import safe
from cockpit.operator.act import Act
from cockpit.operator.acts import ACTS, APPROVE_CLIENT
from tui.commands import LineUnfit, act_named_in
from tui.line_edit import LONGEST

LOG = logging.getLogger(__name__)

MOST: Final = 100
_MOST_BYTES: Final = MOST * LONGEST * 4
_TIDY_FROM: Final = 4 * MOST
"""Lines in the file from which it is written anew with the newest alone."""
_CODES: Final = frozenset({APPROVE_CLIENT.name, *(act.finished_by for act in ACTS.values() if act.finished_by)})
"""Acts whose line holds a code that is good once."""


def holds_a_secret(act: Act) -> bool:
    """Whether a line of this act is remembered nowhere."""
    return act.name in _CODES or any(argument.kind == "secret" for argument in act.arguments)


class LineHistory:
    """The newest lines, oldest first. What is no command stays in memory alone: it may be anything.

    Several screens may keep their lines in one file: each adds its own at the end, and takes none of another's away.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.lines: list[str] = []
        self._unwritten: list[str] = []
        self._writing: asyncio.Future[None] | None = None

    def load(self) -> None:
        """Read what earlier screens kept; a file that can't be read is no file."""
        if self._path is None:
            return
        try:
            self.lines = _newest(self._path)
        except OSError:
            return

    def add(self, line: str) -> None:
        """Remember a line as the newest; on disk only where it is a command without a secret."""
        try:
            act = act_named_in(line)
        except LineUnfit:
            self.lines = _with(self.lines, line)
            return
        if holds_a_secret(act):
            return
        self.lines = _with(self.lines, line)
        if self._path is not None:
            self._unwritten.append(line)
            self._write_soon(self._path)

    async def finish(self) -> None:
        """Wait until what was remembered is written."""
        while self._writing is not None:
            await asyncio.wait({self._writing})

    def _write_soon(self, path: Path) -> None:
        if self._writing is not None or not self._unwritten:
            return
        text = "".join(f"{line}\n" for line in self._unwritten)
        self._unwritten = []
        self._writing = asyncio.get_running_loop().run_in_executor(None, _append, path, text)
        self._writing.add_done_callback(lambda done: self._written(done, path))

    def _written(self, done: asyncio.Future[None], path: Path) -> None:
        self._writing = None
        if not done.cancelled() and (problem := done.exception()) is not None:
            LOG.warning("the lines that were typed can't be kept: %s", problem)
        self._write_soon(path)


def _with(lines: list[str], line: str) -> list[str]:
    return [*(one for one in lines if one != line), line][-MOST:]


def _newest(path: Path) -> list[str]:
    """Return the newest lines of a file, none twice."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _MOST_BYTES))
        text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    lines: dict[str, None] = {}
    for line in text.splitlines():
        if line.strip():
            kept = str(safe(line, LONGEST))
            lines.pop(kept, None)
            lines[kept] = None
    return [*lines][-MOST:]


def _append(path: Path, text: str) -> None:
    """Add lines at the end of the file; where it has grown long, leave the newest alone."""
    while True:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0) as file:
            # Another screen that tidies puts a new file in its place; a line in the old one would be lost.
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_still(path, file.fileno()):
                continue
            os.fchmod(file.fileno(), 0o600)
            file.write(text.encode())
            file.seek(0)
            if sum(1 for _ in file) >= _TIDY_FROM:
                _tidy(path)
            return


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _tidy(path: Path) -> None:
    """Put a file with the newest lines in the place of a long one, whose lock the caller holds."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in _newest(path)))
    new.replace(path)
