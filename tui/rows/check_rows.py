"""How the checks of an order look: those that refused in full, then what is near its limit, then the rest."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from cockpit.model.checks import Applies, CheckResult
from tui.cells import Line, Span, clip, cut, heading, left, width_of, wrap
from tui.glyphs import FAILED, NOTHING, PASSED
from tui.widths import cell_len

_TWO_COLUMNS = 76
_LONG_NAMES = 52
"""Cells from which on a check's name is never cut."""
_LARGE = 1000
"""From here on the digits behind the point may go where room is short."""
_NUMBER: Final = re.compile(r"\d{1,15}(\.\d{1,10})?", re.ASCII)
_FIGURE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,10})?)( ?[%xs])?", re.ASCII)
_CUT_FIGURE: Final = re.compile(r"[\d.,]+…$", re.ASCII)
"""A figure that lost its end: it would be another one."""
_NEAR: Final = Decimal("0.75")
"""From this share of its limit on a value is near it; so too on the bars of the limits."""


def check_rows(checks: tuple[CheckResult, ...], width: int) -> list[Line]:
    """Every check: those that refused in full, those that passed with value and limit, and the names of the rest.

    Of those that passed the ones near their limit stand first; all others keep their order, so that no row wanders
    while prices move.
    """
    failed = [check for check in checks if not check.ok]
    silent = [check for check in checks if check.ok and check.applies is Applies.NOT_APPLICABLE]
    passed = [check for check in checks if check.ok and check.applies is Applies.YES]
    passed.sort(key=lambda check: not _is_near(check))
    facts = [Span(f"{len(passed)} passed", "ok" if passed else "dim")]
    if failed:
        facts = [Span(f"{len(failed)} refused", "bad"), Span(" · ", "rule"), *facts]
    lines = [heading([Span(" CHECKS", "title-off")], facts, width)]
    for check in failed:
        lines += _refused(check, width)
    columns = 2 if width >= _TWO_COLUMNS else 1
    cells = [_passed(check, width // columns) for check in passed]
    lines += [
        Line(tuple(span for cell in cells[at : at + columns] for span in cell)) for at in range(0, len(cells), columns)
    ]
    if silent:
        names = wrap("not applicable: " + ", ".join(check.code for check in silent), max(10, width - 6), 3)
        signs = [NOTHING, *[" "] * (len(names) - 1)]
        lines += [Line((Span(f"  {sign} {row}", "dim"),)) for sign, row in zip(signs, names, strict=True)]
    return lines


def _refused(check: CheckResult, width: int) -> list[Line]:
    limit = f"allowed {_grouped(check.limit)}" if check.limit else ""
    spans = (Span(f"  {FAILED} {left(check.code, 20)} {_grouped(check.value)}", "bad"), Span(f"   {limit}", "dim"))
    rows = wrap(check.message, max(10, width - 6), 3) if check.message else []
    said = [Line((Span(f"    {row}", "bad"),)) for row in rows]
    if width_of(spans) <= width:
        return [Line(spans), *said]
    below = [Line((Span(f"    {row}", "dim"),)) for row in wrap(limit, max(10, width - 6), 3)] if limit else []
    return [Line(clip(spans[:1], width)), *below, *said]


def _is_near(check: CheckResult) -> bool:
    """Whether a value is close to what is allowed, from whichever side; only figures of one unit can tell."""
    value, limit = _FIGURE.fullmatch(check.value), _FIGURE.fullmatch(check.limit)
    if value is None or limit is None or value[2] != limit[2]:
        return False
    less, more = sorted((Decimal(value[1]), Decimal(limit[1])))
    return less >= more * _NEAR and more > 0


def _grouped(figure: str) -> str:
    """Group the digits of a plain number; leave everything else as it is."""
    return f"{Decimal(figure):,}".removesuffix(".00") if _NUMBER.fullmatch(figure) else figure


def _limit(limit: str, room: int) -> str:
    """Say what is allowed in so many cells. A number that lost its end would be another number: it is left out whole."""
    said = f" / {_grouped(limit)}"
    if not _NUMBER.fullmatch(limit):
        return _CUT_FIGURE.sub("…", cut(said, room))
    shorter = said.partition(".")[0] if Decimal(limit) >= _LARGE else " / …"
    return next((text for text in (said, shorter, " / …") if cell_len(text) <= room), "")


def _passed(check: CheckResult, width: int) -> tuple[Span, ...]:
    """One passed check in a cell: what the order does, and after the stroke what is allowed."""
    name = 24 if width >= _LONG_NAMES else 20
    room = width - 4 - name - 1
    value = cut(_grouped(check.value), room)
    limit = _limit(check.limit, room - cell_len(value)) if check.limit and check.limit != check.value else ""
    filler = " " * max(0, room - cell_len(value) - cell_len(limit) + 1)
    return (
        Span(f"  {PASSED} ", "ok"),
        Span(left(check.code, name - 1) + " "),
        Span(value, "wait" if _is_near(check) else ""),
        Span(limit, "dim"),
        Span(filler),
    )
