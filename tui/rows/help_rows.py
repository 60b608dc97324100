"""How the help looks: every key and every command on one screen, made from the acts."""

from __future__ import annotations

from cockpit.operator.act import Act, Danger, When
from cockpit.operator.acts import ACTS, PENDING, STATUS
from tui.cells import Line, Span, clip, heading, left, wrap
from tui.key_map import KeyMap
from tui.screen_acts import KNOWN

_MOVES = (
    ("↑ ↓ j k  choose", "enter  open", "tab  queue or calls", "esc  back", "q  quit"),
    ("PgUp PgDn  look back", "G  follow", "/  filter: client:x state:denied !word"),
    ("tab j k enter  a call in full", "Y  copy", ":write FILE  what is shown"),
    (":  command, tab completes", "e  edit an order down", "s  change scopes"),
    ("D  deny, saying why", "n  notices", "r  release a latch, resolve an unknown order"),
)


def help_rows(keys: KeyMap, width: int) -> list[Line]:
    """One row for each act: what to press, what to type, what it does."""
    title = [Span(" HELP", "title"), Span("  keys, and commands after :", "dim")]
    lines = [heading(title, [Span("esc back", "dim")], width)]
    for row in _MOVES:
        spans: list[Span] = []
        for pair in row:
            key, _, word = pair.partition("  ")
            spans += [Span(f" {key} ", "key"), Span(f"{word}  ", "dim")]
        lines.append(Line(clip(spans, width)))
    acts = [act for act in KNOWN.values() if act.when is not When.COMMAND_LINE and act not in (STATUS, PENDING)]
    for act in sorted(acts, key=lambda act: (act.name != "kill", not keys.key_of(act))):
        press = Span(left(f" {_press(act, keys)}", 8), "key")
        first, *more = wrap(act.help, max(20, width - 23), 2)
        lines.append(Line(clip((press, Span(left(act.command, 14), "strong"), Span(first)), width)))
        lines += [Line((Span(" " * 22), Span(row))) for row in more]
    others = ", ".join(act.command for act in ACTS.values() if act.when is When.COMMAND_LINE)
    rows = wrap(others, max(20, width - 10))
    return [
        *lines,
        *(Line((Span(" also    " if not at else " " * 9, "dim"), Span(row, "strong"))) for at, row in enumerate(rows)),
    ]


def _press(act: Act, keys: KeyMap) -> str:
    key = keys.key_of(act) or ":"
    return {Danger.SAFE: key, Danger.TWO_STEPS: f"{key} y", Danger.TYPED: f"{key} type"}[act.danger]
