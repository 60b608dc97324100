"""``python -m tests.docs.recording`` records docs/cockpit.cast: the demo in a terminal, with its operator's keys.

A client is let in by its code, looks at the market, has an order approved; everything is stopped, and resumed. While
nothing happens that is worth a look, the recording's time runs faster than the clock. What is written are the cells that
changed, not the bytes that the terminal got: these are many more, and ask the terminal questions.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pexpect
import pyte
from pyte.screens import Char

CAST: Final = Path(__file__).parent.parent.parent / "docs" / "cockpit.cast"
COLUMNS, ROWS = 100, 30
_PORT: Final = 8722
_HURRY: Final = 0.35
"""How much of a second of waiting is left in the recording."""
_LONGEST: Final = 1.5
"""Seconds without a change that are left in the recording."""
_PATIENCE: Final = 90.0
_TOGETHER: Final = 0.04
"""Seconds within which output counts as one frame."""
_CODE: Final = re.compile(r"\bshows ([A-Z]{6})\b")


@dataclass(frozen=True, slots=True)
class Frame:
    """What the terminal showed anew at once."""

    at: float
    text: str


class Changes:
    """Writes what is on a screen and was not when last asked, for a terminal that showed all of it until then."""

    def __init__(self) -> None:
        self._known: list[list[Char]] = []
        self._style = ""

    def since(self, screen: pyte.Screen) -> str:
        """Return the text that brings the terminal up to date."""
        rows = [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]
        parts = [] if self._known else ["\x1b[?25l\x1b[2J"]
        for y, row in enumerate(rows):
            known = self._known[y] if self._known else [None] * len(row)
            changed = [x for x, char in enumerate(row) if char != known[x]]
            if changed:
                parts += self._run(y, changed[0], row[changed[0] : changed[-1] + 1])
        self._known = rows
        return "".join(parts)

    def _run(self, y: int, x: int, run: Sequence[Char]) -> Iterator[str]:
        yield f"\x1b[{y + 1};{x + 1}H"
        for char in run:
            style = _style(char)
            if style != self._style:
                self._style = style
                yield style
            yield char.data


def _style(char: Char) -> str:
    parts = ["0", *(code for code, on in (("1", char.bold), ("3", char.italics), ("7", char.reverse)) if on)]
    for code, colour in (("38", char.fg), ("48", char.bg)):
        if colour != "default":
            parts += [code, "2", *(str(int(colour[place : place + 2], 16)) for place in (0, 2, 4))]
    return f"\x1b[{';'.join(parts)}m"


class Terminal:
    """A terminal with a program in it: its output becomes frames, and a screen that can be read."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self._screen)
        self._changes = Changes()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._shown = 0.0
        self._last: float | None = None
        self.frames: list[Frame] = []
        self._child: Any = pexpect.spawn(
            command[0], list(command[1:]), dimensions=(ROWS, COLUMNS), env=environment, timeout=_PATIENCE
        )

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def look(self, seconds: float) -> None:
        """Let it go on for a while at the clock's pace."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left, 1)

    def wait(self, wanted: Callable[[str], object]) -> None:
        """Let it go on, faster, until the screen is as wanted."""
        end = time.monotonic() + _PATIENCE
        while not wanted(self.text):
            if time.monotonic() > end:
                raise TimeoutError(f"never came:\n{self.text}")
            self._read(0.2, _HURRY)

    def press(self, *keys: str, pause: float = 0.18) -> None:
        for key in keys:
            self._child.send(key)
            self.look(pause)

    def end(self) -> None:
        self._child.close(force=True)

    def _read(self, within: float, pace: float) -> None:
        got = self._output(within)
        until = time.monotonic() + _TOGETHER
        while got and (left := until - time.monotonic()) > 0:
            got += self._output(left)
        text = self._decoder.decode(got)
        if not text:
            return
        now = time.monotonic()
        self._shown += 0 if self._last is None else min(_LONGEST, (now - self._last) * pace)
        self._last = now
        self._stream.feed(text)
        if change := self._changes.since(self._screen):
            self.frames.append(Frame(self._shown, change))

    def _output(self, within: float) -> bytes:
        try:
            return self._child.read_nonblocking(65_536, timeout=within)
        except pexpect.TIMEOUT:
            return b""
        except pexpect.EOF:
            raise EOFError(f"the program ended:\n{self.text}") from None


def played(terminal: Terminal) -> list[Frame]:
    """Be the operator, once."""
    terminal.wait(lambda text: _CODE.search(text) and "CLIENT" in text)
    found = _CODE.search(terminal.text)
    assert found is not None
    terminal.look(3.5)
    terminal.press("a", pause=1.0)
    terminal.press(*found[1].lower(), pause=0.3)
    terminal.press("\r")
    terminal.wait(lambda text: "LET IN A CLIENT" in text)
    terminal.look(2.5)
    for _ in range(12):
        if re.search(r"^▸ *\[.\] write:orders", terminal.text, re.MULTILINE):
            break
        terminal.press("j", pause=0.35)
    terminal.press(" ", pause=1.2)
    terminal.press("a", pause=1.5)
    terminal.press("y")
    terminal.wait(lambda text: "get_quote" in text)
    terminal.wait(lambda text: re.search(r"(?i)ORDER +demo trader", text))
    terminal.look(2.0)
    terminal.press("\r", pause=4.0)
    terminal.press("a", pause=1.8)
    terminal.press("y", pause=1.8)
    terminal.press("\x1b", pause=2.5)
    terminal.wait(lambda text: re.search(r"(?i)ORDER +demo trader", text))
    terminal.look(1.2)
    terminal.press("\x0b")
    terminal.wait(lambda text: "KILLED" in text)
    terminal.look(3.0)
    terminal.press(*":resume", "\r", pause=0.15)
    terminal.wait(lambda text: "TYPE RESUME" in text)
    terminal.look(0.8)
    terminal.press(*"RESUME", "\r", pause=0.15)
    terminal.wait(lambda text: "▲ RUNNING" in text)
    terminal.look(3.0)
    return terminal.frames


def written(frames: Sequence[Frame]) -> str:
    """Return frames as an asciinema recording of version 2."""
    head = {
        "version": 2,
        "width": COLUMNS,
        "height": ROWS,
        "title": "cockpit: an AI client is let in, asks, is stopped",
    }
    lines: list[object] = [head, *([round(frame.at, 3), "o", frame.text] for frame in frames)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def main() -> int:
    """Record, and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "cockpit.toml"
        config.write_text("[screen]\nrate_hz = 4\n", "utf-8")
        command = (sys.executable, "-m", "cockpit", "--config", str(config), "--port", str(_free_port()), "demo")
        environment = {
            "PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "xterm-256color",
            "COLORTERM": "truecolor", "TEXTUAL_DISABLE_KITTY_KEY": "1",
        }  # fmt: skip
        terminal = Terminal(command, environment)
        try:
            text = written(played(terminal))
        finally:
            terminal.end()
        assert folder not in text
    CAST.write_text(text, "utf-8")
    sys.stdout.write(f"{CAST.name}: {len(text.encode()):,} bytes, {terminal.frames[-1].at:.0f} s\n")
    return 0


def _free_port() -> int:
    """The usual port, or any where that is taken."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", _PORT))
        except OSError:
            return 0
    return _PORT


if __name__ == "__main__":
    sys.exit(main())
