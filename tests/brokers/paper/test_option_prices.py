"""What options of the invented market cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.paper.market import Market, second_of, time_of
from cockpit.brokers.paper.option_listing import series, strikes
from cockpit.brokers.paper.option_prices import RATE, OptionPrices, volatility
from cockpit.model.black_scholes import Assumptions, implied_volatility
from cockpit.model.options import OptionContract, Right
from cockpit.model.quotes import DataType

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
MARKET = Market("cockpit")
PRICES = OptionPrices(MARKET)
underlyings = st.sampled_from(("ALFA", "BRVO", "DLTA", "ECHO", "GOLF", "HTEL"))
seconds = st.integers(second_of(NOW), second_of(NOW + timedelta(days=300))).map(time_of)


def spot(symbol: str, at: datetime) -> Decimal:
    quote = MARKET.quote(symbol, at)
    assert quote is not None
    middle = quote.mid()
    assert middle is not None
    return middle


def test_a_quote_says_that_it_is_simulated_and_by_which_model() -> None:
    quote = PRICES.quote("ALFA260320C00360000", NOW)
    assert quote is not None
    assert quote.data_type is DataType.SIMULATED
    assert "Black-Scholes" in quote.source
    assert quote.as_of == NOW


@given(underlyings, seconds, st.data())
def test_bid_and_ask_lie_around_the_value_on_the_tick(underlying: str, at: datetime, data: st.DataObject) -> None:
    of = data.draw(st.sampled_from(series(underlying, at)))
    right, strike = data.draw(st.sampled_from(Right)), data.draw(st.sampled_from(strikes(underlying)))
    symbol = OptionContract(underlying, of.expiry, right, strike).symbol
    quote, greeks = PRICES.quote(symbol, at), PRICES.greeks(symbol, at)
    assert quote is not None
    assert greeks is not None
    assert quote.bid is not None
    assert quote.ask is not None
    assert Decimal("0.01") <= quote.bid < quote.ask
    assert quote.bid % Decimal("0.01") == quote.ask % Decimal("0.01") == 0
    assert float(quote.ask) >= greeks.price
    assert float(quote.bid) <= max(0.01, greeks.price)
    assert (quote.bid_size or 0) >= 1
    assert 0.0 <= greeks.delta * right.sign <= 1.0


@given(underlyings, seconds, st.data())
def test_nobody_earns_from_call_put_and_underlying_at_once(underlying: str, at: datetime, data: st.DataObject) -> None:
    """Put-call parity on the prices at which one can trade."""
    of = data.draw(st.sampled_from(series(underlying, at)))
    strike = data.draw(st.sampled_from(strikes(underlying)))
    call, put = (PRICES.quote(OptionContract(underlying, of.expiry, right, strike).symbol, at) for right in Right)
    assert call is not None
    assert put is not None
    assert call.bid is not None
    assert call.ask is not None
    assert put.bid is not None
    assert put.ask is not None
    years = (of.last_trade_at - at).total_seconds() / 365 / 86400
    bound = float(spot(underlying, at)) - float(strike) * exp(-RATE * years)
    assert float(call.bid - put.ask) <= bound + 0.011
    assert float(call.ask - put.bid) >= bound - 0.011


@given(underlyings, seconds)
def test_the_middle_of_a_quote_at_the_money_stands_for_the_rules_volatility(underlying: str, at: datetime) -> None:
    of = series(underlying, at)[-1]
    chain = PRICES.chain(of, 1, at)
    assert chain is not None
    (row,) = chain.rows
    assert row.call is not None
    assert row.call.quote is not None
    middle = row.call.quote.mid()
    assert middle is not None
    years = (of.last_trade_at - at).total_seconds() / 365 / 86400
    given_ = Assumptions(float(chain.spot), float(row.strike), years, RATE, 0.0)
    found = implied_volatility(Right.CALL, given_, float(middle))
    assert found == pytest.approx(volatility(underlying), rel=0.25)


def test_the_volatility_is_the_daily_one_times_the_root_of_365() -> None:
    assert volatility("ALFA") == pytest.approx(0.015 * 365**0.5)


def test_a_chain_holds_the_strikes_nearest_to_the_money_by_rising_strike() -> None:
    of = series("ALFA", NOW)[0]
    chain = PRICES.chain(of, 5, NOW)
    assert chain is not None
    middle = spot("ALFA", NOW)
    assert chain.spot == middle
    assert [row.strike for row in chain.rows] == [345, 350, 355, 360, 365]
    assert chain.at_the_money == min(strikes("ALFA"), key=lambda strike: abs(strike - middle))
    assert chain.strikes == strikes("ALFA")
    calls = [row.call.greeks.price for row in chain.rows if row.call is not None and row.call.greeks is not None]
    puts = [row.put.greeks.price for row in chain.rows if row.put is not None and row.put.greeks is not None]
    assert calls == sorted(calls, reverse=True)
    assert puts == sorted(puts)


def test_an_option_settles_at_the_intrinsic_value_of_its_last_second() -> None:
    ended = series("ALFA", NOW)[0].last_trade_at
    quote = MARKET.quote("ALFA", ended)
    assert quote is not None
    assert quote.last is not None
    call, put = "ALFA260306C00350000", "ALFA260306P00350000"
    assert PRICES.settled(call, ended - timedelta(seconds=1)) is None
    for now in (ended, ended + timedelta(days=400)):
        assert PRICES.settled(call, now) == max(Decimal(0), quote.last - 350)
        assert PRICES.settled(put, now) == max(Decimal(0), 350 - quote.last)
    assert PRICES.quote(call, ended) is None
    assert PRICES.greeks(call, ended) is None
    assert PRICES.settled("ALFA", ended) is None
