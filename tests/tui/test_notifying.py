from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.screen import Notify
from tui.notifying import notification, notify_here

SAID = "ORDER claude: BUY 1 ALFA MKT DAY, 1:34 left"


@pytest.mark.parametrize(
    ("environ", "how"),
    [
        ({"TERM_PROGRAM": "iTerm.app", "TERM": "xterm-256color"}, Notify.OSC9),
        ({"LC_TERMINAL": "iTerm2", "TERM": "xterm-256color"}, Notify.OSC9),
        ({"TERM_PROGRAM": "WezTerm"}, Notify.OSC9),
        ({"TERM": "xterm-ghostty"}, Notify.OSC9),
        ({"TERM": "xterm-kitty"}, Notify.OSC99),
        ({"TERM": "foot"}, Notify.OSC777),
        ({"TERM": "foot-extra"}, Notify.OSC777),
        ({"TERM": "rxvt-unicode-256color"}, Notify.OSC777),
        ({"TERM": "xterm-256color", "WT_SESSION": "b1c2"}, Notify.OSC777),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "KITTY_WINDOW_ID": "1"}, Notify.OSC99),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, Notify.OFF),
        ({"TERM": "football"}, Notify.OFF),
        ({"TERM": "linux", "KITTY_WINDOW_ID": ""}, Notify.OFF),
        ({}, Notify.OFF),
    ],
)
def test_a_terminal_gets_what_it_is_known_to_read_and_an_unknown_one_nothing(
    environ: Mapping[str, str], how: Notify
) -> None:
    assert notify_here(Notify.AUTO, environ) is how


def test_what_the_settings_name_is_taken_whatever_the_terminal_is() -> None:
    assert notify_here(Notify.OSC777, {"TERM": "xterm-kitty"}) is Notify.OSC777
    assert notify_here(Notify.OFF, {"TERM": "xterm-kitty"}) is Notify.OFF


def test_each_kind_is_written_as_its_terminals_document_it() -> None:
    assert notification(Notify.OSC9, SAID, in_tmux=False) == f"\x1b]9;cockpit: {SAID}\x07"
    assert notification(Notify.OSC777, SAID, in_tmux=False) == f"\x1b]777;notify;cockpit;{SAID}\x07"
    assert notification(Notify.OSC99, SAID, in_tmux=False) == (
        f"\x1b]99;i=cockpit:d=0:p=title;cockpit\x1b\\\x1b]99;i=cockpit:p=body;{SAID}\x1b\\"
    )
    assert notification(Notify.OFF, SAID, in_tmux=True) == ""


def test_in_tmux_every_escape_is_doubled_inside_its_passthrough() -> None:
    written = notification(Notify.OSC99, SAID, in_tmux=True)
    assert written.startswith("\x1bPtmux;\x1b\x1b]99;")
    assert written.endswith("\x1b\x1b\\\x1b\\")
    inside = written.removeprefix("\x1bPtmux;").removesuffix("\x1b\\")
    assert inside.replace("\x1b\x1b", "\x1b") == notification(Notify.OSC99, SAID, in_tmux=False)


@given(st.text(max_size=600), st.sampled_from([Notify.OSC9, Notify.OSC777, Notify.OSC99]))
def test_no_text_leaves_its_place_in_the_sequence(text: str, how: Notify) -> None:
    written = notification(how, text, in_tmux=False)
    empty = notification(how, "", in_tmux=False)
    assert len(written) <= len(empty) + 200
    for sign in ("\x1b", "\x07", ";", "\x9c", "\n"):
        assert written.count(sign) == empty.count(sign)
