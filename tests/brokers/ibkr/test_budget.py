"""The message budget, for every order in which messages could be asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.ibkr.budget import FLOOR, MOST, RESERVE, SLACK, WINDOW, Budget, Lane, most

ASKED = st.lists(
    st.tuples(st.sampled_from(Lane), st.integers(1, 6), st.floats(0, 0.3), st.floats(0, SLACK), st.integers(0, 60)),
    min_size=1,
    max_size=200,
)
"""What is asked for, the time since what was asked for before, how late it leaves, and how many orders rest then."""


def most_in_a_second(left: list[float]) -> int:
    left = sorted(left)
    return max((sum(at <= other < at + 1 for other in left) for at in left), default=0)


@given(ASKED)
def test_no_sliding_second_ever_sees_more_than_49_messages_or_30_reads(
    asked: list[tuple[Lane, int, float, float, int]],
) -> None:
    budget, now = Budget(), 0.0
    left: list[tuple[Lane, float]] = []
    for lane, count, pause, slack, resting in asked:
        now += pause
        now += budget.wait(lane, count, now, resting)
        budget.take(count, now)
        left += [(lane, now + slack)] * count
    assert most_in_a_second([at for _, at in left]) <= MOST
    assert most_in_a_second([at for lane, at in left if lane is Lane.READ]) <= most(Lane.READ, 0)


@given(ASKED)
def test_whoever_waits_as_long_as_told_may_go(asked: list[tuple[Lane, int, float, float, int]]) -> None:
    budget, now = Budget(), 0.0
    for lane, count, pause, _, resting in asked:
        now += pause
        wait = budget.wait(lane, count, now, resting)
        assert 0 <= wait <= WINDOW + 1e-9
        now += wait
        assert budget.wait(lane, count, now, resting) <= 1e-9
        budget.take(count, now)


@given(
    st.lists(
        st.tuples(st.sampled_from(["place", "ask", "read", "end"]), st.integers(1, 6), st.floats(0, 0.3)),
        max_size=200,
    )
)
def test_each_order_that_rests_has_a_place_for_its_cancel_at_every_moment(
    happens: list[tuple[str, int, float]],
) -> None:
    budget, now, resting = Budget(), 0.0, 0
    for what, count, pause in happens:
        now += pause
        if what == "end":
            resting -= min(resting, count)
        else:
            resting += count if what == "place" else 0
            lane = Lane.READ if what == "read" else Lane.ORDER
            now += budget.wait(lane, count, now, resting)
            budget.take(count, now)
        assert budget.wait(Lane.CANCEL, 1, now) == 0
        kill = min(resting + RESERVE, MOST - FLOOR[Lane.ORDER])
        assert budget.wait(Lane.CANCEL, kill, now) == 0


@given(ASKED, st.integers(0, 1000))
def test_a_window_always_takes_as_many_reads_or_orders_as_keep_both_usable(
    asked: list[tuple[Lane, int, float, float, int]], resting: int
) -> None:
    for lane in (Lane.ORDER, Lane.READ):
        budget, now = Budget(), 0.0
        for _, count, pause, _, others in asked:
            now += pause
            now += budget.wait(lane, count, now, others)
            budget.take(count, now)
        assert budget.wait(lane, FLOOR[lane], now, resting) <= WINDOW + 1e-9
        assert budget.wait(lane, FLOOR[lane], now + WINDOW, resting) == 0
    assert FLOOR[Lane.READ] / WINDOW >= 8
    assert FLOOR[Lane.ORDER] / WINDOW >= 10


@pytest.mark.parametrize(
    ("resting", "reads", "orders", "cancels"), [(0, 30, 35, 14), (10, 20, 25, 24), (21, 9, 14, 35), (100, 9, 14, 35)]
)
def test_reads_leave_room_for_orders_and_both_leave_room_for_cancels(
    resting: int, reads: int, orders: int, cancels: int
) -> None:
    budget = Budget()

    def leave(lane: Lane, count: int) -> None:
        for _ in range(count):
            assert budget.wait(lane, 1, 0.0, resting) == 0
            budget.take(1, 0.0)
        assert budget.wait(lane, 1, 0.0, resting) == pytest.approx(WINDOW)

    leave(Lane.READ, reads)
    leave(Lane.ORDER, orders - reads)
    leave(Lane.CANCEL, cancels)


def test_what_left_is_forgotten_after_the_window() -> None:
    budget = Budget()
    budget.take(49, 5.0)
    assert budget.wait(Lane.CANCEL, 1, 5.0 + WINDOW - 0.25) == pytest.approx(0.25)
    assert budget.wait(Lane.CANCEL, 49, 5.0 + WINDOW) == 0


def test_more_at_once_than_may_always_leave_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="10 messages at once"):
        Budget().wait(Lane.READ, 10, 0.0)
