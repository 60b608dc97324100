from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cockpit.model.money import plain


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(-(10**9), 10**9, places=4))
@example(Decimal("1E+3"))
@example(Decimal("0E+3"))
@example(Decimal("-0.00"))
@example(Decimal("1E-7"))
@example(Decimal("0.000001"))
@example(Decimal(100))
@example(Decimal("-1.500"))
def test_a_number_is_written_out_without_exponent_and_needless_zeros_and_reads_back_as_itself(value: Decimal) -> None:
    text = plain(value)
    assert "E" not in text
    assert Decimal(text) == value
    assert text == "0" or not text.startswith("-0") or text.startswith("-0.")
    assert "." not in text or not text.endswith(("0", "."))
    whole = format(value, "f")
    assert text in (whole, whole.rstrip("0").rstrip("."), "0")


@pytest.mark.parametrize(("value", "text"), [("1E+3", "1000"), ("5E-8", "0.00000005"), ("-0", "0"), ("12.50", "12.5")])
def test_numbers_written_with_an_exponent_read_like_all_others(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text
