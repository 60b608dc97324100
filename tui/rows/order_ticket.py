"""How an order's ticket looks: what would be done, at which price, how it changes the account, and every check."""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import Decimal

from cockpit.model.orders import DONE, Order, OrderRequest, OrderState
from cockpit.model.quotes import DataType, Quote
from cockpit.model.trading import Mode
from cockpit.operator.view import ConnectionView, OrderTicket, PendingOrder
from tui.cells import Line, Span, clip, heading, width_of, wrap
from tui.glyphs import FAILED, ORDER, PASSED
from tui.group_words import kind_of, part_words
from tui.rows.check_rows import check_rows
from tui.rows.money_mark import armed_mark, money_mark
from tui.rows.waiting_row import URGENT_SECONDS, short_id
from tui.widths import cell_len
from tui.words import ago, amount, countdown, gain, money, order_words, price, span_of

_LABEL = 10
_HUNDREDTH = Decimal("0.005")
_OLD_SECONDS = 5
_MUCH_MORE = Decimal("1.5")
"""An order that lets all positions grow by half is told so."""
_ROOMY = 56
"""Columns from which on words are said that figures don't need."""


def order_ticket_rows(
    ticket: OrderTicket,
    pending: PendingOrder | None,
    connection: ConnectionView | None,
    currency: str,
    now: datetime,
    width: int,
    zone: tzinfo | None = None,
) -> list[Line]:
    """The whole ticket; it may be longer than the screen."""
    order = ticket.order
    over = order.state in DONE
    lines = [_title(ticket, pending, connection, now, width)]
    if connection is not None and connection.mode is Mode.LIVE and not over:
        may = "it may open a position" if connection.armed_until else "only what reduces a position passes"
        lines += _beside("live", armed_mark(connection, zone), Span(may, "wait"), width)
    asked = order.proposed or order.request
    if order.proposed is not None:
        lines.append(_fact("now", [Span(order_words(order.request), "dim")], width))
    role = "buy" if asked.side == "buy" else "sell"
    label = "change to" if order.proposed else _group_label(ticket)
    words, touch = order_words(asked), "" if over else _from_touch(ticket.quote, asked)
    if touch and cell_len(words) <= width - _LABEL - 3:
        lines += _beside(label, [Span(words, role)], Span(touch, "dim"), width)
    else:
        lines += _wrapped(label, words, role, width)
        lines += [_fact("", [Span(touch, "dim")], width)] if touch else []
    if ticket.legs:
        lines += _legs(ticket, width)
    elif part := part_words(order):
        lines.append(_fact("part", [Span(part, "wait")], width))
    worth = f"≈ {money(ticket.notional, currency)} at worst" if ticket.notional is not None else "no price, no value"
    lines.append(_fact("worth", [Span(worth, "strong" if ticket.notional is not None else "bad")], width))
    if pending is not None:
        lines += _wrapped("needs you", pending.why, "wait", width)
    lines.append(Line())
    lines += _market(ticket, now, width)
    if not over:
        lines += _effect(ticket, currency, width)
    if order.filled:
        filled = f"{amount(order.filled)} of {amount(order.request.quantity)} at {price(order.average_price)}"
        lines.append(_fact("filled", [Span(filled, "ok"), Span(f"  fees {money(order.fees, currency)}", "dim")], width))
    lines += _wrapped("state", _since(order, now), ORDER[order.state].role, width)
    if order.reason:
        lines += _wrapped("reason", order.reason, "", width)
    lines += check_rows(ticket.checks, width)
    for at, quantity, at_price in ticket.executions[-20:]:
        lines.append(
            _fact("fill", [Span(f"{amount(quantity)} at {price(at_price)}  "), Span(ago(at, now), "dim")], width)
        )
    return lines


def _effect(ticket: OrderTicket, currency: str, width: int) -> list[Line]:
    """What it would do to the account; of an order that is over nothing."""
    lines = [_fact("position", _position(ticket), width)]
    if ticket.gross_before is not None:
        lines.append(_fact("gross", _gross(ticket.gross_before, ticket.gross_after, currency), width))
    if ticket.bare and ticket.at_stop is None:
        lines.append(_fact("at stop", [Span("NO STOP: nothing bounds the loss", "wait")], width))
    if ticket.at_stop is not None:
        role = "bad" if ticket.at_stop < 0 else "ok"
        said = [Span(gain(ticket.at_stop, currency), role), Span(" once it is hit, before fees", "dim")]
        lines.append(_fact("at stop", said, width))
    return lines


def _title(
    ticket: OrderTicket, pending: PendingOrder | None, connection: ConnectionView | None, now: datetime, width: int
) -> Line:
    order = ticket.order
    title = [Span(f" {kind_of(order.linkage).upper()} " if ticket.legs else " ORDER ", "title")]
    if connection is not None:
        title.append(money_mark(connection))
    whose = Span(" from " if width >= _ROOMY else " ", "dim")
    title += [whose, Span(order.client, "name"), Span(" on ", "dim"), Span(order.connection)]
    number = Span(f" {short_id(order.order_id)} v{order.version}", "dim")
    room = width - (2 if pending is None else 16)
    if width_of([*title, number]) <= room:
        title.append(number)
    if pending is None:
        return heading(clip(title, room), (), width)
    seconds = (pending.decide_by - now).total_seconds()
    left_over = Span(f"{countdown(seconds, fine=True)} left", "bad" if seconds < URGENT_SECONDS else "wait")
    return heading(clip(title, room), [left_over], width)


def _group_label(ticket: OrderTicket) -> str:
    return (ticket.order.linkage or "group") if ticket.legs else "order"


def _legs(ticket: OrderTicket, width: int) -> list[Line]:
    """Every other order of the group; one that a check refuses says so here, and under the checks why."""
    lines: list[Line] = []
    for leg in ticket.legs[1:]:
        request = leg.request
        refused = any(not check.ok and check.message.startswith(request.words()) for check in ticket.checks)
        sign = Span(f"{FAILED} ", "bad") if refused else Span(f"{PASSED} ", "ok")
        role = "buy" if request.side == "buy" else "sell"
        for place, part in enumerate(wrap(order_words(request), max(10, width - _LABEL - 5))):
            first = place == 0
            lines.append(
                _fact(f"  {leg.role}" if first else "", [sign if first else Span("  "), Span(part, role)], width)
            )
    count = len(ticket.legs)
    lines.append(
        _fact("decide", [Span(f"on the whole {kind_of(ticket.order.linkage)}: {count} orders", "wait")], width)
    )
    return lines


def _fact(label: str, value: list[Span], width: int) -> Line:
    return Line(clip((Span(f"  {label:<{_LABEL}} ", "dim"), *value), width))


def _beside(label: str, value: list[Span], more: Span, width: int) -> list[Line]:
    """One fact and what belongs to it: in one row where both fit whole, else below each other."""
    if _LABEL + 3 + width_of(value) + 3 + cell_len(more.text) <= width:
        return [_fact(label, [*value, Span("   "), more], width)]
    return [_fact(label, value, width), _fact("", [more], width)]


def _wrapped(label: str, text: str, role: str, width: int) -> list[Line]:
    rows = wrap(text, max(10, width - _LABEL - 4), 4)
    return [_fact(label if place == 0 else "", [Span(row, role)], width) for place, row in enumerate(rows)]


def _market(ticket: OrderTicket, now: datetime, width: int) -> list[Line]:
    quote = ticket.quote
    if quote is None:
        return [_fact("price", [Span("missing: the broker has none", "bad")], width)]
    touch = f"bid {price(quote.bid)}  ask {price(quote.ask)}  last {price(quote.last)}"
    if cell_len(touch) > width - _LABEL - 3:
        touch = f"{price(quote.bid)} × {price(quote.ask)}  last {price(quote.last)}"
    lines = [_fact("price", [Span(touch)], width)]
    lines.append(_fact("", _source(quote, now), width))
    if ticket.drift is not None and ticket.order.state not in DONE:
        lines.append(_fact("drift", _drift(ticket.drift, ticket.order.asked_at_price, width), width))
    return lines


def _from_touch(quote: Quote | None, asked: OrderRequest) -> str:
    """Say how far a limit lies from the price at which it would trade at once."""
    touch = None if quote is None else quote.touch(asked.side)
    if asked.limit_price is None or not touch:
        return ""
    gap = (asked.limit_price - touch) / touch * 100
    return f"{gap:+.2f} % from the touch" if abs(gap) >= _HUNDREDTH else "at the touch"


def _source(quote: Quote, now: datetime) -> list[Span]:
    age = quote.age_ms(now) / 1000
    old = age > _OLD_SECONDS
    fresh = quote.data_type is DataType.LIVE
    how_old = f"{age:.1f} s old" if age < 60 else f"{span_of(now - quote.as_of)} old"
    return [
        Span(quote.data_type.replace("_", " "), "ok" if fresh else "wait"),
        Span(", ", "dim"),
        Span(how_old, "bad" if old else "dim"),
        Span(f", from {quote.source}", "dim"),
    ]


def _drift(drift: Decimal, asked_at: Decimal | None, width: int) -> list[Span]:
    drift = drift if abs(drift * 100) >= _HUNDREDTH else Decimal(0)
    worse = drift > 0
    since = (
        " since it was asked"
        if asked_at is None
        else f" since {'asked at ' if width >= _ROOMY else ''}{price(asked_at)}"
    )
    word = "worse" if worse else "better" if drift < 0 else "no move"
    return [
        Span(f"{drift * 100:+.2f} % {word}" if drift else word, "wait" if worse else "ok" if drift else ""),
        Span(since, "dim"),
    ]


def _since(order: Order, now: datetime) -> str:
    if order.state is OrderState.PENDING:
        waited = span_of(now - order.changed_at)
        return ORDER[order.state].text + ("" if waited == "now" else f" for {waited}")
    return f"{ORDER[order.state].text}, {ago(order.changed_at, now)}"


def _position(ticket: OrderTicket) -> list[Span]:
    before, after = ticket.position_before, ticket.position_after
    flips = before * after < 0
    spans = [Span(amount(before)), Span(" → ", "dim"), Span(amount(after), "strong")]
    if ticket.to_come:
        spans.append(Span(f"  once its entry has brought {amount(ticket.to_come)}", "wait"))
    elif flips:
        spans.append(Span("  turns the position round", "wait"))
    elif abs(after) < abs(before):
        spans.append(Span("  reduces it", "dim"))
    return spans


def _gross(before: Decimal, after: Decimal | None, currency: str) -> list[Span]:
    """All positions without sign, before and after."""
    to = "?" if after is None else money(after, currency)
    spans = [Span(money(before, currency)), Span(" → ", "dim"), Span(to, "strong")]
    if after is not None and before and after > before:
        spans.append(Span(f"  {(after - before) / before:+.0%}", "wait" if after > before * _MUCH_MORE else "dim"))
    return [*spans, Span("  in all", "dim")]
