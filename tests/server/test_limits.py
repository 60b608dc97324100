"""What is answered how often, what the rest is told, and what the operator hears of it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.events import Event, Notice, RequestsTurnedAway
from server.limits import Kind, Limits, Rate
from tests.server.parts import FakeClock, house, wire


class Counted:
    """Limits with a clock that stands still, and everything that was published."""

    def __init__(self, **rates: tuple[int, int]) -> None:
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.later: list[Callable[[], None]] = []
        self.limits = Limits(
            {Kind(name): Rate(*rate) for name, rate in rates.items()},
            self.clock,
            self.events.append,
            lambda seconds, then: self.later.append(then),
        )

    def passes(self, address: str, kind: Kind = Kind.TOKEN, times: int = 1) -> int:
        return sum(self.limits.refuse(kind, address) is None for _ in range(times))


def test_a_minutes_worth_may_come_at_once_and_then_one_by_one():
    counted = Counted(token=(60, 1000))
    assert counted.passes("203.0.113.9", times=100) == 60
    assert counted.limits.refuse(Kind.TOKEN, "203.0.113.9") == 1
    counted.clock.seconds += 1
    assert counted.passes("203.0.113.9", times=5) == 1
    counted.clock.seconds += 3600
    assert counted.passes("203.0.113.9", times=100) == 60


def test_a_refused_request_is_told_when_to_come_again():
    counted = Counted(register=(2, 100))
    assert counted.passes("203.0.113.9", Kind.REGISTER, times=2) == 2
    again = counted.limits.refuse(Kind.REGISTER, "203.0.113.9")
    assert again == 30
    counted.clock.seconds += again
    assert counted.passes("203.0.113.9", Kind.REGISTER) == 1


def test_addresses_and_kinds_count_apart():
    counted = Counted(token=(1, 100), register=(1, 100))
    assert counted.passes("203.0.113.9", times=3) == 1
    assert counted.passes("203.0.113.10") == 1
    assert counted.passes("203.0.113.9", Kind.REGISTER) == 1
    assert counted.passes("203.0.113.9", Kind.METADATA, times=1000) == 1000  # without a rate there is no limit


def test_a_64_of_ipv6_counts_as_one():
    counted = Counted(token=(3, 100))
    assert sum(counted.passes(f"2001:db8:1:2::{number:x}") for number in range(20)) == 3
    assert counted.passes("2001:db8:1:3::1") == 1


def test_all_together_have_a_limit_too():
    counted = Counted(token=(10, 50))
    assert sum(counted.passes(f"203.0.113.{number}") for number in range(200)) == 50


def test_one_address_alone_can_not_use_up_what_all_have():
    counted = Counted(token=(10, 50))
    counted.passes("203.0.113.9", times=10_000)
    assert counted.passes("203.0.113.10", times=10) == 10


def test_a_flood_of_strangers_leaves_room_for_a_client_that_was_let_in():
    counted = Counted(token=(10, 50))
    counted.limits.met("198.51.100.7")
    for number in range(2000):
        counted.passes(f"10.0.{number // 250}.{number % 250}")
    assert counted.passes("203.0.113.9") == 0
    assert counted.passes("198.51.100.7", times=20) == 10


async def test_who_comes_with_a_good_token_is_known_before_it_ever_refreshed():
    counted = Counted(token=(10, 50))
    async with house(requests=counted.limits) as here, wire(here) as ann, wire(here, "wrong") as stranger:
        for number in range(20):
            counted.passes(f"203.0.113.{number}", times=10)
        async with stranger.post({}) as answer:
            assert answer.status == 401
        assert counted.passes("127.0.0.1") == 0
        async with ann.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}) as answer:
            assert answer.status == 200
        assert counted.passes("127.0.0.1", times=20) == 10


def test_a_client_that_comes_from_everywhere_does_not_escape_what_all_may():
    counted = Counted(token=(10, 50))
    passed = 0
    for number in range(1000):
        counted.limits.met(f"2001:db8:{number:x}::1")
        passed += counted.passes(f"2001:db8:{number:x}::1", times=10)
    assert passed == 4 * 50
    assert counted.passes("203.0.113.9", times=10) == 10, "strangers have theirs"


def test_memory_is_bounded_however_many_addresses_come():
    counted = Counted(token=(10, 1_000_000))
    for number in range(20_000):
        counted.passes(f"2001:db8:{number:x}::1")
        counted.limits.met(f"2001:db8:{number:x}::1")
    meter = counted.limits._meters[Kind.TOKEN]
    assert len(meter._empty_at) <= 4096
    assert len(counted.limits._met) <= 1024
    assert sys.getsizeof(meter._empty_at) < 1_000_000


@given(
    rate=st.integers(1, 300),
    gaps=st.lists(st.floats(0, 30, allow_nan=False), max_size=200),
)
def test_no_minute_and_no_span_holds_more_than_its_share(rate, gaps):
    counted = Counted(token=(rate, 1_000_000))
    begun = counted.clock.seconds
    passed = 0
    for gap in gaps:
        counted.clock.seconds += gap
        passed += counted.passes("203.0.113.9")
    assert passed <= rate + (counted.clock.seconds - begun) * rate / 60 + 1e-3


def test_the_operator_hears_once_of_each_kind_and_is_told_the_number():
    counted = Counted(token=(1, 100), register=(1, 100))
    counted.passes("203.0.113.9", times=1000)
    counted.passes("203.0.113.9", Kind.REGISTER, times=10)
    notices = [event for event in counted.events if isinstance(event, Notice)]
    assert [notice.text for notice in notices] == [
        "Too many requests (token), the last from 203.0.113.9: more are turned away.",
        "Too many requests (register), the last from 203.0.113.9: more are turned away.",
    ]
    (tell,) = counted.later
    tell()
    assert [event.count for event in counted.events if isinstance(event, RequestsTurnedAway)] == [999 + 9]
    counted.clock.seconds += 599
    counted.passes("203.0.113.9", times=100)
    assert len([event for event in counted.events if isinstance(event, Notice)]) == 2
    counted.clock.seconds += 2
    counted.passes("203.0.113.9", times=100)
    assert len([event for event in counted.events if isinstance(event, Notice)]) == 3


async def test_T67_bad_tokens_are_turned_away_when_they_are_too_many_and_good_ones_are_not():
    """An address sends one bad token after the other."""
    counted = Counted(bad_tokens=(3, 100))
    async with house(requests=counted.limits) as here, wire(here, "wrong") as stranger, wire(here, None) as nobody:
        for _ in range(3):
            async with stranger.post({}) as answer:
                assert answer.status == 401
        async with stranger.post({}) as answer:
            assert answer.status == 429
            assert answer.headers["Retry-After"] == "20"
            assert answer.content_type == "application/json"
            assert (await answer.json()).items() >= {"error": "too_many_requests", "code": "RATE_LIMITED"}.items()
        async with nobody.post({}) as answer:
            assert answer.status == 401  # who brings none starts a login
        async with wire(here) as ann, ann.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/%6dcp"])
async def test_an_address_that_is_not_listed_is_refused_before_its_token_is_looked_at(path):
    async with house(allowed=("198.51.100.0/24",)) as here, wire(here) as ann:
        checked: list[str | None] = []
        here.door.check = lambda authorization, address: checked.append(authorization)  # type: ignore[method-assign]
        async with ann.http.post(here.origin + path, headers=ann.auth, json={}) as answer:
            assert answer.status == 403
            assert "WWW-Authenticate" not in answer.headers
            assert (await answer.json())["error"] == "address_not_allowed"
        assert checked == []
        async with ann.http.get(here.origin + "/healthz") as answer:
            assert answer.status == 200


async def test_an_address_that_is_listed_is_let_in():
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    async with house(allowed=("127.0.0.0/8",)) as here, wire(here) as ann, ann.post(ping) as answer:
        assert answer.status == 200
