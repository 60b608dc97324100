"""The side of a wide screen: the chosen thing above, and below it always who is in, what is held and what is used up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.tui.fake_face import LIMITS, NOW, busy_face, checks, limit
from tests.tui.screens import seated
from tui.calls import CallHistory
from tui.cells import width_of
from tui.glyphs import bar, in_ascii
from tui.rows.limit_rows import side_limit_rows
from tui.rows.side_rows import side_rows
from tui.state import ScreenState


async def side(width: int, height: int, many_checks: int = 1) -> list[str]:
    """Read the side of a screen while an order with so many times eight checks is chosen."""
    face = busy_face()
    face.seen = replace(face.seen, limits=LIMITS)
    for order_id, ticket in face.order_tickets.items():
        face.order_tickets[order_id] = replace(ticket, checks=checks() * many_checks)
    async with seated(face, (width, height)) as seat:
        await seat.settle()
        return [row.partition("│")[2] for row in seat.rows() if "│" in row]


@pytest.mark.parametrize(("width", "height"), [(120, 36), (160, 45)])
async def test_a_long_ticket_leaves_the_overview_its_room(width: int, height: int) -> None:
    drawn = await side(width, height, many_checks=6)
    assert any("more rows, enter shows them" in row for row in drawn)
    for title in (" CHECKS", " CLIENTS 3", " POSITIONS 1", " LIMITS"):
        assert any(row.startswith(title) for row in drawn), title
    assert any("✗ MAX_NOTIONAL" in row for row in drawn), "what is refused stays in view"


async def test_a_short_ticket_is_shown_whole() -> None:
    assert not any("more rows" in row for row in await side(160, 45))


async def test_what_is_below_is_cut_before_the_ticket_where_a_screen_is_low() -> None:
    drawn = await side(120, 24, many_checks=6)
    assert any("✗ MAX_NOTIONAL" in row for row in drawn)
    assert not any(row.startswith(" LIMITS") for row in drawn)


async def test_at_120_columns_clients_positions_and_limits_are_cut_nowhere() -> None:
    drawn = await side(120, 60)
    below = drawn[next(place for place, row in enumerate(drawn) if row.startswith(" CLIENTS")) :]
    assert [row for row in below if "…" in row] == []
    words = [row.split() for row in below]
    assert ["claude", "value", "today", "━━━━╸", "90%"] in words
    assert ["NOVA", "60", "$10,831", "+$558.60"] in words


@pytest.mark.parametrize("name", ["ib", "a-connection-of-a-long-name"])
def test_what_the_account_has_is_never_cut(name: str) -> None:
    face = busy_face()
    (held,) = face.seen.balances
    rich = replace(held.balances, equity=Decimal(1_000_000), buying_power=Decimal(4_000_000))
    face.seen = replace(
        face.seen, pending_orders=(), pending_clients=(), balances=(replace(held, connection=name, balances=rich),)
    )
    drawn = side_rows(ScreenState(face.seen, CallHistory(10)), NOW, 46, 36)
    text = "\n".join("".join(span.text for span in row.spans) for row in drawn)
    assert "$1,000,000" in text
    assert "$4,000,000 buying power" in text
    assert all(width_of(row.spans) <= 46 for row in drawn)


def test_no_figure_of_a_limit_is_cut_and_money_bears_its_sign() -> None:
    used = [limit("bot", "max_daily_notional", "1234567.89", "5000000"), limit("bot", "max_daily_orders", "2", "1000")]
    seen = replace(busy_face().seen, limits=tuple(used))
    for width, said in ((60, ["$1,234,568 / $5,000,000", "2 / 1,000"]), (46, ["25%", "0%"])):
        rows = ["".join(span.text for span in row.spans) for row in side_limit_rows(seen, width)[1:]]
        assert all(row.endswith(f" {one}") for row, one in zip(rows, said, strict=True)), rows
        assert all(len(row) <= width for row in rows)


def test_a_bar_shows_that_something_is_not_nothing_and_is_never_longer_than_it_may() -> None:
    drawn = [bar(share, 4) for share in (-1, 0, 0.001, 0.5, 0.6, 1, 7)]
    assert drawn == ["····", "····", "╸···", "━━··", "━━╸·", "━━━━", "━━━━"]
    assert in_ascii(bar(0.6, 4)) == "##=."
