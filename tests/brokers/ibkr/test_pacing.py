"""Limits of history: whatever is asked, nothing is sent that IB would call a violation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.ibkr import pacing as pacing_of_broker
from cockpit.brokers.ibkr.pacing import BURST, BURST_SECONDS, IDENTICAL_SECONDS, MOST_OPEN, Pacing, Window


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.floats(0, 4)), max_size=80))
def test_no_request_is_repeated_within_fifteen_seconds_and_no_burst_is_longer_than_five(
    wishes: list[tuple[int, int, float]],
) -> None:
    pacing, now = Pacing(), 100.0
    sent: list[tuple[float, int, int]] = []
    for request, group, pause in wishes:
        now += pause
        if pacing.wait((request, group), group, now) == 0:
            pacing.take((request, group), group, now)
            sent.append((now, request, group))
    for at, request, group in sent:
        same = [one for one in sent if one[1:] == (request, group) and 0 < at - one[0] < IDENTICAL_SECONDS - 1e-9]
        burst = [one for one in sent if one[2] == group and 0 <= at - one[0] < BURST_SECONDS - 1e-9]
        assert not same
        assert len(burst) <= BURST


def test_the_sixth_of_a_burst_waits_for_the_first_to_be_two_seconds_ago() -> None:
    pacing = Pacing()
    for number in range(5):
        assert pacing.wait(number, "ALFA", 10.0 + number / 10) == 0
        pacing.take(number, "ALFA", 10.0 + number / 10)
    assert pacing.wait(5, "ALFA", 10.5) == pytest.approx(1.5)
    assert pacing.wait(5, "BRVO", 10.5) == 0
    assert pacing.wait(5, "ALFA", 12.0) == 0


def test_what_is_long_over_is_forgotten_and_what_is_not_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing_of_broker, "_MOST_REMEMBERED", 3)
    pacing = Pacing()
    for number, at in enumerate((0.0, 0.1, 14.0)):
        pacing.take(number, f"of {number}", at)
    pacing.take("new", "of new", 15.05)
    assert pacing._asked.keys() == {1, 2, "new"}
    assert pacing._bursts.keys() == {"of 2", "of new"}
    assert pacing.wait(1, "of 1", 15.05) == pytest.approx(0.05)


def test_a_new_pacing_counts_nothing_as_open_and_lets_fifty_be() -> None:
    pacing = Pacing()
    assert pacing.open == 0
    pacing.open = 49
    assert pacing.wait("bars", "ALFA", 0.0) == 0
    pacing.open = 50
    assert pacing.wait("bars", "ALFA", 0.0) == 1


def test_after_the_wait_that_is_told_the_request_may_be_sent() -> None:
    pacing = Pacing()
    pacing.take("bars", "ALFA", 10.0)
    wait = pacing.wait("bars", "ALFA", 12.0)
    assert wait == 13.0
    assert pacing.wait("bars", "ALFA", 12.0 + wait) == 0


def test_no_more_are_open_than_may_be() -> None:
    pacing = Pacing()
    pacing.open = MOST_OPEN
    assert pacing.wait("bars", "ALFA", 0.0) > 0


@given(st.integers(1, 10), st.lists(st.floats(0, 20), max_size=60))
def test_a_window_never_holds_more_than_its_most(most: int, pauses: list[float]) -> None:
    window, now = Window(most, 30.0), 0.0
    taken: list[float] = []
    for pause in pauses:
        now += pause
        if window.wait(now) == 0:
            window.take(now)
            taken.append(now)
    for at in taken:
        assert sum(1 for one in taken if 0 <= at - one < 30.0 - 1e-9) <= most
