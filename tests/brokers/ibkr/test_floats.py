"""Numbers of the wire: exactly what was written, and never a zero for nothing."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.ibkr.floats import exact, on_step, price, size


@given(st.decimals("-1000000", "1000000", places=6))
def test_a_number_comes_back_as_it_was_written(value: Decimal) -> None:
    assert exact(float(value)) == value


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, 1.7976931348623157e308])
def test_what_is_no_number_is_none(value: float | None) -> None:
    assert exact(value) is None
    assert price(value) is None
    assert size(value) is None


@pytest.mark.parametrize("value", [-1.0, 0.0, -0.01])
def test_a_price_that_is_not_above_zero_is_none(value: float) -> None:
    assert price(value) is None


def test_small_and_large_numbers_are_numbers() -> None:
    assert price(0.0001) == Decimal("0.0001")
    assert exact(1e15) == 10**15
    assert exact(1.0001e15) is None


def test_without_a_step_a_price_stays_as_it_is() -> None:
    assert on_step(Decimal("1.2345"), Decimal(0)) == Decimal("1.2345")


def test_a_size_of_nothing_is_a_size_and_one_below_is_none() -> None:
    assert size(0.0) == 0
    assert size(-1.0) is None


@given(st.integers(1, 10**7), st.sampled_from(["0.01", "0.05", "0.00005", "0.25", "0.0001"]), st.floats(-0.4, 0.4))
def test_a_price_near_a_step_is_that_step(steps: int, step: str, off: float) -> None:
    grid = Decimal(step)
    assert on_step(steps * grid + grid * Decimal(repr(round(off, 6))), grid) == steps * grid
