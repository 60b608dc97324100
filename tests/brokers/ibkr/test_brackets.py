"""What is left of groups, from what is known of their orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cockpit.brokers.ibkr.brackets import Left, Leg, left_of_bracket, left_of_pair, leg_of
from cockpit.brokers.ibkr.life import Life
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.orders import (
    Order,
    OrderId,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Side,
    TimeInForce,
)
from cockpit.model.text import Safe

NOW = datetime(2026, 11, 20, tzinfo=UTC)
REQUEST = OrderRequest("ALFA", Side.BUY, Decimal(10), OrderType.LIMIT, Decimal(400), TimeInForce.GTC)


def leg(name: str, **changed: object) -> Leg:
    works = Leg(
        OrderRef(f"ck:{name}"), "ALFA", Decimal(0), accepted=True, known=True, over=False, ended=False, whole=False,
        rejected=False, meant=False, why="",
    )  # fmt: skip
    return replace(works, **changed)  # type: ignore[arg-type]


def gone(name: str, **changed: object) -> Leg:
    return leg(name, over=True, ended=True, **changed)


def kept(state: OrderState, filled: int = 0) -> Order:
    return Order(
        OrderId("o-1"), OrderRef("ck:1"), 1, ClientName("claude"), GrantId("g"), "ib", REQUEST, state,
        Decimal(filled), None, Decimal(0), Safe("as it was"), (), NOW, NOW,
    )  # fmt: skip


def known(life: Life | None, order: Order | None) -> Leg:
    found = leg_of(life, order, meant=False)
    assert found is not None
    return found


@pytest.mark.parametrize("lost", ["target", "stop"])
def test_where_nobody_can_say_what_the_entry_filled_nothing_is_withdrawn(lost: str) -> None:
    entry = known(None, kept(OrderState.UNKNOWN))
    exits = {"target": leg("target"), "stop": leg("stop")} | {lost: gone(lost)}
    left = left_of_bracket(entry, exits["target"], exits["stop"])
    assert left.withdraw == ()
    assert left.says is not None
    assert "nobody can say how much its entry filled" in left.says


def test_exits_of_a_bracket_that_ended_unfilled_are_nothing_to_tell() -> None:
    assert left_of_bracket(gone("entry"), gone("target"), gone("stop")) == Left()


def test_of_a_pair_whatever_filled_has_done_its_work() -> None:
    assert left_of_pair(leg("1", filled=Decimal(1)), gone("2")) == Left()
    assert left_of_pair(gone("1", rejected=True, filled=Decimal(1)), gone("2")) == Left()


def test_of_a_pair_that_ends_together_a_rejection_alone_is_told() -> None:
    assert left_of_pair(gone("1"), gone("2")) == Left()
    left = left_of_pair(gone("1", rejected=True, why="201: no."), gone("2"))
    assert left.says == "ALFA: one order of a pair was rejected (ck:1); the other has ended, too. 201: no."


def test_of_what_is_left_of_a_pair_no_more_is_said_than_is_known() -> None:
    works, unclear = (left_of_pair(gone("1"), leg("2", known=known)).says or "" for known in (True, False))
    assert works.startswith("ALFA: one order of a pair ended (ck:1); the other works on alone (ck:2).")
    assert unclear.startswith("ALFA: one order of a pair ended (ck:1); nobody can say how ck:2 is.")


def test_a_rejection_that_answered_the_sending_or_an_end_on_purpose_is_not_told_of_a_pair() -> None:
    assert left_of_pair(gone("1", rejected=True, accepted=False), leg("2")).says is None
    assert left_of_pair(gone("1", meant=True), leg("2")) == Left()


def test_of_a_pair_the_other_is_void_once_one_fills_or_where_tws_never_had_the_one() -> None:
    void = Left((OrderRef("ck:2"),))
    assert left_of_pair(gone("1", whole=True, filled=Decimal(10)), leg("2")) == void
    assert left_of_pair(leg("1", filled=Decimal(1)), leg("2")) == void
    assert left_of_pair(gone("1", rejected=True, accepted=False), leg("2")) == void


def test_exits_are_void_without_an_entry_that_could_fill() -> None:
    void = Left((OrderRef("ck:target"), OrderRef("ck:stop")))
    assert left_of_bracket(gone("entry", rejected=True), leg("target"), leg("stop")) == void
    assert left_of_bracket(gone("entry", rejected=True, filled=Decimal(1)), leg("target"), leg("stop")) == Left()


def test_an_end_that_was_kept_counts_unless_the_books_show_the_order_open() -> None:
    heard = Life(OrderRef("ck:1"), "ALFA")
    assert known(heard, kept(OrderState.REJECTED)).lost
    assert not known(replace(heard, told=REQUEST), kept(OrderState.REJECTED)).lost


def test_what_had_filled_counts_however_little_is_told_of_it_now() -> None:
    heard = Life(OrderRef("ck:1"), "ALFA", told=REQUEST, claimed=Decimal(2))
    assert known(heard, kept(OrderState.PARTLY_FILLED, 4)).filled == 4
    assert known(None, kept(OrderState.FILLED, 10)).whole
