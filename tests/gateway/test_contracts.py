"""The real client asks the gateway what there is to trade."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from ib_async import IB, Contract, Forex, Future, Option, Stock

from tests.gateway import FakeGateway
from tests.gateway.asking import codes, refused, settled
from tests.gateway.contracts import adjusted, at_the_money
from tests.gateway.world import World


async def test_details_tell_steps_sizes_hours_and_identity(ib: IB) -> None:
    (found,) = await ib.reqContractDetailsAsync(Stock("ALFA", "SMART", "USD"))
    assert found.contract is not None
    assert (found.contract.conId, found.contract.primaryExchange, found.contract.exchange) == (
        265001,
        "NASDAQ",
        "SMART",
    )
    assert (found.minTick, found.marketRuleIds.split(",")[0], found.stockType) == (0.01, "26", "COMMON")
    assert (Decimal(str(found.minSize)), Decimal(str(found.sizeIncrement)), found.suggestedSizeIncrement) == (
        *(Decimal("0.0001"), Decimal("0.0001")),
        100,
    )
    assert (found.longName, found.timeZoneId, found.secIdList[0].value) == (
        "ALFA MOTORS INC",
        "US/Eastern",
        "XS0000000017",
    )


async def test_one_symbol_may_mean_two_companies(ib: IB) -> None:
    found = await ib.reqContractDetailsAsync(Stock("TWIN", "SMART", "USD"))
    assert sorted(one.contract.primaryExchange for one in found if one.contract) == ["NASDAQ", "PINK"]
    (one,) = await ib.reqContractDetailsAsync(Stock("TWIN", "SMART", "USD", primaryExchange="PINK"))
    assert one.longName == "TWIN RIVERS BANCORP"


async def test_quotes_of_an_ambiguous_contract_are_refused(ib: IB) -> None:
    ambiguous = Stock("TWIN", "SMART", "USD")
    heard = codes(ib)
    ib.client.reqMktData(ib.client.getReqId(), ambiguous, "", True, False, [])
    await settled(ib)
    assert heard == [200]


async def test_one_company_may_be_listed_in_two_currencies(ib: IB) -> None:
    (home,) = await ib.reqContractDetailsAsync(Stock("DUAL", "SMART", "USD"))
    (abroad,) = await ib.reqContractDetailsAsync(Stock("DUAL", "SMART", "EUR"))
    assert (home.timeZoneId, abroad.timeZoneId) == ("US/Eastern", "MET")
    assert home.contract is not None
    assert abroad.contract is not None
    assert home.contract.conId != abroad.contract.conId
    assert len(await ib.reqContractDetailsAsync(Stock("DUAL", "SMART", ""))) == 2


async def test_who_names_no_venue_gets_the_same_contract_from_each(ib: IB) -> None:
    found = await ib.reqContractDetailsAsync(Stock("ALFA", "", "USD"))
    assert len(found) > 1
    assert {one.contract.conId for one in found if one.contract} == {265001}


async def test_a_contract_is_found_by_its_id_alone(ib: IB) -> None:
    (found,) = await ib.reqContractDetailsAsync(Contract(conId=265001))
    assert found.contract is not None
    assert (found.contract.symbol, found.contract.exchange) == ("ALFA", "SMART")


async def test_what_does_not_exist_is_error_200(ib: IB) -> None:
    assert await refused(ib.reqContractDetailsAsync(Stock("NOPE", "SMART", "USD"))) == (
        200,
        "No security definition has been found for the request",
    )
    assert (await refused(ib.reqContractDetailsAsync(Stock("ALFA", "MARS", "USD"))))[0] == 200


async def test_a_contract_without_its_kind_is_error_321_which_ends_no_request(ib: IB) -> None:
    heard = codes(ib)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(ib.reqContractDetailsAsync(Contract(symbol="ALFA")), 0.05)
    assert heard == [321]


async def test_names_with_umlauts_arrive_unharmed(ib: IB) -> None:
    (found,) = await ib.reqContractDetailsAsync(Stock("RHEIN", "SMART", "EUR"))
    assert found.longName == "RHEINWERKE MüNCHEN AG"


async def test_search_finds_symbols_and_names(ib: IB) -> None:
    found = await ib.reqMatchingSymbolsAsync("twin")
    assert found is not None
    assert [(one.contract.symbol, one.contract.primaryExchange) for one in found if one.contract] == [
        ("TWIN", "NASDAQ.NMS"),
        ("TWIN", "PINK"),
    ]
    named = await ib.reqMatchingSymbolsAsync("motors")
    assert named is not None
    assert "OPT" in named[0].derivativeSecTypes
    assert await ib.reqMatchingSymbolsAsync("nothing like it") == []


async def test_currencies_and_futures_have_terms_of_their_own(ib: IB) -> None:
    (euro,) = await ib.reqContractDetailsAsync(Forex("EURUSD"))
    (yen,) = await ib.reqContractDetailsAsync(Forex("USDJPY"))
    assert (euro.minTick, yen.minTick) == (0.00005, 0.005)
    futures = await ib.reqContractDetailsAsync(Future("MIDX", exchange="CME", currency="USD"))
    assert len(futures) == 2
    contract = futures[0].contract
    assert contract is not None
    assert (contract.multiplier, futures[0].timeZoneId) == ("50", "US/Central")
    (again,) = await ib.reqContractDetailsAsync(Future(localSymbol=contract.localSymbol, exchange="CME"))
    assert again.contract is not None
    assert again.contract.conId == contract.conId


async def test_strikes_times_expirations_hold_more_than_is_listed(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    chains = await ib.reqSecDefOptParamsAsync("ALFA", "", "STK", alfa.conId)
    assert sorted(one.exchange for one in chains) == ["CBOE", "ISE", "SMART"]
    chain = next(one for one in chains if one.exchange == "SMART")
    listed = list(gateway.world.options(alfa.conId))
    assert len(chain.expirations) * len(chain.strikes) * 2 > len(listed)
    weekly, monthly = chain.expirations[0], chain.expirations[-1]
    only_monthly = max(chain.strikes)
    assert (await refused(ib.reqContractDetailsAsync(Option("ALFA", weekly, only_monthly, "C", "SMART"))))[0] == 200
    (found,) = await ib.reqContractDetailsAsync(Option("ALFA", monthly, only_monthly, "C", "SMART"))
    assert found.contract is not None
    assert found.contract.tradingClass == "ALFA"


async def test_an_adjusted_class_makes_the_terms_ambiguous(gateway: FakeGateway, ib: IB) -> None:
    option = at_the_money(gateway.world, "ALFA")
    adjusted(gateway.world, option, 900_000_001)
    asked = Option("ALFA", option.expires, float(option.strike), "C", "SMART")
    assert len(await ib.reqContractDetailsAsync(asked)) == 2
    asked.tradingClass = "2ALFA"
    (found,) = await ib.reqContractDetailsAsync(asked)
    assert found.contract is not None
    assert found.contract.multiplier == "150"


async def test_an_account_without_chains_gets_none(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.chains = False
    assert await ib.reqSecDefOptParamsAsync("ALFA", "", "STK", alfa.conId) == []


async def test_market_rules_tell_the_step_at_each_price(ib: IB) -> None:
    steps = await ib.reqMarketRuleAsync(557)
    assert steps is not None
    assert [(one.lowEdge, one.increment) for one in steps] == [(0, 0.0001), (1, 0.01)]


async def test_volatility_and_price_are_calculated_from_each_other(gateway: FakeGateway, ib: IB) -> None:
    listed = at_the_money(gateway.world, "ALFA")
    option = Contract(conId=listed.con_id, secType="OPT", exchange="SMART")
    worth = await ib.calculateOptionPriceAsync(option, 0.3, 412.0)
    assert worth is not None
    assert worth.optPrice is not None
    back = await ib.calculateImpliedVolatilityAsync(option, worth.optPrice, 412.0)
    assert back is not None
    assert back.impliedVol == pytest.approx(0.3, abs=1e-6)
    too_low = await ib.calculateImpliedVolatilityAsync(option, 10_000, 412.0)
    assert too_low is not None
    assert too_low.impliedVol is None


async def test_a_calculation_may_stay_unanswered(gateway: FakeGateway, ib: IB) -> None:
    gateway.world.rights.estimates = False
    option = Contract(conId=at_the_money(gateway.world, "ALFA").con_id, secType="OPT", exchange="SMART")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(ib.calculateOptionPriceAsync(option, 0.3, 412.0), 0.05)


async def test_options_that_expired_are_told_only_to_who_wants_them(gateway: FakeGateway, ib: IB) -> None:
    option = at_the_money(gateway.world, "ALFA")
    assert option.expiry is not None
    later = datetime.combine(option.expiry + timedelta(days=1), time(12), UTC)
    gateway.world.now = lambda: later
    asked = Option("ALFA", option.expires, float(option.strike), "C", "SMART")
    assert (await refused(ib.reqContractDetailsAsync(asked)))[0] == 200
    asked.includeExpired = True
    (found,) = await ib.reqContractDetailsAsync(asked)
    assert found.realExpirationDate == option.expires


def test_the_hours_of_both_sides_of_a_change_of_clocks_are_told_in_local_time() -> None:
    world = World(lambda: datetime(2026, 3, 6, 15, tzinfo=UTC))  # Friday before New York's clocks go forward
    venue = world.one("ALFA").venue
    assert venue.text(world.now(), venue.liquid).split(";")[:4] == [
        *("20260306:0930-20260306:1600", "20260307:CLOSED", "20260308:CLOSED", "20260309:0930-20260309:1600"),
    ]
    before, after = venue.sessions(date(2026, 3, 9), 2, venue.liquid)
    assert before.opens_at is not None
    assert after.opens_at is not None
    assert (before.opens_at.astimezone(UTC).hour, after.opens_at.astimezone(UTC).hour) == (14, 13)


def test_holidays_and_short_days_are_told() -> None:
    world = World(lambda: datetime(2026, 11, 25, 15, tzinfo=UTC))
    venue = world.one("ALFA").venue
    venue.holidays.add(date(2026, 11, 26))
    venue.early[date(2026, 11, 27)] = time(13)
    assert venue.text(world.now(), venue.liquid).split(";")[1:3] == ["20261126:CLOSED", "20261127:0930-20261127:1300"]


def test_a_market_may_be_open_always() -> None:
    world = World(lambda: datetime(2026, 11, 21, 15, tzinfo=UTC))
    world.open_always()
    venue = world.one("EUR.USD").venue
    assert venue.text(world.now(), venue.trading).startswith("20261121:0000-20261122:0000;20261122:0000")
