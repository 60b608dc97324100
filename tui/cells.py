"""Lines of styled text, measured in terminal cells: wide characters count two, and nothing leaves its column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rich.cells import set_cell_size

from tui.widths import cell_len, drawn

ELLIPSIS: Final = "…"


class Span(NamedTuple):
    """A piece of text and the role that colours it."""

    text: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the screen, as a pure function makes it."""

    spans: tuple[Span, ...] = ()
    chosen: bool = False
    """Drawn on the colour of the row that keys act on."""
    fill: str = ""
    """Role whose background fills the row to its end."""


def line(*spans: Span | str, chosen: bool = False, fill: str = "") -> Line:
    """Make a line of spans; a bare string has the plain role."""
    return Line(tuple(Span(part) if isinstance(part, str) else part for part in spans), chosen, fill)


def cut(text: str, cells: int) -> str:
    """Shorten to at most ``cells``, with an ellipsis where something is missing."""
    text = drawn(text)
    if cell_len(text) <= cells:
        return text
    if cells <= 1:
        return ELLIPSIS[: max(0, cells)]
    return set_cell_size(text, cells - 1).rstrip() + ELLIPSIS


def left(text: str, cells: int) -> str:
    """Fit into a column of exactly ``cells``, against its left edge."""
    return set_cell_size(cut(text, cells), max(0, cells))


def right(text: str, cells: int) -> str:
    """Fit into a column of exactly ``cells``, against its right edge."""
    fitting = cut(text, cells)
    return " " * max(0, cells - cell_len(fitting)) + fitting


def width_of(spans: Iterable[Span]) -> int:
    """Count the cells of all spans together."""
    return sum(cell_len(span.text) for span in spans)


def spread(start: Sequence[Span], end: Sequence[Span], width: int, filler: Span | None = None) -> tuple[Span, ...]:
    """Put ``start`` against the left edge and ``end`` against the right one; ``end`` goes first when room is short."""
    room = width - width_of(start) - width_of(end)
    if room < 0:
        return clip(start, width)
    between = Span(" " * room) if filler is None else Span((filler.text * room)[:room], filler.role)
    return (*start, between, *end)


def clip(spans: Sequence[Span], width: int) -> tuple[Span, ...]:
    """Keep what fits into ``width``; the first span that doesn't is shortened with an ellipsis."""
    kept: list[Span] = []
    room = width
    for span in spans:
        cells = cell_len(span.text)
        if cells > room:
            kept.append(Span(cut(span.text, room), span.role))
            break
        kept.append(span)
        room -= cells
    return tuple(kept)


def heading(title: Sequence[Span], facts: Sequence[Span], width: int) -> Line:
    """Draw a pane's title: name, rule, facts, and two cells of rule at the end."""
    rule = Span("─", "rule")
    start = (*title, Span(" "))
    end = (Span(" "), *facts, Span(" "), Span("──", "rule")) if facts else ()
    return Line(
        spread(start, end, width, rule) if width_of((*start, *end)) <= width else spread(start, (), width, rule)
    )


def wrap(text: str, cells: int, most: int = 1000) -> list[str]:
    """Break at spaces into rows of at most ``cells``; a word that is too long is broken anywhere."""
    rows: list[str] = []
    row = ""
    for word in drawn(text).split(" "):
        rest = word
        while True:
            candidate = f"{row} {rest}" if row else rest
            if cell_len(candidate) <= cells:
                row = candidate
                break
            if row:
                rows.append(row)
                row = ""
                continue
            head = set_cell_size(rest, cells).rstrip() if cells > 1 else rest[:1]
            rows.append(head)
            rest = rest[max(1, len(head)) :]
    rows.append(row)
    if len(rows) > most:
        rows = [*rows[: most - 1], cut(" ".join(rows[most - 1 :]), cells)]
    return rows
