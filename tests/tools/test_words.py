from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from tools.words import Price, SignedAmount

_PRICE: TypeAdapter[Decimal] = TypeAdapter(Price)
_SIGNED: TypeAdapter[Decimal] = TypeAdapter(SignedAmount)
_BEYOND = [
    "1e999999999",
    "1e-999999999",
    "1e-99999",
    "1e13",
    "1000000000000.1",
    "0.00000000001",
    "NaN",
    2**70,
    True,
    "9" * 41,
]


@pytest.mark.parametrize("odd", [*_BEYOND, "-1", "0", "0e-999999999"])
def test_a_price_that_nobody_can_mean_is_refused_in_words(odd: object) -> None:
    with pytest.raises(ValidationError):
        _PRICE.validate_python(odd)


@pytest.mark.parametrize("odd", [*_BEYOND, "-1e999999999", "-1e-999999999"])
def test_so_is_such_a_quantity(odd: object) -> None:
    with pytest.raises(ValidationError):
        _SIGNED.validate_python(odd)


def test_a_number_is_read_as_it_is_written() -> None:
    written = ("1e12", 101.1, "0.0000000001", " 7 ", "1.50000000000000")
    assert [_PRICE.validate_python(one) for one in written] == list(
        map(Decimal, ("1e12", "101.1", "0.0000000001", "7", "1.5"))
    )


@pytest.mark.parametrize("nought", ["0", "-0.0", "0e-999999999", "0e999999999"])
def test_nought_is_short_however_it_is_written(nought: str) -> None:
    assert str(_SIGNED.validate_python(nought)) == "0"
