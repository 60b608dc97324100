"""What an option is worth, and how that moves: the textbook formulas without dividends, written for tests alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

RATE: Final = 0.04
"""Continuous annual interest rate."""
_DAYS: Final = 365.0
_STEPS: Final = 80


@dataclass(frozen=True, slots=True)
class Model:
    """Model price of one option and its derivatives, for one unit of the underlying."""

    price: float
    delta: float
    gamma: float
    vega: float
    """For one percentage point of volatility."""
    theta: float
    """For one calendar day."""


def value(spot: float, strike: float, years: float, volatility: float, call: bool) -> Model:
    """Price one European option."""
    root = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (RATE + volatility**2 / 2) * years) / root
    d2 = d1 - root
    discounted = strike * math.exp(-RATE * years)
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    decay = -spot * density * volatility / (2 * math.sqrt(years))
    if call:
        price, delta = spot * _normal(d1) - discounted * _normal(d2), _normal(d1)
        theta = decay - RATE * discounted * _normal(d2)
    else:
        price, delta = discounted * _normal(-d2) - spot * _normal(-d1), _normal(d1) - 1
        theta = decay + RATE * discounted * _normal(-d2)
    return Model(price, delta, density / (spot * root), spot * density * math.sqrt(years) / 100, theta / _DAYS)


def implied(price: float, spot: float, strike: float, years: float, call: bool) -> float | None:
    """Return the volatility at which the option is worth that much, or None where there is none."""
    low, high = 0.001, 5.0
    if not value(spot, strike, years, low, call).price <= price <= value(spot, strike, years, high, call).price:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if value(spot, strike, years, middle, call).price < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _normal(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2
