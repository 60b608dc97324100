"""How the full lists look: clients, positions and balances."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len

from cockpit.model.identity import WRITE_SCOPES, Via
from cockpit.model.text import counted
from cockpit.operator.view import ClientView, HeldBalances, HeldPosition
from tui.cells import Line, Span, clip, heading, left, right, wrap
from tui.glyphs import CHOSEN
from tui.stable_rows import StableRows
from tui.words import ago, amount, gain, masked, money, price, span_of

_DETAIL_ROWS = 4
_MARK = 2
_LEAST_NEEDED = (3, 5, 4, 7, 6)
"""Columns of positions that may go: average, value, mark, age, profit. Symbol, connection and quantity stay."""


def client_list_rows(rows: StableRows[ClientView], now: datetime, width: int, height: int) -> list[Line]:
    """Every authority that was given; below, all that the chosen one may do."""
    shown = rows.in_view(height - 2 - _DETAIL_ROWS)
    facts = [Span(f"{len(rows.items) - len(shown)} more", "wait")] if len(shown) < len(rows.items) else []
    lines = [heading([Span(" CLIENTS", "title"), Span(f" {len(rows.items)}", "strong")], facts, width)]
    wide = width >= 100
    name, host = (22, 30) if wide else (15, 18)
    head = f"  {left('name', name)} {left('host', host)} {left('on', 8)} {right('calls', 6)} {right('last', 6)}  may"
    lines.append(Line(clip((Span(head, "dim"),), width)))
    for place, view in enumerate(shown, rows.top):
        chosen = view.grant_id == rows.chosen_key
        under = place > 0 and rows.items[place - 1].client == view.client
        spans = (
            Span(f"{CHOSEN if chosen else ' '} ", "key"),
            Span(left(" └ again" if under else view.client, name) + " ", "dim" if view.suspended or under else "name"),
            Span(left(_host(view), host) + " ", "dim"),
            Span(left(view.connection, 8) + " "),
            Span(right(f"{view.calls:,}", 6) + " ", "dim"),
            Span(right(ago(view.last_used, now).removesuffix(" ago"), 6) + "  ", "dim"),
            *_may(view),
        )
        lines.append(Line(clip(spans, width), chosen=chosen))
    if not rows.items:
        lines.append(Line((Span("  No client has been let in.", "dim"),)))
    if (view := rows.chosen) is not None:
        ends = "never" if view.expires_at is None else f"in {span_of(view.expires_at - now)}"
        alike = sum(one.client == view.client for one in rows.items)
        group = f"one of {alike} of this name, " if alike > 1 else ""
        last = f", last from {view.last_address}" if view.last_address else ""
        life = f"{group}let in {ago(view.made_at, now)}, ends {ends}{last}, {counted(view.denied, 'call')} denied"
        lines += [Line()] * (height - len(lines) - _DETAIL_ROWS)
        lines.append(heading([Span(f" {view.client}", "title"), Span(f" {_host(view)}", "dim")], (), width))
        lines += _detail(_scopes(view, now), width, 2)
        lines.append(Line(clip((Span(f"  {life}", "dim"),), width)))
    return lines


_PROGRAMS = {Via.KEY: "API key", Via.TOKEN: "minted token", Via.SERVICE: "service"}


def _scopes(view: ClientView, now: datetime) -> str:
    """Name what a client may do, and how long what falls away by itself is left."""
    times = {scope: f" ({span_of(until - now)} left)" for scope, until in view.timed}
    return " ".join(f"{scope}{times.get(scope, '')}" for scope in view.scopes) or "nothing"


def _host(view: ClientView) -> str:
    return _PROGRAMS.get(view.via, view.host)


def _detail(text: str, width: int, rows: int) -> list[Line]:
    parts = wrap(text, max(10, width - 4), rows)
    return [Line((Span(f"  {part}"),)) for part in parts] + [Line()] * (rows - len(parts))


def _may(view: ClientView) -> list[Span]:
    if view.suspended:
        return [Span("■ suspended", "bad")]
    writes = sum(scope in WRITE_SCOPES for scope in view.scopes)
    reads = len(view.scopes) - writes
    return [*([Span(f"{writes} write", "wait"), Span(" + ", "dim")] if writes else []), Span(f"{reads} read")]


def holding_rows(
    rows: StableRows[HeldPosition],
    balances: tuple[HeldBalances, ...],
    now: datetime,
    width: int,
    height: int,
    unheard: tuple[str, ...] = (),
) -> list[Line]:
    """What the accounts hold, each price with its age; of a broker that doesn't answer, what it said last."""
    lines = [heading([Span(" BALANCES", "title")], (), width)]
    labels = ("connection", "account", "equity", "cash", "buying power", "unrealised", "fees")
    widths = (11, 9, 12, 13, 13, 11, 9) if width < 110 else (16, 14, 16, 16, 16, 14, 12)
    lines.append(_columns([(label, "dim") for label in labels], widths, 2, width))
    for held in balances:
        sums = held.balances
        unit = sums.currency
        cells = [
            (held.connection, "strong" if held.last_said is None else "bad"),
            (masked(sums.account), "dim"),
            (money(sums.equity, unit), "strong"),
            (money(sums.cash, unit), ""),
            (money(sums.buying_power, unit), ""),
            (gain(sums.unrealised, unit), _signed(sums.unrealised)),
            ("-" if sums.fees is None else money(sums.fees, unit), "dim"),
        ]
        lines.append(_columns(cells, widths, 2, width))
    notes = silent_notes(balances, unheard, now)
    lines += [Line(clip([Span(f"  {note}", "bad")], width)) for note in notes]
    shown = rows.in_view(height - len(lines) - 3)
    more = len(rows.items) - len(shown)
    facts = [Span(f"{more} more", "wait")] if more else []
    lines += [
        Line(),
        heading([Span(" POSITIONS", "title"), Span(f" {held_count(rows.items, unheard)}", "strong")], facts, width),
    ]
    labels = ("symbol", "on", "quantity", "average", "mark", "value", "profit", "age")
    widths = _holding_widths(rows.items, width)
    lines.append(_columns([(label, "dim") for label in labels], widths, 2, width))
    for held in shown:
        position = held.position
        cells = [
            (position.symbol, "strong"),
            (held.connection, "dim"),
            (amount(position.quantity), "buy" if position.quantity > 0 else "sell"),
            (price(position.average_price), ""),
            (price(position.mark), "" if position.mark is not None else "bad"),
            (money(position.market_value, position.currency), ""),
            (gain(position.unrealised, position.currency), _signed(position.unrealised)),
            (ago(position.as_of, now).removesuffix(" ago"), "dim" if held.last_said is None else "bad"),
        ]
        lines.append(_columns(cells, widths, 2, width, chosen=held is rows.chosen))
    if not rows.items and not notes:
        lines.append(Line((Span("  Nothing is held.", "dim"),)))
    return lines


def held_count(positions: Sequence[HeldPosition], unheard: tuple[str, ...]) -> str:
    """Count positions; those of an account that was never heard of may be more."""
    return f"{len(positions)}{'+' if unheard else ''}" if positions or not unheard else "?"


def silent_notes(balances: tuple[HeldBalances, ...], unheard: tuple[str, ...], now: datetime) -> list[str]:
    """Say of each connection whose broker doesn't answer how old its figures are, or that there are none."""
    notes = [
        f"{one.connection}: as of {ago(one.last_said, now)}, its broker does not answer"
        for one in balances
        if one.last_said is not None
    ]
    return notes + [f"{name}: not known, its broker has not answered yet" for name in unheard]


def _signed(value: object) -> str:
    text = str(value)
    return "" if value is None or not text.strip("-0.E") else "bad" if text.startswith("-") else "ok"


def _holding_widths(held: Sequence[HeldPosition], width: int) -> tuple[int, ...]:
    """Give the symbol what the longest one needs; what else there is no room for goes, the least needed first."""
    longest = max((cell_len(one.position.symbol) for one in held), default=0)
    widths = [max(15, longest) + 1, 16, 14, 14, 14, 16, 14, 10]
    if sum(widths) > width - _MARK:
        widths = [max(7, longest) + 1, 10, 10, 10, 10, 12, 11, 7]
    for column in _LEAST_NEEDED:
        if sum(widths) > width - _MARK:
            widths[column] = 0
    return tuple(widths)


def _columns(
    cells: list[tuple[str, str]], widths: tuple[int, ...], lefts: int, width: int, *, chosen: bool = False
) -> Line:
    spans = [Span(f"{CHOSEN if chosen else ' '} ", "key" if chosen else "")]
    for place, ((text, role), cell) in enumerate(zip(cells, widths, strict=True)):
        if not cell:
            continue
        spans.append(Span((left if place < lefts else right)(text, cell - 1) + " ", role))
    return Line(clip(spans, width), chosen=chosen)
