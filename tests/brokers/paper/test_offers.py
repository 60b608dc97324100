"""Books, exchange rates, lists and scans of the invented market; over a recording there are none."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.base import (
    Feature,
    HasBorrow,
    HasDepth,
    HasFundamentals,
    HasFx,
    HasListing,
    HasNews,
    HasOptions,
    HasScanner,
    HasTransfers,
)
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.brokers.paper.fx import CURRENCIES, Rates
from cockpit.brokers.paper.market import Market, second_of, time_of
from cockpit.brokers.paper.prices import SeededPrices
from cockpit.model.instruments import InstrumentKind
from cockpit.model.orders import Side
from cockpit.model.quotes import DataType, DepthLevel
from cockpit.model.refusals import Refused
from cockpit.model.research import ScanRequest
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.brokers.paper.conftest import NEVER, ManualClock

PRICES, RATES = SeededPrices("cockpit"), Rates("cockpit")
BARS = "time,open,high,low,close,volume,symbol\n2026-01-05T14:30:00Z,10,11,9,10.5,1000,ABC\n2026-01-05T14:31:00Z,10.5,11,10,10.9,900,ABC\n"
moments = st.integers(0, 4_000_000_000).map(time_of)
protocols = {
    Feature.DEPTH: HasDepth,
    Feature.OPTIONS: HasOptions,
    Feature.OPTION_RATE: HasOptions,
    Feature.FX: HasFx,
    Feature.LISTING: HasListing,
    Feature.NEWS: HasNews,
    Feature.FUNDAMENTALS: HasFundamentals,
    Feature.SCANNER: HasScanner,
    Feature.TRANSFERS: HasTransfers,
    Feature.BORROW: HasBorrow,
}


async def test_what_the_broker_names_is_what_it_implements(broker: PaperBroker) -> None:
    assert set(protocols) == set(Feature)
    assert broker.can.features == {feature for feature, protocol in protocols.items() if isinstance(broker, protocol)}


async def test_a_recording_offers_bars_alone(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(BARS)
    settings = ConnectionSettings(replay=str(file))
    async with PaperBroker("played", settings, store, clock, tick_seconds=NEVER) as played:
        assert played.can.features == frozenset()
        (instrument,) = await played.find("ABC")
        for asked in (played.depth(instrument, 5), played.option_series(instrument), played.fx_rate("EUR", "USD")):
            with pytest.raises(Refused) as refused:
                await asked
            assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"


@given(st.sampled_from(("ALFA", "DLTA", "ECHO", "KILO")), moments)
def test_a_book_begins_at_the_touch_and_each_side_goes_away_from_it(symbol: str, at: datetime) -> None:
    quote, found = PRICES.quote(symbol, at), PRICES.depth(symbol, 10, at)
    instrument = PRICES.instrument(symbol)
    assert quote is not None
    assert found is not None
    assert instrument is not None
    for side, levels, size in ((Side.BUY, found.asks, quote.ask_size), (Side.SELL, found.bids, quote.bid_size)):
        assert levels[0] == DepthLevel(quote.touch(side) or Decimal(0), size or Decimal(0))
        prices = [level.price * side.sign for level in levels]
        assert prices == sorted(set(prices))
        assert all(level.price > 0 and level.price % instrument.tick == 0 for level in levels)
        assert all(level.size > 0 and level.size % instrument.lot == 0 for level in levels)
    assert found.data_type is DataType.SIMULATED
    assert PRICES.depth(symbol, 10, at) == SeededPrices("cockpit").depth(symbol, 10, at)


async def test_a_book_is_as_deep_as_asked_up_to_twenty(broker: PaperBroker) -> None:
    (alfa,) = await broker.find("ALFA")
    for asked, told in ((1, 1), (5, 5), (50, 20)):
        found = await broker.depth(alfa, asked)
        assert found is not None
        assert (len(found.bids), len(found.asks)) == (told, told)
    (option,) = await broker.find("ALFA260306C00360000")
    assert await broker.depth(option, 5) is None


@given(st.sampled_from(CURRENCIES), st.sampled_from(CURRENCIES), moments)
def test_nobody_earns_from_changing_money_there_and_back(base: str, counter: str, at: datetime) -> None:
    there, back = RATES.rate(base, counter, at), RATES.rate(counter, base, at)
    assert there is not None
    assert back is not None
    assert 0 < there.bid <= there.ask
    assert there.bid * back.bid <= Decimal("1.0000001")
    assert there.ask * back.ask >= Decimal("0.9999999")
    assert there.data_type is DataType.SIMULATED


def test_rates_move_and_unknown_currencies_have_none() -> None:
    noon = time_of(second_of(time_of(1_772_452_800)))
    euro, yen = RATES.rate("EUR", "USD", noon), RATES.rate("USD", "JPY", noon)
    assert euro is not None
    assert yen is not None
    assert Decimal("0.9") < euro.bid < Decimal("1.3")
    assert 100 < yen.bid < 220
    later = RATES.rate("EUR", "USD", noon + timedelta(hours=5))
    assert later is not None
    assert later.bid != euro.bid
    same = RATES.rate("EUR", "EUR", noon)
    assert same is not None
    assert (same.bid, same.ask) == (1, 1)
    assert RATES.rate("EUR", "XXX", noon) is None


async def test_instruments_are_listed_by_kind_and_by_fund(broker: PaperBroker) -> None:
    every = await broker.listed(None, "")
    assert [one.symbol for one in every] == sorted(one.symbol for one in every)
    coins = await broker.listed(InstrumentKind.CRYPTO, "")
    assert [one.symbol for one in coins] == ["JULI", "KILO"]
    (golf,) = await broker.find("GOLF")
    assert [one.symbol for one in await broker.listed(None, "GOLF")] == list(golf.members)
    assert await broker.listed(InstrumentKind.CRYPTO, "GOLF") == ()
    assert await broker.listed(None, "NOPE") == ()
    assert await broker.listed(InstrumentKind.OPTION, "") == ()


async def test_scans_rank_the_market_and_look_at_nothing_that_is_to_come(
    broker: PaperBroker, clock: ManualClock
) -> None:
    codes = [scan.code for scan in await broker.scans()]
    assert len(codes) == len(set(codes)) >= 4
    found = {code: await broker.scan(ScanRequest(code, 100)) for code in codes}
    for code, result in found.items():
        values = [row.value for row in result.rows if row.value is not None]
        assert len(values) == 12
        assert values == sorted(values, reverse=code != "top_losers")
        assert [row.rank for row in result.rows] == list(range(1, 13))
    gainer = found["top_gainers"].rows[0]
    market = Market("cockpit")
    first = (second_of(clock.at) // 3600 - 24) * 3600
    opened = market.ticks(gainer.instrument.symbol, first) * gainer.instrument.tick
    assert gainer.last is not None
    assert gainer.value == ((gainer.last / opened - 1) * 100).quantize(Decimal("0.01"))


async def test_a_scan_takes_what_fits_alone(broker: PaperBroker) -> None:
    found = await broker.scan(
        ScanRequest("most_active", 2, InstrumentKind.STOCK, above_price=Decimal(20), below_price=Decimal(500))
    )
    assert len(found.rows) == 2
    for row in found.rows:
        assert row.instrument.kind is InstrumentKind.STOCK
        assert row.last is not None
        assert 20 < row.last < 500
    none = await broker.scan(ScanRequest("most_active", 2, above_volume=Decimal(10) ** 15))
    assert none.rows == ()
