"""What the doctor says about a terminal, and about tmux around it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from cockpit.cli.doctor.findings import Level
from cockpit.cli.doctor.terminal import Terminal, examine_terminal, judge_terminal, judge_tmux
from cockpit.model.screen import Notify

FINE = Terminal(
    is_terminal=True, columns=160, rows=45, term="xterm-256color", utf8=True, over_ssh=False, no_color=False, tmux=None
)
BEST = {
    "escape-time": "20", "focus-events": "on", "set-clipboard": "on", "allow-passthrough": "on",
    "default-terminal": "tmux-256color",
}  # fmt: skip


def warned(seen: Terminal) -> list[str]:
    return [found.says for found in judge_terminal(seen) if found.level is Level.WARNING]


def test_a_fine_terminal_is_all_good() -> None:
    assert warned(FINE) == []
    assert warned(replace(FINE, tmux=BEST, over_ssh=True)) == []


@pytest.mark.parametrize(
    ("columns", "rows", "says"),
    [(80, 24, ""), (79, 24, "less than"), (80, 23, "less than"), (59, 40, "only state"), (200, 15, "only state")],
)
def test_the_size_is_judged_by_what_fits(columns: int, rows: int, says: str) -> None:
    found = warned(replace(FINE, columns=columns, rows=rows))
    assert (len(found), says in "".join(found)) == (bool(says), True)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(FINE, term="dumb"), "TERM is dumb."),
        (replace(FINE, utf8=False), "The locale isn't UTF-8; the screen draws with ASCII alone."),
        (replace(FINE, over_ssh=True), "Over SSH without tmux: a lost line leaves the host running without a screen."),
    ],
)
def test_what_hurts_the_screen_is_said(seen: Terminal, says: str) -> None:
    assert warned(seen) == [says]


@pytest.mark.parametrize(
    ("option", "value", "mend"),
    [
        ("escape-time", "500", "tmux set -s escape-time 20"),
        ("set-clipboard", "external", "tmux set -s set-clipboard on"),
        ("allow-passthrough", "off", "tmux set -g allow-passthrough on"),
        ("focus-events", "off", "tmux set -s focus-events on"),
        ("default-terminal", "screen", "tmux set -s default-terminal tmux-256color, and start it anew."),
    ],
)
def test_each_option_of_tmux_that_hurts_has_its_command(option: str, value: str, mend: str) -> None:
    assert [found.mend for found in judge_tmux({**BEST, option: value}) if found.mend] == [mend]


def test_without_a_terminal_nothing_of_it_is_judged() -> None:
    assert warned(replace(FINE, is_terminal=False, term="", utf8=False)) == []


def test_it_says_how_the_terminal_notifies_and_what_is_left_where_it_is_not_known_to() -> None:
    said = [found.says for found in judge_terminal(replace(FINE, notify=Notify.OSC777))]
    assert "It gets notifications by OSC 777 while you look elsewhere." in said
    assert any("bell and title call you" in says for says in (found.says for found in judge_terminal(FINE)))


@pytest.mark.parametrize("value", ["external", "off"])
def test_a_tmux_that_takes_no_clipboard_from_its_panes_is_told_apart(value: str) -> None:
    found = [one for one in judge_tmux({**BEST, "set-clipboard": value}) if one.level is Level.WARNING]
    assert [one.says for one in found] == ["tmux keeps what you copy from the terminal's clipboard."]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("notify", "says"),
    [
        (Notify.OSC99, "It gets notifications by OSC 99 while you look elsewhere."),
        (Notify.AUTO, "It gets notifications by OSC 777 while you look elsewhere."),
        (Notify.OFF, "It gets no notifications: bell and title call you (`[screen] notify` names a way)."),
    ],
)
def test_the_settings_overrule_what_the_terminal_is_known_to_read(
    notify: Notify, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal())
    monkeypatch.setattr("sys.stdout", _Terminal())
    assert says in [found.says for found in examine_terminal({"TERM": "foot", "LANG": "C.UTF-8"}, notify)]
