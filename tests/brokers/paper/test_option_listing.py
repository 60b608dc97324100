"""Which options the invented market lists."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.paper.option_listing import contract, expires_at, has_options, instrument, listed, series, strikes
from cockpit.model.calendars.shipped import calendar
from cockpit.model.options import OptionContract, Right

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
moments = st.integers(0, 3 * 365 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds))


def test_six_weeks_and_six_months_are_listed() -> None:
    found = series("ALFA", NOW)
    assert [(one.expiry.isoformat(), one.monthly) for one in found] == [
        ("2026-03-06", False), ("2026-03-13", False), ("2026-03-20", True), ("2026-03-27", False),
        ("2026-04-02", False), ("2026-04-10", False), ("2026-04-17", True), ("2026-05-15", True),
        ("2026-06-18", True), ("2026-07-17", True), ("2026-08-21", True),
    ]  # fmt: skip


def test_options_expire_at_the_close_of_new_york_and_a_day_early_where_friday_is_a_holiday() -> None:
    ends = {one.expiry: one.last_trade_at for one in series("ALFA", NOW)}
    assert ends[date(2026, 3, 6)] == datetime(2026, 3, 6, 21, tzinfo=UTC)
    assert ends[date(2026, 3, 13)] == datetime(2026, 3, 13, 20, tzinfo=UTC)  # summer time has begun
    assert ends[date(2026, 4, 2)] == datetime(2026, 4, 2, 20, tzinfo=UTC)  # Good Friday is the third
    thanksgiving = {one.expiry: one.last_trade_at for one in series("ALFA", datetime(2026, 11, 23, tzinfo=UTC))}
    assert thanksgiving[date(2026, 11, 27)] == datetime(2026, 11, 27, 18, tzinfo=UTC)  # half a day


def test_an_expired_series_is_gone_with_its_last_instant() -> None:
    close = datetime(2026, 3, 6, 21, tzinfo=UTC)
    assert series("ALFA", close - timedelta(seconds=1))[0].expiry == date(2026, 3, 6)
    assert series("ALFA", close)[0].expiry == date(2026, 3, 13)


@given(moments, st.integers(0, 200))
def test_what_is_listed_once_stays_listed_until_it_expires(now: datetime, hours: int) -> None:
    later = now + timedelta(hours=hours)
    still = {one.expiry for one in series("ALFA", now) if one.last_trade_at > later}
    assert still <= {one.expiry for one in series("ALFA", later)}
    assert all(one.last_trade_at > now for one in series("ALFA", now))


def test_beyond_the_calendar_nothing_is_listed() -> None:
    end = calendar("XNYS").last
    late = series("ALFA", datetime(end.year, end.month, 1, tzinfo=UTC))
    assert late
    assert all(one.expiry <= end for one in late)


def test_coins_and_strangers_have_no_options() -> None:
    assert has_options("ALFA")
    for symbol in ("JULI", "NOPE", "ALFA260320C00360000"):
        assert not has_options(symbol)
        assert series(symbol, NOW) == ()
        assert strikes(symbol) == ()


def test_strikes_lie_on_a_grid_around_the_usual_price() -> None:
    found = strikes("ALFA")
    assert (found[0], found[-1]) == (165, 820)
    assert {later - one for one, later in pairwise(found)} == {5}
    assert strikes("DLTA")[0] == Decimal("2.25")
    assert strikes("ECHO")[1] - strikes("ECHO")[0] == 25


def test_every_strike_of_a_series_is_found_by_its_symbol() -> None:
    (first, *_) = series("ALFA", NOW)
    for strike in strikes("ALFA"):
        for right in Right:
            option = OptionContract("ALFA", first.expiry, right, strike)
            assert listed(option.symbol, NOW) == option
            assert expires_at(option) == first.last_trade_at
            told = instrument(option)
            assert (told.multiplier, told.simulated, told.option) == (100, True, option)


def test_what_is_off_the_grid_or_the_calendar_is_not_listed() -> None:
    for symbol in ("ALFA260320C00361000", "ALFA260320C00160000", "ALFA260320C00825000", "JULI260320C01200000"):
        assert contract(symbol) is None
        assert listed(symbol, NOW) is None
    tuesday = "ALFA260317C00360000"
    assert contract(tuesday) is not None
    assert listed(tuesday, NOW) is None
    assert contract("ALFA  260320C00360000") is None


@given(moments)
def test_everything_ends_with_an_hour_when_an_account_looks_at_its_market(now: datetime) -> None:
    ends = [one.last_trade_at for one in series("ALFA", now)]
    assert all((end.minute, end.second, end.microsecond) == (0, 0, 0) for end in ends)
