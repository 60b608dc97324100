"""How records of the audit look: as a list, and one of them in full as the detail of a call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from cockpit.model.checks import CheckResult
from cockpit.model.events import CallFinished, Outcome
from tui.cells import Line, Span, clip, heading, left, wrap
from tui.glyphs import CHOSEN, OUTCOME
from tui.records import Record
from tui.rows.check_rows import check_rows
from tui.stable_rows import StableRows
from tui.words import ago, clock_time, coded, duration

_LABEL = 13
_DETAIL_ROWS = 4
_ABOUT = ("says", "order", "scopes", "reason")
"""What of a record's detail tells in a few words what it is about; the first that is there."""


def record_list_rows(
    rows: StableRows[Record],
    wanted: str,
    complaint: str,
    title: str,
    now: datetime,
    width: int,
    height: int,
    zone: tzinfo | None = None,
) -> list[Line]:
    """The records that were found, the newest first, and below what the chosen one says."""
    room = height - 2 - _DETAIL_ROWS
    shown = rows.in_view(room)
    facts = [Span(f"{len(rows.items)} found", "strong" if rows.items else "dim")]
    if len(shown) < len(rows.items):
        facts += [Span(" · ", "rule"), Span(f"{len(rows.items) - len(shown)} more", "wait")]
    head = [Span(f" {title}", "title")]
    if wanted:
        head.append(Span(f"  / {wanted}", "wait"))
    lines = [heading(clip(head, width - 24), facts, width)]
    who, what = (18, 20) if width >= 100 else (12, 16)
    columns = f"  {left('when', 8)} {left('client', who)} {left('what', what)} {left('outcome', 9)} about"
    lines.append(Line(clip((Span(columns, "dim"),), width)))
    for record in shown:
        lines.append(_row(record, str(record.number) == rows.chosen_key, (who, what), now, width, zone))
    if not rows.items:
        lines.append(Line((Span(f"  {complaint or 'Nothing was found.'}", "bad" if complaint else "dim"),)))
    if (record := rows.chosen) is not None:
        lines += [Line()] * (height - len(lines) - _DETAIL_ROWS)
        lines += _foot(record, width)
    return lines


def _row(record: Record, chosen: bool, cells: tuple[int, int], now: datetime, width: int, zone: tzinfo | None) -> Line:
    who, what = cells
    when = clock_time(record.at, zone) if (now - record.at).days < 1 else ago(record.at, now).removesuffix(" ago")
    facts: dict[str, str] = dict(record.facts)
    says = next((facts[name] for name in _ABOUT if name in facts), "")
    says = says if record.symbol in says else f"{record.symbol} {says}".strip()
    about = coded(record.code, says)
    spans = (
        Span(f"{CHOSEN if chosen else ' '} ", "key"),
        Span(left(when, 8) + " ", "dim"),
        Span(left(record.client or f"({record.kind})", who) + " ", "name" if record.client else "dim"),
        Span(left(record.tool, what) + " "),
        Span(left(_outcome(record).text, 9) + " ", _outcome(record).role),
        Span(about, _outcome(record).role if record.code else ""),
    )
    return Line(clip(spans, width), chosen=chosen)


def _outcome(record: Record) -> Span:
    known = {outcome.value: span for outcome, span in OUTCOME.items()}
    return known.get(record.outcome, Span(record.outcome, "dim"))


def _foot(record: Record, width: int) -> list[Line]:
    title = heading(
        [Span(f" record {record.number}", "title"), Span(f" {record.kind}", "dim")],
        [Span("enter all of it", "dim")],
        width,
    )
    said = "  ".join(f"{name}={value}" for name, value in record.facts) or "no detail"
    rows = [Line((Span(f"  {row}", "dim"),)) for row in wrap(said, max(10, width - 4), _DETAIL_ROWS - 1)]
    return [title, *rows, *[Line()] * (_DETAIL_ROWS - 1 - len(rows))]


def record_rows(
    record: Record, checks: Sequence[CheckResult], now: datetime, width: int, zone: tzinfo | None = None
) -> list[Line]:
    """One record in full; for a call about an order with the checks that the order went through."""
    outcome = _outcome(record)
    title = [Span(f" {record.kind.upper()}", "title"), Span(f" {record.tool}", "strong")]
    lines = [heading(clip(title, width - 20), [Span(f"chain {record.number}", "dim")], width)]
    lines.append(_fact("outcome", [outcome, Span(f"  {record.code}" if record.code else "", outcome.role)], width))
    if record.client:
        lines.append(_fact("client", [Span(record.client, "name")], width))
    when = f"{record.at.astimezone(zone):%Y-%m-%d} {clock_time(record.at, zone, fine=True)}"
    lines.append(_fact("at", [Span(when), Span(f"  {ago(record.at, now)}", "dim")], width))
    if record.duration_ms is not None:
        lines.append(_fact("took", [Span(f"{record.duration_ms:,.3f} ms")], width))
    for label, text in (("symbol", record.symbol), ("order", record.order_id)):
        if text:
            lines.append(_fact(label, [Span(text, "strong")], width))
    asked = [(name.removeprefix("arguments."), value) for name, value in record.facts if name.startswith("arguments.")]
    said = [(name, value) for name, value in record.facts if not name.startswith("arguments")]
    lines += _facts("ASKED", asked, width)
    lines += _facts("RECORDED", said, width)
    if checks:
        lines += check_rows(tuple(checks), width)
    return lines


def _facts(title: str, facts: Sequence[tuple[str, str]], width: int) -> list[Line]:
    if not facts:
        return []
    lines = [heading([Span(f" {title}", "title-off")], (), width)]
    label = min(max(_LABEL, *(len(name) for name, _ in facts)), max(_LABEL, width // 3))
    for name, value in facts:
        for place, row in enumerate(wrap(value, max(10, width - label - 4), 12)):
            lines.append(Line((Span(f"  {left(name if place == 0 else '', label)} ", "dim"), Span(row))))
    return lines


def _fact(label: str, value: list[Span], width: int) -> Line:
    return Line(clip((Span(f"  {label:<{_LABEL}} ", "dim"), *value), width))


def call_rows(call: CallFinished, complaint: str, width: int, zone: tzinfo | None = None) -> list[Line]:
    """What the stream knows of a call whose record isn't here."""
    outcome = OUTCOME[call.outcome]
    role = outcome.role if call.outcome in (Outcome.DENIED, Outcome.ERROR) else ""
    lines = [
        heading([Span(" CALL", "title"), Span(f" {call.tool}", "strong")], [Span(f"chain {call.number}", "dim")], width)
    ]
    lines.append(_fact("outcome", [outcome, Span(f"  {call.code}" if call.code else "", outcome.role)], width))
    lines.append(_fact("client", [Span(call.client, "name")], width))
    lines.append(_fact("at", [Span(clock_time(call.at, zone, fine=True))], width))
    lines.append(_fact("took", [Span(duration(call.duration_ms))], width))
    lines.append(_fact("about", [Span(call.summary, role)], width))
    return [*lines, Line(), Line((Span(f"  {complaint or 'looking up its record …'}", "dim"),))]
