"""Finding contracts over a real connection: nothing is guessed, and every name finds its contract again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.contracts import MOST_MATCHES
from cockpit.model.instruments import InstrumentKind
from cockpit.model.refusals import Refused
from tests.brokers.ibkr.market_house import house


async def test_a_plain_name_is_the_listing_in_the_currency_at_home() -> None:
    async with house() as h:
        (found,) = await h.market.find("DUAL")
        assert (found.symbol, found.currency, found.exchange) == ("DUAL", "USD", "NYSE")


async def test_another_listing_is_named_by_its_exchange_and_currency() -> None:
    async with house() as h:
        (found,) = await h.market.find("DUAL:IBIS")
        assert (found.symbol, found.currency, found.exchange) == ("DUAL:IBIS/EUR", "EUR", "IBIS")


async def test_the_home_currency_decides_which_one_is_plain() -> None:
    async with house(currency="EUR") as h:
        assert [one.exchange for one in await h.market.find("DUAL")] == ["IBIS"]
        assert [one.symbol for one in await h.market.find("DUAL:NYSE")] == ["DUAL:NYSE/USD"]


async def test_two_companies_under_one_ticker_are_both_told_under_names_of_their_own() -> None:
    async with house() as h:
        found = await h.market.find("TWIN")
        assert sorted(one.symbol for one in found) == ["TWIN:NASDAQ", "TWIN:PINK"]
        with pytest.raises(Refused) as refused:
            await h.market.contracts.listed("TWIN")
        assert refused.value.refusal.code == "INSTRUMENT_UNRESOLVED"


async def test_one_of_two_companies_that_can_not_be_read_does_not_make_the_other_the_only_one() -> None:
    async with house() as h:
        listings = h.gateway.world.listings
        for one in [one for one in listings.values() if one.symbol == "TWIN" and one.primary == "PINK"]:
            listings[one.con_id] = replace(one, name="TWIN RIVERS \\")
        for name in ("TWIN", "TWIN:NASDAQ"):
            with pytest.raises(Refused) as refused:
                await h.market.find(name)
            assert refused.value.refusal.code == "INSTRUMENT_UNRESOLVED"
            assert "could not be read" in str(refused.value.refusal.details)
        assert [one.symbol for one in await h.market.find("ALFA")] == ["ALFA"]


async def test_of_more_than_can_be_looked_at_none_is_taken_for_the_only_one() -> None:
    async with house() as h:
        listings = h.gateway.world.listings
        (alfa,) = [one for one in listings.values() if one.symbol == "ALFA" and one.kind == "STK"]
        for number in range(MOST_MATCHES):
            listings[900_000 + number] = replace(alfa, con_id=900_000 + number, primary="ARCA")
        with pytest.raises(Refused) as refused:
            await h.market.find("ALFA:NASDAQ")
        assert refused.value.refusal.code == "INSTRUMENT_UNRESOLVED"


async def test_what_is_not_at_home_is_not_found_by_its_ticker_alone() -> None:
    async with house() as h:
        assert await h.market.find("RHEIN") == ()
        assert [one.name for one in await h.market.find("RHEIN:IBIS")] == ["RHEINWERKE MüNCHEN AG"]


async def test_every_name_that_is_told_finds_the_same_contract_again() -> None:
    async with house() as h:
        contracts, world = h.market.contracts, h.gateway.world
        options = [one for one in world.listings.values() if one.kind == "OPT"][:20]
        others = [one for one in world.listings.values() if one.kind != "OPT"]
        for listing in (*others, *options[:5]):
            name = await contracts.name_of(listing.con_id)
            assert [one.con_id for one in await contracts.matches(name)] == [listing.con_id], name


async def test_the_first_name_is_the_same_whichever_way_a_contract_is_met() -> None:
    async with house() as met_by_number, house() as met_by_name:
        for listing in met_by_number.gateway.world.listings.values():
            if listing.kind == "STK":
                name = await met_by_number.market.contracts.name_of(listing.con_id)
                (found,) = await met_by_name.market.find(name)
                assert found.symbol == name


async def test_an_option_is_found_by_its_symbol_and_says_its_terms() -> None:
    async with house() as h:
        under = h.gateway.world.one("ALFA")
        listing = next(one for one in h.gateway.world.options(under.con_id) if one.right == "P")
        symbol = f"ALFA{listing.expiry:%y%m%d}P{int(listing.strike * 1000):08d}"
        (found,) = await h.market.find(symbol)
        assert found.option is not None
        assert (found.symbol, found.kind, found.multiplier) == (symbol, InstrumentKind.OPTION, Decimal(100))
        assert (found.option.strike, found.option.expiry) == (listing.strike, listing.expiry)


async def test_an_option_whose_class_is_not_its_ticker_is_found_by_its_local_symbol() -> None:
    async with house() as h:
        world = h.gateway.world
        under = world.one("BERK B")
        model = next(one for one in world.listings.values() if one.kind == "OPT")
        option = replace(
            model, con_id=999_000_001, symbol="BERK B", trading_class="BERKB", under=under.con_id, right="C",
            expiry=date(2027, 12, 17), strike=Decimal(300), local_symbol="BERKB 271217C00300000",
        )  # fmt: skip
        world.add(option)
        (found,) = await h.market.find("BERKB271217C00300000")
        assert found.option is not None
        assert (found.symbol, found.option.underlying) == ("BERKB271217C00300000", "BERKB")
        assert await h.market.contracts.name_of(option.con_id) == found.symbol


async def test_a_contract_that_is_not_traded_here_still_has_a_name() -> None:
    async with house() as h:
        h.gateway.world.add(replace(h.gateway.world.one("ALFA"), con_id=999_000_002, kind="WAR", symbol="ALFAW"))
        assert await h.market.contracts.name_of(999_000_002) == "IB:999000002"
        assert await h.market.contracts.name_of(999_000_003) == "IB:999000003"
        assert await h.market.find("IB:999000002") == ()
        assert [one.symbol for one in await h.market.find(f"IB:{h.gateway.world.one('ALFA').con_id}")] == ["ALFA"]


async def test_a_future_is_found_by_its_local_symbol_and_a_pair_by_its_currencies() -> None:
    async with house() as h:
        future = next(one for one in h.gateway.world.listings.values() if one.kind == "FUT")
        (found,) = await h.market.find(future.local_symbol)
        (pair,) = await h.market.find("EUR.USD")
        assert (found.kind, found.tick, found.multiplier) == (InstrumentKind.FUTURE, Decimal("0.25"), Decimal(50))
        assert (pair.kind, pair.currency, pair.tick) == (InstrumentKind.FX, "USD", Decimal("0.00005"))


async def test_a_name_that_can_name_nothing_is_not_sent() -> None:
    async with house() as h:
        before = h.gateway.received()
        for symbol in ("ALFA\0", "ALFA\0001\0000", "alfa", "A;B=1", "X" * 40, "ÄÖ"):
            assert await h.market.find(symbol) == ()
        with pytest.raises(Refused) as refused:
            await h.market.search("x\0y", 5)
        assert refused.value.refusal.code == "BAD_ARGUMENTS"
        assert h.gateway.received() == before


async def test_what_was_found_is_remembered_and_after_hours_asked_for_anew() -> None:
    async with house() as h:
        await h.market.find("ALFA")
        asked = h.asked("reqContractDetails")
        await h.market.find("ALFA")
        assert h.asked("reqContractDetails") == asked
        h.clock.ahead += 5 * 3600
        await h.market.find("ALFA")
        assert h.asked("reqContractDetails") > asked


async def test_many_who_ask_for_one_contract_at_once_send_one_request() -> None:
    async with house() as h:
        await asyncio.gather(*(h.market.find("ALFA") for _ in range(20)))
        assert h.asked("reqContractDetails") == 1


async def test_the_step_of_an_instrument_follows_its_price() -> None:
    async with house() as h:
        (penny,) = await h.market.find("PNNY")
        assert penny.tick == Decimal("0.0001")
        await h.market.quote(penny)
        h.gateway.world.set("PNNY", "1.20", "1.21", "1.20")
        h.clock.ahead += 10
        await h.market.quote(penny)
        assert [one.tick for one in await h.market.find("PNNY")] == [Decimal("0.01")]


async def test_a_search_tells_stocks_under_names_that_find_them() -> None:
    async with house() as h:
        found = await h.market.search("dual", 10)
        assert {one.symbol for one in found} == {"DUAL", "DUAL:IBIS/EUR"}
        assert await h.market.search("dual", 1) == found[:1]
        assert h.asked("reqMatchingSymbols") == 1


async def test_searches_beyond_one_a_second_wait_and_then_are_refused() -> None:
    async with house() as h:
        answers = await asyncio.gather(*(h.market.search(text, 5) for text in "abcdefgh"), return_exceptions=True)
        refused = [one.refusal for one in answers if isinstance(one, Refused)]
        assert refused
        assert {one.code for one in refused} == {"RATE_LIMITED"}
        assert all(int(one.details["retry_after_seconds"]) >= 1 for one in refused)
        times = [one.at for one in h.gateway.named("reqMatchingSymbols")]
        assert all(later - earlier > 0.95 for earlier, later in pairwise(times))


async def test_a_search_that_is_not_answered_is_no_empty_answer() -> None:
    async with house() as h:
        h.gateway.always("reqMatchingSymbols", lambda session, fields, proceed: None)
        with pytest.raises(BrokerUnavailable):
            await h.market.search("alfa", 5)
