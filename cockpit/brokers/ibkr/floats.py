"""IB's floating point numbers as exact ones; what stands for "nothing" is None, never zero."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

MOST: Final = 1e15
"""Larger than anything that has a price or a size; IB writes 1.797e308 where it has nothing to say."""


def exact(value: float | int | None) -> Decimal | None:
    """Return the number as it was written, or None for what is none: not a number, infinite, or IB's unset value."""
    if value is None or not math.isfinite(value) or abs(value) > MOST:
        return None
    return Decimal(int(value)) if float(value).is_integer() else Decimal(repr(value))


def price(value: float | None) -> Decimal | None:
    """Return a price above zero, or None: IB writes -1 and 0 for a side that nobody quotes."""
    found = exact(value)
    return None if found is None or found <= 0 else found


def size(value: float | None) -> Decimal | None:
    """Return a quantity that is not below zero, or None."""
    found = exact(value)
    return None if found is None or found < 0 else found


def on_step(value: Decimal, step: Decimal) -> Decimal:
    """Return the multiple of the step that is nearest to a price, with the step's digits; half a step goes to even."""
    if step <= 0:
        return value
    return (value / step).quantize(Decimal(1)) * step
