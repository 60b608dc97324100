"""Standard input and output as lines, each read and written by a thread of its own.

They may be pipes, files or a terminal; only threads serve all of these. The threads are daemons over bare file
descriptors: whatever blocks them keeps the process from nothing, least of all from its end.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

MOST_BYTES: Final = 4_194_304
"""Length of a line, without its end. The host's own bound for a message is lower as a rule, and says so by itself."""
_PIECE: Final = 65_536
_LINES_READ: Final = 64
_LINES_TO_WRITE: Final = 256

TOO_LONG: Final = None
"""Stands where a line was, of which nothing is kept."""


class Lines:
    """Splits bytes into lines, keeping none that is too long."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._rest = bytearray()
        self._skipping = False

    def feed(self, piece: bytes) -> list[bytes | None]:
        """Take bytes and return the lines that end in them; `TOO_LONG` for each that was too long, once."""
        found: list[bytes | None] = []
        *ends, rest = piece.split(b"\n")
        for part in ends:
            line = self._take(part)
            if self._skipping:
                self._skipping = False
            else:
                found.append(line)
            self._rest.clear()
        if not self._skipping and self._take(rest) is TOO_LONG:
            found.append(TOO_LONG)
            self._skipping = True
            self._rest.clear()
        return found

    def end(self) -> list[bytes | None]:
        """Return the last line, where the input ended without ending it."""
        return [bytes(self._rest)] if self._rest and not self._skipping else []

    def _take(self, part: bytes) -> bytes | None:
        if self._skipping:
            return TOO_LONG
        self._rest += part
        return bytes(self._rest) if len(self._rest) <= self._most else TOO_LONG


class Input:
    """Lines of a file descriptor, as an asynchronous iterator that ends with it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._read: asyncio.Queue[list[bytes | None] | None] = asyncio.Queue(_LINES_READ)
        threading.Thread(target=self._work, name="standard input", daemon=True).start()

    async def next(self) -> list[bytes | None] | None:
        """Return the next lines; None at the end."""
        return await self._read.get()

    def _work(self) -> None:
        lines = Lines()
        while piece := self._piece():
            if found := lines.feed(piece):
                self._put(found)
        if left := lines.end():
            self._put(left)
        self._put(None)

    def _piece(self) -> bytes:
        try:
            return os.read(self._descriptor, _PIECE)
        except OSError:
            return b""

    def _put(self, found: list[bytes | None] | None) -> None:
        # Waits until there is room: a program that sends faster than it is answered is slowed down, not remembered.
        try:
            asyncio.run_coroutine_threadsafe(self._read.put(found), self._loop).result()
        except RuntimeError:
            return  # the loop is closed: nobody reads any more


class Output:
    """Writes lines to a file descriptor, whole and one after the other."""

    def __init__(self, descriptor: int, broken: Callable[[], None]) -> None:
        """``broken`` is called once nobody reads any more."""
        self._descriptor = descriptor
        self._broken = broken
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(_LINES_TO_WRITE)
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._written = asyncio.Event()
        threading.Thread(target=self._work, name="standard output", daemon=True).start()

    async def write(self, message: bytes) -> None:
        """Write one message as one line. Waits where the reader is far behind."""
        await self._room.acquire()
        # JSON has line ends between its parts alone, where they mean nothing.
        self._queue.put(message.replace(b"\r", b"").replace(b"\n", b"") + b"\n")

    async def drain(self, seconds: float) -> None:
        """Wait until all is written, but no longer than so many seconds."""
        self._queue.put(None)
        try:
            async with asyncio.timeout(seconds):
                await self._written.wait()
        except TimeoutError:
            return

    def _work(self) -> None:
        try:
            while (line := self._queue.get()) is not None:
                while line:
                    line = line[os.write(self._descriptor, line) :]
                self._tell(self._room.release)
        except OSError:
            self._tell(self._broken)
        self._tell(self._written.set)

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more
