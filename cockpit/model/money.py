"""Money, prices and quantities: Decimal throughout, and their one way to become text."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

ZERO: Final = Decimal(0)
CENT: Final = Decimal("0.01")


def plain(value: Decimal) -> str:
    """Write a number without exponent and without needless zeros: ``100``, ``0.05``, ``412.3``."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")  # costs three times as much, and most numbers are written alike
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def cents(value: Decimal) -> str:
    """Write an amount of money with two places: ``1234.50``."""
    text = format(value.quantize(CENT), "f")
    return "0.00" if text == "-0.00" else text


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether ``value`` lies on the grid of ``step`` (a tick or a lot)."""
    return value % step == 0
