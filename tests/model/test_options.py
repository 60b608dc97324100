"""Option contracts and their symbols."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.options import MOST_STRIKE, STRIKE_STEP, OptionContract, Right, read_option

contracts = st.builds(
    OptionContract,
    st.from_regex(r"[A-Z]{1,6}", fullmatch=True),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.sampled_from(Right),
    st.integers(1, int(MOST_STRIKE / STRIKE_STEP)).map(lambda steps: steps * STRIKE_STEP),
)


@given(contracts)
def test_a_symbol_says_the_whole_contract(contract: OptionContract) -> None:
    assert read_option(contract.symbol) == contract


@given(contracts)
def test_the_padded_form_of_the_options_symbology_initiative_is_read_too(contract: OptionContract) -> None:
    padded = contract.underlying.ljust(6) + contract.symbol[len(contract.underlying) :]
    assert len(padded) == 21
    assert read_option(padded) == contract


def test_the_form_is_root_date_right_and_strike_in_thousandths() -> None:
    call = OptionContract("ALFA", date(2026, 12, 18), Right.CALL, Decimal("412.5"))
    assert call.symbol == "ALFA261218C00412500"
    assert OptionContract("T", date(2027, 1, 15), Right.PUT, Decimal(5)).symbol == "T270115P00005000"


@pytest.mark.parametrize(
    "text",
    [
        "ALFA", "ALFA261318C00412500", "ALFA260230C00412500", "ALFA261218X00412500", "ALFA261218C0041250",
        "ALFA261218C00000000", "alfa261218C00412500", "TOOLONG261218C00412500", "ALFA261218C٠٠٤١٢٥٠٠", "",
        "ALFA261218C00412500\n",
    ],
)  # fmt: skip
def test_anything_else_is_no_option(text: str) -> None:
    assert read_option(text) is None


def test_exercise_brings_what_the_underlying_is_beyond_the_strike() -> None:
    call = OptionContract("ALFA", date(2026, 12, 18), Right.CALL, Decimal(400))
    put = OptionContract("ALFA", date(2026, 12, 18), Right.PUT, Decimal(400))
    assert [call.intrinsic(Decimal(spot)) for spot in (390, 400, 412)] == [0, 0, 12]
    assert [put.intrinsic(Decimal(spot)) for spot in (390, 400, 412)] == [10, 0, 0]
