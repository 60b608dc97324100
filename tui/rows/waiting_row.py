"""How the queue looks: one row for each thing that waits, and under it why the chosen one needs a human."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from cockpit.model.identity import WRITE_SCOPES, Scope
from cockpit.model.trading import TradingState
from cockpit.operator.view import PendingClient, PendingOrder, Snapshot
from tui.cells import Line, Span, clip, cut, heading, left, right, wrap
from tui.glyphs import CHOSEN, WAITS, bar
from tui.group_words import group_shape
from tui.waiting import Waiting, WaitingRows, asked_at, key_of
from tui.widths import cell_len
from tui.words import about, countdown, money, order_words

URGENT_SECONDS = 20
_NARROWEST_WHO = 6


def seconds_left(item: Waiting, now: datetime) -> float:
    """Return how long the operator still has."""
    return (item.decide_by - now).total_seconds()


def currency_of(snapshot: Snapshot, connection: str) -> str:
    """Return the base currency of a connection's account, or nothing where it isn't known."""
    return next((held.balances.currency for held in snapshot.balances if held.connection == connection), "")


def waiting_title(rows: WaitingRows, now: datetime, active: bool, hidden: int, width: int) -> Line:
    """How much waits, of which kind, and when the first of it expires."""
    title = [Span(" PENDING", "title" if active else "title-off"), Span(f" {len(rows.items)}", "strong")]
    if not rows.items:
        return heading(title, (), width)
    orders = sum(isinstance(item, PendingOrder) for item in rows.items)
    clients = len(rows.items) - orders
    soonest = min(seconds_left(item, now) for item in rows.items)
    facts = [Span(f"orders {orders} · clients {clients}", "dim"), Span(" ── ", "rule")]
    if hidden:
        facts += [Span(f"{hidden} more, j k", "wait"), Span(" ── ", "rule")]
    facts.append(Span(f"next {countdown(soonest)}", "alarm" if soonest < URGENT_SECONDS else "wait"))
    return heading(title, facts, width)


def waiting_row(item: Waiting, now: datetime, currency: str, chosen: bool, width: int) -> Line:
    """Kind, who, what, worth, time left as bar and figures, and ``!!`` when it is nearly over.

    The bar gives its room to words that would be cut without it: the figures say the same.
    """
    seconds = seconds_left(item, now)
    urgent = seconds < URGENT_SECONDS
    wide = width >= 96
    kind_cells = 7 if width >= 70 else 3
    who_cells = 18 if wide else 11 if width >= 70 else 9
    bar_cells = 10 if wide else 6 if width >= 78 else 3 if width >= 70 else 0
    worth_cells = 12 if wide else 10 if width >= 60 else 0
    kind, who, what, worth, what_role = said(item, currency)
    if not worth:
        worth_cells = 0
    what_cells = max(0, width - 2 - 1 - kind_cells - 1 - who_cells - 1 - worth_cells - _time_cells(bar_cells))
    if cell_len(what) > what_cells:
        needed = cell_len(worth) + 1 if worth else 0
        what_cells += _time_cells(bar_cells) - _time_cells(0) + max(0, worth_cells - needed)
        bar_cells, worth_cells = 0, min(worth_cells, needed)
        short = _about_cells(item) - what_cells
        given = min(max(0, short), who_cells - _NARROWEST_WHO)
        who_cells, what_cells = who_cells - given, what_cells + given
        if short > given:
            what_cells, worth_cells = what_cells + worth_cells, 0
    life = max(1.0, (item.decide_by - asked_at(item)).total_seconds())
    role = "alarm" if urgent else "wait"
    return Line(
        (
            Span(f"{CHOSEN if chosen else ' '}{WAITS} ", role),
            Span(left(kind[:kind_cells], kind_cells) + " ", "name"),
            Span(left(who, who_cells) + " ", "strong"),
            Span(left(what, what_cells), what_role),
            Span(right(worth, worth_cells)),
            Span(f"  {bar(seconds / life, bar_cells)}" if bar_cells else "", role),
            Span(right(countdown(seconds, fine=chosen), 6), role),
            Span(" !!" if urgent else "   ", "alarm"),
        ),
        chosen=chosen,
    )


def _about_cells(item: Waiting) -> int:
    """Count the cells that tell an order from others, and the sign that something is left out behind them."""
    if isinstance(item, PendingClient):
        return 0
    return cell_len(about(item.order.proposed or item.order.request)) + 1


def _time_cells(bar_cells: int) -> int:
    return (2 + bar_cells if bar_cells else 0) + 6 + 3


class Said(NamedTuple):
    """A waiting thing in words."""

    kind: str
    who: str
    what: str
    worth: str
    role: str
    """Role of what an order would do; empty for a client, whose words are its own."""


def said(item: Waiting, currency: str) -> Said:
    """Put a waiting thing into words."""
    if isinstance(item, PendingClient):
        return Said("CLIENT", item.host, f"{claim(item)} {wish(item.asked)}", "", "")
    request = item.order.proposed or item.order.request
    kind = "CHANGE" if item.order.proposed else (item.order.linkage or "group").upper() if item.legs else "ORDER"
    what = group_shape(item.legs) if item.legs else order_words(request)
    worth = f"≈{money(item.notional, currency)}" if item.notional is not None else "≈?"
    return Said(kind, item.order.client, what, worth, "buy" if request.side == "buy" else "sell")


def claim(item: PendingClient) -> str:
    """Say what a client calls itself, and where it can't be what it says."""
    if item.unfetched:
        return "not fetched yet"
    return f"“{item.claimed_name}”" + (" NOT ITS HOST" if item.flagged else "")


def wish(asked: tuple[Scope, ...]) -> str:
    """Say what a client asks for in a few words: ``asks 3 read, 1 write``."""
    writes = sum(scope in WRITE_SCOPES for scope in asked)
    reads = len(asked) - writes
    parts = [f"{reads} read"] * bool(reads) + [f"{writes} write"] * bool(writes)
    return f"asks {', '.join(parts)}" if parts else "asks nothing"


def why_row(chosen: Waiting | None, count: int, width: int) -> Line:
    """Why the chosen thing needs a human, and what to do about it."""
    if chosen is None:
        text = "nothing chosen: j or ↓ chooses" if count else ""
        return Line(clip((Span(f"    {text}", "dim"),), width))
    if isinstance(chosen, PendingClient):
        return Line(
            clip(
                (Span("    a", "key"), Span(f" and the code that its browser shows · from {chosen.address}", "dim")),
                width,
            )
        )
    ending = f"  {short_id(chosen.order.order_id)} v{chosen.order.version} "
    return Line(
        (
            Span("    why ", "dim"),
            Span(left(chosen.why, width - 8 - len(ending))),
            Span(ending, "dim"),
        )
    )


def short_id(order_id: str) -> str:
    """Shorten an order's id to what tells it from its neighbours: its last six characters."""
    return order_id if len(order_id) <= 10 else f"o-…{order_id[-6:]}"


_STOPPED = {
    TradingState.REDUCE_ONLY: "Only orders that reduce a position pass.",
    TradingState.HALTED: "Trading is halted: clients read and cancel, nothing else.",
    TradingState.KILLED: "Everything is stopped: no client gets in.",
}


def _empty(snapshot: Snapshot, width: int) -> list[Line]:
    """What an empty queue tells instead: what is stopped and how to go on, or how a client gets here."""
    lines = [Line((Span("   Nothing waits for you.", "dim"),))]
    if (stopped := _STOPPED.get(snapshot.switch.state)) is not None:
        lines.append(Line(clip((Span(f"   {stopped}", "wait"),), width)))
        lines.append(Line(clip((Span("   :resume", "key"), Span(" lets clients act again.", "dim")), width)))
        return lines
    url = cut(snapshot.url, max(0, width - 24))
    lines.append(Line((Span("   Clients connect to ", "dim"), Span(url, "name"))))
    if not snapshot.clients:
        example = wrap(f"claude mcp add --transport http cockpit {snapshot.url}", max(10, width - 13))
        lines += [
            Line((Span("   such as: " if place == 0 else " " * 12, "dim"), Span(row)))
            for place, row in enumerate(example)
        ]
    return lines


def waiting_rows(
    rows: WaitingRows, snapshot: Snapshot, now: datetime, active: bool, width: int, height: int
) -> list[Line]:
    """Draw title, rows and reason into ``height`` rows."""
    room = max(1, height - 2)
    shown = rows.in_view(room)
    lines = [waiting_title(rows, now, active, len(rows.items) - len(shown), width)]
    for item in shown:
        currency = "" if isinstance(item, PendingClient) else currency_of(snapshot, item.order.connection)
        lines.append(waiting_row(item, now, currency, key_of(item) == rows.chosen_key, width))
    if not rows.items:
        lines += _empty(snapshot, width)[:room]
    lines += [Line()] * (1 + room - len(lines))
    if height >= 3:
        lines.append(why_row(rows.chosen, len(rows.items), width))
    return lines
