"""How the help looks: every key and every command on one screen, made from the acts."""

from __future__ import annotations

from cockpit.operator.act import Act, Danger, When
from cockpit.operator.acts import ACTS, PENDING, STATUS
from tui.cells import Line, Span, clip, heading, left, width_of, wrap
from tui.fixed_keys import FIXED, Where
from tui.key_map import KeyMap
from tui.screen_acts import KNOWN

_TIED = "_"
"""Keeps the words of a command in one row; no command has it."""


def help_rows(keys: KeyMap, width: int) -> list[Line]:
    """One row for each act: what to press, what to type, what it does."""
    title = [Span(" HELP", "title"), Span("  keys, and commands after :", "dim")]
    lines = [heading(title, [Span("esc back", "dim")], width)]
    lines += _fixed_rows(width)
    acts = [act for act in KNOWN.values() if act.when is not When.COMMAND_LINE and act not in (STATUS, PENDING)]
    for act in sorted(acts, key=lambda act: (act.name != "kill", not keys.key_of(act))):
        press = Span(left(f" {_press(act, keys)}", 8), "key")
        first, *more = wrap(act.help, max(20, width - 23), 2)
        lines.append(Line(clip((press, Span(left(act.command, 14), "strong"), Span(first)), width)))
        lines += [Line((Span(" " * 22), Span(row))) for row in more]
    others = [act.command.replace(" ", _TIED) for act in ACTS.values() if act.when is When.COMMAND_LINE]
    rows = [row.replace(_TIED, " ") for row in wrap(", ".join(others), max(20, width - 10))]
    return [
        *lines,
        *(Line((Span(" also    " if not at else " " * 9, "dim"), Span(row, "strong"))) for at, row in enumerate(rows)),
    ]


def _fixed_rows(width: int) -> list[Line]:
    """The keys that are the same everywhere, as many to a row as fit."""
    rows: list[list[Span]] = [[]]
    for one in FIXED:
        if one.where is Where.SCREEN:
            pair = [Span(f" {one.shown} ", "key"), Span(f"{one.help} ", "dim")]
            if width_of([*rows[-1], *pair]) > width:
                rows.append([])
            rows[-1] += pair
    return [Line(tuple(row)) for row in rows]


def _press(act: Act, keys: KeyMap) -> str:
    key = keys.key_of(act) or ":"
    return {Danger.SAFE: key, Danger.TWO_STEPS: f"{key} y", Danger.TYPED: f"{key} type"}[act.danger]
