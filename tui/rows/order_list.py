"""How the list of orders looks: groups under their head, and on top, in a colour of its own, what is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from rich.cells import cell_len

from cockpit.model.orders import Order, OrderState
from cockpit.operator.view import Snapshot
from tui.cells import Line, Span, clip, heading, left, wrap
from tui.glyphs import CHOSEN, ORDER
from tui.group_words import part_words
from tui.order_rows import OrderRows, is_under_head
from tui.rows.waiting_row import currency_of, short_id
from tui.words import about, ago, amount, clock_time, money, order_words, price

_DETAIL_ROWS = 4
_NARROWEST_CLIENT = 6
_BESIDE = 2 + 9 + 1 + 1 + 14
"""Cells of a row that neither client nor order have: mark, time, gaps and state."""
UNKNOWN_SAYS = (
    "Nobody can say what became of it; it is never sent again by itself.",
    ":reconcile asks the broker's books · r types :resolve, what you saw there",
)


def order_list_rows(
    rows: OrderRows, snapshot: Snapshot, now: datetime, width: int, height: int, zone: tzinfo | None = None
) -> list[Line]:
    """Open orders and those that ended today."""
    shown = rows.in_view(height - 2 - _DETAIL_ROWS)
    unknown = sum(order.state is OrderState.UNKNOWN for order in rows.items)
    facts = [Span(f" ! {unknown} unknown ", "unknown")] if unknown else []
    if len(shown) < len(rows.items):
        facts += [Span(" "), Span(f"{len(rows.items) - len(shown)} more", "wait")]
    lines = [heading([Span(" ORDERS", "title"), Span(f" {len(rows.items)}", "strong")], facts, width)]
    wide = width >= 100
    who, words = _cells_of(rows.items, wide, width)
    head = f"  {left('changed', 8)} {left('client', who)} {left('order', words)} {left('state', 13)} {'filled'}"
    lines.append(Line(clip((Span(head, "dim"),), width)))
    for place, order in enumerate(shown, rows.top):
        under = is_under_head(rows.items, place)
        lines.append(_row(order, under, order.order_id == rows.chosen_key, snapshot, (who, words), wide, width, zone))
    if not rows.items:
        lines.append(Line((Span("  No orders today.", "dim"),)))
    if (order := rows.chosen) is not None:
        lines += [Line()] * (height - len(lines) - _DETAIL_ROWS)
        lines += _detail(order, snapshot, now, width)
    return lines


def _cells_of(orders: Sequence[Order], wide: bool, width: int) -> tuple[int, int]:
    """Return the cells of client and order: what an order is about is never cut, the client gives its room first."""
    who, words = (18, 36) if wide else (12, 28)
    wanted = max((cell_len(about(order.request)) for order in orders), default=0) + 1
    room = width - _BESIDE - who
    words = max(words, min(wanted, room))
    return max(_NARROWEST_CLIENT, who - max(0, wanted - words)), max(words, min(wanted, room + who - _NARROWEST_CLIENT))


def _row(
    order: Order,
    under: bool,
    chosen: bool,
    snapshot: Snapshot,
    cells: tuple[int, int],
    wide: bool,
    width: int,
    zone: tzinfo | None,
) -> Line:
    """One order; of a group all but the first say their role where others say their client."""
    who, words = cells
    state = ORDER[order.state]
    role = "buy" if order.request.side == "buy" else "sell"
    unknown = order.state is OrderState.UNKNOWN
    spans = (
        Span(f"{CHOSEN if chosen else ' '} ", "key"),
        Span(clock_time(order.changed_at, zone) + " ", "dim"),
        Span(left(f" └ {order.role}" if under else order.client, who) + " ", "dim" if under else "name"),
        Span(left(order_words(order.request), words) + " ", role),
        Span(left(f" {state.text} " if unknown else state.text, 13), "unknown" if unknown else state.role),
        Span(" "),
        *_filled(order, currency_of(snapshot, order.connection), wide),
    )
    return Line(clip(spans, width), chosen=chosen)


def _filled(order: Order, currency: str, wide: bool) -> list[Span]:
    if order.filled:
        at = f"{amount(order.filled)} @ {price(order.average_price)}"
        fees = f"  fees {money(order.fees, currency)}  {short_id(order.order_id)}" if wide else ""
        return [Span(at, "ok"), Span(fees, "dim")]
    return [Span(order.reason, "dim")]


def _detail(order: Order, snapshot: Snapshot, now: datetime, width: int) -> list[Line]:
    on = f" on {order.connection}, made {ago(order.made_at, now)}"
    if part := part_words(order):
        on = f" {part}{on}"
    title = heading(clip([Span(f" {order.order_id}", "title"), Span(on, "dim")], width - 2), (), width)
    unknown = order.state is OrderState.UNKNOWN
    parts = UNKNOWN_SAYS if unknown else wrap(order.reason or order_words(order.request), max(10, width - 4), 2)
    said = [Line(clip((Span(f"  {part}", "bad" if unknown else ""),), width)) for part in parts]
    fees = money(order.fees, currency_of(snapshot, order.connection))
    filled = f"{amount(order.filled)} of {amount(order.request.quantity)} filled, fees {fees}, version {order.version}"
    return [title, *said, *[Line()] * (2 - len(said)), Line(clip((Span(f"  {filled}", "dim"),), width))]
