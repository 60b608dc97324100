"""A screen as SVG: text on a grid of cells, bars and rules as shapes; no font, no address and no name from elsewhere."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

WIDE, HIGH, AROUND = 12, 24, 14
"""Units of a cell, and of the frame around all cells."""
_BASE: Final = 17
"""From the top of a cell to the line that its letters stand on."""
_LETTERS: Final = (
    'font-family="ui-monospace, SF Mono, Menlo, Cascadia Mono, Consolas, DejaVu Sans Mono, monospace" font-size="20"'
)
_XTERM: Final = TerminalTheme(
    (0, 0, 0), (229, 229, 229),
    [(0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)],
    [(127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
     (255, 255, 255)],
)  # fmt: skip
"""The sixteen colours that a terminal has of its own, as xterm has them."""
_FOREGROUND, _BACKGROUND, _EDGE = "#dce4ec", "#0c1117", "#808080"
_LOWER: Final = "▁▂▃▄▅▆▇"
_RULE, _BAR = 2, 6
"""How thick a thin and a heavy line are."""
_SHAPES: Final[dict[str, tuple[float, float, float, float]]] = {
    # sign: x, y, width and height within its cell
    "█": (0, 0, WIDE, HIGH),
    "─": (0, (HIGH - _RULE) / 2, WIDE, _RULE),
    "━": (0, (HIGH - _BAR) / 2, WIDE, _BAR),
    "╸": (0, (HIGH - _BAR) / 2, WIDE / 2, _BAR),
    "│": ((WIDE - _RULE) / 2, 0, _RULE, HIGH),
    **{sign: (0, HIGH - HIGH * part / 8, WIDE, HIGH * part / 8) for part, sign in enumerate(_LOWER, 1)},
}
_ALONGSIDE: Final = frozenset("█─━")
"""Signs that join the next of their kind."""
_SIGN: Final = re.compile(r"[^\x20-\xff–—…“”‘’≈]")
"""A sign that may come from another font than the letters, and so with another width: it gets a place of its own."""
_PIECE: Final = re.compile(r"[^ ]+(?: [^ ]+)*")


@dataclass(frozen=True, slots=True, order=True)
class Ink:
    """How a text looks."""

    colour: str
    bold: bool
    italic: bool


@dataclass(frozen=True, slots=True)
class _Run:
    x: int
    y: int
    text: str
    ink: Ink
    paper: str


def draw(rows: Sequence[Sequence[Segment]], title: str, plain: Style) -> str:
    """Return the picture of rows of cells; the title is read out in its place. What has no colour has that of plain."""
    foreground, background = _hex(plain.color, _FOREGROUND), _hex(plain.bgcolor, _BACKGROUND)
    runs = [run for y, row in enumerate(rows) for run in _runs(y, row, foreground, background)]
    width = max(sum(segment.cell_length for segment in row) for row in rows) * WIDE + 2 * AROUND
    height = len(rows) * HIGH + 2 * AROUND
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {_LETTERS}>',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="10" fill="{background}" stroke="{_EDGE}" stroke-opacity=".5"/>',
            f'<g transform="translate({AROUND},{AROUND})">',
            *_papers(runs, background),
            *_shapes(runs),
            *_texts(runs),
            "</g>",
            "</svg>\n",
        )
    )


def _runs(y: int, row: Sequence[Segment], foreground: str, background: str) -> Iterator[_Run]:
    x = 0
    for segment in row:
        style = segment.style or Style()
        ink, paper = _hex(style.color, foreground), _hex(style.bgcolor, background)
        if style.reverse:
            ink, paper = paper, ink
        yield _Run(x, y, segment.text, Ink(ink, bool(style.bold), bool(style.italic)), paper)
        x += segment.cell_length


def _hex(colour: Color | None, otherwise: str) -> str:
    return otherwise if colour is None or colour.is_default else colour.get_truecolor(_XTERM).hex


def _papers(runs: Sequence[_Run], background: str) -> Iterator[str]:
    """Draw what differs from the picture's own ground; neighbours of one colour together."""
    start: _Run | None = None
    end = 0
    for run in [*runs, _Run(0, -1, "", Ink("", False, False), background)]:
        if start is not None and (run.paper != start.paper or run.y != start.y):
            yield _rect(start.x * WIDE, start.y * HIGH, (end - start.x) * WIDE, HIGH, f' fill="{start.paper}"')
            start = None
        if start is None and run.paper != background and run.text:
            start = run
        end = run.x + cell_len(run.text)


def _shapes(runs: Sequence[_Run]) -> Iterator[str]:
    by_colour: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        for found in re.finditer(r"█+|─+|━+|.", run.text):
            sign = found[0][0]
            if sign not in _SHAPES:
                continue
            x, y, width, height = _SHAPES[sign]
            if sign in _ALONGSIDE:
                width *= len(found[0])
            left = (run.x + cell_len(run.text[: found.start()])) * WIDE + x
            by_colour[run.ink.colour].append(_rect(left, run.y * HIGH + y, width, height))
    for colour, shapes in sorted(by_colour.items()):
        yield f'<g fill="{colour}">'
        yield from shapes
        yield "</g>"


def _texts(runs: Sequence[_Run]) -> Iterator[str]:
    by_ink: dict[Ink, list[str]] = defaultdict(list)
    for run in runs:
        plain = "".join(" " * cell_len(sign) if sign in _SHAPES else sign for sign in run.text)
        y = run.y * HIGH + _BASE
        for found in _SIGN.finditer(plain):
            middle = (run.x + cell_len(plain[: found.start()]) + cell_len(found[0]) / 2) * WIDE
            by_ink[run.ink].append(f'<text x="{_short(middle)}" y="{y}" text-anchor="middle">{escape(found[0])}</text>')
        letters = _SIGN.sub(lambda found: " " * cell_len(found[0]), plain)
        for found in _PIECE.finditer(letters):
            cells = cell_len(found[0])
            length = f' textLength="{cells * WIDE}"' if cells > 1 else ""
            x = (run.x + cell_len(letters[: found.start()])) * WIDE
            by_ink[run.ink].append(f'<text x="{x}" y="{y}"{length}>{escape(found[0])}</text>')
    for ink, texts in sorted(by_ink.items()):
        weight = ' font-weight="bold"' if ink.bold else ""
        slant = ' font-style="italic"' if ink.italic else ""
        yield f'<g fill="{ink.colour}"{weight}{slant}>'
        yield from texts
        yield "</g>"


def _rect(x: float, y: float, width: float, height: float, more: str = "") -> str:
    return f'<rect x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}"{more}/>'


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
