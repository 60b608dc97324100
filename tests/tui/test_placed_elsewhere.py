"""Orders in the account that are not from here: seen among the others, and no key does anything to them."""

from dataclasses import replace

from cockpit.model.identity import GrantId
from cockpit.model.orders import OrderState
from cockpit.model.text import Safe
from cockpit.operator.view import NOT_FROM_HERE
from tests.tui.fake_face import busy_face, order
from tests.tui.screens import seated


async def test_no_key_opens_or_cancels_an_order_that_is_not_from_here_and_it_says_so() -> None:
    face = busy_face()
    theirs = order(9, NOT_FROM_HERE, "sell 10 ALFA 450", state=OrderState.WORKING, decide_by=None)
    theirs = replace(theirs, grant_id=GrantId(""), reason=Safe("Sent from elsewhere."))
    face.seen = replace(face.seen, orders=(), others=(theirs,))
    async with seated(face, (100, 30)) as seat:
        await seat.press("o")
        assert any(NOT_FROM_HERE in row and "SELL 10 ALFA" in row for row in seat.rows())
        assert "cancel" not in seat.rows()[-1]
        before = seat.text.count("Sent from elsewhere.")
        await seat.press("enter")
        assert "ORDERS 1" in seat.text
        assert seat.text.count("Sent from elsewhere.") == before + 1
        await seat.press("x", "y")
        assert seat.sent == []
