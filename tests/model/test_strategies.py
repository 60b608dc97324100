"""What named strategies are made of, and what they come to."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.options import OptionContract, Right
from cockpit.model.orders import Side
from cockpit.model.strategies import PLANS, Holding, Strategy, outcome
from cockpit.model.written import Written, naked, secured

EXPIRY = date(2026, 3, 20)
STRIKES = [Decimal(340), Decimal(350), Decimal(360), Decimal(370)]
SPOT = Decimal(355)


def holdings(strategy: Strategy, strikes: list[Decimal], prices: list[Decimal]) -> list[Holding]:
    """Return a strategy bought once, with its options at the prices in turn and shares at the spot."""
    plan = PLANS[strategy]
    found = [
        Holding(OptionContract("ALFA", EXPIRY, slot.right, strikes[slot.place]), slot.side.sign * slot.ratio * Decimal(100), price)
        for slot, price in zip(plan.slots, prices, strict=False)
    ]  # fmt: skip
    return [*found, Holding(None, Decimal(100), SPOT)] if plan.shares else found


def test_every_name_has_a_plan_whose_strikes_are_all_used() -> None:
    assert set(PLANS) == set(Strategy)
    for plan in PLANS.values():
        assert {slot.place for slot in plan.slots} == set(range(plan.strikes))


@pytest.mark.parametrize("strategy", Strategy)
def test_no_named_strategy_sells_what_nothing_covers_and_bought_legs_come_first(strategy: Strategy) -> None:
    plan = PLANS[strategy]
    written = [
        Written(one.option, one.units)
        for one in holdings(strategy, STRIKES, [Decimal(1)] * 4)
        if one.option is not None
    ]
    shares = {"ALFA": Decimal(100 if plan.shares else 0)}
    assert naked(written, shares) == frozenset()
    sides = [slot.side for slot in plan.slots]
    assert sides == sorted(sides, key=lambda side: side is Side.SELL)
    if strategy is not Strategy.CASH_SECURED_PUT:
        assert secured(written, shares) <= 1000


@pytest.mark.parametrize(
    ("strategy", "prices", "paid", "lost", "won", "breakevens"),
    [
        (Strategy.BULL_CALL_SPREAD, [12, 5], 700, 700, 300, [347]),
        (Strategy.BEAR_CALL_SPREAD, [5, 12], -700, 300, 700, [347]),
        (Strategy.BULL_PUT_SPREAD, [3, 6], -300, 700, 300, [347]),
        (Strategy.BEAR_PUT_SPREAD, [6, 3], 300, 300, 700, [347]),
        (Strategy.STRADDLE, [9, 6], 1500, 1500, None, [325, 355]),
        (Strategy.STRANGLE, [3, 5], 800, 800, None, [332, 358]),
        (Strategy.IRON_CONDOR, [2, 1, 5, 4], -600, 400, 600, [344, 366]),
        (Strategy.COVERED_CALL, [20], 33500, 33500, 500, [335]),
        (Strategy.PROTECTIVE_PUT, [4], 35900, 1900, None, [359]),
        (Strategy.COLLAR, [4, 6], 35300, 1300, 0, []),
    ],
)
def test_known_strategies_come_to_what_books_say(
    strategy: Strategy, prices: list[int], paid: int, lost: int, won: int | None, breakevens: list[int]
) -> None:
    found = outcome(holdings(strategy, STRIKES, [Decimal(price) for price in prices]))
    assert (found.paid, found.most_lost, found.most_won) == (paid, lost, won)
    assert found.breakevens == tuple(breakevens)


legs = st.lists(
    st.builds(
        Holding,
        st.one_of(
            st.none(),
            st.builds(
                OptionContract,
                st.just("ALFA"),
                st.just(EXPIRY),
                st.sampled_from(Right),
                st.integers(1, 40).map(lambda step: Decimal(step * 5)),
            ),
        ),
        st.integers(-3, 3).filter(bool).map(lambda contracts: Decimal(contracts * 100)),
        st.integers(1, 60).map(Decimal),
    ),
    min_size=1,
    max_size=5,
)


@given(legs, st.integers(0, 1000).map(Decimal))
def test_at_no_price_more_is_lost_or_won_than_told(parts: list[Holding], spot: Decimal) -> None:
    found, gain = outcome(parts), sum(one.worth(spot) for one in parts)
    assert found.most_lost is None or gain >= -found.most_lost
    assert found.most_won is None or gain <= found.most_won
    for breakeven in found.breakevens:
        assert abs(sum(one.worth(breakeven) for one in parts)) < Decimal("0.0001")
