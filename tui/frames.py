"""What goes to the terminal of a frame: only the cells that differ from those painted there before.

Textual paints whole widgets. Over a slow line that is most of what is sent, and most of it is on the screen already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, Console, RenderableType
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor, CompositorUpdate, LayoutUpdate
from textual.geometry import Region, Size
from textual.strip import Strip

from tui.widths import is_even

if TYPE_CHECKING:
    from textual.screen import Screen

TRUSTED_SECONDS: Final = 60.0
"""How long what was painted counts as still there: something else may have written to the terminal."""
TRUSTED_OVER_SSH_SECONDS: Final = 300.0
"""How long over a slow line, where painting everything is dear."""
ANEW: Final = "\x1b[0m\x1b[r\x1b[?6l\x1b[?7l\x1b[?25l\x1b(B\x0f"
"""Said before everything is painted: how the terminal has to write, should something else have changed it."""
_WORTH_SCROLLING: Final = 3
"""As many rows at least are moved rather than painted."""


class Piece(NamedTuple):
    """Text of one style at a place in a row."""

    x: int
    text: str
    style: Style | None


class Pen(NamedTuple):
    """How a terminal writes: the codes of weight, colour and ground."""

    weight: str = ""
    ink: str = ""
    ground: str = ""


@dataclass(slots=True)
class _Row:
    """One row of the terminal: where its parts meet, and by the column of its beginning what each part shows."""

    cuts: list[int]
    parts: dict[int, Strip]


class Scroll(NamedTuple):
    """Rows of the terminal, both ends included, whose text moves up by so many; what it leaves free is painted."""

    first: int
    last: int
    by: int


class Changes(CompositorUpdate):
    """What a frame asks of the terminal: to move what it shows already, and the pieces that it doesn't show, by row."""

    def __init__(self, scroll: Scroll | None, rows: Sequence[tuple[int, Sequence[Piece]]]) -> None:
        self.scroll = scroll
        self.rows = rows

    def render_segments(self, console: Console) -> str:
        """Say them in escape sequences, colours and weights only where they change."""
        moved = ""
        if self.scroll is not None:
            first, last, by = self.scroll
            # DECSTBM and IND (ECMA-48, VT100): every terminal scrolls a range of whole rows.
            moved = f"\x1b[{first + 1};{last + 1}r\x1b[{last + 1};1H" + "\x1bD" * by + "\x1b[r"
        return moved + _said(self.rows, console)


class Everything(LayoutUpdate):
    """The whole screen, each part at its own column: whatever a part shows, none stands elsewhere for it."""

    def __init__(self, parts: Sequence[Mapping[int, Strip]], region: Region) -> None:
        super().__init__([row.values() for row in parts], region)
        self._parts = parts

    def render_segments(self, console: Console) -> str:
        """Say everything in escape sequences, whatever the terminal was told before."""
        rows = ((y, _pieces_of(parts)) for y, parts in enumerate(self._parts))
        return ANEW + _said(rows, console)


class ThriftyCompositor(Compositor):
    """Textual's compositor; it remembers what it had painted and leaves out what stands there already."""

    def __init__(self, monotonic: Callable[[], float], trusts: float = TRUSTED_SECONDS) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._trusts = trusts
        self._rows: dict[int, _Row] = {}
        self._painted_size: Size | None = None
        """Size of the screen when all of it was painted; None where nothing counts as painted."""
        self._trusted_until = 0.0
        self._for_terminal = True

    def forget(self) -> None:
        """Count nothing as painted: the next frame says everything."""
        self._painted_size = None

    def render_update(
        self, full: bool = False, screen_stack: list[Screen] | None = None, simplify: bool = False
    ) -> RenderableType | None:
        """Render what has to be painted; ``full`` is for pictures and doesn't reach the terminal."""
        self._for_terminal = not full
        try:
            return super().render_update(full, screen_stack, simplify)
        finally:
            self._for_terminal = True

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        """Render everything, whatever was painted before."""
        update = super().render_full_update(simplify)
        if not self._for_terminal:
            return update
        rows = [dict(zip(self.cuts[y], strips, strict=False)) for y, strips in enumerate(update.strips)]
        self._rows = {y: _Row(self.cuts[y], _known(parts)) for y, parts in enumerate(rows)}
        self._painted_size = self.size
        self._trusted_until = self._monotonic() + self._trusts
        return Everything(rows, update.region)

    def render_partial_update(self) -> ChopsUpdate | LayoutUpdate | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Render what changed in the widgets that are due, or everything where what was painted isn't trusted."""
        if self._painted_size != self.size or self._monotonic() >= self._trusted_until:
            return self.render_full_update()
        update = super().render_partial_update()
        if update is None:
            return None
        scroll = self._scrolled(update)
        rows: dict[int, list[Piece]] = {}
        shifted: dict[int, int] = {}
        for y, start, end in update.spans:
            pieces, uneven = self._changed(update, y, start, end)
            rows.setdefault(y, []).extend(pieces)
            if uneven is not None:
                shifted[y] = min(uneven, shifted.get(y, uneven))
        if shifted:
            self._paint_on(shifted, rows)
        said = [(y, pieces) for y, pieces in rows.items() if pieces]
        if scroll is None and not said:
            return None
        return Changes(scroll, said)  # pyright: ignore[reportReturnType]: Textual asks for no more than this

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Draw the widgets that reach into what is painted. Textual's own also draws those beside them, for nothing."""
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip)
            if seen and (crop is None or crop.overlaps(seen)):
                yield region, clip, widget.render_lines(seen.translate(-region.offset))

    def _scrolled(self, update: ChopsUpdate) -> Scroll | None:
        """Find rows that stand on the screen already, but further down, and note that they are moved."""
        whole = [0, self.size.width]
        shown = {id(row.parts[0]): y for y, row in self._rows.items() if row.cuts == whole and 0 in row.parts}
        wanted = {y: strip for y, *_ in update.spans if self.cuts[y] == whole and (strip := update.chops[y][0])}
        moves = Counter(shown[id(strip)] - y for y, strip in wanted.items() if id(strip) in shown)
        by, rows = max(moves.items(), key=itemgetter(1), default=(0, 0))
        if by <= 0 or rows < _WORTH_SCROLLING:
            return None
        first = min(y for y, strip in wanted.items() if shown.get(id(strip)) == y + by)
        last = first + rows - 1 + by
        if any(
            y not in wanted or (y + by <= last and shown.get(id(wanted[y])) != y + by) for y in range(first, last + 1)
        ):
            return None
        for y in range(first, last + 1):
            self._rows[y].parts = {0: wanted[y]} if y + by <= last else {}
        return Scroll(first, last, by)

    def _changed(self, update: ChopsUpdate, y: int, start: int, end: int) -> tuple[list[Piece], int | None]:
        """Return the pieces that a row lacks, and where a part begins behind which nothing may stand in its place."""
        cuts = self.cuts[y]
        row = self._rows.get(y)
        if row is None or row.cuts != cuts:
            row = self._rows[y] = _Row(cuts, {})
        pieces: list[Piece] = []
        for x, strip in update.chops[y].items():
            if strip is None or x >= end or x + strip.cell_length <= start:
                continue
            before, row.parts[x] = row.parts.get(x), strip
            if before is strip or before == strip:
                continue
            if not _all_even(strip) or (before is not None and not _all_even(before)):
                return pieces, x
            pieces += _pieces(x, strip) if before is None else _differing(x, before, strip)
        row.parts = _known(row.parts)
        return pieces, None

    def _paint_on(self, shifted: Mapping[int, int], rows: dict[int, list[Piece]]) -> None:
        """Paint those rows from there to their ends: should the terminal see another width, what follows has moved."""
        first, last = min(shifted), max(shifted)
        chops = self._render_chops(Region(0, first, self.size.width, last - first + 1), shifted.__contains__)
        for y, start in shifted.items():
            fresh = {x: strip for x, strip in chops[y].items() if x >= start}
            rows[y] = [*(piece for piece in rows[y] if piece.x < start), *_pieces_of(fresh)]
            row = self._rows[y]
            row.parts = _known({x: strip for x, strip in row.parts.items() if x < start} | fresh)


def _all_even(strip: Strip) -> bool:
    return all(is_even(segment.text) for segment in strip)


def _known(parts: Mapping[int, Strip]) -> dict[int, Strip]:
    """Return the parts that surely stand where they were painted: none beyond one of doubtful width."""
    known: dict[int, Strip] = {}
    for x in sorted(parts):
        known[x] = parts[x]
        if not _all_even(parts[x]):
            break
    return known


def _pieces_of(parts: Mapping[int, Strip]) -> list[Piece]:
    return [piece for x, strip in parts.items() for piece in _pieces(x, strip)]


def _said(rows: Iterable[tuple[int, Sequence[Piece]]], console: Console) -> str:
    """Say pieces in escape sequences; each that doesn't surely follow the one before is given its place."""
    system = COLOR_SYSTEMS.get(console.color_system or "", ColorSystem.TRUECOLOR)
    said: list[str] = []
    pen = _PLAIN
    for y, pieces in rows:
        at = None
        for x, text, style in pieces:
            place = f"\x1b[{y + 1};{x + 1}H"
            if x != at:
                said.append(place)
            wanted = _PLAIN if style is None else _pen(style, system)
            if wanted != pen:
                said.append(_turn(pen, wanted))
                pen = wanted
            if is_even(text):
                at = x + len(text)
            else:
                # What a narrower text leaves free would go on showing what stood there.
                said.append(" " * cell_len(text) + place)
                at = None
            said.append(text)
    if pen != _PLAIN:
        said.append("\x1b[0m")
    return "".join(said)


def _pieces(x: int, strip: Strip) -> Iterator[Piece]:
    for text, style, _ in strip:
        if text:
            yield Piece(x, text, style)
        x += cell_len(text)


def _differing(x: int, before: Strip, strip: Strip) -> Iterable[Piece]:
    """Return the pieces of a part that aren't there yet; both have a cell for each character."""
    old = {piece.x: piece for piece in _pieces(x, before)}
    for piece in _pieces(x, strip):
        there = old.get(piece.x)
        if there is None or there.style != piece.style:
            yield piece
        elif there.text != piece.text and not there.text.startswith(piece.text):
            same = _alike(there.text, piece.text)
            yield Piece(piece.x + same, piece.text[same:], piece.style)


def _alike(one: str, other: str) -> int:
    """Count the characters in which two texts begin alike."""
    most = min(len(one), len(other))
    return next((place for place in range(most) if one[place] != other[place]), most)


@lru_cache(1024)
def _pen(style: Style, system: ColorSystem) -> Pen:
    ink, ground = (
        "" if colour is None else ";".join(colour.downgrade(system).get_ansi_codes(foreground))
        for colour, foreground in ((style.color, True), (style.bgcolor, False))
    )
    return Pen(Strip.render_ansi(style.without_color, system), ink, ground)


@lru_cache(4096)
def _turn(pen: Pen, wanted: Pen) -> str:
    """Return what turns one pen into another. Weights and colours are only ever taken off together."""
    if (pen.weight and pen.weight != wanted.weight) or any(
        had and not has for had, has in zip(pen, wanted, strict=True)
    ):
        return "\x1b[" + ";".join(("0", *(code for code in wanted if code))) + "m"
    return "\x1b[" + ";".join(has for had, has in zip(pen, wanted, strict=True) if has != had) + "m"


_PLAIN: Final = Pen()
