"""Exchange rates: the interbank quote either way round, else the account's own rate, named as such."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.ibkr.fx import Worth, of_account, of_quote
from cockpit.model.quotes import DataType, Quote
from cockpit.model.refusals import Refused
from tests.brokers.ibkr.market_house import house
from tests.gateway.rights import Feed

NOON = datetime(2026, 4, 13, 12, tzinfo=UTC)
PRICES = st.decimals("0.0001", "500", places=5)


def pair(bid: Decimal | None, ask: Decimal | None) -> Quote:
    return Quote("EUR.USD", bid, ask, None, None, None, NOON, "ibkr", DataType.LIVE)


@given(PRICES, PRICES)
def test_a_pair_turned_round_costs_nobody_less_than_nothing(one: Decimal, other: Decimal) -> None:
    bid, ask = sorted((one, other))
    found = of_quote("USD", "EUR", pair(bid, ask), inverse=True)
    assert found is not None
    assert 0 < found.bid <= found.ask
    assert found.ask * bid == pytest.approx(1, rel=Decimal("1e-6"))


def test_a_pair_with_a_side_missing_is_no_rate() -> None:
    assert of_quote("EUR", "USD", pair(None, Decimal(1)), inverse=False) is None
    assert of_quote("EUR", "USD", pair(Decimal(1), None), inverse=True) is None


def test_the_accounts_rate_is_one_number_of_unknown_kind_and_only_of_what_it_holds() -> None:
    rates = {"EUR": Worth(Decimal("1.08"), NOON), "USD": Worth(Decimal(1), NOON - timedelta(hours=9))}
    found = of_account("EUR", "USD", rates)
    assert found is not None
    assert (found.bid, found.ask, found.data_type, found.as_of) == (
        Decimal("1.08"),
        Decimal("1.08"),
        DataType.UNKNOWN,
        NOON,
    )
    assert "account" in found.source
    rates["GBP"] = Worth(Decimal("1.27"), NOON - timedelta(hours=1))
    crossed = of_account("EUR", "GBP", rates)
    assert crossed is not None
    assert crossed.as_of == NOON - timedelta(hours=1)
    assert of_account("EUR", "SEK", rates) is None


async def test_a_pair_and_its_inverse_come_from_the_same_quote() -> None:
    async with house() as h:
        there, back = await h.market.fx_rate("EUR", "USD"), await h.market.fx_rate("USD", "EUR")
        assert there is not None
        assert back is not None
        assert (there.bid, there.ask, there.data_type) == (Decimal("1.08495"), Decimal("1.08505"), DataType.LIVE)
        assert back.bid == pytest.approx(1 / there.ask, rel=Decimal("1e-6"))


async def test_one_of_a_currency_is_one_of_it() -> None:
    async with house() as h:
        found = await h.market.fx_rate("USD", "USD")
        assert found is not None
        assert (found.bid, found.ask) == (1, 1)


async def test_without_a_quote_the_account_tells_what_it_holds_and_of_the_rest_the_refusal_stands() -> None:
    async with house() as h:
        h.gateway.world.rights.feed = Feed.NONE
        h.market._line.ib.wrapper.accountValues.clear()
        with pytest.raises(Refused) as refused:
            await h.market.fx_rate("EUR", "USD")
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"
        for currency, rate in (("EUR", "1.0861"), ("USD", "1.00"), ("GBP", "nonsense")):
            h.market._line.ib.wrapper.updateAccountValue("ExchangeRate", rate, currency, h.market._line.account)
        found = await h.market.fx_rate("EUR", "USD")
        assert found is not None
        assert (found.bid, found.data_type) == (Decimal("1.0861"), DataType.UNKNOWN)
        with pytest.raises(Refused):
            await h.market.fx_rate("GBP", "USD")


async def test_a_rate_that_nobody_has_is_none() -> None:
    async with house() as h:
        assert await h.market.fx_rate("SEK", "NOK") is None


async def test_a_rate_of_one_currency_that_is_told_anew_makes_no_other_one_young() -> None:
    async with house() as h:
        h.gateway.world.rights.feed = Feed.NONE

        def told(currency: str, rate: str) -> None:
            h.market._line.ib.wrapper.updateAccountValue("ExchangeRate", rate, currency, h.market._line.account)

        for currency, rate in (("EUR", "1.0861"), ("GBP", "1.2702"), ("USD", "1.00")):
            told(currency, rate)
        h.clock.ahead += 3600
        told("EUR", "1.0862")
        old, young = await h.market.fx_rate("GBP", "USD"), await h.market.fx_rate("EUR", "USD")
        assert old is not None
        assert young is not None
        assert h.clock.now() - old.as_of >= timedelta(hours=1)
        assert h.clock.now() - young.as_of < timedelta(minutes=1)
