"""How the side of a wide screen looks: the chosen thing in detail, or who is connected and what is held."""

from __future__ import annotations

from datetime import datetime, tzinfo

from rich.cells import cell_len

from cockpit.model.identity import WRITE_SCOPES
from cockpit.operator.view import PendingClient, PendingOrder, Snapshot
from tui.call_rates import CELLS, bars
from tui.cells import Line, Span, clip, heading, left, right, width_of, wrap
from tui.glyphs import bar
from tui.rows.limit_rows import side_limit_rows
from tui.rows.lists import held_count, silent_notes
from tui.rows.order_ticket import order_ticket_rows
from tui.rows.waiting_row import claim, currency_of
from tui.state import ScreenState
from tui.words import ago, amount, gain, money

_NEARLY = 0.75
_WIDE = 56
_LEAST_DETAIL = 16
"""Rows that the chosen thing takes at least, whatever the overview below wants."""


def side_rows(state: ScreenState, now: datetime, width: int, height: int, zone: tzinfo | None = None) -> list[Line]:
    """Detail above, overview below where there is room."""
    snapshot = state.snapshot
    chosen = state.waiting.chosen
    upper: list[Line] = []
    if isinstance(chosen, PendingOrder):
        upper = _order(state, chosen, now, width, zone)
    elif isinstance(chosen, PendingClient):
        upper = _client(chosen, now, width)
    lower = [*_clients(state, now, width), Line(), *_held(snapshot, now, width)]
    if snapshot.limits:
        lower += [Line(), *side_limit_rows(snapshot, width)]
    if not upper:
        return lower
    room = min(height - 1, max(_LEAST_DETAIL, height - 1 - len(lower)))
    if len(upper) > room:
        more = len(upper) - room + 1
        upper = [*upper[: max(0, room - 1)], Line((Span(f"  {more} more rows, enter shows them", "wait"),))]
    return [*upper, Line(), *lower][: max(0, height)]


def _order(state: ScreenState, chosen: PendingOrder, now: datetime, width: int, zone: tzinfo | None) -> list[Line]:
    order = chosen.order
    ticket = state.ticket
    if ticket is None or ticket.order.order_id != order.order_id or ticket.order.version != order.version:
        text = state.ticket_complaint or "looking up price and checks …"
        rows = [Line((Span("  " + row, "dim"),)) for row in wrap(text, max(10, width - 3), 4)]
        return [heading([Span(" ORDER", "title")], (), width), Line(), *rows]
    connection = next((seen for seen in state.snapshot.connections if seen.name == order.connection), None)
    currency = currency_of(state.snapshot, order.connection)
    return order_ticket_rows(ticket, chosen, connection, currency, now, width, zone)


def _client(chosen: PendingClient, now: datetime, width: int) -> list[Line]:
    facts = (
        ("host", chosen.host, "strong"),
        ("calls itself", claim(chosen), "claim"),
        ("from", chosen.address, ""),
    )
    lines = [heading([Span(" CLIENT", "title"), Span(" wants to be let in", "dim")], (), width), Line()]
    lines += [Line(clip((Span(f"  {label:<13} ", "dim"), Span(text, role)), width)) for label, text, role in facts]
    lines.append(Line(clip((Span(f"  {'asked':<13} ", "dim"), Span(ago(chosen.asked_at, now))), width)))
    lines.append(Line())
    for scope in chosen.asked:
        lines.append(Line((Span("    "), Span(scope, "wait" if scope in WRITE_SCOPES else ""))))
    note = (
        "The name is its own claim; the host is what gets the access. Press a and type the code that its browser shows."
    )
    return [*lines, Line(), *(Line((Span("  " + row, "dim"),)) for row in wrap(note, max(10, width - 4)))]


def _clients(state: ScreenState, now: datetime, width: int) -> list[Line]:
    """One row for each client: how busy it was in the last minute, and how far its most used limit is used up."""
    clients = {view.client: view for view in reversed(state.snapshot.clients)}
    title = [Span(" CLIENTS", "title-off"), Span(f" {len(clients)}", "strong")]
    lines = [heading(title, [Span("a minute · limits", "dim")] if clients else [], width)]
    wide = width >= _WIDE
    name = max(6, width - (41 if wide else 32))
    for view in list(reversed(clients.values()))[:8]:
        writes = any(scope in WRITE_SCOPES for scope in view.scopes)
        may = Span("■ off", "bad") if view.suspended else Span("write", "wait") if writes else Span("read", "dim")
        uses = (use.used / use.limit for use in state.snapshot.limits if use.client == view.client and use.limit)
        share = float(max(uses, default=0))
        role = "bad" if share >= 1 else "wait" if share >= _NEARLY else "ok"
        spans = (
            Span("  "),
            Span(left(view.client, name) + " ", "name"),
            Span(left(may.text, 5) + " ", may.role),
            Span(left(bars(state.calls.rates.counts(view.client, now)), CELLS) + " ", "ok"),
            Span(bar(share, 5) + " ", role),
            Span(right(f"{view.calls:,}", 7) if wide else "", "dim"),
            Span(right(ago(view.last_used, now).removesuffix(" ago"), 7 if wide else 6), "dim"),
        )
        lines.append(Line(clip(spans, width)))
    return lines if clients else [*lines, Line((Span("  nobody yet", "dim"),))]


def _held(snapshot: Snapshot, now: datetime, width: int) -> list[Line]:
    count = held_count(snapshot.positions, snapshot.unheard)
    lines = [heading([Span(" POSITIONS", "title-off"), Span(f" {count}", "strong")], (), width)]
    symbol, quantity, value, profits = (10, 9, 14, 13) if width >= _WIDE else (7, 9, 12, 12)
    symbol = max(symbol, max((cell_len(held.position.symbol) for held in snapshot.positions[:8]), default=0))
    if 2 + symbol + quantity + value + profits > width:
        value = 0
    if 2 + symbol + quantity + profits > width:
        profits = 0
    for held in snapshot.positions[:8]:
        position = held.position
        profit = position.unrealised
        role = "" if not profit else "ok" if profit > 0 else "bad"
        lines.append(
            Line(
                clip(
                    (
                        Span("  "),
                        Span(left(position.symbol, symbol), "strong"),
                        Span(right(amount(position.quantity), quantity)),
                        Span(right(money(position.market_value, position.currency), value)),
                        Span(right(gain(profit, position.currency), profits), role),
                    ),
                    width,
                )
            )
        )
    for note in silent_notes(snapshot.balances, snapshot.unheard, now):
        lines.append(Line(clip((Span(f"  {note}", "bad"),), width)))
    for held in snapshot.balances:
        sums = held.balances
        name = Span(f"  {held.connection} ", "dim")
        equity = [Span(money(sums.equity, sums.currency), "strong"), Span(" equity", "dim")]
        power = [Span(money(sums.buying_power, sums.currency)), Span(" buying power", "dim")]
        whole = [name, *equity, Span(", ", "dim"), *power]
        if width_of(whole) <= width:
            lines.append(Line(tuple(whole)))
        else:
            lines.append(Line(clip([name, *equity], width)))
            lines.append(Line(clip([Span(" " * min(width_of([name]), width - width_of(power))), *power], width)))
    return lines
