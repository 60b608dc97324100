from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.calendars.shipped import calendar, names, source
from cockpit.model.refusals import Refused

NEW_YORK = calendar("XNYS")
TOKYO = calendar("XTKS")
ASKED_FOR = {"XNYS", "XNAS", "XLON", "XETR", "XFRA", "XTKS", "XHKG", "XASX", "XTSE", "XPAR", "XBOM"}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


def test_the_main_exchanges_are_shipped_in_a_small_table() -> None:
    assert set(names()) >= ASKED_FOR
    assert len(files("cockpit.model.calendars").joinpath("table.json").read_bytes()) < 120_000
    assert source().startswith("exchange_calendars ")


def test_hours_follow_the_exchange_s_own_clock_through_the_year() -> None:
    winter, summer = NEW_YORK.session(date(2026, 1, 20)), NEW_YORK.session(date(2026, 7, 20))
    assert winter is not None
    assert summer is not None
    assert (winter.opens_at, winter.closes_at) == (utc(2026, 1, 20, 14, 30), utc(2026, 1, 20, 21, 0))
    assert (summer.opens_at, summer.closes_at) == (utc(2026, 7, 20, 13, 30), utc(2026, 7, 20, 20, 0))


def test_a_holiday_and_a_half_day_are_known() -> None:
    first, last = date(2026, 11, 23), date(2026, 11, 30)
    assert NEW_YORK.holidays(first, last) == (date(2026, 11, 26),)
    (half,) = NEW_YORK.special_hours(first, last)
    assert (half.day, half.closes_at) == (date(2026, 11, 27), utc(2026, 11, 27, 18, 0))
    assert [session.day.day for session in NEW_YORK.sessions(first, last)] == [23, 24, 25, 27, 30]


def test_a_weekend_is_no_holiday_and_no_session() -> None:
    assert NEW_YORK.session(date(2026, 11, 28)) is None
    assert NEW_YORK.holidays(date(2026, 11, 28), date(2026, 11, 29)) == ()


def test_an_exchange_is_open_from_its_first_instant_to_before_its_last() -> None:
    opens, closes = utc(2026, 1, 20, 14, 30), utc(2026, 1, 20, 21, 0)
    instant = timedelta(microseconds=1)
    assert not NEW_YORK.is_open(opens - instant)
    assert NEW_YORK.is_open(opens)
    assert NEW_YORK.is_open(closes - instant)
    assert not NEW_YORK.is_open(closes)


def test_a_break_is_closed_and_trading_goes_on_after_it() -> None:
    during = utc(2026, 3, 2, 3, 0)  # noon in Tokyo
    assert TOKYO.is_open(utc(2026, 3, 2, 2, 29))
    assert not TOKYO.is_open(during)
    assert TOKYO.next_open(during) == utc(2026, 3, 2, 3, 30)
    assert TOKYO.next_close(utc(2026, 3, 2, 1, 0)) == utc(2026, 3, 2, 2, 30)
    assert TOKYO.next_close(during) == utc(2026, 3, 2, 6, 30)


def test_hours_that_an_exchange_changed_for_good_hold_from_then_on() -> None:
    before, after = TOKYO.session(date(2024, 10, 31)), TOKYO.session(date(2024, 11, 5))
    assert before is not None
    assert after is not None
    assert (before.closes_at.hour, before.closes_at.minute) == (6, 0)
    assert (after.closes_at.hour, after.closes_at.minute) == (6, 30)
    assert TOKYO.special_hours(date(2024, 10, 1), date(2024, 10, 31)) == ()


def test_the_next_opening_lies_beyond_weekend_and_holidays() -> None:
    friday_evening = utc(2026, 1, 16, 22, 0)  # the Monday after it is Martin Luther King's
    assert NEW_YORK.next_open(friday_evening) == utc(2026, 1, 20, 14, 30)
    assert NEW_YORK.last_close(utc(2026, 1, 20, 14, 30)) == utc(2026, 1, 16, 21, 0)


@pytest.mark.parametrize("day", [date(2014, 12, 31), date(2031, 1, 1)])
def test_beyond_the_table_nothing_is_guessed(day: date) -> None:
    with pytest.raises(Refused) as refused:
        NEW_YORK.session(day)
    assert refused.value.refusal.code == "SESSION_UNKNOWN"
    with pytest.raises(Refused):
        NEW_YORK.is_open(datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=15))


def test_the_last_days_of_the_table_have_no_next_opening() -> None:
    with pytest.raises(Refused) as refused:
        NEW_YORK.next_open(utc(2030, 12, 31, 22, 0))
    assert refused.value.refusal.details["knows_until"] == "2030-12-31"


def test_an_exchange_that_is_not_shipped_is_refused() -> None:
    with pytest.raises(Refused):
        calendar("XXXX")


def test_a_question_is_bounded_and_in_order() -> None:
    for first, last in ((date(2026, 1, 2), date(2026, 1, 1)), (date(2015, 1, 1), date(2030, 1, 1))):
        with pytest.raises(Refused) as refused:
            NEW_YORK.sessions(first, last)
        assert refused.value.refusal.code == "BAD_ARGUMENTS"


@pytest.mark.parametrize("name", names())
def test_every_calendar_is_whole(name: str) -> None:
    each = calendar(name)
    assert each.normal[0][0] <= each.first
    year = each.sessions(date(2025, 1, 1), date(2025, 12, 31))
    assert 235 <= len(year) <= 262
    for session in year:
        assert session.opens_at < session.closes_at
        assert session.opens_at.astimezone(each.zone).date() == session.day
        if session.pause is not None:
            assert session.opens_at < session.pause[0] < session.pause[1] < session.closes_at
    assert all(one.closes_at < other.opens_at for one, other in pairwise(year))
    assert not {session.day for session in year} & set(each.holidays(date(2025, 1, 1), date(2025, 12, 31)))


@given(
    name=st.sampled_from(["XNYS", "XTKS", "XHKG", "XLON", "XASX"]),
    at=st.integers(0, 15 * 365 * 86_400).map(lambda seconds: utc(2015, 3, 1) + timedelta(seconds=seconds)),
)
def test_open_changes_exactly_at_the_next_turn(name: str, at: datetime) -> None:
    each = calendar(name)
    opens, closes = each.next_open(at), each.next_close(at)
    assert each.is_open(at) == (closes < opens)
    assert each.is_open(opens)
    assert not each.is_open(closes)
    assert each.last_close(at) <= at
    between = min(opens, closes) - timedelta(microseconds=1)
    assert each.is_open(between) == each.is_open(at)
