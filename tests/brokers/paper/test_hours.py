from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cockpit.brokers.paper.hours import hours
from cockpit.model.refusals import Refused

SUMMER_CLOSE = datetime(2026, 7, 20, 20, 0, tzinfo=UTC)


def test_a_market_without_hours_is_always_open_and_its_days_end_at_midnight() -> None:
    now = datetime(2026, 7, 19, 3, 0, tzinfo=UTC)
    moment = hours("always").at(now)
    assert (moment.open, moment.day_ended_at) == (True, datetime(2026, 7, 19, tzinfo=UTC))
    clock = hours("always").clock(now, "s")
    assert (clock.is_open, clock.opens_at, clock.closes_at, clock.source) == (True, None, None, "s")


def test_an_exchange_s_day_ends_at_its_close() -> None:
    before, after = (hours("XNYS").at(SUMMER_CLOSE + timedelta(seconds=seconds)) for seconds in (-1, 0))
    assert (before.open, before.day_ended_at) == (True, SUMMER_CLOSE - timedelta(days=3))
    assert (after.open, after.day_ended_at) == (False, SUMMER_CLOSE)


def test_its_clock_says_when_it_opens_and_closes_next() -> None:
    clock = hours("XNYS").clock(SUMMER_CLOSE, "s")
    assert not clock.is_open
    assert clock.opens_at == datetime(2026, 7, 21, 13, 30, tzinfo=UTC)
    assert clock.closes_at == datetime(2026, 7, 21, 20, 0, tzinfo=UTC)
    assert "XNYS" in clock.note


def test_beyond_the_calendar_nothing_trades_and_the_reason_is_known() -> None:
    late = datetime(2031, 3, 3, 15, 0, tzinfo=UTC)
    moment = hours("XNYS").at(late)
    assert not moment.open
    assert moment.unknown is not None
    assert moment.unknown.code == "SESSION_UNKNOWN"
    with pytest.raises(Refused):
        hours("XNYS").clock(late, "s")
