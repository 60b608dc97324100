"""Quotes over a real connection: only prices that came for the question, with their kind and their age."""

from __future__ import annotations

import asyncio
import gc
import weakref
from datetime import timedelta
from decimal import Decimal

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import quotes
from cockpit.model.instruments import Instrument
from cockpit.model.quotes import DataType, Quote
from cockpit.model.refusals import Mender, Refused
from cockpit.model.trading import Link
from tests.brokers.ibkr.market_house import House, house
from tests.gateway import market as gateway_market
from tests.gateway.planned import Proceed, carry_on
from tests.gateway.rights import Feed
from tests.gateway.session import Session


async def instrument(h: House, symbol: str = "ALFA") -> Instrument:
    (found,) = await h.market.find(symbol)
    return found


async def quote(h: House, symbol: str = "ALFA") -> Quote:
    found = await h.market.quote(await instrument(h, symbol))
    assert found is not None
    return found


async def test_a_live_quote_has_its_source_its_kind_and_its_age() -> None:
    async with house() as h:
        found = await quote(h)
        assert (found.bid, found.ask, found.last) == (Decimal("411.99"), Decimal("412.01"), Decimal("412.00"))
        assert (found.bid_size, found.ask_size) == (300, 400)
        assert (found.source, found.data_type, found.halted) == ("ibkr", DataType.LIVE, False)
        assert found.age_ms(h.clock.now()) < 2000


async def test_prices_whose_kind_was_not_told_are_not_live() -> None:
    async with house() as h:
        h.gateway.world.rights.typed = False
        assert (await quote(h)).data_type is DataType.UNKNOWN


async def test_delayed_prices_come_only_to_who_asked_for_them_and_are_named_so() -> None:
    async with house(market_data="delayed") as h:
        h.gateway.world.rights.feed = Feed.DELAYED
        assert (await quote(h)).data_type is DataType.DELAYED
    async with house() as h:
        h.gateway.world.rights.feed = Feed.DELAYED
        with pytest.raises(Refused) as refused:
            await quote(h)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"
        assert refused.value.refusal.details["broker_code"] == "10089"


async def test_delayed_prices_without_their_type_message_are_delayed_all_the_same() -> None:
    async with house(market_data="delayed") as h:
        h.gateway.world.rights.feed, h.gateway.world.rights.typed = Feed.DELAYED, False
        assert (await quote(h)).data_type is DataType.DELAYED


@pytest.mark.parametrize(
    ("market_data", "feed", "code", "refusal"),
    [
        ("live", Feed.NONE, "354", "CAPABILITY_UNAVAILABLE"),
        ("delayed", Feed.NONE, "10186", "CAPABILITY_UNAVAILABLE"),
        ("live", Feed.COMPETING, "10197", "MARKET_DATA_MISSING"),
    ],
)
async def test_what_the_broker_refuses_is_refused_with_its_own_words(
    market_data: str, feed: Feed, code: str, refusal: str
) -> None:
    async with house(market_data=market_data) as h:
        h.gateway.world.rights.feed = feed
        with pytest.raises(Refused) as refused:
            await quote(h)
        assert refused.value.refusal.code == refusal
        assert refused.value.refusal.details["broker_code"] == code
        assert refused.value.refusal.details["broker"]


@pytest.mark.parametrize(
    ("market_data", "code", "delayed"),
    [("live", 354, True), ("live", 10089, True), ("live", 10168, True), ("delayed", 10186, False)],
)
async def test_what_is_not_subscribed_to_is_for_the_operator_who_is_told_what_mends_it(
    market_data: str, code: int, delayed: bool
) -> None:
    async with house(market_data=market_data) as h:
        h.gateway.world.rights.refusals[h.gateway.world.one("ALFA").con_id] = code
        with pytest.raises(Refused) as refused:
            await quote(h)
        found = refused.value.refusal
        assert (found.code, found.details["broker_code"]) == ("CAPABILITY_UNAVAILABLE", str(code))
        assert (found.who_can_fix, found.retryable) == (Mender.OPERATOR, False)
        assert "subscription" in found.message
        assert ('market_data = "delayed"' in found.message) is delayed


async def test_a_contract_of_which_nothing_comes_has_no_quote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "_FIRST_SECONDS", 0.2)
    async with house() as h:
        h.gateway.world.rights.feed = Feed.SILENT
        assert await h.market.quote(await instrument(h)) is None


async def test_where_data_was_lost_and_is_refused_no_old_price_is_given_instead() -> None:
    async with house() as h:
        found, line = await instrument(h), h.market._line
        assert await h.market.quote(found) is not None
        h.gateway.lost()
        await line.wait_for(Link.DEGRADED)
        gateway_market.lose_data(h.gateway)
        h.gateway.world.rights.feed = Feed.NONE
        h.gateway.restored(data_lost=True)
        await line.wait_for(Link.READY)
        with pytest.raises(Refused) as refused:
            await h.market.quote(found)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"


async def test_prices_of_a_broken_farm_grow_old_and_are_not_confirmed_until_it_is_mended() -> None:
    async with house() as h:
        first = await quote(h)
        gateway_market.break_farm(h.gateway)
        await h.arrived()
        h.clock.ahead += 60
        stale = await quote(h)
        assert (stale.as_of, h.asked("reqMktData")) == (first.as_of, 1)
        gateway_market.mend_farm(h.gateway)
        await h.arrived()
        assert (await quote(h)).age_ms(h.clock.now()) < 2000


async def test_prices_that_are_first_asked_for_while_a_farm_is_broken_are_of_no_known_kind() -> None:
    async with house() as h:
        found = await instrument(h)
        h.gateway.broadcast_error(2103, "Market data farm connection is broken:usfarm")
        await h.arrived()
        remembered = await h.market.quote(found)
        assert remembered is not None
        assert remembered.data_type is DataType.UNKNOWN
        h.gateway.broadcast_error(2104, "Market data farm connection is OK:usfarm")
        await h.arrived()
        h.clock.ahead += 2
        again = await h.market.quote(found)
        assert again is not None
        assert again.data_type is DataType.LIVE


async def test_a_broken_farm_of_another_continent_makes_no_quote_doubtful() -> None:
    async with house() as h:
        h.gateway.broadcast_error(2103, "Market data farm connection is broken:eufarm")
        await h.arrived()
        assert (await quote(h)).data_type is DataType.LIVE
        assert (await quote(h, "RHEIN:IBIS")).data_type is DataType.UNKNOWN
        h.clock.ahead += 60
        assert (await quote(h)).age_ms(h.clock.now()) < 2000


async def test_a_broken_farm_of_history_makes_no_quote_doubtful() -> None:
    async with house() as h:
        h.gateway.broadcast_error(2105, "HMDS data farm connection is broken:ushmds")
        await instrument(h)
        assert (await quote(h)).data_type is DataType.LIVE


async def test_prices_of_which_a_part_is_missing_go_on() -> None:
    async with house() as h:
        h.gateway.world.rights.feed = Feed.PARTLY
        assert (await quote(h)).bid == Decimal("411.99")


async def test_one_stream_serves_many_questions_while_its_price_is_young() -> None:
    async with house() as h:
        found = await instrument(h)
        await asyncio.gather(*(h.market.quote(found) for _ in range(30)))
        assert h.asked("reqMktData") == 1


async def test_a_price_that_stands_still_is_confirmed_by_a_snapshot_and_young_again() -> None:
    async with house() as h:
        first = await quote(h)
        h.clock.ahead += 60
        second = await quote(h)
        assert second.bid == first.bid
        assert second.age_ms(h.clock.now()) < 2000
        await h.arrived()
        assert (h.asked("reqMktData"), h.asked("cancelMktData")) == (2, 0)


async def test_a_snapshot_that_does_not_end_is_given_up_and_frees_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "_AGAIN_SECONDS", 0.1)
    async with house() as h:
        await quote(h)
        h.gateway.world.rights.feed = Feed.HANGING
        h.clock.ahead += 60
        await quote(h)
        await h.arrived()
        snapshot = h.gateway.named("reqMktData")[-1].fields[2]
        assert [one.fields[2] for one in h.gateway.named("cancelMktData")] == [snapshot]


async def test_a_price_that_nothing_confirms_keeps_its_true_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "_AGAIN_SECONDS", 0.1)
    async with house() as h:
        first = await quote(h)
        h.gateway.world.rights.feed = Feed.SILENT
        h.clock.ahead += 60
        second = await quote(h)
        assert second.as_of == first.as_of
        assert second.age_ms(h.clock.now()) >= 60_000


async def test_a_side_that_vanishes_is_none() -> None:
    async with house() as h:
        await quote(h)
        h.gateway.world.set("ALFA", None, "412.05", "412.00")
        h.clock.ahead += 60
        found = await quote(h)
        assert (found.bid, found.bid_size, found.ask) == (None, None, Decimal("412.05"))


async def test_a_trade_without_a_side_has_the_instant_that_came_with_it() -> None:
    async with house() as h:
        h.gateway.world.set("ALFA", None, None, "412.00")
        friday = h.gateway.world.now() - timedelta(days=3)
        h.gateway.world.now = lambda: friday
        found = await quote(h)
        assert (found.bid, found.ask, found.last) == (None, None, Decimal("412.00"))
        assert found.as_of == friday.replace(microsecond=0)


async def test_while_tws_has_lost_its_servers_there_are_no_prices() -> None:
    async with house() as h:
        found = await instrument(h)
        await h.market.quote(found)
        h.gateway.lost()
        await h.market._line.wait_for(Link.DEGRADED)
        with pytest.raises(BrokerUnavailable):
            await h.market.quote(found)


async def test_streams_are_made_anew_after_their_data_was_lost() -> None:
    async with house() as h:
        found, line = await instrument(h), h.market._line
        await h.market.quote(found)
        h.gateway.lost()
        await line.wait_for(Link.DEGRADED)
        gateway_market.lose_data(h.gateway)
        h.gateway.world.set("ALFA", "400.00", "400.02", "400.01")
        h.gateway.restored(data_lost=True)
        await line.wait_for(Link.READY)
        again = await h.market.quote(found)
        assert again is not None
        assert again.bid == Decimal("400.00")
        assert len([one for one in h.gateway.named("reqMktData") if one.fields[17] == "0"]) == 2


async def test_a_new_connection_gives_quotes_of_its_own_and_is_told_again_which_kind_is_wanted() -> None:
    async with house(market_data="delayed") as h:
        found, line = await instrument(h), h.market._line
        await h.market.quote(found)
        epoch = line.epoch
        h.gateway.cut()
        async with asyncio.timeout(5):
            while line.epoch == epoch or line.link is not Link.READY:
                await line.wait_for(Link.DOWN, Link.CONNECTING)
                await line.wait_for(Link.READY)
        assert (await quote(h)).bid == Decimal("411.99")
        assert [one.fields[2] for one in h.gateway.named("reqMarketDataType")] == ["3", "3"]


async def test_a_connection_that_is_lost_is_kept_by_no_request_for_prices() -> None:
    async with house() as h:
        found, line = await instrument(h), h.market._line
        await h.market.quote(found)
        h.clock.ahead += 60
        await h.market.quote(found)
        old, epoch = weakref.ref(line.ib), line.epoch
        h.gateway.cut()
        async with asyncio.timeout(5):
            while line.epoch == epoch or line.link is not Link.READY:
                await line.wait_for(Link.DOWN, Link.CONNECTING)
                await line.wait_for(Link.READY)
        gc.collect()
        assert old() is None


async def test_streams_are_bounded_and_the_one_asked_for_longest_ago_ends_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quotes, "MOST_STREAMS", 3)
    async with house() as h:
        for symbol in ("ALFA", "BRVO", "CHRL", "ALFA", "ECHO"):
            await quote(h, symbol)
        await h.arrived()
        (ended,) = h.gateway.named("cancelMktData")
        first = {one.fields[4]: one.fields[2] for one in h.gateway.named("reqMktData")}
        assert ended.fields[2] == first["BRVO"]


async def test_where_no_line_is_left_one_is_given_back_and_the_next_question_has_it() -> None:
    async with house() as h:
        h.gateway.world.rights.lines = 5
        for symbol in ("ALFA", "BRVO", "CHRL", "ECHO", "DUAL"):
            await quote(h, symbol)
        with pytest.raises(Refused) as refused:
            await quote(h, "GOLF")
        assert refused.value.refusal.details["broker_code"] == "101"
        assert (await quote(h, "GOLF")).bid is not None


async def test_streams_that_nobody_asks_any_more_end_without_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(quotes, "_PAUSE_SECONDS", 0.01)
    async with house() as h:
        ended = asyncio.Semaphore(0)

        async def noted(_: Session, __: list[str], proceed: Proceed) -> None:
            await carry_on(proceed)
            ended.release()

        for symbol in ("ALFA", "BRVO", "CHRL"):
            h.gateway.once("cancelMktData", noted)
            await quote(h, symbol)
        async with asyncio.timeout(5):
            for _ in range(3):
                await ended.acquire()
        assert not any(one.of(gateway_market.Watching).streams for one in h.gateway.ready_sessions())


async def test_a_halted_instrument_says_so() -> None:
    async with house() as h:
        h.gateway.world.set("ALFA", "411.99", "412.01", "412.00", halted=True)
        assert (await quote(h)).halted is True
