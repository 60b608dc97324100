"""The line for the code of a browser takes its letters, and after a wrong one the next without rubbing out."""

from __future__ import annotations

from textual.events import Paste

from cockpit.model.refusals import refuse
from tests.tui.fake_face import FakeFace, busy_face
from tests.tui.screens import Seat, seated
from tui.state import Place


def typed(seat: Seat) -> str:
    return "" if seat.app.state.entry is None else seat.app.state.entry.edit.text


async def test_a_code_is_letters_however_they_are_typed_or_pasted() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("j", "a")
        await seat.type("k w:m/7r")
        assert typed(seat) == "KWMR"
        await seat.app.on_event(Paste(" t-b\n"))
        assert typed(seat) == "KWMRTB"
        await seat.press("enter")
        await seat.settle()
        assert seat.app.state.place is Place.CLIENT


async def test_after_a_wrong_code_the_next_one_begins_anew_and_a_slip_can_be_mended() -> None:
    async with seated(_picky(busy_face())) as seat:
        await seat.press("j", "a")
        await seat.type("kwmrtx")
        await seat.press("enter")
        await seat.settle()
        assert "No waiting client shows that code." in seat.text
        await seat.press("backspace")
        await seat.type("b")
        assert typed(seat) == "KWMRTB"
        await seat.type("x")
        await seat.press("enter")
        await seat.settle()
        await seat.type("kwmrtb")
        assert typed(seat) == "KWMRTB"
        await seat.press("enter")
        await seat.settle()
        assert seat.app.state.place is Place.CLIENT


def _picky(face: FakeFace) -> FakeFace:
    """Let a face know one code alone."""
    known = face.client_ticket

    async def ticket(code: str):
        return await known(code) if code == "KWMRTB" else refuse("CODE_UNKNOWN")

    face.client_ticket = ticket
    return face
