"""How the day of the clients looks: what each did, and below how they came and went, from the audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from cockpit.model.text import counted
from cockpit.operator.view import ClientView
from tui.call_rates import CallRates, bars
from tui.cells import Line, Span, clip, heading, left, right
from tui.records import Record
from tui.rows.record_rows import record_list_rows
from tui.stable_rows import StableRows
from tui.words import ago

WANTED = "kind:client since:24h"


def session_rows(
    clients: Sequence[ClientView],
    rates: CallRates,
    records: StableRows[Record],
    complaint: str,
    now: datetime,
    width: int,
    height: int,
    zone: tzinfo | None = None,
) -> list[Line]:
    """One row for each client, the busiest first; then the records of clients of a day."""
    by_name: dict[str, list[ClientView]] = {}
    for view in clients:
        by_name.setdefault(view.client, []).append(view)
    title = [Span(" SESSIONS", "title"), Span(f" {counted(len(by_name), 'client')}", "strong")]
    lines = [heading(title, [Span("the last minute, today", "dim")], width)]
    who = 22 if width >= 100 else 16
    head = f"  {left('client', who)} {left('minute', 10)} {right('calls', 7)} {right('denied', 7)}  {left('last', 10)} from"
    lines.append(Line(clip((Span(head, "dim"),), width)))
    shown = sorted(by_name.items(), key=lambda item: -item[1][0].calls)[: max(1, height // 2 - 3)]
    for name, views in shown:
        lines.append(_client(name, views, rates, now, who, width))
    if not by_name:
        lines.append(Line((Span("  No client has been let in.", "dim"),)))
    elif len(shown) < len(by_name):
        lines.append(Line((Span(f"  {len(by_name) - len(shown)} more: c lists them all", "wait"),)))
    lines.append(Line())
    below = record_list_rows(records, "", complaint, "CAME AND WENT, a day", now, width, height - len(lines), zone)
    return [*lines, *below]


def _client(name: str, views: list[ClientView], rates: CallRates, now: datetime, who: int, width: int) -> Line:
    newest = max(views, key=lambda view: view.last_used or view.made_at)
    times = f" ×{len(views)}" if len(views) > 1 else ""
    spans = (
        Span("  "),
        Span(left(f"{name}{times}", who) + " ", "name"),
        Span(left(bars(rates.counts(name, now)), 10) + " ", "ok"),
        Span(right(f"{newest.calls:,}", 7)),
        Span(right(f"{newest.denied:,}", 8), "bad" if newest.denied else "dim"),
        Span(f"  {left(ago(newest.last_used, now), 10)} ", "dim"),
        Span(newest.last_address or newest.host, "dim"),
    )
    return Line(clip(spans, width))
