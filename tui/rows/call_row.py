"""How one call looks in the stream, and how the stream's title looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from cockpit.model.events import CallFinished, Outcome
from cockpit.model.text import counted
from cockpit.operator.view import Counters
from tui.calls import CallHistory
from tui.cells import Line, Span, heading, left, right
from tui.glyphs import CHOSEN, OUTCOME
from tui.words import clock_time, coded, duration

_LEAST_CLIENT, _LEAST_TOOL = 6, 10


@dataclass(frozen=True, slots=True)
class CallColumns:
    """Widths of the stream's columns, in cells."""

    client: int
    tool: int
    summary: int
    gap: int
    fine: bool
    """Whether the time is shown to the millisecond."""

    @classmethod
    def fit(cls, width: int, widest_client: int, widest_tool: int) -> CallColumns:
        """Share out a width: names get what the longest of them needs, up to a share, and the summary all that is left."""
        most_client, most_tool = (
            (18, 21) if width >= 110 else (14, 18) if width >= 96 else (11, 16) if width >= 76 else (9, 16)
        )
        client = min(most_client, max(_LEAST_CLIENT, widest_client))
        tool = min(most_tool, max(_LEAST_TOOL, widest_tool))
        fine = width >= 110
        time = 12 if fine else 8
        gap = 2 if fine else 1
        fixed = 1 + time + gap + client + 1 + tool + 1 + 8 + 1 + 5 + gap + 1
        return cls(client, tool, max(0, width - fixed), gap, fine)


def call_row(call: CallFinished, columns: CallColumns, zone: tzinfo | None = None, *, chosen: bool = False) -> Line:
    """Time, client, tool, outcome, how long it took, and what it was about."""
    outcome = OUTCOME[call.outcome]
    refused = call.outcome in (Outcome.DENIED, Outcome.ERROR)
    about = coded(call.code, call.summary) if refused else call.summary
    return Line(
        (
            Span(CHOSEN if chosen else " ", "key"),
            Span(clock_time(call.at, zone, fine=columns.fine) + " " * columns.gap, "dim"),
            Span(left(call.client, columns.client) + " ", "name"),
            Span(left(call.tool, columns.tool) + " "),
            Span(left(outcome.text, 8) + " ", outcome.role),
            Span(right(duration(call.duration_ms), 5) + " " * columns.gap, "dim"),
            Span(left(about, columns.summary), outcome.role if refused else ""),
        ),
        chosen=chosen,
    )


def stream_title(calls: CallHistory, counters: Counters, active: bool, slowed_to: int, width: int) -> Line:
    """Whether the stream follows or looks back, its filter, and the day in numbers; ``slowed_to`` is 0 at full pace."""
    title = [Span(" CALLS", "title" if active else "title-off")]
    if calls.following:
        title.append(Span(" ▼ follow", "dim"))
    else:
        title.append(
            Span(f" ▲ {calls.fresh:,} new below, G follows" if calls.fresh else " ▲ paused, G follows", "wait")
        )
    if calls.filter is not None:
        title.append(Span(f"  / {calls.filter.text}", "wait"))
    facts = [Span(f"drawn {slowed_to}/s", "wait"), Span(" · ", "rule")] if slowed_to else []
    facts.append(Span(f"{counters.calls:,} today", "dim"))
    if counters.denied:
        facts += [Span(" · ", "rule"), Span(f"{counters.denied:,} denied", "bad")]
    if counters.errors:
        facts += [Span(" · ", "rule"), Span(counted(counters.errors, "error"), "error")]
    if counters.p95_ms is not None:
        facts += [Span(" · ", "rule"), Span(f"p95 {duration(counters.p95_ms)}", "dim")]
    return heading(title, facts, width)
