"""The driver on a real pseudo-terminal: nothing that a terminal does can stop the loop that the services share."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

from tests.e2e.ptys import is_ignored
from tui.frames import ANEW

PATIENCE = 20.0
WHOLE = ANEW.encode()
"""What is said first where everything is painted, whatever was there."""


class Terminal:
    """A guest process on a terminal that is read only when told to."""

    def __init__(self, told: Path, size: tuple[int, int] = (24, 80), environ: Mapping[str, str] | None = None) -> None:
        self.told = told
        keep = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
        env = {**keep, "TERM": "xterm-256color", "TEXTUAL_DISABLE_KITTY_KEY": "1", "PYTHONPATH": os.getcwd()}
        env.update(environ or {})
        self.child: Any = pexpect.spawn(
            sys.executable,
            ["-m", "tests.tui.guest", str(told)],
            env=env,  # pyright: ignore[reportArgumentType]
            dimensions=size,
            timeout=PATIENCE,
        )
        self.child.delaybeforesend = None
        self.modes = termios.tcgetattr(self.child.fileno())
        self.screen = pyte.Screen(size[1], size[0])
        self.stream = pyte.ByteStream(self.screen)
        self.bytes = b""

    @property
    def state(self) -> dict[str, Any]:
        return json.loads(self.told.read_text()) if self.told.exists() else {"count": 0, "stalled": False, "ended": ""}

    def read(self) -> bool:
        """Read what there is; False at the end."""
        try:
            data = self.child.read_nonblocking(65_536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.bytes += data
        self.stream.feed(data)
        return True

    def until(self, holds: Callable[[], bool], *, reading: bool = True) -> None:
        """Wait for something, reading the terminal or leaving it alone meanwhile."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, "\n".join(self.screen.display)
            if not (reading and self.read()):
                time.sleep(0.01)

    def shows(self, text: str) -> Callable[[], bool]:
        return lambda: any(text in row for row in self.screen.display)

    def counts_on(self, by: int = 25) -> Callable[[], bool]:
        now = self.state["count"]
        return lambda: self.state["count"] >= now + by

    def key(self, keys: str) -> None:
        self.child.send(keys)

    def hang_up(self) -> None:
        """Take the terminal away, without a word to the process."""
        self.child.ptyproc.fileobj.close()
        self.child.ptyproc.closed = self.child.closed = True

    def finish(self) -> int:
        self.until(lambda: not self.child.isalive())
        while self.read():
            pass
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -(self.child.signalstatus or 0))


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path / "told", (45, 160))
    made.until(made.shows("CALLS"))
    yield made
    if made.child.isalive():
        made.child.kill(signal.SIGKILL)
    made.child.close(force=True)


def test_a_terminal_that_nobody_reads_stops_nothing_and_is_painted_anew_when_it_is_read(terminal: Terminal) -> None:
    terminal.until(lambda: terminal.state["stalled"], reading=False)
    terminal.until(terminal.counts_on(50), reading=False)
    assert terminal.state["stalled"]
    before = len(terminal.bytes)
    terminal.until(lambda: WHOLE in terminal.bytes[before:])
    terminal.until(lambda: not terminal.state["stalled"])
    terminal.until(terminal.shows("PENDING 3"))
    terminal.until(lambda: b"\x1b]0;(3) cockpit" in terminal.bytes[before:])


def gone_and_back(terminal: Terminal) -> None:
    """Make the window small and large again, at once; what it showed beyond the small one is lost."""
    for rows, columns in ((12, 60), (45, 160)):
        terminal.screen.resize(rows, columns)
        terminal.child.setwinsize(rows, columns)


def whole_again(terminal: Terminal, before: int) -> None:
    terminal.until(lambda: WHOLE in terminal.bytes[before:])
    terminal.until(lambda: "^k KILL" in terminal.screen.display[44])
    terminal.until(lambda: all(row[107:].strip() for row in terminal.screen.display[:3]))


def test_a_window_that_is_small_for_less_than_a_beat_is_painted_whole(terminal: Terminal) -> None:
    before = len(terminal.bytes)
    gone_and_back(terminal)
    whole_again(terminal, before)


def test_a_window_that_was_small_while_the_process_was_stopped_is_painted_whole(terminal: Terminal) -> None:
    terminal.child.kill(signal.SIGSTOP)
    os.waitid(os.P_PID, terminal.child.pid, os.WSTOPPED)
    while terminal.read() and select.select([terminal.child.fileno()], [], [], 0)[0]:
        pass
    before = len(terminal.bytes)
    gone_and_back(terminal)
    terminal.child.kill(signal.SIGCONT)
    whole_again(terminal, before)


def test_a_stalled_terminal_does_not_hold_up_the_end(terminal: Terminal) -> None:
    terminal.until(lambda: terminal.state["stalled"], reading=False)
    begun = time.monotonic()
    terminal.child.kill(signal.SIGTERM)
    terminal.until(lambda: "commands" in terminal.state, reading=False)
    assert time.monotonic() - begun < 5
    assert terminal.finish() == 0
    end = terminal.bytes[-400:]
    for restored in (b"\x18", b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1004l", b"\x1b[?2004l", b"\x1b[23;0t"):
        assert restored in end
    assert b"\x1b[" not in end.rpartition(b"\x1b[?1004l")[2]


def test_a_hang_up_while_drawing_ends_the_screen_and_nothing_else(terminal: Terminal) -> None:
    terminal.hang_up()
    terminal.until(lambda: terminal.state["ended"] == "hangup", reading=False)
    terminal.until(terminal.counts_on(), reading=False)
    terminal.child.kill(signal.SIGTERM)
    assert terminal.child.wait() == 0


def test_a_stop_from_the_keyboard_is_ignored(terminal: Terminal) -> None:
    assert is_ignored(signal.SIGTSTP, terminal.child.pid)
    terminal.child.kill(signal.SIGTSTP)
    terminal.until(terminal.counts_on())
    terminal.key("\x1a")
    terminal.until(terminal.counts_on())


def test_leaving_gives_the_terminal_back_as_it_was(terminal: Terminal) -> None:
    assert termios.tcgetattr(terminal.child.fileno()) != terminal.modes
    terminal.key("q")
    terminal.until(terminal.shows("QUIT"))
    end = time.monotonic() + PATIENCE
    while "commands" not in terminal.state and time.monotonic() < end:
        terminal.key("y")
        terminal.read()
    assert termios.tcgetattr(terminal.child.fileno()) == terminal.modes
    assert terminal.finish() == 0
    assert terminal.bytes.count(b"\x1b[22;0t") == 1
    for restored in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1004l", b"\x1b[?2004l", b"\x1b[23;0t"):
        assert terminal.bytes.rindex(restored) > len(terminal.bytes) - 400
    assert terminal.state["ended"] == "quit"


def test_a_crash_of_the_screen_leaves_the_services_and_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUEST_BREAKS", "1")
    made = Terminal(tmp_path / "told")
    try:
        made.until(lambda: made.state["ended"] == "crashed")
        made.until(made.counts_on())
        assert "a bug in the view" in made.state["reason"]
        assert b"a bug in the view" not in made.bytes
        assert b"locals-must-not" not in made.bytes
        assert made.bytes.rindex(b"\x1b[23;0t") > made.bytes.rindex(b"\x1b]0;")
        assert termios.tcgetattr(made.child.fileno()) == made.modes
        made.child.kill(signal.SIGTERM)
        assert made.finish() == 0
    finally:
        made.child.close(force=True)


def test_kill_arrives_from_a_real_keyboard_also_while_a_line_is_typed(terminal: Terminal) -> None:
    terminal.key(":halt")
    terminal.until(terminal.shows("halt"))
    terminal.key("\x0b")
    terminal.until(terminal.shows("done: kill"))


def test_a_resize_is_followed_even_though_sizes_are_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    made = Terminal(tmp_path / "told")
    try:
        made.until(made.shows("CALLS"))
        made.child.setwinsize(45, 160)
        made.screen.resize(45, 160)
        made.until(made.shows("CHECKS"))
    finally:
        made.child.kill(signal.SIGKILL)
        made.child.close(force=True)


_SGR = re.compile(rb"\x1b\[([\d;]*)m")


def colours(written: bytes) -> set[str]:
    """Return every number that sets a colour; those of more than sixteen colours whole."""
    found: set[str] = set()
    for one in _SGR.findall(written):
        numbers = one.decode().split(";")
        if {"38", "48"} & set(numbers):
            found.add(one.decode())
        else:
            found |= {number for number in numbers if len(number) > 1}
    return found


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "xterm-256color", "COLORTERM": "truecolor", "GUEST_THEME": "cockpit-ansi"},
        {"TERM": "xterm", "COLORTERM": ""},
    ],
    ids=["chosen", "by-the-terminal"],
)
def test_of_sixteen_colours_no_other_byte_is_sent(tmp_path: Path, environ: dict[str, str]) -> None:
    made = Terminal(tmp_path / "told", (24, 80), environ)
    try:
        made.until(made.shows("CALLS"))
        made.until(made.counts_on(60))
        of_text, of_ground = range(30, 38), range(40, 48)
        sixteen = {str(number + bright) for number in (*of_text, *of_ground) for bright in (0, 60)}
        sent = colours(made.bytes)
        assert sent - sixteen == set()
        assert {"97", "40", "47"} <= sent
    finally:
        made.child.kill(signal.SIGKILL)
        made.child.close(force=True)


def test_without_colours_sixteen_become_none_and_marks_are_set_off_by_reversing(tmp_path: Path) -> None:
    made = Terminal(tmp_path / "told", (24, 80), {"TERM": "xterm", "COLORTERM": "", "NO_COLOR": "1"})
    try:
        made.until(made.shows("^k KILL"))
        assert colours(made.bytes) <= {"39", "49"}  # the terminal's own
        row = made.screen.buffer[23]
        assert "".join(row[column].data for column in range(80)).startswith(" ^k KILL")
        assert row[1].reverse
        assert not row[20].reverse
    finally:
        made.child.kill(signal.SIGKILL)
        made.child.close(force=True)


def test_a_theme_of_more_colours_is_sent_in_as_many_as_the_terminal_has(tmp_path: Path) -> None:
    made = Terminal(tmp_path / "told", (24, 80), {"COLORTERM": "truecolor"})
    try:
        made.until(made.shows("CALLS"))
        assert any("38;2;220;228;236" in one for one in colours(made.bytes))
    finally:
        made.child.kill(signal.SIGKILL)
        made.child.close(force=True)


WORDS = b"ORDER claude: BUY 3 ALFA MKT DAY, 4:5"


@pytest.mark.parametrize(
    ("environ", "written"),
    [
        ({"TERM_PROGRAM": "iTerm.app"}, b"\x1b]9;cockpit: " + WORDS),
        ({"TERM": "foot"}, b"\x1b]777;notify;cockpit;" + WORDS),
        ({"KITTY_WINDOW_ID": "1"}, b"\x1b]99;i=cockpit:p=body;" + WORDS),
        ({"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/t,1,0"}, b"\x1b\x1b]99;i=cockpit:p=body;" + WORDS),
    ],
    ids=["osc9", "osc777", "osc99", "tmux"],
)
def test_a_terminal_that_nobody_looks_at_gets_a_notification_it_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], written: bytes
) -> None:
    for name in ("TMUX", "LC_TERMINAL", "TERM_PROGRAM", "KITTY_WINDOW_ID", "WT_SESSION"):
        monkeypatch.delenv(name, raising=False)
    made = Terminal(tmp_path / "told", environ={**environ, "GUEST_ASKS": "1"})
    try:
        made.until(made.shows("Nothing waits"))
        made.key("\x1b[O")
        made.until(lambda: made.state.get("watched") is False)
        (tmp_path / "told.ask").touch()
        made.until(lambda: written in made.bytes)
        made.until(lambda: b"\x1b]0;(1) cockpit 4:5" in made.bytes)
        assert made.bytes.count(WORDS) == 1
    finally:
        made.child.kill(signal.SIGKILL)
        made.child.close(force=True)


def test_a_terminal_that_is_looked_at_gets_the_bell_and_no_notification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    made = Terminal(tmp_path / "told", environ={"TERM_PROGRAM": "iTerm.app", "GUEST_ASKS": "1"})
    try:
        made.until(made.shows("Nothing waits"))
        before = len(made.bytes)
        (tmp_path / "told.ask").touch()
        made.until(lambda: b"\x1b]0;(1) cockpit" in made.bytes)
        made.until(made.counts_on())
        assert b"\x1b]9;" not in made.bytes
        assert re.sub(rb"\x1b\][^\x07]*\x07", b"", made.bytes[before:]).count(b"\x07") == 1
    finally:
        made.child.kill(signal.SIGKILL)
        made.child.close(force=True)
