from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.paper.margin import equity
from cockpit.model.money import ZERO
from cockpit.model.orders import Cancelled, OrderState, Side
from tests.brokers.paper.scenes import RULES, Scene, buy, request, sell, stop


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_split_multiplies_the_position_and_scales_the_mark(scene: Scene) -> None:
    scene.submit("a", buy("10"))
    worth = equity(scene.state, RULES.terms)
    scene.split(4, 1)
    held = scene.state.holdings["AAA"]
    assert (held.quantity, held.cost) == (40, Decimal("200.10"))
    touch = scene.state.shown["AAA"].touch
    assert (touch.bid, touch.ask, touch.bid_size) == (Decimal("4.99"), Decimal("5.01"), 400)
    assert equity(scene.state, RULES.terms) == worth


def test_a_reverse_split_pays_out_what_is_left_of_a_lot_at_cost(scene: Scene) -> None:
    scene.submit("a", buy("10"))
    cash, realised = scene.state.cash, scene.state.realised
    scene.split(1, 3)
    held = scene.state.holdings["AAA"]
    assert (held.quantity, held.cost) == (3, Decimal("180.09"))
    assert scene.state.cash == cash + Decimal("20.01")
    assert scene.state.realised == realised


def test_a_short_position_pays_for_what_is_left_of_a_lot(scene: Scene) -> None:
    scene.submit("a", sell("10"))
    cash = scene.state.cash
    scene.split(1, 3)
    assert scene.state.holdings["AAA"].quantity == -3
    assert scene.state.cash == cash - Decimal("19.99")


def test_a_position_of_less_than_a_lot_is_paid_out_whole(scene: Scene) -> None:
    scene.submit("a", buy("1"))
    scene.split(1, 2)
    assert scene.state.holdings == {}
    assert scene.state.cash == 100_000 - scene.state.fees


def test_what_works_on_the_instrument_is_cancelled_with_its_exits_and_nothing_else(scene: Scene) -> None:
    scene.submit("rest", buy("10", "19.00"))
    scene.submit("other", buy("10", "99.00", symbol="BBB"))
    scene.bracket("b", buy("150", "20.01"), sell("150", "21.00"), stop(Side.SELL, "150", "19.00"))
    step = scene.split(2, 1)
    assert {(fact.reference, fact.reason) for fact in step.facts if isinstance(fact, Cancelled)} == {
        (name, "SPLIT") for name in ("rest", "b1", "b2", "b3")
    }
    assert len(step.facts) == 4
    assert scene.order("other").state is OrderState.WORKING


def test_the_price_after_a_split_is_on_the_tick_and_above_zero(scene: Scene) -> None:
    scene.split(1000, 1)
    touch = scene.state.shown["AAA"].touch
    assert (touch.bid, touch.ask) == (Decimal("0.01"), Decimal("0.03"))


@pytest.mark.parametrize(
    ("new", "old", "symbol"), [(1, 1, "AAA"), (0, 1, "AAA"), (2, -1, "AAA"), (1001, 1, "AAA"), (2, 1, "ZZZ")]
)
def test_a_split_that_is_none_is_refused_and_changes_nothing(scene: Scene, new: int, old: int, symbol: str) -> None:
    before = scene.state
    step = scene.split(new, old, symbol)
    assert step.refusal is not None
    assert step.state is before


@given(
    side=st.sampled_from(list(Side)),
    fills=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    new=st.integers(1, 30),
    old=st.integers(1, 30),
    symbol=st.sampled_from(["AAA", "CCC"]),
)
def test_a_split_makes_no_money_and_loses_none(side: Side, fills: list[int], new: int, old: int, symbol: str) -> None:
    scene, terms = Scene(), RULES.terms[symbol]
    for number, lots in enumerate(fills):
        scene.submit(f"r{number}", request(side, lots * terms.lot, None, symbol))
    before = scene.state
    scene.split(new, old, symbol)
    after = scene.state
    cost = sum((held.cost for held in after.holdings.values()), ZERO)
    assert after.cash + cost == after.opening_cash + after.realised - after.fees
    assert (after.realised, after.fees) == (before.realised, before.fees)
    held, left = before.holdings[symbol], after.holdings.get(symbol)
    exact = held.quantity * new / old
    quantity = ZERO if left is None else left.quantity
    if new != old:
        assert quantity % terms.lot == 0
        assert abs(exact - quantity) < terms.lot
        assert abs(quantity) <= abs(exact)
        # what stays keeps its cost a unit, to the millionth to which costs are rounded
        if left is not None:
            assert abs(left.cost / quantity - held.cost / exact) < Decimal("0.00001") / terms.lot
