"""Hours of contracts: what TWS writes becomes sessions in UTC, and what it doesn't tell stays unknown."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.ibkr.hours import market_clock, sessions, zone
from cockpit.model.refusals import Refused

WEEK = (
    "20260309:0930-20260309:1600;20260310:0930-20260310:1600;20260311:0930-20260311:1600;"
    "20260312:0930-20260312:1600;20260313:0930-20260313:1300;20260314:CLOSED"
)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_a_session_opens_and_closes_by_the_wall_clock_of_its_zone_across_the_change_to_summer_time() -> None:
    winter = sessions("20260306:0930-20260306:1600", "US/Eastern")
    summer = sessions("20260309:0930-20260309:1600", "US/Eastern")
    assert winter is not None
    assert summer is not None
    assert winter.spans[0].opens_at == at(2026, 3, 6, 14, 30)
    assert summer.spans[0].opens_at == at(2026, 3, 9, 13, 30)


def test_a_half_day_closes_when_it_is_told_to() -> None:
    found = sessions(WEEK, "America/New_York")
    assert found is not None
    assert found.closes(date(2026, 3, 13)) == at(2026, 3, 13, 17)
    assert found.usual_close() == time(16)
    assert found.seconds() == 6 * 3600 + 1800


def test_the_clock_says_when_the_market_opens_next_and_closes_next() -> None:
    found = sessions(WEEK, "US/Eastern")
    before = market_clock(found, at(2026, 3, 9, 12), "ibkr", "SPY")
    within = market_clock(found, at(2026, 3, 9, 15), "ibkr", "SPY")
    after = market_clock(found, at(2026, 3, 14, 15), "ibkr", "SPY")
    assert (before.is_open, before.opens_at, before.closes_at) == (False, at(2026, 3, 9, 13, 30), at(2026, 3, 9, 20))
    assert (within.is_open, within.opens_at, within.closes_at) == (True, at(2026, 3, 10, 13, 30), at(2026, 3, 9, 20))
    assert (after.is_open, after.opens_at, after.closes_at) == (False, None, None)


def test_an_overnight_session_of_futures_belongs_to_the_day_on_which_it_ends() -> None:
    found = sessions("20260412:1700-20260413:1600;20260413:1700-20260414:1600", "US/Central")
    assert found is not None
    assert [span.day for span in found.spans] == [date(2026, 4, 13), date(2026, 4, 14)]
    assert found.is_open(at(2026, 4, 13, 3))
    assert not found.is_open(at(2026, 4, 13, 21, 30))
    assert found.opens(date(2026, 4, 13)) == at(2026, 4, 12, 22)


def test_a_day_that_is_not_told_opens_as_the_others_do() -> None:
    stocks, futures = sessions(WEEK, "US/Eastern"), sessions("20260412:1700-20260413:1600", "US/Central")
    assert stocks is not None
    assert futures is not None
    assert stocks.opens(date(2026, 1, 5)) == at(2026, 1, 5, 14, 30)
    assert futures.opens(date(2026, 1, 6)) == at(2026, 1, 5, 23)


def test_the_older_form_with_several_stretches_a_day_is_read() -> None:
    found = sessions("20180421:CLOSED;20180423:0900-1130,1230-1500", "Japan")
    assert found is not None
    assert [(span.opens_at, span.closes_at) for span in found.spans] == [
        (at(2018, 4, 23, 0), at(2018, 4, 23, 2, 30)),
        (at(2018, 4, 23, 3, 30), at(2018, 4, 23, 6)),
    ]
    assert not found.is_open(at(2018, 4, 23, 3))


def test_a_day_with_a_break_opens_with_its_first_stretch_and_closes_with_its_last() -> None:
    found = sessions("20180423:0900-1130,1230-1500", "Japan")
    assert found is not None
    assert found.opens(date(2018, 4, 23)) == at(2018, 4, 23, 0)
    assert found.closes(date(2018, 4, 23)) == at(2018, 4, 23, 6)
    assert found.next_close(at(2018, 4, 23, 0)) == at(2018, 4, 23, 2, 30)
    assert found.next_open(at(2018, 4, 23, 2, 30)) == at(2018, 4, 23, 3, 30)


def test_what_begins_or_ends_at_this_instant_is_not_what_comes_next() -> None:
    found = sessions(WEEK, "US/Eastern")
    assert found is not None
    assert found.next_open(at(2026, 3, 9, 13, 30)) == at(2026, 3, 10, 13, 30)
    assert found.next_close(at(2026, 3, 9, 20)) == at(2026, 3, 10, 20)


@pytest.mark.parametrize(
    ("text", "closes"),
    [
        ("20260413:0930-20260413:1200;20260413:1200-20260413:1600", at(2026, 4, 13, 20)),
        ("20260413:0930-20260413:1600;20260413:1000-20260413:1200", at(2026, 4, 13, 20)),
    ],
)
def test_stretches_that_touch_or_overlap_are_one(text: str, closes: datetime) -> None:
    found = sessions(text, "US/Eastern")
    assert found is not None
    assert [(span.opens_at, span.closes_at) for span in found.spans] == [(at(2026, 4, 13, 13, 30), closes)]


def test_midnight_may_be_written_as_the_24th_hour() -> None:
    found = sessions("20260413:0000-20260413:2400", "US/Eastern")
    assert found is not None
    assert (found.spans[0].day, found.spans[0].closes_at) == (date(2026, 4, 13), at(2026, 4, 14, 4))
    assert sessions("20260413:0000-20260413:2401", "US/Eastern") is None


def test_a_text_without_end_is_not_read() -> None:
    assert sessions(";".join([WEEK] * 200), "US/Eastern") is None


def test_hours_of_the_older_form_that_go_back_begin_on_the_evening_before() -> None:
    found = sessions("20180423:1700-1515", "US/Central")
    assert found is not None
    assert found.spans[0].opens_at == at(2018, 4, 22, 22)


def test_a_session_around_the_clock_ends_at_midnight_and_belongs_to_its_day() -> None:
    found = sessions("20260412:0000-20260413:0000;20260413:0000-20260414:0000", "US/Eastern")
    assert found is not None
    assert [span.day for span in found.spans] == [date(2026, 4, 12), date(2026, 4, 13)]


@pytest.mark.parametrize(
    "text", ["", "20260413:0930", "20260413:0930-20260413:0800", "20261399:0930-20261399:1600", "x"]
)
def test_what_cannot_be_read_is_not_known(text: str) -> None:
    assert sessions(text, "US/Eastern") is None


@pytest.mark.parametrize("name", ["", "Nowhere/Land", "../../etc/passwd", "/etc/localtime", "US/East\0ern"])
def test_a_zone_that_does_not_exist_is_not_known(name: str) -> None:
    assert zone(name) is None


@pytest.mark.parametrize(
    ("name", "key"),
    [("US/Eastern", "US/Eastern"), ("EST (Eastern Standard Time)", "America/New_York"), ("MET", "Europe/Berlin")],
)
def test_zones_are_those_that_tws_means(name: str, key: str) -> None:
    assert zone(name) == ZoneInfo(key)


def test_beyond_the_days_that_are_told_the_session_is_unknown() -> None:
    found = sessions(WEEK, "US/Eastern")
    with pytest.raises(Refused) as refused:
        market_clock(found, at(2026, 3, 16, 15), "ibkr", "SPY")
    assert refused.value.refusal.code == "SESSION_UNKNOWN"
    with pytest.raises(Refused):
        market_clock(None, at(2026, 3, 9, 15), "ibkr", "SPY")


@given(
    first=st.dates(date(2020, 1, 1), date(2030, 12, 1)),
    hours=st.tuples(st.times(), st.times()),
    days=st.integers(1, 7),
    where=st.sampled_from(["US/Eastern", "US/Central", "Europe/London", "Asia/Tokyo", "Australia/Sydney"]),
)
def test_whatever_is_told_is_open_from_its_first_instant_to_before_its_last(
    first: date, hours: tuple[time, time], days: int, where: str
) -> None:
    opens, closes = (one.replace(second=0, microsecond=0) for one in sorted(hours))
    if (closes.hour * 60 + closes.minute) - (opens.hour * 60 + opens.minute) < 180:
        closes = time(23, 59) if opens < time(20) else closes
        opens = min(opens, time(12))
    text = ";".join(
        f"{day:%Y%m%d}:{opens:%H%M}-{day:%Y%m%d}:{closes:%H%M}"
        for day in (first + timedelta(days=number) for number in range(days))
    )
    found = sessions(text, where)
    assert found is not None
    for span in found.spans:
        assert found.is_open(span.opens_at)
        assert not found.is_open(span.closes_at)
        assert found.next_close(span.opens_at) == span.closes_at


def test_what_trades_around_the_clock_neither_opens_nor_closes_at_midnight() -> None:
    days = [date(2026, 4, 12) + timedelta(days=number) for number in range(6)]
    told = ";".join(f"{day:%Y%m%d}:0000-{day + timedelta(days=1):%Y%m%d}:0000" for day in days)
    clock = market_clock(sessions(told, "US/Eastern"), at(2026, 4, 13, 15), "ibkr", "BTC")
    assert (clock.is_open, clock.opens_at, clock.closes_at) == (True, None, None)


def test_what_pauses_at_the_end_of_its_week_closes_then_and_not_before() -> None:
    told = "20260412:1800-20260413:1800;20260413:1800-20260414:1700;20260414:1800-20260415:1700"
    clock = market_clock(sessions(told, "US/Eastern"), at(2026, 4, 13, 15), "ibkr", "MESM6")
    assert (clock.opens_at, clock.closes_at) == (at(2026, 4, 14, 22), at(2026, 4, 14, 21))


def test_an_hour_that_the_change_to_summer_time_leaves_out_hides_no_other_hours() -> None:
    found = sessions("20260308:0200-20260308:0300,0930-1600", "US/Eastern")
    assert found is not None
    assert [(span.opens_at, span.closes_at) for span in found.spans] == [(at(2026, 3, 8, 13, 30), at(2026, 3, 8, 20))]


@given(
    # The first days of the changes to and from summer time, and any other.
    first=st.sampled_from([date(2026, 3, 7), date(2026, 10, 31), date(2026, 3, 28), date(2026, 10, 24)])
    | st.dates(date(2020, 1, 1), date(2030, 12, 1)),
    minutes=st.lists(st.integers(0, 5 * 24 * 60), min_size=2, max_size=12, unique=True),
    touching=st.lists(st.booleans(), min_size=12, max_size=12),
    where=st.sampled_from(["US/Eastern", "US/Central", "Europe/London", "Asia/Tokyo", "Australia/Sydney", "UTC"]),
    probes=st.lists(st.integers(0, 6 * 24 * 60), min_size=1, max_size=20),
)
def test_the_next_opening_and_closing_are_where_trading_begins_and_ends(
    first: date, minutes: list[int], touching: list[bool], where: str, probes: list[int]
) -> None:
    walls = [datetime.combine(first, time()) + timedelta(minutes=one) for one in sorted(minutes)]
    told = [
        f"{opens:%Y%m%d:%H%M}-{closes:%Y%m%d:%H%M}"
        for number, (opens, closes) in enumerate(pairwise(walls))
        if number % 2 == 0 or touching[number]
    ]
    found = sessions(";".join(told), where)
    if found is None:
        return
    moment, start = timedelta(microseconds=1), datetime.combine(first, time(), ZoneInfo(where)).astimezone(UTC)
    for now in (start + timedelta(minutes=one) for one in probes):
        opens, closes = found.next_open(now), found.next_close(now)
        assert opens is None or opens != closes
        if opens is not None:
            assert opens > now
            assert found.is_open(opens)
            assert not found.is_open(opens - moment)
        if closes is not None:
            assert closes > now
            assert found.is_open(closes - moment)
            assert not found.is_open(closes)
        if opens is not None and closes is not None:
            assert (closes < opens) == found.is_open(now)
        if opens is None and not found.is_open(now):
            assert all(span.opens_at <= now for span in found.spans)


@given(st.text(max_size=200))
def test_any_text_is_either_read_or_not_known(text: str) -> None:
    sessions(text, "US/Eastern")
