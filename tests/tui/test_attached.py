from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.model.screen import ScreenSettings
from cockpit.model.text import Safe
from tests.tui.fake_face import away, busy_face, troubled_face
from tests.tui.screens import seated

ATTACHED = ScreenSettings(attached=True)


async def test_leaving_an_attached_screen_says_that_the_cockpit_goes_on() -> None:
    async with seated(busy_face(), settings=ATTACHED) as seat:
        assert "q leave" in seat.rows()[-1]
        await seat.press("q")
        assert "LEAVE  this screen? The cockpit goes on without it, 3 decisions still open" in seat.text
        assert "cut off" not in seat.text
        await seat.press("y")
        assert seat.app._exit
        assert seat.sent == []


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 45)])
async def test_a_cockpit_that_does_not_answer_is_told_in_the_first_row(size: tuple[int, int]) -> None:
    face = troubled_face()
    face.seen = replace(
        face.seen, silent_seconds=12, hint=Safe("The cockpit doesn't answer; what you see is 12 s old.")
    )
    async with seated(face, size, ATTACHED) as seat:
        assert "!12s" in seat.rows()[0] or "NO ANSWER 12s" in seat.rows()[0]
        assert "what you see is 12 s old" in seat.text


async def test_a_cockpit_that_answers_is_not_told_of() -> None:
    async with seated(busy_face(), settings=ATTACHED) as seat:
        assert "NO ANSWER" not in seat.text


async def test_a_read_only_screen_promises_nothing_of_its_keys() -> None:
    async with seated(away(busy_face()), settings=replace(ATTACHED, read_only=True)) as seat:
        assert "keys on this screen don't count" in seat.text
        assert "until a key is pressed" not in seat.text
