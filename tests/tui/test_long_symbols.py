"""Contracts differ only at the end of a long symbol: every list tells them apart, and no words push the keys away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.model.orders import Linkage, OrderState, Role
from tests.tui.fake_face import (
    NOW,
    FakeFace,
    busy_face,
    exit_leg,
    group,
    group_ticket,
    limit,
    order,
    order_ticket,
    pending_group,
    pending_order,
)
from tests.tui.screens import seated
from tests.tui.test_closing import holding

CONTRACTS = ("ALFA260306C00360000", "ALFA260306C00370000", "ALFA260306P00360000", "GOOGLL260306P00360000")
LONGEST = "A" * 31
SIZES = ((80, 24), (120, 36), (160, 45))


def trading(*symbols: str) -> FakeFace:
    """Let each symbol be held, ordered, waited for and limited."""
    face = holding(*symbols)
    face.seen = replace(
        face.seen,
        positions=face.seen.positions[1:],
        orders=tuple(
            order(70 + at, "claude", f"sell 1000 {one} 412.30", state=OrderState.WORKING, decide_by=None)
            for at, one in enumerate(symbols)
        ),
        pending_clients=(),
        pending_orders=tuple(
            pending_order(40 + at, "claude", f"sell 1000 {one} 412.30", "41230", 90, "asks")
            for at, one in enumerate(symbols)
        ),
        limits=tuple(limit("", "max_position", "60", "10000", one) for one in symbols),
    )
    face.order_tickets = {one.order.order_id: order_ticket(one) for one in face.seen.pending_orders}
    return face


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("place", ["", "o", "p", "l"], ids=["queue", "orders", "positions", "limits"])
@pytest.mark.parametrize("symbols", [CONTRACTS, (f"{LONGEST}1", f"{LONGEST}2")], ids=["contracts", "longest"])
async def test_every_list_tells_contracts_apart(symbols: tuple[str, ...], place: str, size: tuple[int, int]) -> None:
    async with seated(trading(*symbols), size) as seat:
        if place:
            await seat.press(place)
        rows = seat.rows()[:-8] if place == "o" else seat.rows()
        for symbol in symbols:
            assert any(symbol in row for row in rows), f"{symbol} is cut off"


async def test_the_side_of_a_wide_screen_tells_contracts_apart() -> None:
    face = trading(*CONTRACTS)
    face.seen = replace(face.seen, pending_orders=(), pending_clients=(), orders=(), limits=())
    async with seated(face, (120, 36)) as seat:
        for symbol in CONTRACTS:
            assert symbol in seat.text


async def test_the_mark_of_the_chosen_position_stands_apart_from_its_symbol() -> None:
    async with seated(trading("LIMA")) as seat:
        await seat.press("p")
        assert "▸ LIMA" in seat.text


async def test_the_ticket_says_long_words_in_full() -> None:
    face = busy_face()
    made = pending_order(40, "claude", f"sell 100000 {LONGEST} 1412.30", "41230", 90, "asks")
    asked = replace(made.order.request, outside_hours=True)
    waiting = replace(made, order=replace(made.order, request=asked))
    face.seen = replace(face.seen, pending_orders=(waiting,), orders=(waiting.order,))
    face.order_tickets[waiting.order.order_id] = order_ticket(waiting)
    for width in (60, 80):
        async with seated(face, (width, 24)) as seat:
            await seat.press("j", "j", "enter")
            assert f"SELL 100,000 {LONGEST} LMT 1,412.30 DAY OUTSIDE HOURS" in " ".join(seat.text.split())


@pytest.mark.parametrize("size", [(60, 16), (80, 24)])
async def test_no_question_pushes_the_keys_away(size: tuple[int, int]) -> None:
    legs = group(
        Linkage.BASKET,
        order(21, "claude", f"sell 100000 {LONGEST} 1412.30", role=Role.ENTRY, decide_by=NOW.replace(hour=15)),
        *(exit_leg(22 + at, f"sell 100000 {LONGEST} 1412.30", Role.LEG) for at in range(19)),
    )
    face = busy_face()
    waiting = pending_group(legs)
    face.seen = replace(face.seen, pending_clients=(), pending_orders=(waiting,), orders=legs)
    face.order_tickets[waiting.order.order_id] = group_ticket(waiting)
    async with seated(face, size) as seat:
        await seat.press("j", "a")
        assert "^k KILL" in seat.rows()[-1]
        assert "more rows: read them on the ticket" in seat.text
        assert "RUNNING" in seat.rows()[0] or "PAPER" in seat.rows()[0]


async def test_what_is_typed_is_in_view_behind_a_long_label() -> None:
    face = trading(LONGEST)
    async with seated(face) as seat:
        await seat.press("j", "j", "e")
        await seat.type("50 @ 411.90")
        assert "50 @ 411.90" in seat.text
