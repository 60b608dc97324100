"""One life of the screen on the terminal at hand, and how it ended."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from enum import StrEnum

from cockpit.model.clock import Clock
from cockpit.model.screen import ScreenSettings
from cockpit.operator.face import Face
from tui.app import CockpitScreen
from tui.driver import HANGUP


class Ending(StrEnum):
    """How a screen's life ended."""

    QUIT = "quit"
    """The operator left, or somebody asked for it."""
    HANGUP = "hangup"
    """The terminal went away, or there was none."""
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class ScreenEnded:
    """An ending, and for a crash its traceback without values."""

    how: Ending
    reason: str = ""


class ScreenSwitch:
    """Ends whatever screen runs with it, now or as soon as it starts: for signal handlers."""

    def __init__(self) -> None:
        self._screen: CockpitScreen | None = None
        self._asked: Ending | None = None

    def request_exit(self, how: Ending = Ending.QUIT) -> None:
        """End the screen; ``HANGUP`` when it is the terminal that went."""
        self._asked = how
        if self._screen is not None:
            self._screen.exit(return_code=HANGUP if how is Ending.HANGUP else 0)

    @property
    def asked(self) -> Ending | None:
        """Return what was asked for, if anything was."""
        return self._asked

    def holds(self, screen: CockpitScreen | None) -> None:
        """Take the running screen, or none."""
        self._screen = screen


def has_terminal() -> bool:
    """Whether keys can be read and the screen drawn: Textual reads standard input and draws on standard error."""
    streams = (sys.__stdin__, sys.__stderr__)
    try:
        return all(stream is not None and stream.isatty() for stream in streams)
    except ValueError:  # closed
        return False


async def run_screen(
    face: Face, settings: ScreenSettings, *, switch: ScreenSwitch | None = None, clock: Clock | None = None
) -> ScreenEnded:
    """Draw until the operator leaves, the terminal goes or something breaks; then the terminal is as it was."""
    switch = switch or ScreenSwitch()
    if switch.asked is not None:
        return ScreenEnded(switch.asked)
    if not has_terminal():
        return ScreenEnded(Ending.HANGUP, "standard input and standard error are not a terminal")
    # Exported sizes would hide every later resize of the terminal.
    os.environ.pop("COLUMNS", None)
    os.environ.pop("LINES", None)
    loop = asyncio.get_running_loop()
    factory = loop.get_task_factory()
    no_color = os.environ.get("NO_COLOR")
    screen = CockpitScreen(face, settings, clock)
    switch.holds(screen)
    try:
        await screen.run_async(mouse=settings.mouse and not os.environ.get("SSH_CONNECTION"))
    finally:
        switch.holds(None)
        loop.set_task_factory(factory)
        if no_color is not None:  # Textual takes the wish out of the environment; the next screen has it too
            os.environ["NO_COLOR"] = no_color
    if screen.crash:
        return ScreenEnded(Ending.CRASHED, screen.crash)
    return ScreenEnded(Ending.HANGUP if screen.return_code == HANGUP else Ending.QUIT)
