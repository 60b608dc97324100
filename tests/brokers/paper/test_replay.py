from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.brokers.paper.recording import read_recording
from cockpit.brokers.paper.replay import ReplayPrices
from cockpit.model.quotes import DataType, Interval
from tests.brokers.paper.scenes import START

BARS = """time,open,high,low,close,volume,symbol
2024-05-02T19:59:00Z,10.00,10.20,9.90,10.10,4000,ACME
2024-05-02T19:59:00Z,5.000,5.000,5.000,5.000,100,DUST
2024-05-03T13:30:00Z,11.00,11.50,10.90,11.25,8000,ACME
2024-05-03T13:31:00Z,11.25,11.30,11.00,11.10,4000,ACME
2024-05-03T13:31:00Z,5.125,5.125,5.125,5.125,100,DUST
"""


@pytest.fixture
def prices(tmp_path: Path) -> ReplayPrices:
    file = tmp_path / "two.csv"
    file.write_text(BARS)
    return ReplayPrices(read_recording(file), START + timedelta(seconds=30))


def at(seconds: float):
    return START + timedelta(seconds=seconds)


def test_a_bar_stands_at_each_of_its_four_prices_for_a_quarter_of_its_time(prices: ReplayPrices) -> None:
    seen = [prices.touch("ACME", at(seconds)) for seconds in (0, 14.9, 15, 30, 45, 59.9)]
    assert [touch and str(touch.bid) for touch in seen] == ["10.00", "10.00", "9.90", "10.20", "10.10", "10.10"]
    assert seen[0] == seen[1], "the same moment of the recording is the same liquidity"


def test_nights_are_left_out(prices: ReplayPrices) -> None:
    touch = prices.touch("ACME", at(60))
    assert touch is not None
    assert (touch.bid, touch.came_from, touch.bid_size) == (Decimal("11.00"), None, Decimal(200))


def test_what_has_no_bar_now_has_no_price(prices: ReplayPrices) -> None:
    assert prices.touch("DUST", at(60)) is None
    assert prices.quote("DUST", at(60)) is None
    assert prices.quote("DUST", at(130)) is not None
    assert prices.quote("NONE", at(0)) is None


def test_before_its_beginning_and_after_its_end_there_are_no_prices(prices: ReplayPrices) -> None:
    assert prices.quote("ACME", at(-1)) is None
    assert prices.ends_at == at(180)
    assert prices.quote("ACME", at(179.9)) is not None
    assert prices.quote("ACME", at(180)) is None


def test_a_quote_bears_the_recording_s_label_and_is_of_now(prices: ReplayPrices) -> None:
    quote = prices.quote("ACME", at(7.5))
    assert quote is not None
    assert (quote.source, quote.data_type, quote.as_of) == (prices.source, DataType.SIMULATED, at(7))
    assert prices.source.startswith("simulated:replay(two.csv, ")
    assert quote.bid == quote.ask == quote.last == Decimal("10.00")


def test_the_tick_is_the_finest_step_that_the_prices_show(prices: ReplayPrices) -> None:
    assert prices.terms["ACME"].tick == Decimal("0.01")
    assert prices.terms["DUST"].tick == Decimal("0.001")
    instrument = prices.instrument("DUST")
    assert instrument is not None
    assert (instrument.exchange, instrument.simulated, instrument.tick) == ("REPLAY", True, Decimal("0.001"))


def test_instruments_are_found_by_parts_of_their_symbols(prices: ReplayPrices) -> None:
    assert [each.symbol for each in prices.search("u", 5)] == ["DUST"]
    assert [each.symbol for each in prices.search("", 1)] == ["ACME"]
    assert prices.search("u", -1) == ()


async def test_bars_are_told_once_they_are_over_and_longer_ones_are_put_together(prices: ReplayPrices) -> None:
    assert await prices.bars("ACME", Interval.MIN_1, 10, None, at(59)) == ()
    told = await prices.bars("ACME", Interval.MIN_1, 10, None, at(125))
    assert [(bar.opens_at, str(bar.close)) for bar in told] == [(at(0), "10.10"), (at(60), "11.25")]
    assert await prices.bars("ACME", Interval.MIN_1, 1, None, at(125)) == told[1:]
    assert await prices.bars("ACME", Interval.MIN_1, 10, at(60), at(125)) == told[:1]
    assert await prices.bars("ACME", Interval.MIN_1, 10, at(61), at(125)) == told
    assert await prices.bars("ACME", Interval.MIN_1, 10, at(-500), at(125)) == ()
    assert await prices.bars("NONE", Interval.MIN_1, 10, None, at(125)) == ()
    assert await prices.bars("ACME", Interval.MIN_5, 10, None, at(1e6)) == (), "three minutes make no five"


async def test_a_longer_bar_holds_all_of_its_parts(tmp_path: Path) -> None:
    rows = [f"{60 * minute},{10 + minute},{12 + minute},{9 + minute},{11 + minute},{minute}" for minute in range(1, 8)]
    file = tmp_path / "up.csv"
    file.write_text("time,open,high,low,close,volume\n" + "\n".join(rows))
    prices = ReplayPrices(read_recording(file), START)
    (bar,) = await prices.bars("UP", Interval.MIN_5, 10, None, at(1e6))
    assert (bar.opens_at, bar.open, bar.high, bar.low, bar.close, bar.volume) == (START, 11, 17, 10, 16, 15)
