from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cockpit.desk.deadlines import Deadlines

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class TwoClocks:
    """A wall clock that may jump, and one that doesn't."""

    def __init__(self) -> None:
        self.wall = NOON
        self.steady = 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(-7200, 7200)), max_size=20))
def test_no_wait_outlives_its_length_however_the_clock_jumps(steps: list[tuple[float, int]]) -> None:
    clock = TwoClocks()
    deadlines, until = Deadlines(clock), clock.now() + timedelta(seconds=120)
    assert not deadlines.over("o-1", NOON, until)
    for seconds, jump in steps:
        clock.passes(seconds)
        clock.wall += timedelta(seconds=jump)
        due = clock.steady >= 120 or clock.wall >= until
        assert deadlines.over("o-1", NOON, until) == due


def test_a_wait_that_is_seen_only_after_the_clock_was_put_back_is_no_longer_than_any() -> None:
    clock = TwoClocks()
    deadlines, until = Deadlines(clock), NOON + timedelta(seconds=120)
    clock.wall -= timedelta(hours=1)
    assert not deadlines.over("o-1", NOON, until)
    clock.passes(119)
    assert not deadlines.over("o-1", NOON, until)
    clock.passes(1)
    assert deadlines.over("o-1", NOON, until)


def test_a_wait_whose_end_is_moved_counts_anew_and_one_that_ended_is_forgotten() -> None:
    clock = TwoClocks()
    deadlines = Deadlines(clock)
    assert not deadlines.over("o-1", NOON, NOON + timedelta(seconds=10))
    clock.passes(9)
    assert not deadlines.over("o-1", clock.now(), clock.now() + timedelta(seconds=10))
    clock.wall -= timedelta(hours=1)
    clock.passes(9)
    deadlines.keep(["o-2"])
    assert not deadlines.over("o-1", clock.now(), clock.now() + timedelta(seconds=5))
