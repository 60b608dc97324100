import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.fake_face import calls
from tui.calls import CallHistory, FilterUnfit, filter_of


def numbers(history: CallHistory, height: int) -> list[int]:
    return [call.number for call in history.window(height)]


def test_following_shows_the_newest() -> None:
    history = CallHistory(100)
    history.extend(calls(10))
    assert numbers(history, 3) == [7, 8, 9]


def test_scrolled_back_rows_stay_where_they_are_while_new_ones_are_counted() -> None:
    history = CallHistory(100)
    history.extend(calls(10))
    history.scroll(-2, 3)
    history.extend(calls(5, 10))
    assert numbers(history, 3) == [5, 6, 7]
    assert (history.following, history.fresh) == (False, 5)


def test_scrolling_to_the_end_follows_again() -> None:
    history = CallHistory(100)
    history.extend(calls(10))
    history.scroll(-2, 3)
    history.scroll(2, 3)
    assert history.following


def test_a_call_that_is_held_already_is_not_taken_twice() -> None:
    history = CallHistory(100)
    history.extend(calls(10))
    assert history.extend(calls(12)) == 2
    assert numbers(history, 20) == list(range(12))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("client:claude", {"claude"}),
        ("state:denied", {"cursor"}),
        ("tool:place*", {"codex-cli", "claude", "cursor"}),
        ("tool:*bars", {"claude"}),
        ("tool:quote*", set()),
        ("client:c* !claude !tool:place*", {"codex-cli", "cursor"}),
        ("nova*1m", {"claude"}),
        ("tool:[a-z]*", set()),
        ("get_bars", {"claude"}),
        ("!claude !codex", {"cursor"}),
        ("code:scope_missing", {"cursor"}),
        ("SELL nova", {"codex-cli"}),
    ],
)
def test_a_filter_shows_what_fits_every_word(text: str, expected: set[str]) -> None:
    history = CallHistory(100)
    history.extend(calls(33))
    history.narrow(filter_of(text))
    assert {call.client for call in history.window(50)} == expected


def test_new_calls_pass_the_filter_too() -> None:
    history = CallHistory(100)
    history.narrow(filter_of("state:denied"))
    assert history.extend(calls(11)) == 1
    history.narrow(None)
    assert len(history.window(50)) == 11


@pytest.mark.parametrize("text", ["colour:red", "state:blue"])
def test_a_filter_that_means_nothing_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(FilterUnfit, match=r"client|denied"):
        filter_of(text)


def test_an_empty_filter_is_none() -> None:
    assert filter_of("  ") is None


@given(
    st.integers(1, 30),
    st.lists(st.one_of(st.tuples(st.just("add"), st.integers(1, 9)), st.tuples(st.just("scroll"), st.integers(-9, 9)))),
    st.integers(1, 12),
)
def test_whatever_happens_the_window_is_a_run_of_held_calls(
    limit: int, steps: list[tuple[str, int]], height: int
) -> None:
    history = CallHistory(limit)
    count = 0
    for step, size in steps:
        if step == "add":
            history.extend(calls(size, count))
            count += size
        else:
            history.scroll(size, height)
        shown = numbers(history, height)
        assert len(shown) == min(height, min(limit, count)) or not history.following
        assert shown == list(range(shown[0], shown[0] + len(shown))) if shown else count == 0
        assert all(max(0, count - limit) <= number < count for number in shown)
