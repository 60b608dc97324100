"""The terminal's driver: it never blocks the loop, never stops the process, and lets go when the terminal is gone.

The services live in the same loop as the screen, so a terminal that nobody reads, a dropped SSH line or a ^Z must not
reach them. Frames for a stalled terminal are dropped and the screen is painted anew once it is read again.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import termios
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from textual._xterm_parser import XTermParser
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver

from tui.pace import PacedScreen

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from textual.app import App

HANGUP: Final = 129
"""Return code of a screen whose terminal went away: 128 and SIGHUP's number."""

_QUEUED_WRITES: Final = 64
_PARTING_SECONDS: Final = 0.5
_PIECE: Final = 4096
"""Bytes that are written at once: as many may be on their way when the rest is dropped."""
_ANEW: Final = "\x18\x1b[?2026l\x1b[0m"
"""Ends whatever was cut off: an escape sequence, a frame, a colour."""
_SAVE_TITLE: Final = "\x1b[22;0t"
_RESTORE_TITLE: Final = "\x1b[23;0t"


class SafeWriter(WriterThread):
    """Writes to the terminal without Python's buffered file, whose lock a stalled write would hold at exit."""

    def __init__(self, file: TextIO, on_gone: Callable[[], None]) -> None:
        super().__init__(file)
        self._queue: queue.Queue[str | Callable[[], None] | None] = queue.Queue(  # pyright: ignore[reportIncompatibleVariableOverride]
            _QUEUED_WRITES
        )
        self._terminal = file
        self._on_gone = on_gone
        self._drops = False
        """Whether the rest of the piece at hand isn't wanted any more."""

    def offer(self, text: str | Callable[[], None], *, wait: float = 0) -> bool:
        """Take text to be written, or what to call behind it; False without room, after at most ``wait`` seconds."""
        try:
            self._queue.put(text, block=wait > 0, timeout=wait or None)
        except queue.Full:
            return False
        return True

    @property
    def idle(self) -> bool:
        """Whether everything that was taken has been handed to the terminal, but for the piece at hand."""
        return self._queue.empty()

    def run(self) -> None:
        """Write until told to stop, or until the terminal is gone."""
        terminal = self._terminal.fileno()
        encoding = self._terminal.encoding or "utf-8"
        while (text := self._queue.get()) is not None:
            if not isinstance(text, str):
                text()
                continue
            rest = text.encode(encoding, "replace")
            while rest and not self._drops:
                try:
                    rest = rest[os.write(terminal, rest[:_PIECE]) :]
                except BlockingIOError:
                    select.select([], [terminal], [], 1)
                except (OSError, ValueError):
                    self._on_gone()
                    return

    def stop(self) -> None:
        """Ask the thread to end and give it a moment; a stalled one is left behind, it is a daemon."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=_PARTING_SECONDS)
            self.join(_PARTING_SECONDS)

    def write_instead(self, text: str) -> None:
        """Drop what a terminal that nobody reads has not taken, here and in the kernel, and write this instead."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        self._drops = True
        self._queue.put(self._drop_no_more)
        self._queue.put(_ANEW + text)
        terminal = self._terminal.fileno()
        with contextlib.suppress(OSError, ValueError, termios.error):
            termios.tcflush(terminal, termios.TCOFLUSH)
            # A write that waits for room isn't told that there is some, only that output may go on.
            termios.tcflow(terminal, termios.TCOOFF)
            termios.tcflow(terminal, termios.TCOON)

    def _drop_no_more(self) -> None:
        self._drops = False


class CockpitDriver(LinuxDriver):
    """Textual's Linux driver, made safe for a process that must not stop."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        self._writer: SafeWriter | None = None
        self.gone = False
        self.stalled = False
        self.dropped = 0
        """Frames that a stalled terminal did not get."""
        self._parting = False
        self._last_words = ""
        """What gives the terminal back as it was."""
        self._title = ""
        self._resized: signal.Handlers | Callable[[int, FrameType | None], object] | int | None = None
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)

    # The parent makes its writer inside start_application_mode; this is the seam where ours takes its place.
    @property
    def _writer_thread(self) -> WriterThread | None:
        return self._writer

    @_writer_thread.setter
    def _writer_thread(self, stock: WriterThread | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._writer = None if stock is None else SafeWriter(cast("TextIO", self._file), self._hang_up)

    @property
    def can_suspend(self) -> bool:
        """Never: the services share the process."""
        return False

    def start_application_mode(self) -> None:
        """Take the terminal, and remember its title where it can."""
        self._parting = False
        super().start_application_mode()
        self._resized = signal.getsignal(signal.SIGWINCH)
        signal.signal(signal.SIGWINCH, self._on_resized)
        self.write(_SAVE_TITLE)

    def _on_resized(self, number: int, frame: FrameType | None) -> None:
        """Paint anew at every signal: of a size that was another for a moment no trace is left but its signal."""
        if callable(self._resized):
            self._resized(number, frame)
        self._in_loop(self._repaint)

    def set_title(self, title: str) -> None:
        """Name the terminal's window; the text must be printable."""
        if title.isprintable():
            self._title = f"\x1b]0;{title}\x07"
            self.write(self._title)

    def write(self, data: str) -> None:
        """Hand a frame to the terminal, or drop it while the terminal doesn't read."""
        writer = self._writer
        if writer is None or self.gone:
            return
        if self._parting:
            self._last_words += data
            self.stalled = self.stalled or not writer.offer(data, wait=_PARTING_SECONDS)
            return
        if self.stalled:
            if not writer.idle:
                self.dropped += 1
                return
            self.stalled = False
            self._loop.call_soon_threadsafe(self._repaint)
        if not writer.offer(data):
            self.stalled = True
            self.dropped += 1

    def when_written(self, call: Callable[[], None]) -> None:
        """Call in the loop once all that was written is handed to the terminal; never, where some of it was dropped."""
        writer = self._writer
        if writer is not None and not (self.gone or self.stalled or self._parting):
            writer.offer(lambda: self._in_loop(call))

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was; a stalled one gets that instead of all that it hasn't taken yet."""
        self._parting = not self.gone
        self.write(_RESTORE_TITLE)
        super().stop_application_mode()

    def disable_input(self) -> None:
        """Stop reading keys. A hang-up has ended the reader already, and there is nothing to flush."""
        if not self.gone:
            super().disable_input()

    def close(self) -> None:
        """End the writer."""
        writer = self._writer
        if writer is None:
            return
        if not self.stalled:
            writer.stop()
        if writer.is_alive() and not self.gone:
            writer.write_instead(self._last_words)
            writer.stop()

    def run_input_thread(self) -> None:
        """Read keys until told to stop; the end of input is a hang-up, never a busy loop."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            try:
                readable, _, _ = select.select([self.fileno], [], [], 0.1)
                data = os.read(self.fileno, 4096) if readable else None
            except (OSError, ValueError, termios.error):
                data = b""
            if data == b"":
                self._hang_up()
                return
            if data is not None:
                for event in parser.feed(decode(data)):
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)

    def _repaint(self) -> None:
        if not self.gone and self._app.is_running:
            for screen in self._app.screen_stack:
                if isinstance(screen, PacedScreen):
                    screen.redraw()
            self.write(self._title)

    def _hang_up(self) -> None:
        """Leave once, from whichever thread finds the terminal gone first."""
        if self.gone:
            return
        self.gone = True
        self.exit_event.set()
        self._in_loop(self._leave)

    def _in_loop(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nothing is left to do there
            self._loop.call_soon_threadsafe(call)

    def _leave(self) -> None:
        self._app.exit(return_code=HANGUP)
