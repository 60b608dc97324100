"""How the ticket of a client that asks to be let in looks: who gets the access, and what may be chosen for it."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final
from urllib.parse import urlsplit

from cockpit.model.identity import WRITE_SCOPES, Scope
from cockpit.model.trading import Mode
from cockpit.operator.view import ConnectionView
from tui.cells import Line, Span, clip, cut, heading, left, wrap
from tui.client_form import CONNECTION, LIFE, LIVES, NAME, ClientForm
from tui.glyphs import CHOSEN
from tui.rows.money_mark import armed_mark, money_mark
from tui.rows.waiting_row import URGENT_SECONDS
from tui.words import ago, countdown

MEANING: Final = {
    Scope.READ_MARKET: "prices, bars, instruments",
    Scope.READ_ACCOUNT: "balances and positions",
    Scope.READ_ORDERS: "orders and fills",
    Scope.READ_RESEARCH: "signals, scans, backtests",
    Scope.READ_AUDIT: "its own record of calls",
    Scope.PREVIEW_ORDERS: "costs and checks of an order, without placing it",
    Scope.WRITE_ORDERS: "place, change and cancel orders",
    Scope.WRITE_ALERTS: "set alerts",
}


def client_ticket_rows(
    form: ClientForm,
    connections: tuple[ConnectionView, ...],
    now: datetime,
    width: int,
    zone: tzinfo | None = None,
) -> tuple[list[Line], int]:
    """The whole ticket, and the row of it that the keys act on."""
    request = form.ticket.request
    seconds = (request.decide_by - now).total_seconds()
    time = Span(f"{countdown(seconds)} left", "bad" if seconds < URGENT_SECONDS else "wait")
    lines = [heading([Span(" LET IN A CLIENT", "title"), Span(" the code fits", "ok")], [time], width), Line()]
    band = max(0, width - 4)
    lines.append(Line((Span("  "), Span(left(f"  {request.host}", band), "host"))))
    lines.append(
        _fact(
            "calls itself",
            [
                Span(f"“{request.claimed_name}”", "claim"),
                Span("  its own claim, proves nothing", "wait"),
                Span(f", registered {form.ticket.alike + 1} times" if form.ticket.alike else "", "dim"),
            ],
            width,
        )
    )
    lines.append(_fact("asks from", [Span(request.address), Span(f", {ago(request.asked_at, now)}", "dim")], width))
    back = redirect_host(form.ticket.redirect_uri)
    if back != request.host.casefold():
        lines.append(Line((Span("  "), Span(left(f"  → its code goes to {back}", band), "host"))))
    lines.append(_fact("goes back to", [Span(cut(form.ticket.redirect_uri, max(8, width - 17)), "dim")], width))
    for warning in form.ticket.warnings:
        rows = wrap(warning, max(10, width - 6), 2)
        lines += [
            Line((Span("  ! " if place == 0 else "    ", "bad"), Span(row, "bad"))) for place, row in enumerate(rows)
        ]
    lines.append(Line())
    at = 0
    for row in form.rows:
        if row == form.at:
            at = len(lines)
        if isinstance(row, Scope) and row == form.offered[0]:
            lines.append(heading([Span(" MAY", "title-off")], [Span(f"{len(form.chosen)} chosen", "dim")], width))
            at = len(lines) if row == form.at else at
        lines.append(_row(form, row, connections, width, zone))
    return lines, at


def redirect_host(uri: str) -> str:
    """Return the host that a browser would really go to: what stands before an ``@`` is none."""
    try:
        return urlsplit(uri).hostname or "no host"
    except ValueError:
        return "no host"


def _fact(label: str, value: list[Span], width: int) -> Line:
    return Line(clip((Span(f"  {label:<13} ", "dim"), *value), width))


def _row(
    form: ClientForm, row: str | Scope, connections: tuple[ConnectionView, ...], width: int, zone: tzinfo | None
) -> Line:
    chosen = row == form.at
    mark = Span(f"{CHOSEN if chosen else ' '} ", "key")
    if isinstance(row, Scope):
        return Line(clip((mark, *_scope(form, row)), width), chosen=chosen)
    if row == NAME:
        known = Span(
            "  known: joins its history"
            if form.ticket.known and form.name == form.ticket.suggested_name
            else "  new name",
            "dim",
        )
        value = [Span(form.name or "?", "strong"), known]
        key = "e edits"
    elif row == CONNECTION:
        value = _connection(form.connection, connections, zone)
        key = "space next"
    else:
        value = [Span(LIVES[form.life_at][1], "strong")]
        key = "space next"
    label = {NAME: "name", CONNECTION: "connection", LIFE: "for"}[row]
    end = (Span(f"   {key}", "key"),) if chosen else ()
    return Line(clip((mark, Span(f"{label:<13} ", "dim"), *value, *end), width), chosen=chosen)


def _connection(name: str, connections: tuple[ConnectionView, ...], zone: tzinfo | None) -> list[Span]:
    seen = next((view for view in connections if view.name == name), None)
    if seen is None:
        return [Span(name, "strong")]
    armed = [Span(" "), *armed_mark(seen, zone)] if seen.mode is Mode.LIVE else []
    return [Span(name + " ", "strong"), money_mark(seen), *armed]


def _scope(form: ClientForm, scope: Scope) -> list[Span]:
    on = scope in form.chosen
    writes = scope in WRITE_SCOPES
    asked = scope in form.ticket.request.asked
    box = Span("[✓] " if on else "[ ] ", ("wait" if writes else "ok") if on else "dim")
    name = Span(f"{scope.value:<15} ", ("wait" if writes else "strong") if on else "" if asked else "dim")
    return [
        box,
        name,
        Span("asked  " if asked else "       ", "dim"),
        Span(MEANING[scope], "wait" if on and writes else "dim"),
    ]
