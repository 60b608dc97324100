"""How many browsers of one place may wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from cockpit.model.text import safe
from oauth.parameters import read_parameters
from oauth.waiting import WaitingClient, WaitingRequest, WaitingRoom

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
NUMBERS = count()


def waits(room: WaitingRoom, address: str) -> bool:
    """Let one more browser of an address wait, if it may."""
    if not room.has_room(address):
        return False
    shown = WaitingClient(
        f"request-{next(NUMBERS)}", safe("x"), "c-1", safe("client.example"), safe("https://client.example/cb"),
        safe(address), (), START, START + timedelta(minutes=5),
    )  # fmt: skip
    room.add(WaitingRequest(shown, "BCDFGH", b"", read_parameters("a=b")))
    return True


def test_T15_all_of_a_64_of_ipv6_wait_in_one_line():
    """One customer's network opens a page from each of its IPv6 addresses."""
    room = WaitingRoom(50, 3, lambda size: bytes(size))
    assert sum(waits(room, f"2001:db8:1:2::{number:x}") for number in range(20)) == 3
    assert room.is_full_for("2001:db8:1:2:ffff::1")
    assert waits(room, "2001:db8:1:3::1")
    assert sum(waits(room, f"203.0.113.{number}") for number in range(10)) == 10


def test_T15_all_together_have_a_limit_too():
    """A flood of pages comes from two hundred addresses."""
    room = WaitingRoom(50, 3, lambda size: bytes(size))
    assert sum(waits(room, f"203.0.{number}.1") for number in range(200)) == 50
