"""How the first row looks: where the switch stands, whose money it is, the broker's line, clients, what waits, time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from cockpit.model.text import counted
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.operator.view import ConnectionView, Snapshot
from tui.cells import Line, Span, clip, cut, right, width_of
from tui.glyphs import LINK, SWITCH, WAITS
from tui.rows.money_mark import money_in_status
from tui.state import ScreenState
from tui.words import clock_time, duration, masked

_STOPPED = frozenset({TradingState.HALTED, TradingState.KILLED})
_LOST = frozenset({Link.DOWN, Link.DEGRADED})
_GAP = Span("  ")
_FREE = 8
"""Cells that stay empty before the address is worth showing."""
_LEAST_MIDDLE = 17
"""Cells that whose money it is takes at least, with the state of its line."""

_ACCOUNT, _LATENCY = 1, 2
"""What stands beside whose money it is: its account, and where there is room how fast its line answers."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that must not be overlooked, in words and, for where room is short, in figures."""

    words: Span
    figures: Span


def status_marks(state: ScreenState) -> list[Mark]:
    """Say what the operator must not overlook, and the key that leads there; the worst first."""
    unread = len(state.unread)
    lost = sum(seen.link in _LOST for seen in state.snapshot.connections)
    counted = (
        ("✗", lost, "LINE LOST" if lost == 1 else "LINES LOST", "b", "kill"),
        ("!", state.unknown_orders, "UNKNOWN", "o", "unknown"),
        ("■", len(state.snapshot.latches), "LATCHED", "l", "halted"),
        ("!", unread, "NOTICE" if unread == 1 else "NOTICES", "n", "kill"),
    )
    marks = [
        Mark(Span(f" {sign} {count} {word} {key} ", role), Span(f" {sign}{count} {key} ", role))
        for sign, count, word, key, role in counted
        if count
    ]
    if (silent := state.snapshot.silent_seconds) is not None:
        marks.insert(0, Mark(Span(f" ! NO ANSWER {silent}s ", "kill"), Span(f" !{silent}s ", "kill")))
    away = Span(" AWAY ", "ask")
    return [*marks, Mark(away, away)] if state.is_away else marks


def _fitting(marks: Sequence[Mark], room: int) -> list[Span]:
    """Say as many marks in words as there is room for."""
    for in_words in range(len(marks), -1, -1):
        said = [mark.words if place < in_words else mark.figures for place, mark in enumerate(marks)]
        spans = [span for mark in said for span in (mark, Span(" "))]
        if width_of(spans) <= room or not in_words:
            return spans
    return []


def status_row(
    snapshot: Snapshot, marks: Sequence[Mark], now: datetime, width: int, zone: tzinfo | None = None
) -> Line:
    """Draw the status; while trading is stopped the whole bar is inverted."""
    switch = SWITCH[snapshot.switch.state]
    stopped = snapshot.switch.state in _STOPPED
    waiting = len(snapshot.pending_clients) + len(snapshot.pending_orders)
    ending = [
        Span(f"{WAITS}{waiting}" if waiting else f"{WAITS}0", "wait" if waiting else "dim"),
        _GAP,
        Span(clock_time(now, zone) + " ", "strong"),
    ]
    clients = len({view.client for view in snapshot.clients if not view.suspended})
    start = [Span(f" {switch.text} ", switch.role), Span(" ")]
    lines = sorted(snapshot.connections, key=_danger)
    few = [*money_in_status(lines[0], zone, _armed(lines))[2], *_more(lines, 1)] if lines else []
    least = max(_LEAST_MIDDLE, width_of(few) + 4)
    end = [*_fitting(marks, width - width_of(start) - width_of(ending) - least), *ending]
    room = width - width_of(start) - width_of(end) - 2
    middle = _middle(lines, clients, room, zone)
    between = Span(" " * max(0, width - width_of(start) - width_of(middle) - width_of(end)))
    if width_of([between]) >= len(snapshot.url) + _FREE:
        between = Span(right(cut(snapshot.url, width_of([between]) - 3), width_of([between]) - 3) + "   ", "dim")
    spans = clip((*start, *middle, between, *end), width)
    if stopped:
        return Line(
            tuple(Span(span.text, "live" if span.role == "live" else "halted") for span in spans), fill="halted"
        )
    return Line(spans)


def _danger(seen: ConnectionView) -> tuple[float, bool, bool]:
    """Sort by what must be seen first: what is armed the longest, then live, then lines that are down."""
    armed = 0.0 if seen.armed_until is None else -seen.armed_until.timestamp()
    return armed, seen.mode is not Mode.LIVE, seen.link is Link.READY


def _armed(lines: Sequence[ConnectionView]) -> int:
    return max(1, sum(seen.armed_until is not None for seen in lines))


def _more(lines: Sequence[ConnectionView], shown: int) -> list[Span]:
    """Say how many connections are not shown."""
    return [Span(f" +{len(lines) - shown}", "dim")] if shown < len(lines) else []


def _middle(lines: Sequence[ConnectionView], clients: int, room: int, zone: tzinfo | None) -> list[Span]:
    """Fit as much as there is room for; the mode of the most dangerous connection is always there."""
    people = [_GAP, Span(counted(clients, "client"), "")]
    for shown in range(len(lines), 0, -1):
        for shorter, beside in ((0, _LATENCY), (1, _LATENCY), (0, _ACCOUNT), (1, _ACCOUNT), (1, 0)):
            stands_for = [1 if shown >= _armed(lines) else _armed(lines), *[1] * (shown - 1)]
            spans = [
                span
                for seen, armed in zip(lines[:shown], stands_for, strict=True)
                for span in (*_connection(seen, shorter, beside, zone, armed), _GAP)
            ][:-1]
            spans += _more(lines, shown)
            if width_of(spans) + width_of(people) <= room:
                return [*spans, *people]
    if lines:
        link = LINK[_worst(lines)]
        _, shorter, shortest = money_in_status(lines[0], zone, _armed(lines))
        for money, beside in ((shorter, people), (shorter, []), (shortest, people)):
            spans = [*money, Span(" "), link, *_more(lines, 1), *beside]
            if width_of(spans) <= room:
                return spans
        return [*shortest, Span(" "), link, *(Span(one.text.strip(), one.role) for one in _more(lines, 1)), Span(" ")]
    return people[1:]


def _connection(seen: ConnectionView, shorter: int, beside: int, zone: tzinfo | None, armed: int) -> list[Span]:
    link = LINK[seen.link]
    spans = [*money_in_status(seen, zone, armed)[shorter], Span(" ")]
    if beside >= _ACCOUNT and seen.account:
        spans += [Span(masked(seen.account), "strong"), Span("  ")]
    spans += [Span(f"{seen.name} "), link]
    if seen.link is not Link.READY:
        spans.append(Span(f" {seen.link}", link.role))
    elif beside >= _LATENCY and seen.latency_ms is not None:
        spans.append(Span(f" {duration(seen.latency_ms)}", "dim"))
    if not seen.trade:
        spans.append(Span(" no trading", "dim"))
    return spans


def _worst(lines: Sequence[ConnectionView]) -> Link:
    order = (Link.DOWN, Link.DEGRADED, Link.CONNECTING, Link.READY)
    return min((seen.link for seen in lines), key=order.index)
