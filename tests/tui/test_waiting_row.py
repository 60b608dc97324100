"""A row of the queue is read at a glance at every width: its figures stand under each other, and no price is cut."""

from __future__ import annotations

import pytest

from tests.tui.fake_face import NOW, pending_client, pending_order
from tui.cells import width_of
from tui.rows.waiting_row import waiting_row


def drawn(words: str, width: int) -> str:
    row = waiting_row(pending_order(1, "codex-cli", words, "41230", 94, "why"), NOW, "USD", False, width)
    assert width_of(row.spans) == width
    return "".join(span.text for span in row.spans)


@pytest.mark.parametrize("width", [50, 60, 73, 80, 97, 120])
def test_a_limit_price_is_never_cut(width: int) -> None:
    assert "BUY 100 ALFA LMT 412.30" in drawn("buy 100 ALFA 412.30", width)


@pytest.mark.parametrize("width", [73, 80, 97, 120])
def test_worth_and_time_stand_under_each_other_whatever_the_order_says(width: int) -> None:
    short, long = drawn("sell 5 NOVA", width), drawn("buy 20 ALFA 412.30", width)
    assert short.index("≈") == long.index("≈")
    assert short.index("1:34") == long.index("1:34")


def test_a_narrow_row_still_says_what_kind_of_thing_waits() -> None:
    client = waiting_row(pending_client(), NOW, "", False, 50)
    assert "CLI cursor.c…" in "".join(span.text for span in client.spans)
    assert "ORD codex-cli" in drawn("sell 5 NOVA", 50)
