from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.brokers.paper.instruments import LISTINGS
from cockpit.brokers.paper.market import DAY, Market, second_of, time_of
from cockpit.model.quotes import DataType, Interval

NOON = second_of(datetime(2026, 3, 2, 12, tzinfo=UTC))
symbols = st.sampled_from(sorted(LISTINGS))
seconds = st.integers(0, second_of(datetime(2100, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("symbol", "bid", "ask", "bid_size", "ask_size", "last"),
    [
        ("ALFA", "358.57", "358.60", "113", "373", "358.58"),
        ("DLTA", "5.65", "5.67", "6570", "7290", "5.65"),
        ("ECHO", "2014.15", "2014.20", "57", "36", "2014.20"),
        ("JULI", "1195.10", "1195.20", "1.688", "6.594", "1195.10"),
    ],
)
def test_a_seed_gives_these_prices_on_every_platform_for_ever(
    symbol: str, bid: str, ask: str, bid_size: str, ask_size: str, last: str
) -> None:
    quote = Market("cockpit").quote(symbol, time_of(NOON))
    assert quote is not None
    seen = (quote.bid, quote.ask, quote.bid_size, quote.ask_size, quote.last)
    assert seen == tuple(Decimal(value) for value in (bid, ask, bid_size, ask_size, last))


def test_a_seed_gives_these_bars_on_every_platform_for_ever() -> None:
    bar = Market("cockpit").bar("ALFA", Interval.HOUR_1, NOON // 3600)
    seen = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    assert seen == tuple(Decimal(value) for value in ("358.58", "358.75", "356.30", "357.28", "1421921"))


@given(symbols, seconds)
def test_a_price_does_not_depend_on_what_was_asked_before(symbol: str, second: int) -> None:
    busy = Market("cockpit")
    for other in sorted(LISTINGS):
        busy.quote(other, time_of(second - 60))
        busy.bar(other, Interval.HOUR_1, second // 3600 + 1)
    assert busy.quote(symbol, time_of(second)) == Market("cockpit").quote(symbol, time_of(second))


@given(symbols, seconds)
def test_seeds_and_symbols_have_markets_of_their_own(symbol: str, second: int) -> None:
    hour = second // 3600
    bars = [Market(seed).bar(symbol, Interval.HOUR_1, hour) for seed in ("one", "other", "one|other")]
    assert len({bar.volume for bar in bars}) == 3


@settings(deadline=None, max_examples=30)
@given(symbols, seconds)
def test_a_minute_holds_exactly_its_ticks(symbol: str, second: int) -> None:
    market, minute, tick = Market("cockpit"), second // 60, LISTINGS[symbol].instrument.tick
    prices = [market.ticks(symbol, each) * tick for each in range(minute * 60, minute * 60 + 61)]
    bar = market.bar(symbol, Interval.MIN_1, minute)
    assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
    assert bar.opens_at == time_of(minute * 60)


@settings(deadline=None, max_examples=20)
@given(
    symbols,
    seconds,
    st.sampled_from(
        [
            (Interval.MIN_5, Interval.MIN_1),
            (Interval.MIN_15, Interval.MIN_5),
            (Interval.MIN_30, Interval.MIN_15),
            (Interval.HOUR_1, Interval.MIN_15),
            (Interval.HOUR_1, Interval.MIN_30),
            (Interval.DAY_1, Interval.HOUR_1),
            (Interval.DAY_1, Interval.MIN_1),
        ]
    ),
)
def test_a_bar_is_the_sum_of_the_smaller_bars_in_it(symbol: str, second: int, sizes: tuple[Interval, Interval]) -> None:
    market, (long, short) = Market("cockpit"), sizes
    parts, number = long.seconds // short.seconds, second // long.seconds
    whole = market.bar(symbol, long, number)
    bars = [market.bar(symbol, short, number * parts + part) for part in range(parts)]
    assert whole.open == bars[0].open
    assert whole.close == bars[-1].close
    assert whole.high == max(bar.high for bar in bars)
    assert whole.low == min(bar.low for bar in bars)
    assert whole.volume == sum(bar.volume or 0 for bar in bars)
    assert all(before.close == after.open for before, after in pairwise(bars))


def test_a_day_turns_where_its_seconds_do() -> None:
    market, day = Market("cockpit"), NOON // DAY
    prices = [market.ticks("CHRL", second) for second in range(day * DAY, (day + 1) * DAY + 1)]
    bar, tick = market.bar("CHRL", Interval.DAY_1, day), LISTINGS["CHRL"].instrument.tick
    assert (bar.high, bar.low) == (max(prices) * tick, min(prices) * tick)


@settings(max_examples=300)
@given(symbols, seconds)
def test_a_quote_is_narrow_sized_on_the_grid_and_says_what_it_is(symbol: str, second: int) -> None:
    market = Market("cockpit")
    quote = market.quote(symbol, time_of(second) + timedelta(microseconds=999_999))
    assert quote is not None
    tick, lot = LISTINGS[symbol].instrument.tick, LISTINGS[symbol].instrument.lot
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.last is not None
    assert quote.bid_size is not None
    assert quote.ask_size is not None
    assert tick <= quote.ask - quote.bid <= 3 * tick
    assert quote.bid <= quote.last <= quote.ask
    assert quote.bid > 0
    assert all(price % tick == 0 for price in (quote.bid, quote.ask, quote.last))
    assert all(size >= lot and size % lot == 0 for size in (quote.bid_size, quote.ask_size))
    assert quote.as_of == time_of(second)
    assert (quote.source, quote.data_type) == ("paper:cockpit", DataType.SIMULATED)


@pytest.mark.parametrize("symbol", sorted(LISTINGS))
def test_prices_stay_near_their_level_for_ten_years_and_still_move(symbol: str) -> None:
    market, listing = Market("cockpit"), LISTINGS[symbol]
    level = listing.level * listing.instrument.tick
    start = second_of(datetime(2026, 1, 1, tzinfo=UTC)) // DAY
    bars = [market.bar(symbol, Interval.DAY_1, day) for day in range(start, start + 3652)]
    assert level / 4 < min(bar.low for bar in bars) < level * Decimal("0.97")
    assert level * Decimal("1.03") < max(bar.high for bar in bars) < level * 4
    moves = sum(abs(bar.close / bar.open - 1) for bar in bars) / len(bars)
    # the mean of the absolute value of a normal draw is 0.8 of its deviation
    assert Decimal("0.7") < moves * 10_000 / listing.daily_volatility < Decimal("0.9")
    assert all(0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    assert all((bar.volume or 0) > 0 for bar in bars)


def test_what_is_not_listed_has_no_price() -> None:
    assert Market("cockpit").quote("NOPE", time_of(NOON)) is None


def test_a_seed_from_outside_is_shown_harmless() -> None:
    assert Market("a\x1b[31m\udcff").source == "paper:a\\x1b[31m\\udcff"
