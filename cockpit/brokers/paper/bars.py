"""A bar as the prices that orders meet: open, the nearer extreme, the other one, close."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Final

from cockpit.brokers.paper.book import Touch
from cockpit.brokers.paper.margin import Terms
from cockpit.model.money import ZERO
from cockpit.model.quotes import Bar, Interval

PARTICIPATION: Final = Decimal("0.1")
"""Share of a bar's volume that orders here may take, a quarter of it at each of its four prices."""
POINTS: Final = 4


def path(symbol: str, bar: Bar, interval: Interval, terms: Terms) -> tuple[Touch, ...]:
    """Return the four prices of a bar in their order; between them it moved without a gap."""
    up_first = bar.high - bar.open <= bar.open - bar.low
    turns = (bar.high, bar.low) if up_first else (bar.low, bar.high)
    size = (bar.volume or ZERO) * PARTICIPATION / POINTS // terms.lot * terms.lot
    prices = (bar.open, *turns, bar.close)
    return tuple(
        Touch(
            symbol,
            price,
            price,
            size,
            size,
            bar.opens_at + timedelta(seconds=interval.seconds) * number / POINTS,
            low=bar.low,
            high=bar.high,
            came_from=prices[number - 1] if number else None,
        )
        for number, price in enumerate(prices)
    )
