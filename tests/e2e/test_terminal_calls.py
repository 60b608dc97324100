"""What reaches the terminal around a real tmux: the title, notifications, and copies, each as tmux is set."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

pytestmark = pytest.mark.e2e

PATIENCE = 30.0


class Around:
    """A terminal with a tmux client on it, and the screen as a guest in its pane."""

    def __init__(self, program: str, folder: Path, *options: tuple[str, str]) -> None:
        self._base = [program, "-S", str(folder / "tmux.sock"), "-f", "/dev/null"]
        self._told = folder / "told"
        keep = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "TMUX"}}
        self._env = {**keep, "TERM": "xterm-256color", "PYTHONPATH": os.getcwd(), "GUEST_ASKS": "1",
                     "KITTY_WINDOW_ID": "1", "TEXTUAL_DISABLE_KITTY_KEY": "1"}  # fmt: skip
        guest = f"{sys.executable} -m tests.tui.guest {self._told}"
        self("new-session", "-d", "-x", "80", "-y", "24", "sh")
        for name, value in options:
            self("set", "-g", name, value)
        self("set", "-g", "focus-events", "on")
        self.client: Any = pexpect.spawn(
            program, [*self._base[1:], "attach"], env=self._env, dimensions=(24, 80), timeout=PATIENCE  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
        self.bytes = b""
        self.until(lambda: bool(self("list-clients").strip()))
        self.title_before = self.title()
        self("send-keys", guest, "Enter")
        self.until(lambda: "Nothing waits" in self("capture-pane", "-p"))

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self._base, *arguments], capture_output=True, text=True, check=True, env=self._env)
        return done.stdout

    def title(self) -> str:
        return self("display-message", "-p", "#{pane_title}").strip()

    def until(self, holds: Callable[[], bool]) -> None:
        """Read the terminal until something holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, self("capture-pane", "-p")
            try:
                self.bytes += self.client.read_nonblocking(65_536, timeout=0.05)
            except pexpect.TIMEOUT:
                continue

    def look_away(self) -> None:
        self.client.send("\x1b[O")
        self.until(lambda: self._told.exists() and '"watched": false' in self._told.read_text())

    def ask(self) -> None:
        self._told.with_suffix(".ask").touch()

    def end(self) -> None:
        """End tmux, and the guest, which would go on without a terminal."""
        if self._told.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(json.loads(self._told.read_text())["pid"], signal.SIGKILL)
        subprocess.run([*self._base, "kill-server"], capture_output=True, check=False)
        if self.client.isalive():
            self.client.kill(signal.SIGKILL)
        self.client.close(force=True)


@pytest.fixture
def around(require_tmux: str, tmp_path: Path) -> Iterator[Callable[..., Around]]:
    made: list[Around] = []

    def make(*options: tuple[str, str]) -> Around:
        made.append(Around(require_tmux, tmp_path, *options))
        return made[-1]

    yield make
    for one in made:
        one.end()


def test_a_notification_reaches_the_terminal_around_tmux_where_it_is_let_through(
    around: Callable[..., Around],
) -> None:
    terminal = around(("allow-passthrough", "on"))
    terminal.look_away()
    terminal.ask()
    terminal.until(lambda: b"\x1b]99;i=cockpit:p=body;ORDER claude: BUY 3 ALFA MKT DAY" in terminal.bytes)
    assert b"tmux;" not in terminal.bytes


def test_without_that_tmux_swallows_it_and_the_bell_and_the_title_still_call(around: Callable[..., Around]) -> None:
    terminal = around(("allow-passthrough", "off"))
    terminal.look_away()
    before = len(terminal.bytes)
    terminal.ask()
    terminal.until(lambda: b"\x07" in terminal.bytes[before:])
    terminal.until(lambda: terminal.title().startswith("(1) cockpit 4:5"))
    assert b"\x1b]99;" not in terminal.bytes


def test_the_panes_title_is_as_before_once_the_screen_has_ended(around: Callable[..., Around]) -> None:
    terminal = around()
    terminal.until(lambda: terminal.title() == "cockpit")
    terminal("send-keys", "q")
    terminal.until(lambda: "QUIT" in terminal("capture-pane", "-p"))

    def ended() -> bool:
        terminal("send-keys", "y")
        return terminal.title() == terminal.title_before

    terminal.until(ended)


@pytest.mark.parametrize(("option", "passes"), [("on", True), ("external", False)])
def test_a_copy_reaches_the_terminal_only_where_tmux_hands_it_on(
    around: Callable[..., Around], option: str, passes: bool
) -> None:
    terminal = around(("set-clipboard", option))
    terminal("send-keys", "Y")
    terminal.until(lambda: "Sent to the terminal" in terminal("capture-pane", "-p"))
    terminal.until(lambda: "set-clipboard is on" in " ".join(terminal("capture-pane", "-p").split()))
    if passes:
        terminal.until(lambda: b"\x1b]52;" in terminal.bytes)
    else:
        assert b"\x1b]52;" not in terminal.bytes
