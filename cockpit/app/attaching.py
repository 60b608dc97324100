"""A screen whose cockpit is another process: attach to it, draw until the operator leaves, and leave it running."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from cockpit.model.clock import SystemClock
from cockpit.model.screen import ScreenSettings
from cockpit.operator.remote.remote_face import RemoteFace
from tui.run import Ending, ScreenEnded, ScreenSwitch
from tui.supervise import supervise

log = logging.getLogger("cockpit")

_DONE: Final = 0
_FAILED: Final = 1
_LINES_KEPT: Final = 20
_SCREEN_ENDS_WITHIN: Final = 2.0


def attach(socket: Path, looks: ScreenSettings, *, read_only: bool) -> int:
    """Show a running cockpit on this terminal; return the exit code. Raises CannotAttach."""
    kept = _Kept()
    root = logging.getLogger()
    root.handlers[:] = [kept]  # the terminal is the screen's: what would be logged there is told after it has ended
    ended = asyncio.run(_attach(socket, replace(looks, read_only=read_only, attached=True)))
    if ended.how is Ending.CRASHED:
        click.echo("\n".join(kept.lines), err=True)
        click.echo("The screen broke; the cockpit goes on without it.", err=True)
        return _FAILED
    if ended.how is Ending.QUIT:
        click.echo("Left the screen; the cockpit goes on.")
    return _DONE


async def _attach(socket: Path, looks: ScreenSettings) -> ScreenEnded:
    switch = ScreenSwitch()
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def end(how: Ending) -> None:
        switch.request_exit(how)
        told.set()

    for number, how in ((signal.SIGTERM, Ending.QUIT), (signal.SIGINT, Ending.QUIT), (signal.SIGHUP, Ending.HANGUP)):
        loop.add_signal_handler(number, end, how)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    async with RemoteFace(socket, SystemClock(), read_only=looks.read_only) as face:
        screen = loop.create_task(supervise(face, looks, log, switch=switch), name="screen")
        stopped = loop.create_task(told.wait())
        await asyncio.wait({screen, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        # A terminal that nobody reads must not keep the process.
        await asyncio.wait({screen}, timeout=_SCREEN_ENDS_WITHIN)
        if told.is_set() or not screen.done():
            return ScreenEnded(Ending.HANGUP)  # nothing more is written: the terminal may be the very one that stalls
        return screen.result()


class _Kept(logging.Handler):
    """Keeps the newest lines of the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: deque[str] = deque(maxlen=_LINES_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
