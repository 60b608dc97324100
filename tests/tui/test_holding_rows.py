"""Positions and balances whose broker doesn't answer: what it said last, how old that is, and never that nothing is held."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.tui.fake_face import NOW, FakeFace, busy_face
from tests.tui.screens import Seat, seated

SILENT = "paper: as of 3 min ago, its broker does not answer"
UNKNOWN = "paper: not known, its broker has not answered yet"


def silent_face() -> FakeFace:
    face = busy_face()
    at = NOW - timedelta(minutes=3)
    face.seen = replace(
        face.seen,
        positions=tuple(replace(one, last_said=at) for one in face.seen.positions),
        balances=tuple(replace(one, last_said=at) for one in face.seen.balances),
    )
    return face


def unheard_face() -> FakeFace:
    face = busy_face()
    face.seen = replace(face.seen, positions=(), balances=(), unheard=("paper",))
    return face


async def turn(seat: Seat, key: str) -> None:
    """Go to where a key leads; the side is there from the start."""
    if key:
        await seat.press("g", key)
        await seat.settle()


@pytest.mark.parametrize("place", ["", "p", "b"])
async def test_old_figures_are_shown_with_their_age(place: str) -> None:
    async with seated(silent_face(), (160, 45)) as seat:
        await turn(seat, place)
        assert SILENT in seat.text
        if place != "b":
            assert "NOVA" in seat.text


@pytest.mark.parametrize("place", ["", "p", "b"])
async def test_an_account_that_was_never_heard_of_is_not_said_to_hold_nothing(place: str) -> None:
    async with seated(unheard_face(), (160, 45)) as seat:
        await turn(seat, place)
        assert UNKNOWN in seat.text
        assert "Nothing is held" not in seat.text
        assert "0 positions" not in seat.text
        assert "POSITIONS 0" not in seat.text
