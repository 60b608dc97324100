"""The message budget, for every order in which messages could be asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.ibkr.budget import MOST, SLACK, WINDOW, Budget, Lane

ASKED = st.lists(
    st.tuples(st.sampled_from(Lane), st.integers(1, 6), st.floats(0, 0.3), st.floats(0, SLACK)),
    min_size=1,
    max_size=200,
)


def most_in_a_second(left: list[float]) -> int:
    left = sorted(left)
    return max((sum(at <= other < at + 1 for other in left) for at in left), default=0)


@given(ASKED)
def test_no_sliding_second_ever_sees_more_than_49_messages_or_30_reads(
    asked: list[tuple[Lane, int, float, float]],
) -> None:
    budget, now = Budget(), 0.0
    left: list[tuple[Lane, float]] = []
    for lane, count, pause, slack in asked:
        now += pause
        now += budget.wait(lane, count, now)
        budget.take(count, now)
        left += [(lane, now + slack)] * count
    assert most_in_a_second([at for _, at in left]) <= MOST[Lane.CANCEL]
    assert most_in_a_second([at for lane, at in left if lane is Lane.READ]) <= MOST[Lane.READ]


@given(ASKED)
def test_whoever_waits_as_long_as_told_may_go(asked: list[tuple[Lane, int, float, float]]) -> None:
    budget, now = Budget(), 0.0
    for lane, count, pause, _ in asked:
        now += pause
        wait = budget.wait(lane, count, now)
        assert 0 <= wait <= WINDOW
        now += wait
        assert budget.wait(lane, count, now) <= 1e-9
        budget.take(count, now)


def test_reads_leave_room_for_orders_and_both_leave_room_for_cancels() -> None:
    budget = Budget()
    budget.take(MOST[Lane.READ], 0.0)
    assert budget.wait(Lane.READ, 1, 0.0) == pytest.approx(WINDOW)
    assert budget.wait(Lane.ORDER, 5, 0.0) == 0
    budget.take(5, 0.0)
    assert budget.wait(Lane.ORDER, 1, 0.0) == pytest.approx(WINDOW)
    assert budget.wait(Lane.CANCEL, 14, 0.0) == 0
    budget.take(14, 0.0)
    assert budget.wait(Lane.CANCEL, 1, 0.0) == pytest.approx(WINDOW)


def test_what_left_is_forgotten_after_the_window() -> None:
    budget = Budget()
    budget.take(49, 5.0)
    assert budget.wait(Lane.CANCEL, 1, 5.0 + WINDOW - 0.25) == pytest.approx(0.25)
    assert budget.wait(Lane.CANCEL, 49, 5.0 + WINDOW) == 0


def test_more_at_once_than_may_ever_leave_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="31 messages at once"):
        Budget().wait(Lane.READ, 31, 0.0)
