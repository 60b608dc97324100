"""Which theme is shown: the one that was chosen, or while a name is being typed, the one that it means."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tui.asking import Asks, Entry
from tui.screen_acts import THEME
from tui.text_file import write_text

LOG = logging.getLogger(__name__)

_LONGEST: Final = 100


class ThemeChoice:
    """Knows the themes by name and keeps the choice in a file for the next start."""

    def __init__(self, names: Sequence[str], chosen: str, file: Path | None) -> None:
        self.names = tuple(names)
        self.chosen = chosen
        self._file = file
        self._writing: set[asyncio.Task[None]] = set()

    def meant(self, text: str) -> str | None:
        """Return the theme of that name, else the only one of it in capitals or not, else the only one that begins so."""
        sought = text.strip()
        if sought in self.names:
            return sought
        folded = sought.casefold()
        alike = [name for name in self.names if name.casefold() == folded]
        found = alike or [name for name in self.names if folded and name.casefold().startswith(folded)]
        return found[0] if len(found) == 1 else None

    def shown(self, entry: Entry | None) -> str:
        """Return the theme to show while that line, or none, is being typed."""
        if entry is None or entry.asks is not Asks.COMMAND:
            return self.chosen
        word, _, rest = entry.edit.text.lstrip().partition(" ")
        return (self.meant(rest) if word == THEME.command else None) or self.chosen

    def choose(self, text: str) -> bool:
        """Take a theme, also for the next start; False where no theme is meant."""
        name = self.meant(text)
        if name is None:
            return False
        self.chosen = name
        if self._file is not None:
            task = asyncio.get_running_loop().create_task(_keep(self._file, name))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return True

    async def finish(self) -> None:
        """Wait until the choice is written."""
        if self._writing:
            await asyncio.wait(self._writing)


def chosen_before(file: Path | None) -> str:
    """Return the name of the theme that an earlier screen kept; nothing where there is none."""
    if file is None:
        return ""
    try:
        with file.open("rb") as opened:
            return opened.read(_LONGEST).decode("utf-8", "replace").strip()
    except OSError:
        return ""


async def _keep(file: Path, name: str) -> None:
    complaint = await asyncio.to_thread(write_text, str(file), f"{name}\n", force=True)
    if complaint:
        LOG.warning("the choice of the theme can't be kept: %s", complaint)
