"""How the help looks: every key and every command on one screen, made from the acts."""

from __future__ import annotations

from cockpit.operator.acts import ACTS, Danger, When
from tui.cells import Line, Span, clip, cut, heading, left
from tui.key_map import KeyMap

_MOVES = (
    ("j k ↓ ↑", "move; tab changes pane"),
    ("enter", "open"),
    ("PgUp PgDn", "look back, ahead"),
    ("G  f", "follow the stream"),
    ("/  :", "filter, command"),
    ("e  s", "edit down, scopes"),
    ("esc  q", "back, quit"),
)


def help_rows(keys: KeyMap, width: int) -> list[Line]:
    """Keys on the left, commands on the right."""
    half = 34 if width < 110 else 46
    rows: list[tuple[str, str]] = []
    for act in ACTS.values():
        if key := keys.key_of(act):
            rows.append((key, act.help))
    rows.sort(key=lambda row: row[0] != "^k")
    lefts = [_pair(key, text, 10, half) for key, text in (*rows[:1], *_MOVES, *rows[1:])]
    typed = [act for act in ACTS.values() if act.when is not When.COMMAND_LINE]
    more = [act for act in ACTS.values() if act.when is When.COMMAND_LINE]
    rights = [_pair(act.command, _said(act.help, act.danger), 14, width - half - 1) for act in (*typed, *more)]
    lines = [
        heading([Span(" KEYS", "title"), Span("  and what to type after :", "dim")], [Span("esc back", "dim")], width)
    ]
    for place in range(max(len(lefts), len(rights))):
        start = lefts[place] if place < len(lefts) else (Span(" " * half),)
        end = rights[place] if place < len(rights) else ()
        lines.append(Line(clip((*start, Span("│", "rule"), *end), width)))
    lines.append(
        Line((Span(" ≈ value at worst   !! under 20 s   what lowers risk is one key, what adds it takes two", "dim"),))
    )
    return lines


def _said(text: str, danger: Danger) -> str:
    return f"{text}" if danger is Danger.SAFE else f"{text} ({'asks' if danger is Danger.TWO_STEPS else 'typed word'})"


def _pair(key: str, text: str, cells: int, width: int) -> tuple[Span, ...]:
    return (
        Span(" " + left(key, cells) + " ", "key"),
        Span(left(cut(text, max(0, width - cells - 2)), max(0, width - cells - 2))),
    )
