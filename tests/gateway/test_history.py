"""The real client asks the gateway about the past."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from ib_async import IB, BarData, Contract, Forex

from tests.gateway import FakeGateway
from tests.gateway.asking import codes, known, refused, settled
from tests.gateway.bars import Bar
from tests.gateway.history import History
from tests.gateway.rights import Pacing

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
"""A Friday, noon in New York."""


async def ask(ib: IB, contract: Contract, duration: str, size: str, **changes: object) -> list[BarData]:
    terms: dict[str, object] = {
        "endDateTime": "",
        "whatToShow": "TRADES",
        "useRTH": True,
        "formatDate": 2,
        "timeout": 2,
    }
    terms |= {"durationStr": duration, "barSizeSetting": size} | changes
    return await ib.reqHistoricalDataAsync(contract, **terms)  # pyright: ignore[reportArgumentType]


@pytest.fixture(autouse=True)
def at_noon(gateway: FakeGateway) -> None:
    gateway.world.now = lambda: NOON


async def test_small_bars_are_in_utc_and_begin_with_the_session(ib: IB, alfa: Contract) -> None:
    bars = await ask(ib, alfa, "1 D", "5 mins")
    assert bars[0].date == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert len(bars) == 30
    assert all(one.low <= min(one.open, one.close) and max(one.open, one.close) <= one.high for one in bars)


async def test_the_first_hour_of_a_day_is_half_an_hour(ib: IB, alfa: Contract) -> None:
    bars = await ask(ib, alfa, "1 D", "1 hour")
    assert [one.date.minute for one in bars if isinstance(one.date, datetime)] == [30, 0, 0]


async def test_daily_bars_have_dates_and_leave_out_days_without_trading(ib: IB, alfa: Contract) -> None:
    bars = await ask(ib, alfa, "5 D", "1 day")
    assert [one.date for one in bars] == [date(2026, 11, day) for day in (16, 17, 18, 19, 20)]


async def test_bars_end_where_the_client_wants(ib: IB, alfa: Contract) -> None:
    bars = await ask(ib, alfa, "3600 S", "1 min", endDateTime=NOON - timedelta(hours=1))
    assert (bars[0].date, bars[-1].date) == (NOON - timedelta(hours=2), NOON - timedelta(hours=1, minutes=1))


async def test_the_same_request_brings_the_same_bars(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    first = list(await ask(ib, alfa, "2 D", "30 mins"))
    gateway.world.set("ALFA", "500.00", "500.02")
    assert list(await ask(ib, alfa, "2 D", "30 mins")) == first


async def test_hours_before_and_after_are_left_out_where_wished(ib: IB, alfa: Contract) -> None:
    regular = await ask(ib, alfa, "1 D", "30 mins")
    whole = await ask(ib, alfa, "1 D", "30 mins", useRTH=False)
    assert len(whole) == len(regular) + 11


async def test_weeks_and_months_join_days(ib: IB, alfa: Contract) -> None:
    weeks = await ask(ib, alfa, "4 W", "1 week")
    days = await ask(ib, alfa, "4 W", "1 day")
    assert len(weeks) in {4, 5}
    assert sum(one.volume for one in weeks) == sum(one.volume for one in days)
    assert len(await ask(ib, alfa, "1 Y", "1 month")) in {12, 13}


async def test_currencies_have_no_trades_but_a_middle(ib: IB) -> None:
    euro = await known(ib, Forex("EURUSD"))
    code, said = await refused(ask(ib, euro, "1 D", "1 hour"))
    assert code == 162
    assert "no data" in said
    (bar,) = await ask(ib, euro, "1 D", "1 day", whatToShow="MIDPOINT")
    assert (bar.volume, bar.average, bar.barCount) == (-1, -1, -1)


async def test_bars_may_be_set_and_be_missing(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    d = Decimal
    given = Bar(date(2026, 11, 19), d("1.5"), d(2), d(1), d("1.7"), d(900), d("1.6"), 12)
    gateway.of(History).bars[alfa.conId, "1 day"] = [given]
    (bar,) = await ask(ib, alfa, "1 D", "1 day")
    assert (bar.date, bar.open, bar.volume) == (date(2026, 11, 19), 1.5, 900)
    gateway.of(History).empty.add(alfa.conId)
    assert await refused(ask(ib, alfa, "1 D", "1 day")) == (
        162,
        "Historical Market Data Service error message:HMDS query returned no data: ALFA@SMART Trades",
    )


async def test_history_that_is_not_answered_is_an_empty_list_after_the_clients_timeout(
    gateway: FakeGateway, ib: IB, alfa: Contract
) -> None:
    gateway.of(History).silent.add(alfa.conId)
    assert not await ask(ib, alfa, "1 D", "1 day", timeout=0.02)
    await settled(ib)
    assert gateway.named("cancelHistoricalData")


async def test_a_missing_permission_is_said(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.history = False
    code, said = await refused(ask(ib, alfa, "1 D", "1 day"))
    assert code == 162
    assert "permissions" in said


async def test_what_is_asked_twice_within_seconds_breaks_the_pace(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.pacing = Pacing()
    await ask(ib, alfa, "1 D", "1 min")
    code, said = await refused(ask(ib, alfa, "1 D", "1 min"))
    assert code == 162
    assert "pacing violation" in said
    gateway.world.now = lambda: NOON + timedelta(seconds=16)
    assert await ask(ib, alfa, "1 D", "1 min")


async def test_live_bars_break_the_pace_with_a_code_of_their_own(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.pacing = Pacing()
    heard = codes(ib)
    first = ib.reqRealTimeBars(alfa, 5, "TRADES", False)
    ib.reqRealTimeBars(alfa, 5, "TRADES", False)
    await settled(ib)
    assert heard == [420]
    assert [bar.close for bar in first] == [412.0]


async def test_too_many_bars_and_unknown_sizes_are_refused(ib: IB, alfa: Contract) -> None:
    assert (await refused(ask(ib, alfa, "1 Y", "1 secs")))[0] == 162
    heard = codes(ib)
    await ask(ib, alfa, "1 D", "7 mins", timeout=0.02)  # 321 ends no request of the client
    assert heard == [321]


async def test_bars_may_be_kept_up_to_date(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    bars = await ask(ib, alfa, "1 D", "1 min", keepUpToDate=True)
    gateway.world.set("ALFA", "410.00", "410.02", "410.01")
    await settled(ib)
    assert bars[-1].close == 410.01


async def test_the_schedule_tells_past_sessions(ib: IB, alfa: Contract) -> None:
    schedule = await asyncio.wait_for(ib.reqHistoricalScheduleAsync(alfa, 3), 2)
    assert schedule.timeZone == "US/Eastern"
    assert [one.refDate for one in schedule.sessions] == ["20261118", "20261119", "20261120"]
    assert schedule.sessions[0].startDateTime == "20261118-09:30:00"


async def test_the_first_instant_of_all_is_told(ib: IB, alfa: Contract) -> None:
    head = await asyncio.wait_for(ib.reqHeadTimeStampAsync(alfa, "TRADES", True, 2), 2)
    assert head == datetime(2015, 1, 2, 14, 30, tzinfo=UTC)
