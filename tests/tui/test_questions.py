"""What a question says: what becomes of which order, in the words of the order and not of the manual."""

from __future__ import annotations

from dataclasses import replace

from cockpit.model.orders import OrderState
from cockpit.model.trading import Mode
from tests.tui.fake_face import busy_face, connection, order
from tests.tui.screens import seated


async def test_to_resolve_an_order_is_asked_with_the_order_itself_and_whose_money_it_is() -> None:
    face = busy_face()
    lost = order(7, "claude", "buy 3 ALFA 405", state=OrderState.UNKNOWN, decide_by=None)
    real = connection("paper", Mode.LIVE)
    face.seen = replace(face.seen, pending_orders=(), orders=(lost,), connections=(real,))
    async with seated(face) as seat:
        await seat.press("o", "r")
        await seat.type("cancelled")
        await seat.press("enter")
        said = " ".join(seat.text.split())
        assert "● LIVE MONEY RESOLVE buy 3 ALFA limit 405.00 is cancelled, as you saw at the broker on paper?" in said
        await seat.press("y")
        assert seat.sent == [("order.resolve", {"order_id": str(lost.order_id), "state": "cancelled"})]


async def test_what_a_smaller_order_comes_to_is_said_before_it_is_approved() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("j", "j", "e")
        await seat.type("50")
        await seat.press("enter")
        assert "APPROVE EDITED  buy 50 ALFA limit 412.30, about $20,615, for claude?" in seat.text
        await seat.press("n", "e")
        await seat.type("50 @ 400")
        await seat.press("enter")
        assert "APPROVE EDITED  buy 50 ALFA limit 400.00, for claude?" in seat.text
