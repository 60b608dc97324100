"""An order's ticket: what it tells of positions that nobody holds yet."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cockpit.operator.view import OrderTicket
from tests.tui.fake_face import NOW, busy_snapshot, order_ticket
from tui.rows.order_ticket import order_ticket_rows

SELL, _ = busy_snapshot().pending_orders


def position_row(ticket: OrderTicket) -> str:
    rows = order_ticket_rows(ticket, None, None, "USD", NOW, 80)
    said = ("".join(span.text for span in row.spans) for row in rows)
    return next(row for row in said if row.strip().startswith("position"))


def test_an_exit_says_what_its_entry_has_yet_to_bring() -> None:
    ticket = replace(order_ticket(SELL), position_before=Decimal(5), position_after=Decimal(5))
    assert "5 → 5" in position_row(ticket)
    assert "its entry" not in position_row(ticket)
    assert "5 → 5  once its entry has brought 20" in position_row(replace(ticket, to_come=Decimal(20)))
