"""How a command's answer looks when it is more than a line."""

from __future__ import annotations

import json

from rich.cells import cell_len

from cockpit.operator.act import Done
from tui.cells import Line, Span, heading, wrap

_MOST = 1000
_ONE_LINE = 150


def texts_of(title: str, done: Done, *, sentence: bool = False) -> tuple[str, ...]:
    """Return title and rows of an answer that needs a page of its own, or nothing where one line is enough.

    With ``sentence`` its words are the whole answer, and its data for programs alone.
    """
    rows = done.says.splitlines()
    if sentence:
        pass
    elif isinstance(done.data, list | tuple) and done.data:
        rows += [_row(item) for item in done.data[:_MOST]]
    elif isinstance(done.data, dict):
        for name, items in done.data.items():
            if isinstance(items, list) and items and isinstance(items[0], dict):
                rows += ["", str(name), *(_row(item) for item in items[:_MOST])]
    return (title, *rows) if len(rows) > 1 or len(done.says) > _ONE_LINE else ()


def _row(item: object) -> str:
    if isinstance(item, dict):
        return "  ".join(f"{key}={_value(value)}" for key, value in item.items() if value not in (None, "", [], {}))
    return _value(item)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def result_rows(texts: tuple[str, ...], width: int) -> list[Line]:
    """Draw the page; rows that are too long go on, indented. What fits stays as it is: it may be a drawing."""
    title, *rows = texts or ("",)
    lines = [heading([Span(f" {title}", "title")], [Span("esc back", "dim")], width)]
    for row in rows:
        room = max(10, width - 4)
        for place, part in enumerate([row] if cell_len(row) <= room else wrap(row, room, 20)):
            lines.append(Line((Span(" " if place == 0 else "   "), Span(part))))
    return lines
