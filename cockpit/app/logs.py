"""Where the host's log goes: to stderr, or to a file while a screen has the terminal. Writing never blocks the loop."""

from __future__ import annotations

import logging
import os
import queue
import sys
from collections import deque
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from typing import Final

FILE_NAME: Final = "cockpit.log"
_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
NEWEST: Final = 500
"""Lines that are kept for the screen."""
_MOST_BYTES: Final = 2_000_000
_QUIET: Final = ("aiohttp.access", "aiosqlite", "asyncio", "authlib", "mcp", "httpx", "httpx2")


def _tells_no_token(record: logging.LogRecord) -> bool:
    """Drop what Authlib says at DEBUG, whole tokens among it, whatever level somebody gives its loggers."""
    return record.levelno > logging.DEBUG or not record.name.startswith("authlib")


class NewestLines(logging.Handler):
    """Keeps the newest lines for the operator's screen."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=NEWEST)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record as it is written; of a traceback every line."""
        try:
            self._lines.extend(self.format(record).splitlines())
        except (TypeError, ValueError, KeyError):  # arguments that don't fit their format
            self.handleError(record)

    def lines(self) -> tuple[str, ...]:
        """Return the newest lines, oldest first."""
        return tuple(self._lines)


class Logs:
    """A context in which everything that is logged ends up in the right place."""

    def __init__(self, folder: Path, *, to_file: bool) -> None:
        self._folder = folder
        self._to_file = to_file
        self._queue: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._listener: QueueListener | None = None
        self.newest = NewestLines()

    def __enter__(self) -> Logs:
        root = logging.getLogger()
        root.handlers[:] = [QueueHandler(self._queue)]
        root.setLevel(logging.INFO)
        for name in _QUIET:
            # At lower levels these write tokens, statements and every request.
            logging.getLogger(name).setLevel(logging.WARNING)
        self._listen(self._file() if self._to_file else logging.StreamHandler(sys.stderr))
        return self

    def __exit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.stop()
        logging.getLogger().handlers[:] = []

    def _listen(self, handler: logging.Handler) -> None:
        for one in (handler, self.newest):
            one.addFilter(_tells_no_token)
            one.setFormatter(logging.Formatter(_FORMAT))
        self._listener = QueueListener(self._queue, handler, self.newest, respect_handler_level=True)
        self._listener.start()

    def _file(self) -> logging.Handler:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / FILE_NAME
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        return RotatingFileHandler(path, maxBytes=_MOST_BYTES, backupCount=3, encoding="utf-8")
