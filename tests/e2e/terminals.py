"""A real tmux with a cockpit in it: keys are sent, the screen is read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.e2e.hosts import COMMAND, environment, run_command

_GLANCE = 0.1
"""Between what is seen and the next key: nobody's finger is there before the screen has learned that it was read."""


class Tmux:
    """One tmux server of our own with one pane."""

    def __init__(self, program: str, folder: Path, width: int, height: int) -> None:
        self._base = [program, "-S", str(folder / "tmux.sock"), "-f", "/dev/null"]
        self._folder = folder
        self._size = ("-x", str(width), "-y", str(height))

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self._base, *arguments], capture_output=True, text=True, check=True, env=environment())
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that has this server do something."""
        return [*self._base, *arguments]

    def start(self, *command: str) -> None:
        line = " ".join(shlex.quote(part) for part in command) + "; echo ENDED $?; sleep 60"
        self("new-session", "-d", *self._size, line)

    def keys(self, *keys: str) -> None:
        self("send-keys", *keys)

    def type(self, text: str) -> None:
        self("send-keys", "-l", text)

    def screen(self) -> str:
        return self("capture-pane", "-p")

    async def wait(self, *texts: str, seconds: float = 15) -> str:
        """Return the screen once it shows every text."""
        end = time.monotonic() + seconds
        while True:
            screen = await asyncio.to_thread(self.screen)
            if all(text in screen for text in texts):
                await asyncio.sleep(_GLANCE)
                return screen
            assert time.monotonic() < end, f"{texts} never came:\n{screen}"
            await asyncio.sleep(0.03)

    async def wait_gone(self, text: str, seconds: float = 15) -> str:
        """Return the screen once it shows the text no more."""
        end = time.monotonic() + seconds
        while True:
            screen = await asyncio.to_thread(self.screen)
            if text not in screen:
                return screen
            assert time.monotonic() < end, f"{text} never went:\n{screen}"
            await asyncio.sleep(0.03)

    def end(self) -> None:
        """End the terminal and the cockpit in it, which would go on without one."""
        subprocess.run([*self._base, "kill-server"], capture_output=True, check=False)
        for lock in self._folder.rglob("cockpit.lock"):
            with contextlib.suppress(ValueError, ProcessLookupError):
                os.kill(int(lock.read_text()), signal.SIGKILL)


def screen_command(folder: Path, *arguments: str) -> tuple[str, ...]:
    """The bare command: server and screen."""
    return (*COMMAND, "--config", str(folder.parent / "cockpit.toml"), "--data-dir", str(folder), "--port", "0",
            *arguments)  # fmt: skip


async def ask(folder: Path, *arguments: str) -> Any:
    code, out, err = await run_command(folder, *arguments, "--json")
    assert code == 0, err or out
    return json.loads(out)
