"""What became of an order, whatever TWS says and in whichever order it says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.brokers.ibkr import life as lives
from cockpit.brokers.ibkr.life import Life, OrderRecord
from cockpit.brokers.ibkr.statuses import execution_of, stem_of
from cockpit.brokers.ibkr.wire import WireExecution
from cockpit.desk.life import applied, charged
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.orders import (
    Acknowledged,
    BrokerFact,
    BrokerOrder,
    Cancelled,
    Executed,
    Execution,
    Expired,
    FeeTold,
    FoundWorking,
    LinkLost,
    Order,
    OrderId,
    OrderState,
    Rejected,
    Replaced,
    ReplaceRefused,
    TimeInForce,
)
from cockpit.model.text import Safe
from tests.brokers.ibkr.records import NOON, REF, completed, error, fee, fill, limit, opened, status

ASKED = limit(10)


def heard(life: Life, records: Sequence[OrderRecord], *, settled: bool = True) -> tuple[Life, list[BrokerFact]]:
    """Return what is known after records, and what was said about them."""
    facts: list[BrokerFact] = []
    for record in records:
        step = lives.learn(life, record, NOON)
        life = step.life
        facts.extend(step.facts)
    if settled:
        step = lives.settle(life, NOON)
        life = step.life
        facts.extend(step.facts)
    return life, facts


def kinds(facts: Sequence[BrokerFact]) -> list[type[BrokerFact]]:
    return [type(fact) for fact in facts]


def at_the_desk(facts: Sequence[BrokerFact], *, proposed: bool = False) -> Order:
    """Return our order after facts, as the desk applies them."""
    order = Order(
        OrderId("o-1"), REF, 1, ClientName("claude"), GrantId("g-1"), "ib", ASKED, OrderState.SENDING, Decimal(0), None,
        Decimal(0), Safe(""), (), NOON, NOON, proposed=limit(20) if proposed else None,
    )  # fmt: skip
    fills: dict[str, Execution] = {}
    for fact in facts:
        if isinstance(fact, Executed):
            if fact.execution.execution_id in fills:
                continue
            fills[fact.execution.execution_id] = fact.execution
        if isinstance(fact, FeeTold):
            known = fills.get(fact.execution_id)
            if known is not None and known.fee != fact.fee:
                order = charged(order, fact.fee - known.fee, NOON)
                fills[fact.execution_id] = replace(known, fee=fact.fee)
            continue
        order = applied(order, fact, NOON)
    return order


def test_an_order_is_acknowledged_once_it_works() -> None:
    _, facts = heard(lives.sent(REF, ASKED), [opened(ASKED, "PendingSubmit"), opened(ASKED), status("Submitted")])

    assert kinds(facts) == [Acknowledged]


def test_a_fill_is_told_once_and_its_fee_when_it_comes() -> None:
    _, facts = heard(
        lives.sent(REF, ASKED), [fill(1, 4), fill(1, 4), fee(1, "1.25"), fee(1, "1.25"), status("Submitted", 4)]
    )

    assert kinds(facts) == [Acknowledged, Executed, FeeTold]
    assert at_the_desk(facts).fees == Decimal("1.25")


def test_a_status_says_nothing_of_fills_that_were_not_told() -> None:
    life, facts = heard(lives.sent(REF, ASKED), [status("Filled", 10)])

    assert kinds(facts) == [Acknowledged]
    assert life.open_question
    life, more = heard(life, [fill(1, 10)])
    assert kinds(more) == [Executed]
    assert not life.open_question
    assert at_the_desk([*facts, *more]).state is OrderState.FILLED


def test_fills_that_do_not_come_are_asked_for_once() -> None:
    life, _ = heard(lives.sent(REF, ASKED), [status("Filled", 10)], settled=False)
    first = lives.settle(life, NOON)
    second = lives.settle(first.life, NOON)

    assert (first.look, second.look) == (True, False)


@pytest.mark.parametrize("code", [10349, 399, 2109, 2161, 404, 2104])
def test_a_note_changes_nothing(code: int) -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED)])
    step = lives.learn(life, error(code), NOON)

    assert (step.life, step.facts, step.look, step.notice) == (life, (), False, None)


@pytest.mark.parametrize("code", [201, 110, 321, 463, 103, 200, 10318])
def test_a_new_order_that_was_never_accepted_is_rejected(code: int) -> None:
    _, facts = heard(lives.sent(REF, ASKED), [opened(ASKED, "PendingSubmit"), error(code, "no money")])

    assert facts == [Rejected(REF, NOON, Safe(f"{code}: no money"))]


@pytest.mark.parametrize("code", [201, 110, 321, 135, 10147, 10148, 161, 31415])
def test_no_error_ends_an_order_that_was_accepted(code: int) -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED)])
    step = lives.learn(life, error(code), NOON)

    assert step.look
    assert step.facts == ()
    assert not step.life.ended


@pytest.mark.parametrize("code", [104, 105, 329])
def test_what_only_a_change_can_be_refused_with_says_nothing_of_a_new_order(code: int) -> None:
    step = lives.learn(lives.sent(REF, ASKED), error(code), NOON)

    assert (step.facts, step.look) == ((), True)


def test_an_error_about_an_order_of_an_earlier_run_is_looked_into() -> None:
    step = lives.learn(Life(REF, "ALFA"), error(201), NOON)

    assert (step.facts, step.look) == ((), True)


def test_a_code_that_is_not_known_is_told_the_operator() -> None:
    step = lives.learn(lives.sent(REF, ASKED), error(31415, "odd"), NOON)

    assert step.notice is not None
    assert "31415: odd" in step.notice


def test_an_error_before_the_acknowledgement_is_taken_back_by_it() -> None:
    life, facts = heard(lives.sent(REF, ASKED), [error(201), opened(ASKED)])

    assert kinds(facts) == [Rejected, FoundWorking]
    assert at_the_desk(facts).state is OrderState.WORKING
    assert not life.ended


@pytest.mark.parametrize("code", [201, 321, 105, 329])
def test_a_change_that_is_refused_leaves_the_order_as_it_was(code: int) -> None:
    life, facts = heard(lives.sent(REF, ASKED), [opened(ASKED)])
    life, more = heard(lives.changing(life, limit(20)), [error(code), opened(ASKED)])

    assert kinds(more) == [ReplaceRefused]
    order = at_the_desk([*facts, *more], proposed=True)
    assert (order.state, order.request, order.proposed) == (OrderState.WORKING, ASKED, None)


def test_a_change_is_done_when_the_books_show_it() -> None:
    life, facts = heard(lives.sent(REF, ASKED), [opened(ASKED)])
    life, more = heard(lives.changing(life, limit(20)), [opened(ASKED), opened(limit(20)), opened(ASKED)])

    assert kinds(more) == [Replaced]
    assert not life.replacing
    assert at_the_desk([*facts, *more], proposed=True).request == limit(20)


def test_the_echo_of_an_earlier_change_does_not_answer_a_later_one() -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED)])
    life = lives.changing(lives.unanswered(lives.changing(life, limit(20))), limit(30))
    life, facts = heard(life, [opened(limit(20))])
    assert (kinds(facts), life.replacing) == ([Replaced], True)
    life, _ = heard(life, [opened(limit(30))])
    assert not life.replacing


def test_the_books_do_not_take_back_a_change_that_is_on_its_way() -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED)])
    asked_before = BrokerOrder(REF, limit(7), OrderState.WORKING, (), Safe(""))

    assert lives.compared(lives.changing(life, limit(20)), asked_before, NOON).facts == ()
    assert kinds(lives.compared(life, asked_before, NOON).facts) == [Replaced]


def test_terms_that_somebody_else_set_are_told() -> None:
    _, facts = heard(lives.sent(REF, ASKED), [opened(ASKED), opened(limit(7))])

    assert kinds(facts) == [Acknowledged, Replaced]
    assert at_the_desk(facts).request == limit(7)


def test_a_preset_of_tws_is_told_as_what_it_is_a_change() -> None:
    good = limit(10, time_in_force=TimeInForce.GTC)
    _, facts = heard(lives.sent(REF, good), [error(10349), opened(ASKED)])

    assert kinds(facts) == [Acknowledged, Replaced]


def test_a_cancel_is_done_with_its_status_and_says_why() -> None:
    _, facts = heard(
        lives.sent(REF, ASKED),
        [opened(ASKED), status("PendingCancel"), status("Cancelled"), error(202, "Order Canceled")],
        settled=False,
    )

    assert facts[-1] == Cancelled(REF, NOON, Safe("202: Order Canceled"))


def test_a_cancel_that_is_under_way_may_still_fill() -> None:
    _, facts = heard(lives.sent(REF, ASKED), [opened(ASKED), status("PendingCancel"), fill(1, 10), error(10148)])

    assert kinds(facts) == [Acknowledged, Executed]
    assert at_the_desk(facts).state is OrderState.FILLED


def test_a_cancel_without_a_reason_waits_for_it_only_so_long() -> None:
    life, facts = heard(lives.sent(REF, ASKED), [opened(ASKED), status("Cancelled")], settled=False)
    assert kinds(facts) == [Acknowledged]
    _, more = heard(life, [])
    assert kinds(more) == [Cancelled]


def test_a_partly_filled_order_is_cancelled_after_its_fills() -> None:
    life, facts = heard(lives.sent(REF, ASKED), [opened(ASKED), status("Cancelled", 4), error(202)])
    assert kinds(facts) == [Acknowledged]
    _, more = heard(life, [fill(1, 4)])
    assert kinds(more) == [Executed, Cancelled]


def test_an_older_status_behind_a_newer_one_changes_nothing() -> None:
    told = [opened(ASKED), status("Cancelled", 4), status("Submitted", 0), status("Inactive", 0), error(202)]
    life, facts = heard(lives.sent(REF, ASKED), told)
    assert (kinds(facts), life.ended) == ([Acknowledged], False)
    _, more = heard(life, [fill(1, 4)])
    assert kinds(more) == [Executed, Cancelled]


def test_inactive_is_rejected_unless_shares_are_being_located() -> None:
    _, held = heard(lives.sent(REF, ASKED), [status("Inactive", why="locate")])
    assert held == []
    _, facts = heard(lives.sent(REF, ASKED), [status("Inactive"), error(201, "not allowed")])
    assert facts == [Rejected(REF, NOON, Safe("201: not allowed"))]
    _, bare = heard(lives.sent(REF, ASKED), [opened(ASKED), status("Inactive")])
    assert kinds(bare) == [Acknowledged, Rejected]


def test_what_could_not_be_filled_at_once_was_not_rejected() -> None:
    at_once = limit(10, time_in_force=TimeInForce.FOK)
    _, facts = heard(lives.sent(REF, at_once), [opened(at_once), status("Inactive")])

    assert kinds(facts) == [Acknowledged, Cancelled]


def test_the_end_of_its_time_is_told_as_that() -> None:
    _, facts = heard(lives.sent(REF, ASKED), [opened(ASKED), completed(ASKED, "Cancelled", words="Expired")])

    assert kinds(facts) == [Acknowledged, Expired]


def test_a_correction_of_a_fill_is_told_as_the_same_fill_and_not_taken_back_by_what_it_corrects() -> None:
    life, _ = heard(lives.sent(REF, ASKED), [fill(1, 4)])
    same = lives.learn(life, fill(1, 4, part="02"), NOON)
    other = lives.learn(life, fill(1, 3, part="02"), NOON)
    again = lives.learn(other.life, fill(1, 4), NOON)

    assert same.facts == ()
    (told,) = other.facts
    assert isinstance(told, Executed)
    assert (told.execution.quantity, told.execution.revision) == (3, 2)
    assert told.execution.execution_id == life.executions[told.execution.execution_id].execution_id
    assert other.life.filled == 3
    assert (again.life.filled, again.facts) == (3, ())


def test_a_fill_of_nothing_is_told_to_the_operator() -> None:
    step = lives.learn(lives.sent(REF, ASKED), replace(fill(1, 4), quantity=Decimal(0)), NOON)
    assert (step.facts, step.look) == ((), True)
    assert step.notice is not None
    assert "can't be booked" in step.notice


def test_the_books_bring_back_what_was_taken_for_ended() -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED), status("Cancelled"), error(202)])
    step = lives.compared(life, BrokerOrder(REF, ASKED, OrderState.WORKING, (), Safe("")), NOON)

    assert kinds(step.facts) == [FoundWorking]
    assert not step.life.ended


def test_inactive_of_the_books_alone_is_a_question() -> None:
    life, facts = heard(lives.sent(REF, ASKED), [opened(ASKED), opened(ASKED, "Inactive")], settled=False)
    assert (kinds(facts), life.open_question) == ([Acknowledged], True)
    assert lives.settle(life, NOON).look

    life, held = heard(life, [status("Inactive", why="locate")])
    assert (held, life.open_question) == ([], False)
    _, found = heard(life, [status("Submitted"), fill(1, 10)])
    assert kinds(found) == [Executed]


def test_an_order_that_waits_for_shares_to_be_located_is_looked_into_and_not_rejected() -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED), status("Inactive")], settled=False)
    step = lives.learn(life, status("Inactive", why="locate"), NOON)
    assert step.look
    _, facts = heard(step.life, [])
    assert facts == []


def test_a_status_that_only_working_orders_have_is_a_reason_to_look_after_an_end() -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED), status("Inactive")])
    assert life.ended
    for record in (status("Submitted"), opened(ASKED)):
        step = lives.learn(life, record, NOON)
        assert (step.look, step.life.revived, step.facts) == (True, True, ())
        step = lives.compared(step.life, BrokerOrder(REF, ASKED, OrderState.WORKING, (), Safe("")), NOON)
        assert kinds(step.facts) == [FoundWorking]
        assert not step.life.revived
        assert not step.life.over


def test_a_refusal_after_which_the_order_works_on_is_no_reason_of_its_end() -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED), error(201, "no money")], settled=False)
    life = lives.compared(life, BrokerOrder(REF, ASKED, OrderState.WORKING, (), Safe("")), NOON).life
    _, facts = heard(life, [status("Cancelled")])

    assert kinds(facts) == [Cancelled]


def test_what_the_books_do_not_show_is_unknown_unless_it_has_ended() -> None:
    life = lives.sent(REF, ASKED)
    assert kinds(lives.compared(life, None, NOON).facts) == [LinkLost]
    ended, _ = heard(life, [error(201)])
    assert lives.compared(ended, None, NOON).facts == ()


def test_the_books_tell_fills_and_ends_that_were_missed() -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED)])
    made = execution_of(fill(1, 4), REF, "ALFA")
    assert made is not None
    step = lives.compared(life, BrokerOrder(REF, ASKED, OrderState.CANCELLED, (made,), Safe("by hand")), NOON)
    assert kinds(step.facts) == [Executed, Cancelled]
    lacking = lives.compared(life, BrokerOrder(REF, ASKED, OrderState.FILLED, (), Safe("")), NOON)
    assert kinds(lacking.facts) == [LinkLost]


@pytest.mark.parametrize("state", [OrderState.WORKING, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED])
def test_what_filled_more_than_its_fills_is_unknown_and_not_ended(state: OrderState) -> None:
    life, _ = heard(lives.sent(REF, ASKED), [opened(ASKED)])
    made = execution_of(fill(1, 4), REF, "ALFA")
    assert made is not None
    step = lives.compared(life, BrokerOrder(REF, ASKED, state, (made,), Safe(""), Decimal(5)), NOON)
    assert (kinds(step.facts), step.life.ended) == ([Executed, LinkLost], False)


def test_a_working_order_of_another_run_is_not_doubted_for_fills_that_the_other_run_saw() -> None:
    life, _ = heard(Life(REF, "ALFA"), [opened(ASKED), status("Submitted", 4)])
    assert lives.compared(life, BrokerOrder(REF, ASKED, OrderState.WORKING, (), Safe(""), Decimal(4)), NOON).facts == ()


# -- whatever the order of arrival


@st.composite
def histories(draw: st.DrawFn) -> list[OrderRecord]:
    """Return everything that TWS says about an order, as it happens."""
    records: list[OrderRecord] = []
    if draw(st.booleans()):
        records.append(opened(ASKED, "PendingSubmit"))
    end = draw(
        st.sampled_from(["none", "filled", "cancelled", "expired", "silently", "rejected", "inactive", "missing"])
    )
    if end == "rejected":
        return [*records, error(201, "no money"), *draw(st.sampled_from([[], [status("Inactive")]]))]
    records += [opened(ASKED), status("Submitted")]
    records += draw(st.lists(st.sampled_from([error(399), error(10349), error(2109)]), max_size=2))
    filled = 0
    parts = (
        draw(st.sampled_from([(10,), (4, 6), (1, 2, 7)]))
        if end == "filled"
        else draw(st.sampled_from([(), (3,), (1, 2)]))
    )
    for number, part in enumerate(parts, 1):
        filled += part
        word = "Filled" if filled == 10 else "Submitted"
        records += [fill(number, part), opened(ASKED, word), status(word, filled), fee(number, f"0.{number}")]
    match end:
        case "cancelled":
            records += [status("PendingCancel", filled), status("Cancelled", filled), error(202, "Order Canceled")]
        case "expired":
            records += [status("Cancelled", filled), completed(ASKED, "Cancelled", filled, "Expired")]
        case "silently":
            records += [opened(ASKED, "Cancelled"), status("Cancelled", filled)]
        case "inactive":
            records += [error(201, "no money"), opened(ASKED, "Inactive"), status("Inactive", filled)]
        case "missing":
            records += [error(10147), error(135)]
        case _:
            pass
    return records


def looked_up(records: list[OrderRecord], life: Life, facts: list[BrokerFact]) -> tuple[Life, list[BrokerFact]]:
    """Return the same after a look into the books, where Inactive and a status that only working orders have both came."""
    if not life.revived:
        return life, facts
    made = [execution_of(one, REF, "ALFA") for one in records if isinstance(one, WireExecution)]
    fills = tuple({one.execution_id: one for one in made if one is not None}.values())
    shown = BrokerOrder(REF, ASKED, OrderState.REJECTED, fills, Safe("201: no money"))
    step = lives.compared(life, shown, NOON)
    return step.life, [*facts, *step.facts]


def ends(order: Order) -> tuple[object, ...]:
    return order.state, order.filled, order.fees, order.average_price, order.request, order.reason


@settings(max_examples=400, deadline=None)
@given(histories(), st.data())
def test_any_order_of_arrival_and_any_duplication_come_to_the_same(
    records: list[OrderRecord], data: st.DataObject
) -> None:
    as_it_happened = heard(lives.sent(REF, ASKED), records)
    again = data.draw(st.lists(st.sampled_from(records), max_size=6))
    as_it_came = looked_up(records, *heard(lives.sent(REF, ASKED), data.draw(st.permutations([*records, *again]))))

    expected, found = ends(at_the_desk(as_it_happened[1])), ends(at_the_desk(as_it_came[1]))
    assert found[:3] == expected[:3]
    assert found[4] == expected[4]
    assert as_it_came[0].ended == as_it_happened[0].ended
    if expected[0] is not OrderState.WORKING:
        assert found[5] == expected[5]


@settings(max_examples=200, deadline=None)
@given(histories(), st.data())
def test_a_change_comes_to_the_same_too(records: list[OrderRecord], data: st.DataObject) -> None:
    changed = limit(20)
    told = [*records, opened(changed)]
    begun = lives.changing(lives.sent(REF, ASKED), changed)
    as_it_came = heard(begun, data.draw(st.permutations([*told, *told[:3]])))

    assert as_it_came[0].told == changed


@settings(max_examples=200, deadline=None)
@given(histories(), st.data())
def test_no_fill_is_lost_and_none_is_told_twice(records: list[OrderRecord], data: st.DataObject) -> None:
    _, facts = heard(lives.sent(REF, ASKED), data.draw(st.permutations([*records, *records])))
    told = [fact.execution.execution_id for fact in facts if isinstance(fact, Executed)]

    assert sorted(told) == sorted({stem_of(one.exec_id) for one in records if isinstance(one, WireExecution)})
