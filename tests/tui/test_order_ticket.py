"""An order's ticket: what it tells of positions that nobody holds yet, and nothing of the future once it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from cockpit.model.orders import DONE, OrderState
from cockpit.model.trading import Mode
from cockpit.operator.view import OrderTicket
from tests.tui.fake_face import NOW, busy_snapshot, connection, order_ticket
from tui.cells import width_of
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


BUY = busy_snapshot().pending_orders[1]
REAL = connection("paper", Mode.LIVE, armed_until=NOW + timedelta(hours=2))


def told(state: OrderState, width: int = 80) -> str:
    ticket = replace(order_ticket(BUY), order=replace(BUY.order, state=state))
    rows = order_ticket_rows(ticket, BUY if state is OrderState.PENDING else None, REAL, "USD", NOW, width)
    assert all(width_of(row.spans) <= width for row in rows)
    return "\n".join("".join(span.text for span in row.spans) for row in rows)


@pytest.mark.parametrize("state", sorted(DONE))
def test_of_an_order_that_is_over_nothing_is_told_that_it_might_still_do(state: OrderState) -> None:
    coming = ("the touch", "worse", "60 → 160", "it may open a position", "NO STOP")
    assert [words for words in coming if words in told(OrderState.WORKING)] == list(coming)
    assert [words for words in coming if words in told(state)] == []
    assert "bid 412.28" in told(state)


def test_on_a_narrow_ticket_no_word_about_real_money_and_no_number_of_an_order_is_cut() -> None:
    narrow = told(OrderState.PENDING, 46)
    assert "it may open a position" in narrow
    assert "at the touch" in narrow
    assert "o-…000002 v2" in told(OrderState.PENDING)
    assert "o-" not in narrow


def test_an_order_that_came_this_moment_just_waits() -> None:
    ticket = replace(order_ticket(BUY), order=replace(BUY.order, changed_at=NOW))
    rows = order_ticket_rows(ticket, BUY, None, "USD", NOW, 80)
    assert "  state      ◷ waits" in ["".join(span.text for span in row.spans) for row in rows]
