"""A widget that draws lines which a function makes; no text in it is ever read as markup or sent on raw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.cells import Line, Span
from tui.glyphs import in_ascii
from tui.palette import Palette
from tui.widths import drawn

_BLANK = Line((Span(""),))
Maker = Callable[[int, int], Sequence[Line]]
"""Makes the lines of an area of so many columns and rows."""


class Looks(Protocol):
    """What a widget needs to know to draw."""

    palette: Palette
    ascii_only: bool


def strip_of(line: Line, width: int, looks: Looks) -> Strip:
    """Turn a line into the cells of one row. What steers or hides becomes visible here, wherever it came from."""
    palette = looks.palette
    segments: list[Segment] = []
    for text, role in line.spans:
        if not text:
            continue
        shown = drawn(text)
        segments.append(
            Segment(in_ascii(shown) if looks.ascii_only else shown, palette.style(role, chosen=line.chosen))
        )
    return Strip(segments).crop_extend(0, width, palette.style(line.fill, chosen=line.chosen))


def drawn_by(widget: Widget, strips: Sequence[Strip], crop: Region) -> list[Strip]:
    """Finish rows of a widget that has neither border nor padding: what they are is kept, so that it is known again."""
    rows = list(strips)
    for line_filter in widget.get_line_filters():
        ground = widget.background_colors[1]
        rows = [strip.apply_filter(line_filter, ground) for strip in rows]
    start, end = crop.column_span
    return rows if (start, end) == (0, widget.size.width) else [strip.crop(start, end) for strip in rows]


class Lines(Widget):
    """Rows of cells, made anew whenever they are painted; a row that says the same as before stays as it was drawn."""

    ALLOW_SELECT = False

    def __init__(self, make: Maker, looks: Looks, *, id: str) -> None:
        super().__init__(id=id)
        self._make = make
        self._looks = looks
        self._drawn: dict[int, tuple[Line, Strip]] = {}
        self._drawn_for: tuple[int, Palette] | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Make the lines, and draw those that are others than before."""
        width, height = self.size
        drawn_for = (width, self._looks.palette)
        if self._drawn_for != drawn_for:
            self._drawn_for = drawn_for
            self._drawn.clear()
        made = self._make(width, height)
        rows = [self._strip(y, made[y] if y < len(made) else _BLANK) for y in crop.line_range]
        return drawn_by(self, rows, crop)

    def _strip(self, y: int, line: Line) -> Strip:
        drawn = self._drawn.get(y)
        if drawn is None or drawn[0] != line:
            drawn = self._drawn[y] = line, strip_of(line, self.size.width, self._looks)
        return drawn[1]
