"""What must be kept for sold options: known strategies, and the worst of any."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.options import OptionContract, Right
from cockpit.model.written import Written, naked, secured

NEAR, FAR = date(2026, 3, 20), date(2026, 4, 17)
CALL, PUT = Right.CALL, Right.PUT


def leg(contracts: int, right: Right, strike: int, expiry: date = NEAR, underlying: str = "ALFA") -> Written:
    return Written(OptionContract(underlying, expiry, right, Decimal(strike)), Decimal(contracts * 100))


VERTICAL = (leg(1, CALL, 360), leg(-1, CALL, 370))
CREDIT = (leg(1, PUT, 340), leg(-1, PUT, 350))
CONDOR = (*CREDIT, leg(-1, CALL, 370), leg(1, CALL, 390))
BUTTERFLY = (leg(1, CALL, 350), leg(-2, CALL, 360), leg(1, CALL, 370))
CALENDAR = (leg(-1, CALL, 360, NEAR), leg(1, CALL, 360, FAR))
STRADDLE = (leg(1, CALL, 360), leg(1, PUT, 360))


@pytest.mark.parametrize(
    ("legs", "shares", "kept"),
    [
        (STRADDLE, 0, 0),
        (VERTICAL, 0, 0),
        (CREDIT, 0, 1000),
        (CONDOR, 0, 2000),
        (BUTTERFLY, 0, 0),
        (CALENDAR, 0, 0),
        (VERTICAL, -100, 0),
        ((leg(-1, PUT, 350),), 0, 35000),
        ((leg(-1, CALL, 370),), 100, 0),
        ((leg(-2, CALL, 370), leg(1, CALL, 390)), 100, 0),
        ((), 100, 0),
    ],
)
def test_an_account_keeps_the_most_that_a_strategy_can_lose(legs: tuple[Written, ...], shares: int, kept: int) -> None:
    held = {"ALFA": Decimal(shares)}
    assert secured(legs, held) == kept
    assert naked(legs, held) == frozenset()


@pytest.mark.parametrize(
    ("legs", "shares"),
    [
        ((leg(-1, CALL, 370),), 0),
        ((leg(-1, CALL, 370),), 99),
        ((leg(-1, CALL, 370),), -100),
        ((leg(-2, CALL, 370), leg(1, CALL, 390)), 0),
        ((leg(1, CALL, 360, NEAR), leg(-1, CALL, 360, FAR)), 0),
        ((leg(-1, CALL, 360), leg(1, CALL, 24, underlying="BRVO")), 0),
        ((leg(-1, CALL, 360), leg(5, PUT, 360)), 0),
    ],
)
def test_a_sold_call_that_nothing_covers_until_it_expires_is_naked(legs: tuple[Written, ...], shares: int) -> None:
    assert naked(legs, {"ALFA": Decimal(shares)}) == {"ALFA"}


@pytest.mark.parametrize(
    ("before", "now", "more"),
    [
        ((leg(-1, CALL, 370),), (leg(-1, CALL, 370),), False),
        ((leg(-1, CALL, 370),), (leg(-2, CALL, 370),), True),
        ((leg(-1, CALL, 370),), (leg(-51, CALL, 370),), True),
        ((leg(-1, CALL, 370),), (leg(-1, CALL, 370), leg(-1, CALL, 390)), True),
        ((leg(-1, CALL, 370),), (leg(-1, CALL, 370), leg(-1, PUT, 350)), False),
        ((leg(-2, CALL, 370),), (leg(-1, CALL, 370),), False),
        ((leg(-1, CALL, 370, FAR),), (leg(-1, CALL, 370, FAR), leg(-1, PUT, 350, NEAR)), False),
        ((leg(1, CALL, 360, NEAR), leg(-1, CALL, 370, FAR)), (leg(-1, CALL, 370, FAR),), True),
    ],
)
def test_who_is_naked_already_is_naked_anew_with_every_further_unit(
    before: tuple[Written, ...], now: tuple[Written, ...], more: bool
) -> None:
    assert naked(now, {}, (before, {})) == (frozenset({"ALFA"}) if more else frozenset())


def test_shares_that_go_leave_the_call_naked_that_they_covered() -> None:
    call, shares = (leg(-1, CALL, 370),), {"ALFA": Decimal(150)}
    assert naked(call, {"ALFA": Decimal(100)}, (call, shares)) == frozenset()
    assert naked(call, {"ALFA": Decimal(99)}, (call, shares)) == {"ALFA"}


positions = st.lists(
    st.builds(leg, st.integers(-5, 5), st.sampled_from(Right), st.integers(1, 80).map(lambda step: step * 5)),
    max_size=6,
)


@given(positions, st.integers(0, 500), st.integers(0, 1000))
def test_nothing_that_is_not_naked_loses_more_than_is_kept(legs: list[Written], shares: int, price: int) -> None:
    held = {"ALFA": Decimal(shares)}
    if naked(legs, held):
        return
    payoff = Decimal(shares * price) + sum(one.units * one.option.intrinsic(Decimal(price)) for one in legs)
    assert payoff >= -secured(legs, held)
