"""How the brokers' lines look: whose money, how the line is, what the account holds and who acts on it."""

from __future__ import annotations

from datetime import datetime, tzinfo

from cockpit.model.orders import OPEN
from cockpit.model.quotes import DataType
from cockpit.model.text import counted
from cockpit.model.trading import Link, Mode
from cockpit.operator.view import ConnectionView, Snapshot
from tui.cells import Line, Span, clip, heading, wrap
from tui.glyphs import LINK
from tui.rows.lists import silent_notes
from tui.rows.money_mark import armed_mark, money_mark
from tui.words import ago, duration, gain, masked, money, remaining

_LABEL = 12


def connection_rows(snapshot: Snapshot, now: datetime, width: int, zone: tzinfo | None = None) -> list[Line]:
    """Every connection with all that is known about it."""
    down = sum(seen.link is not Link.READY for seen in snapshot.connections)
    facts = [Span(f"{down} not ready", "bad")] if down else [Span("all ready", "ok")]
    title = [Span(" CONNECTIONS", "title"), Span(f" {len(snapshot.connections)}", "strong")]
    lines = [heading(title, facts, width)]
    for seen in snapshot.connections:
        lines += [Line(), *_connection(seen, snapshot, now, width, zone)]
    return lines


def _connection(seen: ConnectionView, snapshot: Snapshot, now: datetime, width: int, zone: tzinfo | None) -> list[Line]:
    lines = [heading([Span(f" {seen.name} ", "title"), money_mark(seen)], (), width)]
    link = LINK[seen.link]
    line = [Span(f"{link.text} {seen.link}", link.role)]
    if seen.latency_ms is not None:
        line.append(Span(f"  answers in {duration(seen.latency_ms)}", "dim"))
    lines.append(_fact("line", line, width))
    if seen.note:
        lines += [_fact("", [Span(row, "wait")], width) for row in wrap(seen.note, max(10, width - _LABEL - 4), 3)]
    lines.append(
        _fact("broker", [Span(seen.broker), Span(f"  account {masked(seen.account) or 'not said'}", "dim")], width)
    )
    trade = Span("orders may be placed") if seen.trade else Span("no orders may be placed", "wait")
    lines.append(_fact("trade", [trade], width))
    if seen.mode is Mode.LIVE:
        lines.append(_fact("armed", _armed(seen, now, zone), width))
    lines.append(_fact("prices", _prices(seen, now), width))
    books = ago(seen.reconciled_at, now)
    compared = Span(books, "wait" if seen.reconciled_at is None else "")
    lines.append(_fact("reconciled", [compared, Span("  orders compared with the broker's books", "dim")], width))
    of_it = tuple(one for one in snapshot.balances if one.connection == seen.name)
    unheard = tuple(name for name in snapshot.unheard if name == seen.name)
    for note in silent_notes(of_it, unheard, now):
        lines.append(_fact("", [Span(note, "bad")], width))
    for held in of_it:
        sums = held.balances
        role = "bad" if sums.unrealised < 0 else "ok" if sums.unrealised > 0 else ""
        lines.append(
            _fact(
                "account",
                [
                    Span(money(sums.equity, sums.currency), "strong"),
                    Span(" equity, ", "dim"),
                    Span(money(sums.buying_power, sums.currency)),
                    Span(" buying power, ", "dim"),
                    Span(gain(sums.unrealised, sums.currency), role),
                    Span(" unrealised", "dim"),
                ],
                width,
            )
        )
    clients = sorted({view.client for view in snapshot.clients if view.connection == seen.name})
    shadows = sorted({view.client for view in snapshot.clients if view.shadow == seen.name})
    held_here = sum(one.connection == seen.name for one in snapshot.positions)
    working = sum(order.connection == seen.name and order.state in OPEN for order in snapshot.orders)
    positions = "positions not known" if unheard else counted(held_here, "position")
    lines.append(_fact("holds", [Span(f"{positions}, {counted(working, 'open order')}")], width))
    names = ", ".join((*clients, *(f"{name} (shadow)" for name in shadows))) or "nobody"
    lines += [
        _fact("clients" if place == 0 else "", [Span(row, "name" if clients or shadows else "dim")], width)
        for place, row in enumerate(wrap(names, max(10, width - _LABEL - 4), 4))
    ]
    return lines


def _armed(seen: ConnectionView, now: datetime, zone: tzinfo | None) -> list[Span]:
    if seen.armed_until is None:
        return [*armed_mark(seen, zone), Span(": only what reduces a position passes", "dim")]
    left = remaining(seen.armed_until - now)
    return [*armed_mark(seen, zone), Span(f" {left} left: orders may open positions", "wait")]


def _prices(seen: ConnectionView, now: datetime) -> list[Span]:
    """What kind of prices come over this line, by the newest that anybody asked for."""
    if seen.data_type is None:
        return [Span("nobody asked for one yet", "dim")]
    fresh = seen.data_type is DataType.LIVE
    said = Span(seen.data_type.replace("_", " "), "ok" if fresh else "wait")
    return [said, Span(f" from {seen.data_source}, the newest {ago(seen.data_at, now)}", "dim")]


def _fact(label: str, value: list[Span], width: int) -> Line:
    return Line(clip((Span(f"  {label:<{_LABEL}} ", "dim"), *value), width))
