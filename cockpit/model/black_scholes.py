"""What a European option is worth, how that moves, and which volatility a price stands for (Black, Scholes, Merton).

Black and Scholes (1973) with Merton's continuous dividend yield; formulas as in Hull, Options, Futures and Other
Derivatives, chapters 15, 17 and 19. Rates, yields and volatilities are continuous and annual, 0.05 for 5 %; time is in
years. Pure functions in binary floating point: results are estimates, never money.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import erf, exp, isfinite, log, pi, sqrt
from typing import Final

from cockpit.model.options import Right

DAYS_A_YEAR: Final = 365.0
MOST_VOLATILITY: Final = 10.0
"""Highest volatility that is looked for: 1000 %."""
_LEAST_VOLATILITY: Final = 1e-6
_HALVINGS: Final = 64
_PERCENT: Final = 0.01


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Everything that the model is given. Spot and strike are above zero, years and volatility not below."""

    spot: float
    strike: float
    years: float
    rate: float
    volatility: float
    yields: float = 0.0

    @property
    def forward(self) -> float:
        """Price of the underlying for delivery at the expiry."""
        return self.spot * exp((self.rate - self.yields) * self.years)


@dataclass(frozen=True, slots=True)
class Values:
    """Price and first-order sensitivities, for one unit of the underlying."""

    price: float
    delta: float
    gamma: float
    theta: float
    """In one calendar day."""
    vega: float
    """For one percentage point of volatility."""
    rho: float
    """For one percentage point of the rate."""


def price(right: Right, given: Assumptions) -> float:
    """Return the value of the option."""
    sign = right.sign
    deviation = given.volatility * sqrt(given.years)
    paid, got = given.strike * exp(-given.rate * given.years), given.spot * exp(-given.yields * given.years)
    if deviation <= 0.0:
        return max(0.0, sign * (got - paid))
    d1 = _d1(given, deviation)
    return max(0.0, sign * (got * _normal(sign * d1) - paid * _normal(sign * (d1 - deviation))))


def values(right: Right, given: Assumptions) -> Values:
    """Return the value of the option and how it moves; at the expiry it moves with the underlying alone, or not."""
    sign = right.sign
    deviation = given.volatility * sqrt(given.years)
    discount, shrink = exp(-given.rate * given.years), exp(-given.yields * given.years)
    worth = price(right, given)
    if deviation <= 0.0:
        held = sign * (given.spot * shrink - given.strike * discount) > 0.0
        delta = sign * shrink if held else 0.0
        rho = sign * given.strike * given.years * discount * _PERCENT if held else 0.0
        theta = sign * (given.yields * given.spot * shrink - given.rate * given.strike * discount) if held else 0.0
        return Values(worth, delta, 0.0, theta / DAYS_A_YEAR, 0.0, rho)
    d1 = _d1(given, deviation)
    d2 = d1 - deviation
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    decay = -given.spot * density * shrink * given.volatility / (2 * sqrt(given.years))
    carry = given.yields * given.spot * _normal(sign * d1) * shrink
    financing = given.rate * given.strike * discount * _normal(sign * d2)
    return Values(
        price=worth,
        delta=sign * shrink * _normal(sign * d1),
        gamma=density * shrink / (given.spot * deviation),
        theta=(decay + sign * (carry - financing)) / DAYS_A_YEAR,
        vega=given.spot * sqrt(given.years) * density * shrink * _PERCENT,
        rho=sign * given.strike * given.years * discount * _normal(sign * d2) * _PERCENT,
    )


def implied_volatility(right: Right, given: Assumptions, worth: float) -> float | None:
    """Return the volatility at which the model gives that price; the volatility in ``given`` is not looked at.

    The price rises with volatility, so that halving a bracket finds it. None where no volatility up to 1000 % does:
    below the value without any, above the bound, or at the expiry.
    """
    if not isfinite(worth) or given.years <= 0.0:
        return None
    low, high = _LEAST_VOLATILITY, MOST_VOLATILITY
    least, most = (price(right, replace(given, volatility=end)) for end in (low, high))
    if not least < worth < most:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if price(right, replace(given, volatility=middle)) < worth:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _d1(given: Assumptions, deviation: float) -> float:
    drift = (given.rate - given.yields + given.volatility**2 / 2) * given.years
    return (log(given.spot / given.strike) + drift) / deviation


def _normal(x: float) -> float:
    return (1.0 + erf(x / sqrt(2.0))) / 2
