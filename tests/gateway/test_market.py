"""The real client asks the gateway for quotes and order books."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal

import pytest
from ib_async import IB, Contract, Forex, Stock, Ticker
from ib_async.wrapper import RequestError

from tests.gateway import FakeGateway, depth, market
from tests.gateway.asking import codes, known, settled
from tests.gateway.contracts import at_the_money
from tests.gateway.rights import Feed


async def snapshot(ib: IB, contract: Contract) -> Ticker:
    (ticker,) = await asyncio.wait_for(ib.reqTickersAsync(contract), 2)
    return ticker


async def errors_of(ib: IB, contract: Contract) -> list[int]:
    """Return the codes that a stream of quotes brings."""
    heard = codes(ib)
    ib.reqMktData(contract)
    await settled(ib)
    return heard


async def test_a_snapshot_brings_the_prices_that_were_set(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.set("ALFA", "401.10", "401.15", "401.12", bid_size=700, ask_size=50)
    ticker = await snapshot(ib, alfa)
    assert (ticker.bid, ticker.ask, ticker.last, ticker.bidSize, ticker.askSize) == (401.10, 401.15, 401.12, 700, 50)
    assert ticker.marketDataType == 1
    assert (ticker.close, ticker.volume) == (405.82, 1_200_000)


async def test_a_stream_follows_the_price_until_it_is_cancelled(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    ticker = ib.reqMktData(alfa)
    await settled(ib)
    gateway.world.set("ALFA", "410.00", "410.02")
    await settled(ib)
    assert (ticker.bid, ticker.ask) == (410.0, 410.02)
    ib.cancelMktData(alfa)
    await settled(ib)
    gateway.world.set("ALFA", "500.00", "500.02")
    await settled(ib)
    assert ticker.bid == 410.0


async def test_a_side_that_nobody_quotes_is_minus_one_on_the_wire(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.set("ALFA", None, "410.02")
    ticker = await snapshot(ib, alfa)
    assert (ticker.bid, ticker.bidSize, ticker.ask) == (-1, 0, 410.02)


async def test_delayed_data_comes_only_to_who_asked_for_it(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.feed = Feed.DELAYED
    with pytest.raises(RequestError) as refused:
        await snapshot(ib, alfa)
    assert refused.value.code == 10089
    ib.reqMarketDataType(3)
    ticker = await snapshot(ib, alfa)
    assert (ticker.marketDataType, ticker.bid) == (3, 411.99)


async def test_delayed_ticks_have_numbers_of_their_own_and_may_come_without_their_type(
    gateway: FakeGateway, ib: IB, alfa: Contract
) -> None:
    gateway.world.rights.feed = Feed.DELAYED
    gateway.world.rights.typed = False
    ib.reqMarketDataType(3)
    ticker = ib.reqMktData(alfa)
    await settled(ib)
    assert {66, 67, 68} <= {tick.tickType for tick in ticker.ticks}
    assert ticker.marketDataType == 1  # the client's own default, which tells nothing


async def test_a_frozen_market_says_so(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.feed = Feed.FROZEN
    ib.reqMarketDataType(2)
    assert (await snapshot(ib, alfa)).marketDataType == 2


async def test_a_stream_may_change_its_type_while_it_runs(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    ticker = ib.reqMktData(alfa)
    await settled(ib)
    market.retype(gateway, "ALFA", market.DELAYED)
    await settled(ib)
    assert ticker.marketDataType == 3


@pytest.mark.parametrize(
    ("feed", "asked", "code"),
    [
        (Feed.DELAYED, 1, 10089),
        (Feed.DELAYED, 3, 10167),
        (Feed.DELAYED_FROZEN, 4, 10167),
        (Feed.NONE, 1, 354),
        (Feed.NONE, 3, 10186),
        (Feed.PARTLY, 1, 10090),
        (Feed.COMPETING, 1, 10197),
    ],
)
async def test_what_the_account_may_not_see_is_said_with_its_code(
    gateway: FakeGateway, ib: IB, alfa: Contract, feed: Feed, asked: int, code: int
) -> None:
    gateway.world.rights.feed = feed
    ib.reqMarketDataType(asked)
    assert await errors_of(ib, alfa) == [code]


async def test_a_contract_may_be_refused_by_itself(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.refusals[alfa.conId] = 10168
    assert await errors_of(ib, alfa) == [10168]
    assert (await snapshot(ib, await known(ib, Stock("BRVO", "SMART", "USD")))).bid == 24.59


async def test_a_silent_snapshot_ends_without_a_tick(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.feed = Feed.SILENT
    ticker = await snapshot(ib, alfa)
    assert math.isnan(ticker.bid)
    assert ticker.time is None


async def test_a_hanging_snapshot_never_ends(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.feed = Feed.HANGING
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(ib.reqTickersAsync(alfa), 0.05)


async def test_a_snapshot_that_lacks_something_ends_late(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.snapshot_waits = 0.02
    gateway.world.set("ALFA", None, "410.02")
    started = asyncio.get_running_loop().time()
    await snapshot(ib, alfa)
    assert asyncio.get_running_loop().time() - started >= 0.02


async def test_generic_ticks_bring_what_they_stand_for(ib: IB, alfa: Contract) -> None:
    ticker = ib.reqMktData(alfa, "101,106,165,221,236,293,456")
    await settled(ib)
    assert (ticker.callOpenInterest, ticker.putOpenInterest, ticker.impliedVolatility) == (5200, 4100, 0.24)
    assert (ticker.high52week, ticker.markPrice, ticker.shortableShares) == (535.6, 412.0, 2_500_000)
    assert ticker.dividends is not None
    assert ticker.dividends.nextAmount == 0.33


async def test_an_unknown_generic_tick_is_refused(ib: IB, alfa: Contract) -> None:
    heard = codes(ib)
    ib.reqMktData(alfa, "999")
    await settled(ib)
    assert heard == [321]


async def test_more_streams_than_lines_are_refused(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.lines = 1
    ib.reqMktData(alfa)
    assert await errors_of(ib, await known(ib, Stock("BRVO", "SMART", "USD"))) == [101]


async def test_prices_freeze_while_the_line_is_lost_and_streams_die_with_their_data(
    gateway: FakeGateway, ib: IB, alfa: Contract
) -> None:
    ticker = ib.reqMktData(alfa)
    await settled(ib)
    gateway.lost()
    gateway.world.set("ALFA", "300.00", "300.02")
    await settled(ib)
    assert ticker.bid == 411.99
    gateway.restored(data_lost=True)
    gateway.world.set("ALFA", "301.00", "301.02")
    await settled(ib)
    assert ticker.bid == 411.99


async def test_a_broken_farm_is_told_and_its_quotes_stand_still(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    heard = codes(ib)
    ticker = ib.reqMktData(alfa)
    market.break_farm(gateway)
    await settled(ib)
    gateway.world.set("ALFA", "300.00", "300.02")
    await settled(ib)
    assert (ticker.bid, heard) == (411.99, [2103])
    market.mend_farm(gateway)
    await settled(ib)
    assert (ticker.bid, heard) == (300.0, [2103, 2104])


async def test_another_session_may_take_the_live_data_away(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    heard = codes(ib)
    ticker = ib.reqMktData(alfa)
    await settled(ib)
    market.compete(gateway)
    gateway.world.set("ALFA", "300.00", "300.02")
    await settled(ib)
    assert (ticker.bid, heard) == (411.99, [10197])


async def test_a_halt_is_told(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.set("ALFA", "410.00", "410.02", halted=True)
    assert (await snapshot(ib, alfa)).halted == 1


async def test_currencies_are_quoted_without_a_last_trade(ib: IB) -> None:
    ticker = await snapshot(ib, await known(ib, Forex("EURUSD")))
    assert (ticker.bid, ticker.ask) == (1.08495, 1.08505)
    assert math.isnan(ticker.last)
    assert ticker.midpoint() == pytest.approx(1.085)


async def test_an_option_brings_what_its_prices_imply(gateway: FakeGateway, ib: IB) -> None:
    listed = at_the_money(gateway.world, "ALFA")
    ticker = await snapshot(ib, await known(ib, Contract(conId=listed.con_id, exchange="SMART")))
    assert ticker.modelGreeks is not None
    assert ticker.bidGreeks is not None
    assert ticker.askGreeks is not None
    assert ticker.modelGreeks.impliedVol == 0.24
    assert ticker.modelGreeks.undPrice == 412
    assert (ticker.bidGreeks.impliedVol or 9) < 0.24 < (ticker.askGreeks.impliedVol or 0)
    assert 0 < (ticker.modelGreeks.delta or 0) < 1


async def test_an_option_without_a_bid_implies_nothing_from_it(gateway: FakeGateway, ib: IB) -> None:
    listed = at_the_money(gateway.world, "ALFA")
    gateway.world.set(listed.con_id, None, "25.00")
    ticker = await snapshot(ib, await known(ib, Contract(conId=listed.con_id, exchange="SMART")))
    assert ticker.bidGreeks is not None
    assert (ticker.bidGreeks.impliedVol, ticker.bidGreeks.delta, ticker.bidGreeks.optPrice) == (None, None, None)


async def test_tick_by_tick_brings_each_touch(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    ticker = ib.reqTickByTickData(alfa, "BidAsk")
    await settled(ib)
    gateway.world.set("ALFA", "410.00", "410.02")
    await settled(ib)
    assert (ticker.bid, ticker.ask) == (410.0, 410.02)
    ib.cancelTickByTickData(alfa, "BidAsk")


async def test_the_book_of_all_venues_has_several_makers_at_one_price(ib: IB, alfa: Contract) -> None:
    ticker = ib.reqMktDepth(alfa, numRows=4, isSmartDepth=True)
    await settled(ib)
    assert [(row.price, row.marketMaker) for row in ticker.domBids] == [
        *((411.99, "NSDQ"), (411.99, "ARCA"), (411.98, "BATS"), (411.98, "NSDQ")),
    ]
    assert [row.price for row in ticker.domAsks] == [412.01, 412.01, 412.02, 412.02]


async def test_the_book_of_one_venue_follows_the_price(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    there = await known(ib, Contract(conId=alfa.conId, exchange="ARCA"))
    ticker = ib.reqMktDepth(there, numRows=2)
    await settled(ib)
    gateway.world.set("ALFA", "410.00", None, bid_size=10)
    await settled(ib)
    assert [(row.price, row.size, row.marketMaker) for row in ticker.domBids] == [(410.0, 10, ""), (409.99, 20, "")]
    assert ticker.domAsks == []


async def test_a_reset_book_begins_anew(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    ticker = ib.reqMktDepth(alfa, numRows=2, isSmartDepth=True)
    await settled(ib)
    depth.reset(gateway, "ALFA", refill=False)
    await settled(ib)
    assert (ticker.domBids, ticker.domAsks) == ([], [])


async def test_books_are_few_and_not_everywhere(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    heard = codes(ib)
    gateway.world.rights.depths = 1
    ib.reqMktDepth(alfa, isSmartDepth=False)
    ib.reqMktDepth(alfa, isSmartDepth=True)
    ib.reqMktDepth(await known(ib, Stock("BRVO", "SMART", "USD")), isSmartDepth=True)
    await settled(ib)
    assert heard == [10092, 309]
    assert await ib.reqMktDepthExchangesAsync()


async def test_an_account_without_books_is_told(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.depth = False
    heard = codes(ib)
    ib.reqMktDepth(alfa, isSmartDepth=True)
    await settled(ib)
    assert heard == [10092]


async def test_delayed_data_of_a_closed_market_have_a_type_of_their_own(
    gateway: FakeGateway, ib: IB, alfa: Contract
) -> None:
    gateway.world.rights.feeds[alfa.conId] = Feed.DELAYED_FROZEN
    ib.reqMarketDataType(4)
    assert (await snapshot(ib, alfa)).marketDataType == 4


async def test_a_world_moves_the_same_way_for_the_same_seed(gateway: FakeGateway) -> None:
    import random

    from tests.gateway.world import World

    other = World(gateway.world.now)
    for world in (gateway.world, other):
        world.shake(random.Random(7))
    assert gateway.world.price("ALFA") == other.price("ALFA") != World().price("ALFA")
    assert gateway.world.price("MIDX").bid % Decimal("0.25") == 0  # type: ignore[operator]
