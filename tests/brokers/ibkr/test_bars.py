"""Bars over a real connection: finished ones alone, in UTC, no faster than IB allows, and why there are none."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import BarData

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import bars as bars_of_broker
from cockpit.brokers.ibkr.bars import ask_for, duration, finished
from cockpit.brokers.ibkr.hours import sessions
from cockpit.model.quotes import Interval
from cockpit.model.refusals import Refused
from tests.brokers.ibkr.market_house import house
from tests.brokers.ibkr.test_ticks import ALFA
from tests.gateway.history import History
from tests.gateway.planned import Proceed, carry_on
from tests.gateway.rights import Pacing
from tests.gateway.session import Session

NOON = datetime(2026, 4, 13, 16, tzinfo=UTC)
WEEK = sessions("20260413:0930-20260413:1600;20260414:0930-20260414:1600", "US/Eastern")


def told(at: datetime | date, price: float = 10.0) -> BarData:
    return BarData(date=at, open=price, high=price + 1, low=price - 1, close=price, volume=5.0)


def test_a_bar_that_is_still_open_is_left_out() -> None:
    raw = [told(NOON - timedelta(minutes=2)), told(NOON - timedelta(minutes=1)), told(NOON - timedelta(seconds=30))]
    found = finished(raw, ALFA, WEEK, Interval.MIN_1, NOON, NOON)
    assert [one.opens_at for one in found] == [NOON - timedelta(minutes=2), NOON - timedelta(minutes=1)]


def test_the_day_is_finished_when_its_session_has_closed() -> None:
    day = date(2026, 4, 13)
    during = finished([told(day)], ALFA, WEEK, Interval.DAY_1, NOON, NOON)
    after = NOON.replace(hour=20, minute=1)
    assert during == ()
    (found,) = finished([told(day)], ALFA, WEEK, Interval.DAY_1, after, after)
    assert found.opens_at == datetime(2026, 4, 13, 13, 30, tzinfo=UTC)


def test_a_day_that_is_not_told_any_more_is_finished_and_one_not_told_yet_is_not() -> None:
    early = datetime(2026, 4, 13, 11, tzinfo=UTC)
    (found,) = finished([told(date(2026, 4, 10))], ALFA, WEEK, Interval.DAY_1, early, early)
    assert found.opens_at == datetime(2026, 4, 10, 13, 30, tzinfo=UTC)
    yesterday = datetime(2026, 4, 14, 11, tzinfo=UTC)
    tomorrow = sessions("20260414:0930-20260414:1600", "US/Eastern")
    assert len(finished([told(date(2026, 4, 13))], ALFA, tomorrow, Interval.DAY_1, yesterday, yesterday)) == 1
    assert finished([told(date(2026, 4, 14))], ALFA, None, Interval.DAY_1, yesterday, yesterday) == ()


def test_a_short_first_bar_of_a_session_is_finished_once_another_follows() -> None:
    opens = datetime(2026, 4, 13, 13, 30, tzinfo=UTC)
    now = opens + timedelta(minutes=40)
    found = finished([told(opens), told(opens + timedelta(minutes=30))], ALFA, WEEK, Interval.HOUR_1, now, now)
    assert [one.opens_at for one in found] == [opens]


def test_a_bar_without_a_zone_or_with_a_price_that_is_none_is_left_out() -> None:
    bad = told(NOON - timedelta(minutes=2), float("nan"))
    naive = told((NOON - timedelta(minutes=3)).replace(tzinfo=None))
    assert finished([bad, naive], ALFA, WEEK, Interval.MIN_1, NOON, NOON) == ()


@given(
    st.lists(st.integers(-600, 5), max_size=40),
    st.sampled_from([Interval.MIN_1, Interval.MIN_5, Interval.MIN_15, Interval.MIN_30, Interval.HOUR_1]),
    st.integers(-300, 0),
)
def test_bars_come_oldest_first_once_each_and_opened_before_the_end(
    minutes: list[int], interval: Interval, before: int
) -> None:
    end = NOON + timedelta(minutes=before)
    raw = [told(NOON + timedelta(minutes=one)) for one in minutes]
    found = [one.opens_at for one in finished(raw, ALFA, WEEK, interval, end, NOON)]
    assert found == sorted(set(found))
    assert all(one < end for one in found)


@pytest.mark.parametrize(
    ("interval", "count", "stretch"),
    [
        (Interval.MIN_1, 5, "2 D"),
        (Interval.MIN_1, 1000, "4 D"),
        (Interval.HOUR_1, 100, "18 D"),
        (Interval.DAY_1, 20, "23 D"),
        (Interval.DAY_1, 1000, "5 Y"),
    ],
)
def test_the_stretch_that_is_asked_for_holds_the_bars(interval: Interval, count: int, stretch: str) -> None:
    assert duration(interval, count, 23_400) == stretch


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 4, 12)), st.sampled_from(list(Interval)))  # noqa: DTZ001
def test_the_end_that_is_asked_for_is_not_before_the_bar_is_over(at: datetime, interval: Interval) -> None:
    end = at.replace(tzinfo=UTC)
    asked = ask_for(ALFA, WEEK, interval, 10, end, NOON).end
    until = datetime.strptime(asked, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC) if asked else NOON
    assert until >= end
    assert until - end <= timedelta(days=2)


@pytest.mark.parametrize("interval", list(Interval))
async def test_finished_bars_come_oldest_first_in_utc(interval: Interval) -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        found = await h.market.bars(alfa, interval, 7, None)
        opened = [one.opens_at for one in found.bars]
        assert len(opened) == 7
        assert opened == sorted(opened)
        assert all(
            one.tzinfo is UTC and one + timedelta(seconds=min(interval.seconds, 23_400)) <= h.clock.now()
            for one in opened
        )
        assert all(one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in found.bars)


async def test_bars_of_a_pair_have_no_volume_because_nobody_counts_it() -> None:
    async with house() as h:
        for symbol, counted in (("EUR.USD", False), ("ALFA", True)):
            (found,) = await h.market.find(symbol)
            told = (await h.market.bars(found, Interval.HOUR_1, 3, None)).bars
            assert [one.volume is not None for one in told] == [counted] * 3


async def test_bars_before_an_instant_end_with_the_one_it_lies_in() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        every = (await h.market.bars(alfa, Interval.MIN_5, 60, None)).bars
        end = every[-20].opens_at + timedelta(minutes=2)
        before = (await h.market.bars(alfa, Interval.MIN_5, 10, end)).bars
        assert [one.opens_at for one in before] == [one.opens_at for one in every[-29:-19]]


async def test_the_same_question_is_answered_from_memory_and_not_asked_twice() -> None:
    async with house() as h:
        h.gateway.world.rights.pacing = Pacing()
        (alfa,) = await h.market.find("ALFA")
        first = await h.market.bars(alfa, Interval.DAY_1, 20, None)
        assert await h.market.bars(alfa, Interval.DAY_1, 20, None) == first
        assert h.asked("reqHistoricalData") == 1


async def test_what_lies_before_the_newest_bars_is_taken_from_the_same_answer() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        every = (await h.market.bars(alfa, Interval.DAY_1, 5, None)).bars
        end = h.clock.now() - timedelta(hours=2)
        before = (await h.market.bars(alfa, Interval.DAY_1, 5, end)).bars
        assert set(before) >= {one for one in every if one.opens_at < end}
        assert h.asked("reqHistoricalData") == 1


async def test_a_question_that_must_not_be_repeated_yet_is_refused_and_not_sent() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        await h.market.bars(alfa, Interval.MIN_1, 20, None)
        h.market._history._kept.drop(next(iter(h.market._history._kept._found)))
        with pytest.raises(Refused) as refused:
            await h.market.bars(alfa, Interval.MIN_1, 20, None)
        assert refused.value.refusal.code == "RATE_LIMITED"
        assert 1 <= int(refused.value.refusal.details["retry_after_seconds"]) <= 15
        assert h.asked("reqHistoricalData") == 1


async def test_a_burst_waits_so_that_the_broker_never_calls_it_too_fast() -> None:
    async with house() as h:
        h.gateway.world.rights.pacing = Pacing()
        (alfa,) = await h.market.find("ALFA")
        found = await asyncio.gather(
            *(h.market.bars(alfa, Interval.MIN_5, count, None) for count in (10, 90, 170, 250, 330, 410))
        )
        assert [len(one.bars) for one in found] == [10, 90, 170, 250, 330, 410]


async def test_asked_too_fast_nothing_there_not_allowed_and_no_answer_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bars_of_broker, "_WITHIN", 0.3)
    async with house() as h:
        rights, history = h.gateway.world.rights, h.gateway.of(History)
        (alfa,) = await h.market.find("ALFA")
        (brvo,) = await h.market.find("BRVO")
        rights.pacing = Pacing(most=0)
        with pytest.raises(Refused) as refused:
            await h.market.bars(alfa, Interval.MIN_1, 5, None)
        assert (refused.value.refusal.code, refused.value.refusal.details["retry_after_seconds"]) == (
            "RATE_LIMITED",
            "15",
        )
        rights.pacing = None
        history.empty.add(h.gateway.world.one("BRVO").con_id)
        assert (await h.market.bars(brvo, Interval.MIN_1, 5, None)).bars == ()
        rights.history = False
        with pytest.raises(Refused) as refused:
            await h.market.bars(alfa, Interval.MIN_5, 5, None)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"
        assert refused.value.refusal.details["broker_code"] == "162"
        assert "No market data permissions for" in refused.value.refusal.details["broker"]
        rights.history = True
        history.silent.add(h.gateway.world.one("ALFA").con_id)
        with pytest.raises(BrokerUnavailable):
            await h.market.bars(alfa, Interval.DAY_1, 5, None)
        await h.arrived()
        assert h.asked("cancelHistoricalData") == 1


async def test_a_bar_that_ended_while_its_answer_was_under_way_is_left_out() -> None:
    async with house() as h:
        h.gateway.world.open_always()

        async def slowly(_: Session, __: list[str], proceed: Proceed) -> None:
            await carry_on(proceed)
            h.clock.ahead += 61

        h.gateway.once("reqHistoricalData", slowly)
        (alfa,) = await h.market.find("ALFA")
        asked_at = h.clock.now()
        found = await h.market.bars(alfa, Interval.MIN_1, 5, None)
        assert h.clock.ahead
        assert found.bars[-1].opens_at + timedelta(minutes=1) <= asked_at + timedelta(seconds=5)
