"""A widget that draws lines which a function makes; no text in it is ever read as markup or sent on raw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from cockpit.model.text import safe
from tui.cells import Line, Span
from tui.glyphs import in_ascii
from tui.palette import Palette

Maker = Callable[[int, int], Sequence[Line]]
"""Makes the lines of an area of so many columns and rows."""


class Looks(Protocol):
    """What a widget needs to know to draw."""

    palette: Palette
    ascii_only: bool


def strip_of(line: Line, width: int, looks: Looks) -> Strip:
    """Turn a line into the cells of one row. What isn't printable becomes visible here, wherever it came from."""
    palette = looks.palette
    segments: list[Segment] = []
    for text, role in line.spans:
        if not text:
            continue
        shown = text if text.isprintable() else safe(text, 2000)
        segments.append(
            Segment(in_ascii(shown) if looks.ascii_only else shown, palette.style(role, chosen=line.chosen))
        )
    return Strip(segments).crop_extend(0, width, palette.style(line.fill, chosen=line.chosen))


class Lines(Widget):
    """Rows of cells, made anew whenever they are painted."""

    ALLOW_SELECT = False

    def __init__(self, make: Maker, looks: Looks, *, id: str) -> None:
        super().__init__(id=id)
        self._make = make
        self._looks = looks
        self._made: Sequence[Line] = ()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Make the lines once, then draw each."""
        self._made = self._make(self.size.width, self.size.height)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        drawn = self._made[y] if y < len(self._made) else Line((Span(""),))
        return strip_of(drawn, self.size.width, self._looks)
