"""How the notices look: what the host had to tell the operator, newest first, each with its time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from cockpit.model.events import Notice
from tui.cells import Line, Span, heading, wrap
from tui.glyphs import NOTHING
from tui.words import ago, clock_time

_ROWS_OF_ONE = 4


def notice_rows(notices: Sequence[Notice], now: datetime, width: int, zone: tzinfo | None = None) -> list[Line]:
    """Every notice that is kept; a bad one has a sign and a colour of its own."""
    bad = sum(notice.bad for notice in notices)
    facts = [Span(f"{bad} bad", "bad")] if bad else []
    lines = [heading([Span(" NOTICES", "title"), Span(f" {len(notices)}", "strong")], facts, width)]
    for notice in reversed(notices):
        role = "bad" if notice.bad else ""
        old = (now - notice.at).days
        when = clock_time(notice.at, zone) if not old else f"{ago(notice.at, now):>8}"
        rows = wrap(notice.text, max(10, width - 15), _ROWS_OF_ONE)
        sign = Span("! " if notice.bad else f"{NOTHING} ", "alarm" if notice.bad else "dim")
        lines.append(Line((Span(f"  {when}  ", "dim"), sign, Span(rows[0], role))))
        lines += [Line((Span(" " * 14), Span(row, role))) for row in rows[1:]]
    if not notices:
        lines.append(Line((Span("  Nothing was noticed.", "dim"),)))
    return lines
