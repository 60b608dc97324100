from __future__ import annotations

from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from cockpit.brokers.paper.margin import buying_power, equity, required, unrealised
from cockpit.model.orders import Acknowledged, Rejected, Side
from tests.brokers.paper.scenes import RULES, Scene, buy, request, sell

TERMS = RULES.terms


def test_a_new_account_can_open_twice_its_equity() -> None:
    assert buying_power(Scene("1000").state, TERMS) == 2000


def test_the_worst_of_all_buys_and_all_sells_counts_not_their_sum() -> None:
    scene = Scene()
    scene.submit("a", buy("100", "19.50"))
    assert required(scene.state, TERMS) == 1000
    scene.submit("b", sell("60", "20.50"))
    assert required(scene.state, TERMS) == 1000
    scene.submit("c", sell("90", "20.50"))
    assert required(scene.state, TERMS) == 1500


def test_a_filled_order_takes_what_it_took_while_it_rested() -> None:
    scene = Scene()
    scene.submit("a", buy("100", "19.99"))
    before = required(scene.state, TERMS)
    scene.quote("19.98", "19.99")
    assert scene.state.holdings["AAA"].quantity == 100
    assert abs(required(scene.state, TERMS) - before) < 1


def test_what_is_filled_of_an_order_counts_once() -> None:
    scene = Scene()
    scene.submit("a", buy("300", "20.01"))
    assert scene.order("a").filled == 100
    assert required(scene.state, TERMS) == 3000
    scene.submit("b", sell("250", "30.00"))
    assert required(scene.state, TERMS) == 3000


def test_a_contract_counts_with_its_multiplier_and_its_own_margin() -> None:
    scene = Scene()
    scene.submit("a", buy("1", "990.0", symbol="CCC"))
    assert required(scene.state, TERMS) == 2000


def test_equity_follows_the_middle_of_the_quote_long_and_short() -> None:
    scene = Scene()
    scene.submit("a", sell("100"))
    scene.quote("18.99", "19.01")
    assert unrealised(scene.state, TERMS) == Decimal("99.00")
    assert equity(scene.state, TERMS) == Decimal(100000) + 99 - scene.state.fees


def test_an_order_that_reduces_is_taken_even_when_the_account_is_under_water() -> None:
    scene = Scene("1000")
    scene.submit("a", buy("99"))
    scene.quote("5.00", "5.01")
    assert equity(scene.state, TERMS) < 0
    assert buying_power(scene.state, TERMS) == 0
    assert isinstance(scene.submit("b", buy("1")).facts[0], Rejected)
    assert isinstance(scene.submit("c", sell("99")).facts[0], Acknowledged)


@given(
    cash=st.integers(100, 50_000),
    bought=st.integers(0, 300),
    resting=st.integers(0, 300),
    side=st.sampled_from(list(Side)),
)
def test_an_order_is_taken_exactly_up_to_the_buying_power(cash: int, bought: int, resting: int, side: Side) -> None:
    scene = Scene(str(cash))
    if bought:
        scene.submit("a", buy(str(bought * 10), symbol="BBB"))
    if resting:
        scene.submit("b", buy(str(resting * 10), "90.00", symbol="BBB"))
    power = buying_power(scene.state, TERMS)
    most = power // Decimal("20.00")
    assume(most >= 1)
    assert isinstance(scene.submit("over", request(side, most + 1, "20.00")).facts[0], Rejected)
    assert isinstance(scene.submit("just", request(side, most, "20.00")).facts[0], Acknowledged)
