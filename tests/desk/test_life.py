"""The life of an order under any order of broker facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.desk.life import NEXT, applied
from cockpit.desk.reconcile import missed
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.money import ZERO
from cockpit.model.orders import (
    AT_BROKER,
    DONE,
    Acknowledged,
    BrokerFact,
    BrokerOrder,
    Cancelled,
    Executed,
    Execution,
    Expired,
    LinkLost,
    Order,
    OrderId,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Rejected,
    Replaced,
    ReplaceRefused,
    Side,
    TimeInForce,
)
from cockpit.model.text import Safe

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
REF = OrderRef("ck:1")
REQUEST = OrderRequest("ALFA", Side.BUY, Decimal(10), OrderType.LIMIT, Decimal(5), TimeInForce.GTC)


def order(state: OrderState = OrderState.SENDING) -> Order:
    return Order(
        OrderId("o-1"), REF, 1, ClientName("c"), GrantId("g"), "paper", REQUEST, state, ZERO, None, ZERO, Safe(""), (),
        NOON, NOON,
    )  # fmt: skip


def fill(number: int, quantity: int, price: str = "5") -> Executed:
    one = Execution(f"e{number}", REF, "ALFA", Side.BUY, Decimal(quantity), Decimal(price), Decimal("0.1"), NOON)
    return Executed(REF, NOON, one)


def test_every_move_of_the_table_leaves_an_order_that_is_not_done() -> None:
    assert {state for state, _ in NEXT} <= AT_BROKER
    assert set(NEXT.values()) <= AT_BROKER | DONE


def test_fills_add_up_and_average_by_volume() -> None:
    now = applied(applied(order(), fill(1, 4, "5"), NOON), fill(2, 6, "4"), NOON)
    assert now.state is OrderState.FILLED
    assert now.filled == Decimal(10)
    assert now.average_price == Decimal("4.4")
    assert now.fees == Decimal("0.2")


def test_a_fill_that_comes_before_the_acknowledgement_is_not_undone_by_it() -> None:
    now = applied(applied(order(), fill(1, 4), NOON), Acknowledged(REF, NOON), NOON)
    assert now.state is OrderState.PARTLY_FILLED


def test_a_fill_after_the_cancel_counts() -> None:
    now = applied(applied(order(OrderState.WORKING), Cancelled(REF, NOON, Safe("")), NOON), fill(1, 4), NOON)
    assert now.state is OrderState.CANCELLED
    assert now.filled == Decimal(4)


def test_a_lost_link_makes_unknown_and_never_an_end() -> None:
    for state in (OrderState.SENDING, OrderState.WORKING, OrderState.PARTLY_FILLED):
        assert applied(order(state), LinkLost(REF, NOON, Safe("x")), NOON).state is OrderState.UNKNOWN


def test_a_change_to_what_is_filled_already_ends_the_order() -> None:
    half = applied(order(), fill(1, 4), NOON)
    assert applied(half, Replaced(REF, NOON, Decimal(4), Decimal(5)), NOON).state is OrderState.FILLED


_FACTS = st.one_of(
    st.just(Acknowledged(REF, NOON)),
    st.just(Cancelled(REF, NOON, Safe("c"))),
    st.just(Expired(REF, NOON)),
    st.just(Rejected(REF, NOON, Safe("r"))),
    st.just(LinkLost(REF, NOON, Safe("l"))),
    st.just(ReplaceRefused(REF, NOON, Safe("n"))),
    st.builds(lambda q: Replaced(REF, NOON, Decimal(q), Decimal(5)), st.integers(5, 15)),
    st.builds(fill, st.integers(1, 4), st.integers(1, 3)),
)


@given(st.lists(_FACTS, max_size=30))
def test_under_any_order_of_facts_the_books_stay_true(facts: list[BrokerFact]) -> None:
    now, seen = order(), set[str]()
    for fact in facts:
        before = now
        if isinstance(fact, Executed):
            if fact.execution.execution_id in seen:
                continue
            seen.add(fact.execution.execution_id)
        now = applied(now, fact, NOON)
        assert now.version == before.version + (now is not before)
        assert now.filled >= before.filled
        if before.state in DONE:
            assert now.state in {before.state, OrderState.FILLED}
            assert now.request == before.request
        if now.state is OrderState.FILLED:
            assert now.filled >= now.request.quantity
        assert now.state not in {OrderState.PENDING, OrderState.APPROVED}


@pytest.mark.parametrize("state", sorted(AT_BROKER))
def test_reconcile_brings_an_order_to_the_brokers_books(state: OrderState) -> None:
    theirs = BrokerOrder(REF, REQUEST, OrderState.CANCELLED, (fill(1, 4).execution,), Safe("gone"))
    now = order(state)
    for fact in missed(now, (), theirs, False, NOON):
        now = applied(now, fact, NOON)
    assert (now.state, now.filled) == (OrderState.CANCELLED, Decimal(4))


def test_reconcile_believes_an_absence_only_from_complete_books() -> None:
    (fact,) = missed(order(), (), None, False, NOON)
    assert applied(order(), fact, NOON).state is OrderState.UNKNOWN
    (fact,) = missed(order(), (), None, True, NOON)
    assert applied(order(), fact, NOON).state is OrderState.REJECTED


def test_reconcile_finds_a_change_that_arrived_and_one_that_did_not() -> None:
    asked = replace(order(OrderState.WORKING), proposed=replace(REQUEST, quantity=Decimal(8)))
    kept = BrokerOrder(REF, REQUEST, OrderState.WORKING, (), Safe(""))
    moved = BrokerOrder(REF, replace(REQUEST, quantity=Decimal(8)), OrderState.WORKING, (), Safe(""))
    for theirs, quantity in ((kept, 10), (moved, 8)):
        now = asked
        for fact in missed(now, (), theirs, True, NOON):
            now = applied(now, fact, NOON)
        assert now.proposed is None
        assert now.request.quantity == Decimal(quantity)
