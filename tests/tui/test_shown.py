"""What counts as seen: the row and the words that reached the terminal, while the loop was free."""

from __future__ import annotations

from dataclasses import replace

from tests.tui.fake_face import busy_face
from tests.tui.screens import Seat, seated


async def strike(seat: Seat, *keys: str) -> None:
    """Press keys with no time between them, and none for a frame."""
    await seat.pilot.press(*keys)
    await seat.pilot.pause()


async def test_y_counts_anew_after_the_loop_was_blocked() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("a")
        seat.clock.pass_by(1)
        await strike(seat, "y")
        assert seat.sent == []
        await seat.press("y", after=0.3)
        assert seat.sent == []
        await seat.press("y", after=0.2)
        assert [act for act, _ in seat.sent] == ["order.approve"]


async def test_a_key_that_would_act_on_a_row_that_is_not_painted_yet_does_nothing() -> None:
    async with seated(busy_face()) as seat:
        seat.wait(1)
        second = seat.app.state.waiting.items[1]
        app = seat.app
        app.controls.press("j", "j", seat.clock.monotonic())
        app.controls.press("d", "d", seat.clock.monotonic())
        assert app.state.waiting.chosen is second
        await seat.settle()
        assert seat.sent == []
        assert "only just come" in seat.text


async def test_a_deny_key_that_is_struck_twice_hits_no_other_row_than_the_one_that_went() -> None:
    async with seated(busy_face()) as seat:
        seat.wait(1)
        seat.face.show(pending_orders=seat.face.seen.pending_orders[1:])
        await seat.settle()
        await strike(seat, "d")
        assert "Chosen: the oldest" in seat.text
        await seat.press("d", after=0.2)
        assert seat.sent == []
        await seat.press("d", after=0.3)
        assert [act for act, _ in seat.sent] == ["client.deny"]


async def test_what_came_by_itself_may_be_opened_at_once_but_not_denied() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":approve KWMRTB")
        await seat.press("enter")
        await seat.press("d", after=0.2)
        assert seat.sent == []
        assert "only just come" in seat.text
        await seat.press("a", after=0.1)
        assert seat.app.state.question is not None


async def test_terms_that_changed_under_the_cursor_are_painted_before_they_can_be_approved() -> None:
    async with seated(busy_face()) as seat:
        seat.wait(1)
        first = seat.face.seen.pending_orders[0]
        newer = replace(first, order=replace(first.order, version=first.order.version + 1))
        seat.face.seen = replace(seat.face.seen, pending_orders=(newer, *seat.face.seen.pending_orders[1:]))
        seat.app.state.take(seat.face.seen)
        seat.app.controls.press("a", "a", seat.clock.monotonic())
        assert seat.app.state.question is None
        await seat.settle()
        assert "only just changed" in seat.text
        await seat.press("a")
        assert seat.app.state.question is not None


async def test_letters_of_a_name_are_no_keys_when_its_client_leaves_meanwhile() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":approve KWMRTB")
        await seat.press("enter")
        await seat.press("e")
        await seat.type("and")
        seat.face.show(pending_clients=())
        await seat.settle()
        assert "no longer waits" in seat.text
        await seat.press("d", "a", "y", "x")
        assert seat.sent == []
        await seat.press("enter")
        assert seat.app.state.entry is None
        assert seat.sent == []


async def test_a_ticket_that_opens_by_itself_takes_no_line_away_that_is_typed_meanwhile() -> None:
    async with seated(busy_face()) as seat:
        seat.app.errands.look_for_client("KWMRTB")
        seat.app.controls.press("colon", ":", seat.clock.monotonic())
        await seat.settle()
        await seat.type("deny")
        assert seat.sent == []
        assert seat.app.state.entry is not None
        assert seat.app.state.entry.edit.text == "deny"
