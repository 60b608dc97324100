"""Positions and cash, over any sequence of trades."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.holdings import Holdings, fee
from tests.gateway.world import World

ACCOUNT = "DU1234567"
WORLD = World()
trades = st.lists(
    st.tuples(
        st.integers(-500, 500).filter(bool), st.decimals("0.01", "999.99", places=2), st.sampled_from(["ALFA", "BRVO"])
    ),
    max_size=30,
)


@given(trades)
def test_cash_and_cost_are_what_came_in_and_was_earned_less_the_fees_exactly(
    made: list[tuple[int, Decimal, str]],
) -> None:
    holdings = Holdings(WORLD, (ACCOUNT,))
    paid = spent = Decimal(0)
    sums = {"ALFA": 0, "BRVO": 0}
    for quantity, price, name in made:
        due = fee(WORLD.one(name), Decimal(abs(quantity)), price)
        holdings.trade(ACCOUNT, WORLD.one(name), Decimal(quantity), price, due)
        paid += due
        spent += quantity * price
        sums[name] += quantity
    held = list(holdings.held.values())
    assert holdings.cash[ACCOUNT]["USD"] == 1_000_000 - spent - paid
    cost, realized = sum(one.cost for one in held), sum(one.realized for one in held)
    assert holdings.cash[ACCOUNT]["USD"] + cost == 1_000_000 + realized - paid
    assert all(holdings.quantity(ACCOUNT, WORLD.one(name)) == quantity for name, quantity in sums.items())


@given(trades)
def test_nothing_held_costs_nothing_and_what_is_held_costs_on_its_own_side(
    made: list[tuple[int, Decimal, str]],
) -> None:
    holdings = Holdings(WORLD, (ACCOUNT,))
    for quantity, price, name in made:
        holdings.trade(ACCOUNT, WORLD.one(name), Decimal(quantity), price, Decimal(1))
        for one in holdings.held.values():
            assert (one.cost == 0) if one.quantity == 0 else (one.cost * one.quantity > 0)


def test_an_option_counts_with_its_multiplier_and_a_future_moves_cash_by_its_profit_alone() -> None:
    holdings = Holdings(WORLD, (ACCOUNT,))
    option = next(one for one in WORLD.listings.values() if one.kind == "OPT")
    future = next(one for one in WORLD.listings.values() if one.kind == "FUT")
    holdings.trade(ACCOUNT, option, Decimal(2), Decimal("1.50"), Decimal(1))
    assert holdings.cash[ACCOUNT]["USD"] == 1_000_000 - 300 - 1
    assert holdings.held[ACCOUNT, option.con_id].average == 150
    holdings.trade(ACCOUNT, future, Decimal(1), Decimal(6000), Decimal(0))
    assert holdings.cash[ACCOUNT]["USD"] == 1_000_000 - 301
    assert holdings.trade(ACCOUNT, future, Decimal(-1), Decimal(6010), Decimal(2)) == 498
    assert holdings.cash[ACCOUNT]["USD"] == 1_000_000 - 301 + 498
