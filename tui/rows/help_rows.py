"""How the help looks: what the keys do where it was opened, then everywhere, then elsewhere; made from the acts."""

from __future__ import annotations

from dataclasses import replace

from cockpit.operator.act import Act, Danger, When
from cockpit.operator.acts import KILL, PENDING, STATUS
from tui.cells import Line, Span, clip, heading, left, width_of, wrap
from tui.fitting import is_offered
from tui.fixed_keys import FIXED, Where
from tui.key_map import KeyMap
from tui.screen_acts import KNOWN
from tui.state import ScreenState

_TIED = "_"
"""Keeps the words of a command in one row; no command has it."""


def help_rows(keys: KeyMap, width: int, state: ScreenState | None = None) -> list[Line]:
    """One row for each act: what to press, what to type, what it does.

    ``state``: where the help was opened; what a screen that only looks never offers is left out.
    """
    title = [Span(" HELP", "title"), Span("  keys, and commands after :", "dim")]
    lines = [heading(title, [Span("esc back", "dim")], width)]
    lines += _fixed_rows(width)
    looks_only = state is not None and state.read_only
    known = [act for act in KNOWN.values() if not (looks_only and act.changes)]
    acts = [act for act in known if act.when is not When.COMMAND_LINE and act not in (STATUS, PENDING)]
    acts.sort(key=lambda act: not keys.key_of(act))
    at = None if state is None else replace(state, place=state.back)
    here = [act for act in acts if at is not None and act.when is not When.ALWAYS and is_offered(act, at)]
    everywhere = [act for act in acts if act.when is When.ALWAYS and act is not KILL]
    elsewhere = [act for act in acts if act not in here and act.when is not When.ALWAYS]
    lines += [] if looks_only else _act_rows(KILL, keys, width)
    for title, group in (("HERE", here), ("EVERYWHERE", everywhere), ("ELSEWHERE", elsewhere)):
        if group:
            lines.append(heading([Span(f" {title}", "title-off")], (), width))
        for act in group:
            lines += _act_rows(act, keys, width)
    others = [act.command.replace(" ", _TIED) for act in known if act.when is When.COMMAND_LINE]
    rows = [row.replace(_TIED, " ") for row in wrap(", ".join(others), max(20, width - 10))]
    return [
        *lines,
        *(
            Line((Span(" also    " if not place else " " * 9, "dim"), Span(row, "strong")))
            for place, row in enumerate(rows)
        ),
    ]


def _act_rows(act: Act, keys: KeyMap, width: int) -> list[Line]:
    press = Span(left(f" {_press(act, keys)}", 8), "key")
    first, *more = wrap(act.help, max(20, width - 23), 2)
    row = Line(clip((press, Span(left(act.command, 14), "strong"), Span(first)), width))
    return [row, *(Line((Span(" " * 22), Span(row))) for row in more)]


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
