"""Lines that were typed behind the colon: recalled by the arrows, and kept over restarts without any secret."""

from __future__ import annotations

import asyncio
import contextlib
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
_CODES: Final = frozenset({APPROVE_CLIENT.name, *(act.finished_by for act in ACTS.values() if act.finished_by)})
"""Acts whose line holds a code that is good once."""


def holds_a_secret(act: Act) -> bool:
    """Whether a line of this act is remembered nowhere."""
    return act.name in _CODES or any(argument.kind == "secret" for argument in act.arguments)


class LineHistory:
    """The newest lines, oldest first. What is no command stays in memory alone: it may be anything."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.lines: list[str] = []
        self._kept: list[str] = []
        self._writing: asyncio.Future[None] | None = None
        self._stale = False

    def load(self) -> None:
        """Read what an earlier screen kept; a file that can't be read is no file."""
        if self._path is None:
            return
        try:
            with self._path.open("rb") as file:
                text = file.read(_MOST_BYTES).decode("utf-8", "replace")
        except OSError:
            return
        self._kept = [str(safe(line, LONGEST)) for line in text.splitlines() if line.strip()][-MOST:]
        self.lines = [*self._kept]

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
        self._kept = _with(self._kept, line)
        if self._path is not None:
            self._write_soon(self._path)

    async def finish(self) -> None:
        """Wait until what was remembered is written."""
        while self._writing is not None:
            await asyncio.wait({self._writing})

    def _write_soon(self, path: Path) -> None:
        if self._writing is not None:
            self._stale = True
            return
        self._stale = False
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, _write, path, "".join(f"{line}\n" for line in self._kept))
        self._writing.add_done_callback(lambda done: self._written(done, path))

    def _written(self, done: asyncio.Future[None], path: Path) -> None:
        self._writing = None
        if not done.cancelled() and (problem := done.exception()) is not None:
            LOG.warning("the lines that were typed can't be kept: %s", problem)
        elif self._stale:
            self._write_soon(path)


def _with(lines: list[str], line: str) -> list[str]:
    return [*(one for one in lines if one != line), line][-MOST:]


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
