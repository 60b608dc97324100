"""Option prices, sensitivities and implied volatilities, against the literature and against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import exp

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cockpit.model.black_scholes import DAYS_A_YEAR, Assumptions, implied_volatility, price, values
from cockpit.model.options import Right

CALL, PUT = Right.CALL, Right.PUT

markets = st.builds(
    Assumptions,
    spot=st.floats(5, 500),
    strike=st.floats(5, 500),
    years=st.floats(0.01, 3),
    rate=st.floats(-0.02, 0.15),
    volatility=st.floats(0.05, 1.5),
    yields=st.floats(0, 0.1),
)
rights = st.sampled_from(Right)


def test_hull_15_6_a_stock_at_42_with_strike_40() -> None:
    """Hull, Options, Futures and Other Derivatives, example 15.6: 4.76 and 0.81."""
    stock = Assumptions(42, 40, 0.5, 0.10, 0.20)
    assert price(CALL, stock) == pytest.approx(4.76, abs=0.005)
    assert price(PUT, stock) == pytest.approx(0.81, abs=0.005)


def test_hull_17_1_an_index_with_a_dividend_yield() -> None:
    """Hull, example 17.1: an index of 930 with a yield of 3 %, strike 900, two months: 51.83."""
    index = Assumptions(930, 900, 2 / 12, 0.08, 0.20, 0.03)
    assert price(CALL, index) == pytest.approx(51.83, abs=0.005)


def test_hull_19_the_greeks_of_a_call_on_a_stock_at_49() -> None:
    """Hull, chapter 19: delta 0.522, theta -4.31 a year, gamma 0.066, vega 12.1 and rho 8.91 for one in one."""
    found = values(CALL, Assumptions(49, 50, 20 / 52, 0.05, 0.20))
    assert found.delta == pytest.approx(0.522, abs=0.0005)
    assert found.theta * DAYS_A_YEAR == pytest.approx(-4.31, abs=0.005)
    assert found.gamma == pytest.approx(0.066, abs=0.0005)
    assert found.vega * 100 == pytest.approx(12.1, abs=0.05)
    assert found.rho * 100 == pytest.approx(8.91, abs=0.005)


def test_hull_15_11_the_volatility_that_a_price_stands_for() -> None:
    """Hull, section 15.11: a call at 1.875 on a stock at 21 with strike 20 stands for 23.5 % a year."""
    found = implied_volatility(CALL, Assumptions(21, 20, 0.25, 0.10, 0.0), 1.875)
    assert found == pytest.approx(0.235, abs=0.0005)


@given(markets)
def test_a_call_less_its_put_is_the_forward_less_the_strike(market: Assumptions) -> None:
    bound = market.spot * exp(-market.yields * market.years) - market.strike * exp(-market.rate * market.years)
    assert price(CALL, market) - price(PUT, market) == pytest.approx(bound, abs=1e-9 * (market.spot + market.strike))


@given(rights, markets)
def test_a_price_stays_within_the_bounds_that_hold_without_a_model(right: Right, market: Assumptions) -> None:
    got, paid = market.spot * exp(-market.yields * market.years), market.strike * exp(-market.rate * market.years)
    worth, slack = price(right, market), 1e-9 * (got + paid)
    assert max(0.0, right.sign * (got - paid)) - slack <= worth <= (got if right is CALL else paid) + slack


def slope(of: Callable[[float], float], at: float, step: float) -> float:
    return (of(at + step) - of(at - step)) / (2 * step)


@given(rights, markets)
def test_the_greeks_are_the_slopes_of_the_price(right: Right, market: Assumptions) -> None:
    found = values(right, market)
    scale = market.spot + market.strike

    def at(**changed: float) -> float:
        return price(right, replace(market, **changed))

    step = market.spot * 1e-4
    assert found.price == price(right, market)
    assert found.delta == pytest.approx(slope(lambda spot: at(spot=spot), market.spot, step), abs=2e-4)
    curve = slope(lambda spot: values(right, replace(market, spot=spot)).delta, market.spot, step)
    assert found.gamma == pytest.approx(curve, rel=1e-3, abs=1e-5)
    vega = slope(lambda level: at(volatility=level), market.volatility, 1e-4)
    assert found.vega * 100 == pytest.approx(vega, rel=1e-3, abs=1e-5 * scale)
    rho = slope(lambda rate: at(rate=rate), market.rate, 1e-5)
    assert found.rho * 100 == pytest.approx(rho, rel=1e-3, abs=1e-5 * scale)
    theta = -slope(lambda years: at(years=years), market.years, market.years * 1e-4)
    assert found.theta * DAYS_A_YEAR == pytest.approx(theta, rel=1e-3, abs=1e-4 * scale)


@given(rights, markets)
def test_the_implied_volatility_of_a_price_is_the_volatility_it_was_made_with(
    right: Right, market: Assumptions
) -> None:
    # Far from the money a price hardly depends on volatility, and its digits no longer tell it.
    assume(values(right, market).vega > 1e-4 * market.spot * 0.01)
    found = implied_volatility(right, replace(market, volatility=0.0), price(right, market))
    assert found == pytest.approx(market.volatility, rel=1e-4)


@given(rights, markets)
def test_a_price_that_no_volatility_gives_has_none(right: Right, market: Assumptions) -> None:
    got, paid = market.spot * exp(-market.yields * market.years), market.strike * exp(-market.rate * market.years)
    assert implied_volatility(right, market, max(0.0, right.sign * (got - paid)) - 0.01) is None
    assert implied_volatility(right, market, (got if right is CALL else paid) + 0.01) is None
    assert implied_volatility(right, market, float("nan")) is None
    assert implied_volatility(right, replace(market, years=0.0), price(right, market)) is None


@pytest.mark.parametrize(
    ("right", "spot", "worth", "delta"), [(CALL, 412, 12, 1), (CALL, 390, 0, 0), (PUT, 390, 10, -1)]
)
def test_at_its_expiry_an_option_is_worth_its_intrinsic_value(
    right: Right, spot: float, worth: float, delta: float
) -> None:
    found = values(right, Assumptions(spot, 400, 0.0, 0.04, 0.3))
    assert (found.price, found.delta, found.gamma, found.vega) == (worth, delta, 0.0, 0.0)
