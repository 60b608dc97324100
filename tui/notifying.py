"""Notifications of the desktop, by escape sequences that some terminals read: which one here, and how it is written.

OSC 9 is iTerm2's (iterm2.com, "Proprietary Escape Codes"), OSC 777 is urxvt's, which foot, WezTerm, Ghostty and Windows
Terminal took over, OSC 99 is kitty's ("Desktop notifications"). tmux swallows all of them, unless they come wrapped and
its option allow-passthrough is on (tmux(1)).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cockpit.model.screen import Notify
from cockpit.model.text import safe

TITLE: Final = "cockpit"
_BY_PROGRAM: Final[Mapping[str, Notify]] = {
    "iterm.app": Notify.OSC9,
    "iterm2": Notify.OSC9,
    "wezterm": Notify.OSC9,
    "ghostty": Notify.OSC9,
    "warpterminal": Notify.OSC9,
    "kitty": Notify.OSC99,
    "contour": Notify.OSC777,
}
_BY_TERM: Final[Mapping[str, Notify]] = {
    "xterm-kitty": Notify.OSC99,
    "xterm-ghostty": Notify.OSC9,
    "wezterm": Notify.OSC9,
    "foot": Notify.OSC777,
    "rxvt-unicode": Notify.OSC777,
    "contour": Notify.OSC777,
}
_BY_MARK: Final[Mapping[str, Notify]] = {
    "KITTY_WINDOW_ID": Notify.OSC99,
    "GHOSTTY_RESOURCES_DIR": Notify.OSC9,
    "WEZTERM_PANE": Notify.OSC9,
    "ITERM_SESSION_ID": Notify.OSC9,
    "WT_SESSION": Notify.OSC777,
}
"""Variables that a terminal leaves with what it starts, and which tmux hands on."""
_LONGEST: Final = 200


def notify_here(wanted: Notify, environ: Mapping[str, str]) -> Notify:
    """Return how to notify at this terminal: as wanted, or as the terminal is known to read it."""
    if wanted is not Notify.AUTO:
        return wanted
    for name in ("TERM_PROGRAM", "LC_TERMINAL"):
        if found := _BY_PROGRAM.get(environ.get(name, "").lower()):
            return found
    term = environ.get("TERM", "")
    for name, found in _BY_TERM.items():
        if term == name or term.startswith(f"{name}-"):
            return found
    return next((found for name, found in _BY_MARK.items() if environ.get(name)), Notify.OFF)


def notification(how: Notify, text: str, *, in_tmux: bool) -> str:
    """Write a notification for the terminal; nothing where it is to get none. The text can't leave its place."""
    body = safe(text, _LONGEST).replace(";", ",")
    match how:
        case Notify.OSC9:
            # Never a number at the beginning: ConEmu and Windows Terminal read those as commands of their own.
            written = f"\x1b]9;{TITLE}: {body}\x07"
        case Notify.OSC777:
            written = f"\x1b]777;notify;{TITLE};{body}\x07"
        case Notify.OSC99:
            written = f"\x1b]99;i={TITLE}:d=0:p=title;{TITLE}\x1b\\\x1b]99;i={TITLE}:p=body;{body}\x1b\\"
        case _:
            return ""
    return through_tmux(written) if in_tmux else written


def through_tmux(written: str) -> str:
    """Wrap an escape sequence so that tmux hands it on to the terminal around it."""
    return "\x1bPtmux;" + written.replace("\x1b", "\x1b\x1b") + "\x1b\\"
