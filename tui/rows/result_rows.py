"""How a command's answer looks when it is more than a line."""

from __future__ import annotations

import json

from rich.cells import set_cell_size

from cockpit.operator.act import Done
from tui.cells import Line, Span, heading, wrap
from tui.widths import cell_len

_MOST = 1000
_ONE_LINE = 150
_BLOCKS = frozenset(" ▀▄█")
"""Signs of a QR code: halves and whole blocks."""
_SMALLEST_DRAWING = 8
_GAP = 2
_NARROWEST = 20
_AROUND = 5
"""Rows of the screen around the page, with a title and a row to spare."""


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


def _with_drawing(rows: list[str], width: int, height: int) -> list[str]:
    """Put the words below a drawing beside it where both are higher than the place; say so where even that is no help."""
    count = next((place for place, row in enumerate(rows) if not _is_drawn(row)), len(rows))
    drawing, words = rows[:count], rows[count:]
    if count < _SMALLEST_DRAWING or len(rows) <= height:
        return rows
    room = width - max(cell_len(row) for row in drawing) - _GAP
    beside = [part for text in words for part in (*wrap(text, room), "")] if room >= _NARROWEST else []
    if count <= height and beside and len(beside) <= count:
        wide = width - room - _GAP
        lines = [*beside, *[""] * (count - len(beside))]
        return [
            f"{set_cell_size(row, wide)}{' ' * _GAP}{text}".rstrip() for row, text in zip(drawing, lines, strict=True)
        ]
    return [*words, f"The drawing has {count} rows; a window of {count + _AROUND} rows shows it whole.", *drawing]


def _is_drawn(row: str) -> bool:
    return bool(row) and not set(row) - _BLOCKS


def _row(item: object) -> str:
    if isinstance(item, dict):
        return "  ".join(f"{key}={_value(value)}" for key, value in item.items() if value not in (None, "", [], {}))
    return _value(item)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def result_rows(texts: tuple[str, ...], width: int, height: int = 1_000_000) -> list[Line]:
    """Draw the page; rows that are too long go on, indented. What fits stays as it is: it may be a drawing."""
    title, *rows = texts or ("",)
    rows = _with_drawing(rows, width - 4, height - 1)
    lines = [heading([Span(f" {title.upper()}", "title")], [Span("esc back", "dim")], width)]
    for row in rows:
        room = max(10, width - 4)
        for place, part in enumerate([row] if cell_len(row) <= room else wrap(row, room, 20)):
            lines.append(Line((Span(" " if place == 0 else "   "), Span(part))))
    return lines
