"""Options over a real connection: what is really listed, around the money, with IB's own values."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import OptionChain as Parameters
from ib_async import OptionComputation

from cockpit.brokers.ibkr.chains import chosen, greeks, monthly, nearest
from cockpit.model.options import Right
from cockpit.model.quotes import DataType
from tests.brokers.ibkr.market_house import house
from tests.gateway.rights import Feed

NOON = datetime(2026, 4, 13, 12, tzinfo=UTC)
TOLD = OptionComputation(0, 0.24, 0.5, 5.2, 0.0, 0.03, 0.2, -0.4, 412.0)


def parameters(
    root: str, exchange: str = "SMART", days: tuple[str, ...] = ("20261218",), multiplier: str = "100"
) -> Parameters:
    return Parameters(exchange, 1, root, multiplier, list(days), [400.0, 410.0])


def test_the_class_of_the_underlying_itself_is_chosen_before_adjusted_ones() -> None:
    found = chosen([parameters("ALFA1"), parameters("ALFA"), parameters("ALFA", "CBOE")], "ALFA")
    assert found is not None
    assert (found.root, found.multiplier, found.expiries) == ("ALFA", Decimal(100), (date(2026, 12, 18),))


@pytest.mark.parametrize(
    "told",
    [
        [],
        [parameters("ALFA", "CBOE")],
        [parameters("ALFA1"), parameters("ALFA2")],
        [parameters("ALFA", multiplier="x")],
        [parameters("ALFA", multiplier="0")],
    ],
)
def test_nothing_is_chosen_where_none_is_the_one(told: list[Parameters]) -> None:
    assert chosen(told, "ALFA") is None


def test_a_day_that_is_none_is_passed_over() -> None:
    found = chosen([parameters("ALFA", days=("20261399", "x", "20261218"))], "ALFA")
    assert found is not None
    assert found.expiries == (date(2026, 12, 18),)


@pytest.mark.parametrize(
    ("expiry", "others", "regular"),
    [
        (date(2026, 12, 18), [], True),
        (date(2026, 12, 11), [], False),
        (date(2026, 6, 18), [], True),
        (date(2026, 6, 18), [date(2026, 6, 19)], False),
    ],
)
def test_the_months_regular_expiry_is_its_third_friday_or_the_day_before(
    expiry: date, others: list[date], regular: bool
) -> None:
    assert monthly(expiry, others) is regular


@given(
    st.sets(st.decimals("1", "500", places=1), min_size=1, max_size=60),
    st.decimals("1", "500", places=2),
    st.integers(1, 60),
)
def test_no_strike_that_is_left_out_is_nearer_than_one_that_is_shown(
    strikes: set[Decimal], spot: Decimal, count: int
) -> None:
    shown = nearest(sorted(strikes), spot, count)
    assert list(shown) == sorted(shown)
    assert len(shown) == min(count, len(strikes))
    farthest = max(abs(one - spot) for one in shown)
    assert all(abs(one - spot) >= farthest for one in strikes - set(shown))


def test_model_values_are_told_without_what_ib_does_not_tell() -> None:
    found = greeks(TOLD, 0.1, NOON, DataType.LIVE)
    assert found is not None
    assert (found.delta, found.volatility, found.spot) == (0.5, 0.24, 412.0)
    assert (found.rho, found.rate, found.yields) == (None, None, None)


@pytest.mark.parametrize("field", ["impliedVol", "delta", "optPrice", "gamma", "vega", "theta", "undPrice"])
@pytest.mark.parametrize("value", [None, -2, math.nan, math.inf, 1.7976931348623157e308])
def test_no_model_values_are_made_of_a_part(field: str, value: float | None) -> None:
    import dataclasses

    assert greeks(dataclasses.replace(TOLD, **{field: value}), 0.1, NOON, DataType.LIVE) is None  # type: ignore[type-var]
    assert greeks(None, 0.1, NOON, DataType.LIVE) is None


async def test_series_come_soonest_first_and_end_with_the_session() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        found = await h.market.option_series(alfa)
        listed = {
            one.expiry for one in h.gateway.world.options(h.gateway.world.one("ALFA").con_id) if one.expiry is not None
        }
        assert [one.expiry for one in found] == sorted(listed)
        assert all(one.last_trade_at > h.clock.now() and one.multiplier == 100 for one in found)
        assert any(one.monthly for one in found)


async def test_what_has_no_options_has_no_series() -> None:
    async with house() as h:
        for symbol in ("CHRL", "RHEIN:IBIS", "EUR.USD"):
            (found,) = await h.market.find(symbol)
            assert await h.market.option_series(found) == ()
        h.gateway.world.rights.chains = False
        (alfa,) = await h.market.find("ALFA")
        assert await h.market.option_series(alfa) == ()


async def test_a_chain_holds_strikes_that_are_listed_in_it_and_no_other() -> None:
    async with house() as h:
        world = h.gateway.world
        (alfa,) = await h.market.find("ALFA")
        for series in await h.market.option_series(alfa):
            found = await h.market.option_chain(alfa, series.expiry, 5)
            assert found is not None
            listed = {one.strike for one in world.options(world.one("ALFA").con_id) if one.expiry == series.expiry}
            assert set(found.strikes) == listed
            assert len(found.rows) == 5
            assert found.at_the_money in {row.strike for row in found.rows}


async def test_each_option_has_its_quote_its_values_and_a_name_that_finds_it() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        series = (await h.market.option_series(alfa))[0]
        found = await h.market.option_chain(alfa, series.expiry, 3)
        assert found is not None
        assert found.spot == Decimal(412)
        for row in found.rows:
            for line, right in ((row.call, Right.CALL), (row.put, Right.PUT)):
                assert line is not None
                assert line.instrument.option is not None
                assert (line.instrument.option.strike, line.instrument.option.right) == (row.strike, right)
                assert line.quote is not None
                assert line.quote.data_type is DataType.LIVE
                assert line.greeks is not None
                assert (line.greeks.delta > 0) is (right is Right.CALL)
                assert await h.market.find(line.instrument.symbol) == (line.instrument,)
        assert found.data_type is DataType.LIVE


async def test_a_chain_without_prices_of_its_options_still_tells_what_is_listed() -> None:
    async with house() as h:
        world = h.gateway.world
        (alfa,) = await h.market.find("ALFA")
        series = (await h.market.option_series(alfa))[0]
        world.rights.feeds |= {one.con_id: Feed.NONE for one in world.options(world.one("ALFA").con_id)}
        found = await h.market.option_chain(alfa, series.expiry, 3)
        assert found is not None
        assert all(row.call is not None and row.call.quote is None and row.call.greeks is None for row in found.rows)


async def test_no_chain_without_such_a_series_or_a_price_to_centre_it_on() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        series = (await h.market.option_series(alfa))[0]
        assert await h.market.option_chain(alfa, series.expiry + timedelta(days=1), 3) is None
        h.gateway.world.set("ALFA", None, None)
        h.gateway.world.put(h.gateway.world.one("ALFA"), type(h.gateway.world.price("ALFA"))())
        assert await h.market.option_chain(alfa, series.expiry, 3) is None


async def test_greeks_are_ibs_own_or_none() -> None:
    async with house() as h:
        world = h.gateway.world
        under = world.one("ALFA")
        listing = next(one for one in world.options(under.con_id) if one.right == "C" and abs(one.strike - 412) < 3)
        symbol = await h.market.contracts.name_of(listing.con_id)
        (option,) = await h.market.find(symbol)
        found = await h.market.greeks(option)
        assert found is not None
        assert found.volatility == pytest.approx(0.24)
        assert (found.model, found.rho) == ("Interactive Brokers' option model", None)
        (alfa,) = await h.market.find("ALFA")
        assert await h.market.greeks(alfa) is None
        world.put(under, type(world.price("ALFA"))())
        assert await h.market.greeks(option) is None


async def test_what_a_broken_farm_may_have_remembered_of_options_is_of_no_known_kind() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        expiry = (await h.market.option_series(alfa))[0].expiry

        async def kinds() -> set[DataType]:
            found = await h.market.option_chain(alfa, expiry, 1)
            assert found is not None
            (row,) = found.rows
            assert row.call is not None
            assert row.call.quote is not None
            assert row.call.greeks is not None
            greeks = await h.market.greeks(row.call.instrument)
            assert greeks is not None
            return {found.data_type, row.call.quote.data_type, row.call.greeks.data_type, greeks.data_type}

        assert await kinds() == {DataType.LIVE}
        h.gateway.broadcast_error(2103, "Market data farm connection is broken:usopt")
        await h.arrived()
        assert await kinds() == {DataType.UNKNOWN}
        h.gateway.broadcast_error(2104, "Market data farm connection is OK:usopt")
        await h.arrived()
        assert await kinds() == {DataType.LIVE}


async def test_a_chain_around_a_delayed_price_does_not_call_itself_live() -> None:
    async with house(market_data="delayed") as h:
        h.gateway.world.rights.feeds[h.gateway.world.one("ALFA").con_id] = Feed.DELAYED
        (alfa,) = await h.market.find("ALFA")
        series = (await h.market.option_series(alfa))[0]
        found = await h.market.option_chain(alfa, series.expiry, 2)
        assert found is not None
        assert {line.quote.data_type for row in found.rows if (line := row.call) and line.quote} == {DataType.LIVE}
        assert found.data_type is DataType.UNKNOWN


async def test_an_answer_without_options_is_asked_for_again_after_a_minute() -> None:
    async with house() as h:
        h.gateway.world.rights.chains = False
        (alfa,) = await h.market.find("ALFA")
        assert await h.market.option_series(alfa) == ()
        h.gateway.world.rights.chains = True
        assert await h.market.option_series(alfa) == ()
        h.clock.ahead += 61
        assert await h.market.option_series(alfa)


async def test_a_series_without_contracts_is_asked_for_again_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        series = (await h.market.option_series(alfa))[0]

        async def nothing(*_: str) -> tuple[()]:
            return ()

        with monkeypatch.context() as empty:
            empty.setattr(h.market.contracts, "option_series", nothing)
            assert await h.market.option_chain(alfa, series.expiry, 2) is None
        h.clock.ahead += 61
        assert await h.market.option_chain(alfa, series.expiry, 2) is not None
