"""The terminal that the screen would draw on, and tmux around it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cockpit.cli.doctor.findings import Finding, good, warning
from cockpit.model.screen import Notify
from tui.glyphs import draws_utf8
from tui.notifying import notify_here

PART: Final = "terminal"
_SMALL: Final = (80, 24)
_TOO_SMALL: Final = (60, 16)
_SLOW_ESCAPE_MS: Final = 50
_PATIENCE_SECONDS: Final = 2
_SPOKEN: Final = {Notify.OSC9: "OSC 9", Notify.OSC777: "OSC 777", Notify.OSC99: "OSC 99"}
_OPTIONS: Final = ("escape-time", "focus-events", "set-clipboard", "allow-passthrough", "default-terminal")


@dataclass(frozen=True, slots=True)
class Terminal:
    """What can be known of a terminal from within."""

    is_terminal: bool
    columns: int
    rows: int
    term: str
    utf8: bool
    over_ssh: bool
    no_color: bool
    tmux: Mapping[str, str] | None
    """Options of the tmux around it; None outside of tmux."""
    notify: Notify = Notify.OFF
    """The notifications that it gets."""


def examine_terminal(environ: Mapping[str, str], notify: Notify = Notify.AUTO) -> list[Finding]:
    """Look at this terminal, which is to notify as the settings say."""
    return list(judge_terminal(_look(environ, notify)))


def judge_terminal(seen: Terminal) -> Iterator[Finding]:
    """Judge a terminal by what the screen needs."""
    if not seen.is_terminal:
        yield good(PART, "There is no terminal here; `cockpit` serves without a screen.")
        return
    size = f"{seen.columns}x{seen.rows}"
    if (seen.columns, seen.rows) < _TOO_SMALL or seen.rows < _TOO_SMALL[1]:
        yield warning(PART, f"{size}: only state, first in the queue and kill fit.", "Make it 80x24 or larger.")
    elif seen.columns < _SMALL[0] or seen.rows < _SMALL[1]:
        yield warning(PART, f"{size} is less than the screen is made for.", "Make it 80x24 or larger.")
    else:
        yield good(PART, f"{size}{'; details beside the list from 120 columns on' if seen.columns < 120 else ''}.")
    if seen.term in {"", "dumb", "unknown"}:
        yield warning(PART, f"TERM is {seen.term or 'not set'}.", "Set TERM, such as xterm-256color.")
    if seen.utf8:
        yield good(PART, "The locale is UTF-8.")
    else:
        yield warning(PART, "The locale isn't UTF-8; the screen draws with ASCII alone.", "export LANG=C.UTF-8")
    if seen.no_color:
        yield good(PART, "NO_COLOR is set: states are told by glyphs and words.")
    if seen.notify is Notify.OFF:
        yield good(PART, "It gets no notifications: bell and title call you (`[screen] notify` names a way).")
    else:
        yield good(PART, f"It gets notifications by {_SPOKEN[seen.notify]} while you look elsewhere.")
    if seen.tmux is not None:
        yield from judge_tmux(seen.tmux)
    elif seen.over_ssh:
        yield warning(
            PART,
            "Over SSH without tmux: a lost line leaves the host running without a screen.",
            "Run it in tmux, and attach again with `tmux attach`.",
        )


def judge_tmux(options: Mapping[str, str]) -> Iterator[Finding]:
    """Judge the options of tmux; what isn't known is passed over."""
    escape = options.get("escape-time", "")
    if escape.isdigit() and int(escape) > _SLOW_ESCAPE_MS:
        yield warning(PART, f"tmux holds Escape back for {escape} ms.", "tmux set -s escape-time 20")
    if options.get("set-clipboard", "on") != "on":
        yield warning(PART, "tmux keeps what you copy from the terminal's clipboard.", "tmux set -s set-clipboard on")
    if options.get("allow-passthrough", "on") == "off":
        yield warning(PART, "tmux swallows notifications; the bell still comes.", "tmux set -g allow-passthrough on")
    if options.get("focus-events", "on") == "off":
        yield warning(
            PART, "tmux doesn't tell which pane you look at, so nothing is drawn more slowly behind.",
            "tmux set -s focus-events on",
        )  # fmt: skip
    if options and not options.get("default-terminal", "tmux").endswith(("256color", "direct")):
        yield warning(
            PART, "tmux offers few colours.", "tmux set -s default-terminal tmux-256color, and start it anew."
        )
    yield good(PART, "In tmux: the screen outlives a lost line.")


def _look(environ: Mapping[str, str], notify: Notify) -> Terminal:
    size = shutil.get_terminal_size()
    return Terminal(
        is_terminal=sys.stdin.isatty() and sys.stdout.isatty(),
        columns=size.columns,
        rows=size.lines,
        term=environ.get("TERM", ""),
        utf8=draws_utf8(environ),
        over_ssh="SSH_CONNECTION" in environ,
        no_color=bool(environ.get("NO_COLOR")),
        tmux=_tmux_options() if environ.get("TMUX") else None,
        notify=notify_here(notify, environ),
    )


def _tmux_options() -> dict[str, str]:
    found: dict[str, str] = {}
    tmux = shutil.which("tmux")
    if tmux is None:
        return found
    for name in _OPTIONS:
        asking = [tmux, "show-options", "-Agv", name]
        try:
            answer = subprocess.run(asking, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            return {}
        if answer.returncode == 0:
            found[name] = answer.stdout.strip()
    return found
