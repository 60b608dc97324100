"""Keys act on what is shown beside them: in the pane of calls nothing is done to an order of the queue."""

from __future__ import annotations

import pytest

from tests.tui.fake_face import busy_face
from tests.tui.screens import seated

SIZES = ((80, 24), (120, 36), (160, 45))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("moves", [(), ("k", "k")], ids=["following", "on a call"])
@pytest.mark.parametrize("key", ["a", "d", "D", "e", "A"])
async def test_among_the_calls_no_key_acts_on_the_queue(
    size: tuple[int, int], moves: tuple[str, ...], key: str
) -> None:
    async with seated(busy_face(), size) as seat:
        await seat.press("g", "tab", *moves)
        await seat.press(key)
        state = seat.app.state
        assert {act for act, _ in seat.sent} <= {"audit.search"}
        assert (state.question, state.entry, state.result) == (None, None, ())


async def test_the_last_row_names_no_key_of_the_queue_among_the_calls_and_says_how_to_get_back() -> None:
    async with seated(busy_face(), (160, 45)) as seat:
        await seat.press("g")
        assert "d deny" in seat.rows()[-1]
        await seat.press("tab", "k")
        assert "deny" not in seat.rows()[-1]
        assert "tab queue" in seat.rows()[-1]
        assert "the call" in seat.rows()[-1]
        await seat.press("d")
        assert "tab goes to the queue" in seat.text
        await seat.press("tab", "d")
        assert [act for act, _ in seat.sent if act != "audit.search"] == ["order.deny"]
