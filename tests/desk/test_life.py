"""The life of an order under any order of broker facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.desk.life import NEXT, applied, corrected
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
    FoundWorking,
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


def test_only_the_brokers_own_books_bring_an_ended_order_back() -> None:
    assert {fact for state, fact in NEXT if state in DONE} == {FoundWorking}
    assert set(NEXT.values()) <= AT_BROKER | DONE


def test_nothing_moves_an_order_that_was_never_sent() -> None:
    assert {state for state, _ in NEXT} <= AT_BROKER | DONE - {OrderState.REFUSED, OrderState.FILLED}


def test_a_raise_that_is_told_after_the_fills_keeps_the_order_open() -> None:
    early = applied(order(OrderState.WORKING), fill(1, 12), NOON)
    assert early.state is OrderState.FILLED
    now = applied(early, Replaced(REF, NOON, Decimal(15), Decimal(5)), NOON)
    assert (now.state, now.left) == (OrderState.PARTLY_FILLED, Decimal(3))


def test_the_rest_of_a_partly_filled_order_may_be_rejected() -> None:
    half = applied(order(), fill(1, 4), NOON)
    assert applied(half, Rejected(REF, NOON, Safe("x")), NOON).state is OrderState.REJECTED


def test_an_order_that_the_books_call_filled_without_its_fills_is_unknown() -> None:
    theirs = BrokerOrder(REF, REQUEST, OrderState.FILLED, (fill(1, 4).execution,), Safe(""))
    now = order(OrderState.WORKING)
    for fact in missed(now, {}, theirs, False, NOON):
        now = applied(now, fact, NOON)
    assert (now.state, now.filled) == (OrderState.UNKNOWN, Decimal(4))


@pytest.mark.parametrize("state", [OrderState.WORKING, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED])
def test_an_order_of_which_more_filled_than_its_fills_is_unknown(state: OrderState) -> None:
    theirs = BrokerOrder(REF, REQUEST, state, (fill(1, 4).execution,), Safe(""), Decimal(7))
    now = order(OrderState.WORKING)
    for fact in missed(now, {}, theirs, False, NOON):
        now = applied(now, fact, NOON)
    assert (now.state, now.filled) == (OrderState.UNKNOWN, Decimal(4))


def test_fills_that_the_desk_kept_explain_what_the_books_forgot() -> None:
    half = applied(order(OrderState.WORKING), fill(1, 4), NOON)
    theirs = BrokerOrder(REF, REQUEST, OrderState.CANCELLED, (), Safe("gone"), Decimal(4))
    for fact in missed(half, {"e1": fill(1, 4).execution}, theirs, False, NOON):
        half = applied(half, fact, NOON)
    assert (half.state, half.filled) == (OrderState.CANCELLED, Decimal(4))


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
        if before.state in DONE and now.state is not before.state:
            # A fill counts whatever was said before; a raise may be told after the fills that it made room for.
            assert now.state is OrderState.FILLED or (
                before.state is OrderState.FILLED and isinstance(fact, Replaced) and now.left > ZERO
            )
        if now.state is OrderState.FILLED:
            assert now.filled >= now.request.quantity
        assert now.state not in {OrderState.PENDING, OrderState.APPROVED}


@pytest.mark.parametrize("state", sorted(AT_BROKER))
def test_reconcile_brings_an_order_to_the_brokers_books(state: OrderState) -> None:
    theirs = BrokerOrder(REF, REQUEST, OrderState.CANCELLED, (fill(1, 4).execution,), Safe("gone"))
    now = order(state)
    for fact in missed(now, {}, theirs, False, NOON):
        now = applied(now, fact, NOON)
    assert (now.state, now.filled) == (OrderState.CANCELLED, Decimal(4))


def test_what_is_known_to_lack_fills_is_no_news() -> None:
    theirs = BrokerOrder(REF, REQUEST, OrderState.CANCELLED, (), Safe("gone"), Decimal(4))
    now = order(OrderState.WORKING)
    for fact in missed(now, {}, theirs, False, NOON):
        now = applied(now, fact, NOON)
    assert missed(now, {}, theirs, False, NOON) == []
    told = replace(theirs, executions=(fill(1, 2).execution,))
    for fact in missed(now, {}, told, False, NOON):
        now = applied(now, fact, NOON)
    assert (now.state, now.filled) == (OrderState.UNKNOWN, Decimal(2))


def test_a_correction_that_the_books_show_is_a_fact_and_what_it_corrected_is_none() -> None:
    first, newer = fill(1, 4).execution, replace(fill(1, 3, "6").execution, revision=2)
    half = applied(order(OrderState.WORKING), fill(1, 4), NOON)
    facts = missed(half, {"e1": first}, books(OrderState.PARTLY_FILLED, Executed(REF, NOON, newer)), False, NOON)
    assert facts == [Executed(REF, NOON, newer)]
    half = corrected(half, first, newer, NOON)
    assert (half.filled, half.average_price) == (Decimal(3), Decimal(6))
    assert missed(half, {"e1": newer}, books(OrderState.PARTLY_FILLED, fill(1, 4)), False, NOON) == []


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 99)), min_size=1, max_size=6),
    st.tuples(st.integers(1, 9), st.integers(1, 99)),
    st.sampled_from(sorted(OrderState)),
)
def test_a_corrected_order_is_as_if_only_the_correction_had_been_told(
    told: list[tuple[int, int]], right: tuple[int, int], state: OrderState
) -> None:
    fills = [fill(number, quantity, str(price)).execution for number, (quantity, price) in enumerate(told)]
    newer = replace(fills[0], quantity=Decimal(right[0]), price=Decimal(right[1]), revision=2, fee=Decimal(2))
    wrong, truth = order(state), order(state)
    for one in fills:
        wrong = applied(wrong, Executed(REF, NOON, one), NOON)
    for one in (newer, *fills[1:]):
        truth = applied(truth, Executed(REF, NOON, one), NOON)
    now = corrected(wrong, fills[0], newer, NOON)
    assert (now.filled, now.fees) == (truth.filled, truth.fees)
    assert now.average_price is not None
    assert truth.average_price is not None
    assert abs(now.average_price - truth.average_price) < Decimal("1e-20")
    if wrong.state is OrderState.FILLED and now.filled < REQUEST.quantity:
        assert now.state is OrderState.UNKNOWN


def test_reconcile_believes_an_absence_only_from_complete_books() -> None:
    (fact,) = missed(order(), {}, None, False, NOON)
    assert applied(order(), fact, NOON).state is OrderState.UNKNOWN
    (fact,) = missed(order(), {}, None, True, NOON)
    assert applied(order(), fact, NOON).state is OrderState.REJECTED


def test_reconcile_finds_a_change_that_arrived_and_one_that_did_not() -> None:
    asked = replace(order(OrderState.WORKING), proposed=replace(REQUEST, quantity=Decimal(8)))
    kept = BrokerOrder(REF, REQUEST, OrderState.WORKING, (), Safe(""))
    moved = BrokerOrder(REF, replace(REQUEST, quantity=Decimal(8)), OrderState.WORKING, (), Safe(""))
    for theirs, quantity in ((kept, 10), (moved, 8)):
        now = asked
        for fact in missed(now, {}, theirs, True, NOON):
            now = applied(now, fact, NOON)
        assert now.proposed is None
        assert now.request.quantity == Decimal(quantity)


class Truth:
    """A broker's order, moved only as a broker can, and everything that it said on the way."""

    def __init__(self) -> None:
        self.facts: list[BrokerFact] = [Acknowledged(REF, NOON)]
        self._request, self._state = REQUEST, OrderState.WORKING
        self._fills: list[Execution] = []

    @property
    def open(self) -> bool:
        return self._state in AT_BROKER

    def fill(self, quantity: int) -> None:
        done = sum((one.quantity for one in self._fills), ZERO)
        told = fill(len(self._fills) + 1, min(quantity, int(self._request.quantity - done)))
        self._fills.append(told.execution)
        full = done + told.execution.quantity == self._request.quantity
        self._state = OrderState.FILLED if full else OrderState.PARTLY_FILLED
        self.facts.append(told)

    def change(self, quantity: int) -> None:
        done = sum((one.quantity for one in self._fills), ZERO)
        if quantity > done:
            self._request = replace(REQUEST, quantity=Decimal(quantity))
            self.facts.append(Replaced(REF, NOON, Decimal(quantity), REQUEST.limit_price))
        else:
            self.facts.append(ReplaceRefused(REF, NOON, Safe("too late")))

    def end(self, fact: Cancelled | Expired) -> None:
        self._state = OrderState.CANCELLED if isinstance(fact, Cancelled) else OrderState.EXPIRED
        self.facts.append(fact)

    def told(self) -> BrokerOrder:
        return BrokerOrder(REF, self._request, self._state, tuple(self._fills), Safe(""))


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    truth = Truth()
    for _ in range(draw(st.integers(0, 6))):
        if not truth.open:
            break
        match draw(st.sampled_from(["fill", "fill", "change", "cancel", "expire"])):
            case "fill":
                truth.fill(draw(st.integers(1, 6)))
            case "change":
                truth.change(draw(st.integers(1, 20)))
            case "cancel":
                truth.end(Cancelled(REF, NOON, Safe("")))
            case _:
                truth.end(Expired(REF, NOON))
    return truth


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[Truth, list[BrokerFact]]:
    """What a broker said, as it may arrive: in any order, some of it twice, some never, the line breaking between."""
    truth = draw(truths())
    lost = LinkLost(REF, NOON, Safe("the line broke"))
    heard = draw(st.lists(st.sampled_from([*truth.facts, lost]), max_size=16))
    return truth, heard


def _hear(now: Order, facts: list[BrokerFact], seen: dict[str, Execution]) -> Order:
    for fact in facts:
        if isinstance(fact, Executed):
            if fact.execution.execution_id in seen:
                continue
            seen[fact.execution.execution_id] = fact.execution
        now = applied(now, fact, NOON)
    return now


@given(deliveries())
def test_whatever_was_heard_the_books_bring_an_order_to_the_truth(case: tuple[Truth, list[BrokerFact]]) -> None:
    truth, heard = case
    seen: dict[str, Execution] = {}
    now, theirs = _hear(order(), heard, seen), truth.told()
    for _ in range(2):
        now = _hear(now, missed(now, seen, theirs, False, NOON), seen)
    filled = sum((one.quantity for one in theirs.executions), ZERO)
    assert (now.state, now.filled) == (theirs.state, filled)
    if now.state not in DONE or now.state is OrderState.FILLED:
        assert now.request == theirs.request
    assert missed(now, seen, theirs, False, NOON) == [] or now.state in DONE


@given(truths())
def test_what_is_heard_in_order_needs_no_books(truth: Truth) -> None:
    now = _hear(order(), truth.facts, {})
    theirs = truth.told()
    assert (now.state, now.request) == (theirs.state, theirs.request)


@given(deliveries())
def test_hearing_everything_again_changes_nothing_that_was_filled(case: tuple[Truth, list[BrokerFact]]) -> None:
    truth, heard = case
    seen: dict[str, Execution] = {}
    once = _hear(order(), [*heard, *truth.facts], seen)
    again = _hear(once, truth.facts, seen)
    assert (again.filled, again.fees, again.average_price) == (once.filled, once.fees, once.average_price)


def proposing(state: OrderState) -> Order:
    """An order with a change that waits for the operator."""
    return replace(order(state), proposed=replace(REQUEST, quantity=Decimal(12)), decide_by=NOON)


def test_an_end_takes_the_proposed_change_with_it_and_nothing_else_does() -> None:
    for fact in (Cancelled(REF, NOON, Safe("")), Expired(REF, NOON), fill(1, 10)):
        ended = applied(proposing(OrderState.WORKING), fact, NOON)
        assert ended.state in DONE
        assert (ended.proposed, ended.decide_by) == (None, None)
    for fact in (LinkLost(REF, NOON, Safe("")), fill(1, 4)):
        going = applied(proposing(OrderState.WORKING), fact, NOON)
        assert going.proposed is not None
        assert going.decide_by == NOON
    acknowledged = applied(proposing(OrderState.SENDING), Acknowledged(REF, NOON), NOON)
    assert acknowledged.proposed is not None


def test_a_change_that_was_refused_is_nothing_to_an_order_that_asked_for_none() -> None:
    plain = order(OrderState.WORKING)
    assert applied(plain, ReplaceRefused(REF, NOON, Safe("no")), NOON) is plain
    refused = applied(proposing(OrderState.WORKING), ReplaceRefused(REF, NOON, Safe("no")), NOON)
    assert (refused.proposed, refused.reason) == (None, "no")


def test_the_same_terms_again_change_nothing() -> None:
    plain = order(OrderState.WORKING)
    assert applied(plain, Replaced(REF, NOON, REQUEST.quantity, REQUEST.limit_price), NOON) is plain
    settled = applied(proposing(OrderState.WORKING), Replaced(REF, NOON, REQUEST.quantity, REQUEST.limit_price), NOON)
    assert settled.proposed is None


def test_a_filled_order_takes_terms_that_its_fills_fit_and_no_others() -> None:
    filled = applied(order(OrderState.WORKING), fill(1, 10), NOON)
    dearer = Replaced(REF, NOON, Decimal(10), Decimal(6))
    assert applied(filled, dearer, NOON).request.limit_price == Decimal(6)
    assert applied(filled, Replaced(REF, NOON, Decimal(9), Decimal(6)), NOON) is filled


def books(state: OrderState, *fills: Executed) -> BrokerOrder:
    """The broker's books about the order."""
    return BrokerOrder(REF, REQUEST, state, tuple(one.execution for one in fills), Safe(""))


def test_books_that_show_every_fill_of_a_filled_order_are_believed() -> None:
    facts = missed(order(OrderState.WORKING), {}, books(OrderState.FILLED, fill(1, 4), fill(2, 6)), False, NOON)
    assert [type(fact) for fact in facts] == [Executed, Executed]
    half = applied(order(OrderState.WORKING), fill(1, 4), NOON)
    facts = missed(half, {"e1": fill(1, 4).execution}, books(OrderState.FILLED, fill(1, 4), fill(2, 6)), False, NOON)
    assert [type(fact) for fact in facts] == [Executed]


def test_books_that_lack_fills_matter_only_where_they_say_filled() -> None:
    facts = missed(order(OrderState.WORKING), {}, books(OrderState.WORKING), False, NOON)
    assert facts == []
    facts = missed(order(OrderState.WORKING), {}, books(OrderState.FILLED, fill(1, 4)), False, NOON)
    assert [type(fact) for fact in facts] == [Executed, LinkLost]


def test_only_an_order_that_we_ended_wrongly_is_found_working() -> None:
    gone = order(OrderState.CANCELLED)
    assert [type(fact) for fact in missed(gone, {}, books(OrderState.WORKING), False, NOON)] == [FoundWorking]
    same = missed(gone, {}, books(OrderState.CANCELLED), False, NOON)
    assert FoundWorking not in {type(fact) for fact in same}
    assert missed(order(OrderState.WORKING), {}, books(OrderState.WORKING), False, NOON) == []
    lacking = missed(gone, {}, books(OrderState.FILLED, fill(1, 4)), False, NOON)
    assert FoundWorking not in {type(fact) for fact in lacking}
