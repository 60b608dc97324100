"""The one send and what comes back, where each way of it ends: what the order becomes and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.desk import facts
from cockpit.desk.groups import bracket
from cockpit.desk.sending import Sender
from cockpit.model.events import Notice, OrderChanged
from cockpit.model.identity import Caller, Scope
from cockpit.model.orders import (
    Acknowledged,
    Cancelled,
    Executed,
    Execution,
    FoundWorking,
    LinkLost,
    Order,
    OrderId,
    OrderRef,
    OrderRequest,
    OrderState,
    Replaced,
    Side,
)
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe
from cockpit.model.trading import TradingState
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write
from tests.desk.desks import Desk, limit, market, place

LOST = OrderRef("ck:00000000000000000000000000")


def now(desk: Desk, order: Order) -> Order:
    return desk.book.get(order.order_id) or order


def notices(desk: Desk) -> list[tuple[str, bool]]:
    return [(event.text, event.bad) for event in desk.events if isinstance(event, Notice)]


def execution(order: Order, number: int, quantity: str = "1") -> Executed:
    at = order.changed_at
    made = Execution(
        f"{order.reference}.{number}", order.reference, order.request.symbol, order.request.side, Decimal(quantity),
        Decimal(100), Decimal(1), at,
    )  # fmt: skip
    return Executed(order.reference, at, made)


async def working(desk: Desk, caller: Caller, key: str = "resting-0001", quantity: str = "5") -> Order:
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))
    order = await place(desk, caller, limit(price, quantity=quantity), key)
    sent = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(sent, Order)
    assert sent.state is OrderState.WORKING
    return sent


async def leaving(desk: Desk, caller: Caller) -> Order:
    """Return an order that is durable and about to be sent."""
    order = await place(desk, caller, market())
    after = replace(order, state=OrderState.SENDING, version=order.version + 1)
    async with desk.book.alone(order.order_id):
        return await desk.book.move(order, after, [])


async def unknown(desk: Desk, order: Order) -> Order:
    """Let the line to the broker break under an order."""
    desk.sender.facts.sink()(LinkLost(order.reference, order.changed_at, Safe("gone")))
    await desk.sender.facts.settled()
    assert now(desk, order).state is OrderState.UNKNOWN
    return now(desk, order)


@pytest.fixture
def unsure(desk: Desk) -> list[str]:
    """The connections that the sender asks to be compared, instead of comparing them."""
    told: list[str] = []
    desk.sender.facts.on_unsure = told.append
    return told


@pytest.fixture
def sick(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[type[Exception]]:
    """What the next commits fail with, one each; once it is empty they succeed."""
    commit, errors = desk.store.commit, list[type[Exception]]()

    async def sometimes(writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> tuple[int, ...]:
        if errors:
            raise errors.pop(0)("sick")
        return await commit(writes, audit)

    monkeypatch.setattr(desk.store, "commit", sometimes)
    monkeypatch.setattr(facts, "_RETRY_WRITE", 0)
    return errors


def failing(desk: Desk, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException) -> None:
    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(desk.connections.need("paper").broker, call, fails)


# the last look


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda desk, _: desk.switch.lower(TradingState.KILLED, "test"), "KILL_SWITCH"),
        (lambda desk, _: desk.switch.lower(TradingState.HALTED, "test"), "HALTED"),
        (lambda desk, _: desk.switch.lower(TradingState.REDUCE_ONLY, "test"), "REDUCE_ONLY"),
        (lambda desk, _: desk.grants.grants.clear(), "GRANT_ENDED"),
        (lambda desk, grant: changed(desk, grant, scopes=frozenset(Scope) - {Scope.WRITE_ORDERS}), "SCOPE_MISSING"),
        (lambda desk, grant: changed(desk, grant, scopes=frozenset({Scope.WRITE_ORDERS})), None),
        (lambda desk, grant: changed(desk, grant, connection="other"), "CONNECTION_UNKNOWN"),
        (lambda desk, _: None, None),
    ],
)
async def test_the_last_look_sees_switch_and_authority_as_they_are_now(
    desk: Desk, claude: Caller, change: Callable[[Desk, Caller], object], code: str | None
) -> None:
    order = await place(desk, claude, market())
    change(desk, claude)
    refusal = desk.sender.last_look.refusal(order, desk.connections.need("paper"))
    assert (None if refusal is None else refusal.code) == code


def changed(desk: Desk, caller: Caller, **changes: object) -> None:
    grant = desk.grants.grants[caller.grant.grant_id]
    desk.grants.grants[grant.grant_id] = replace(grant, **changes)  # type: ignore[arg-type]


async def test_an_order_refused_at_the_last_look_ends_one_version_on_and_says_why(desk: Desk, claude: Caller) -> None:
    order = await leaving(desk, claude)
    desk.clock.pass_time(1)
    desk.switch.lower(TradingState.HALTED, "test")
    ended = await desk.sender.submit(order)
    assert ended == now(desk, order)
    assert (ended.state, ended.version, ended.decide_by) == (OrderState.REFUSED, order.version + 1, None)
    assert ended.reason.startswith("HALTED: ")
    assert ended.changed_at == desk.clock.now()
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_what_is_no_group_is_not_sent_as_one(desk: Desk, claude: Caller) -> None:
    order = await leaving(desk, claude)
    ended = await desk.sender.submit_linked((order,))
    assert ended.state is OrderState.REFUSED
    assert ended.reason.startswith("CAPABILITY_UNAVAILABLE: ")


async def leaving_group(desk: Desk, caller: Caller) -> tuple[Order, ...]:
    """Return a bracket that is durable and about to be sent."""
    price = await desk.touch("BRVO", Side.BUY)
    target, stop = ((price * Decimal(share)).quantize(Decimal("0.1")) for share in ("1.02", "0.98"))
    wanted = bracket(market("BRVO"), target, stop, None)
    orders = await desk.orders.place_group(desk.admitted(caller), wanted, "key-group-1")
    moves = [(one, replace(one, state=OrderState.SENDING, version=one.version + 1)) for one in orders]
    async with desk.book.alone(orders[0].order_id):
        return await desk.book.move_all(moves, [])


async def test_a_group_leaves_in_one_message(desk: Desk, claude: Caller) -> None:
    orders = await leaving_group(desk, claude)
    head = await desk.sender.submit_linked(orders)
    assert (head.order_id, head.state) == (orders[0].order_id, OrderState.FILLED)
    assert [now(desk, one).state for one in orders[1:]] == [OrderState.WORKING] * 2


@pytest.mark.parametrize("why", ["HALTED", "CANCELLED_BEFORE_SENT"])
async def test_a_group_that_may_not_leave_is_refused_as_a_whole(desk: Desk, claude: Caller, why: str) -> None:
    orders = await leaving_group(desk, claude)
    if why == "HALTED":
        desk.switch.lower(TradingState.HALTED, "test")
    else:
        await desk.sender.cancel(orders[2])
    await desk.sender.submit_linked(orders)
    assert {now(desk, one).state for one in orders} == {OrderState.REFUSED}
    assert {now(desk, one).reason.split(":")[0] for one in orders} == {why}
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_in_reduce_only_nothing_leaves_unless_somebody_judged_that_it_only_reduces(
    desk: Desk, claude: Caller
) -> None:
    rests = await working(desk, claude)
    asked = await desk.orders.modify(desk.admitted(claude), rests.order_id, Decimal(6), None)
    alone, group = await leaving(desk, claude), await leaving_group(desk, claude)
    desk.switch.lower(TradingState.REDUCE_ONLY, "test")
    for ended in (await desk.sender.submit(alone), await desk.sender.submit_linked(group)):
        assert ended.state is OrderState.REFUSED
        assert ended.reason.startswith("REDUCE_ONLY: ")
    assert (await desk.sender.replace(asked)).request == rests.request


async def test_a_cancel_that_the_broker_took_on_the_way_is_not_asked_again(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, broker = await leaving(desk, claude), desk.connections.need("paper").broker
    cancelled: list[OrderRef] = []

    async def takes(reference: OrderRef) -> None:
        cancelled.append(reference)

    async def arrives(reference: OrderRef, request: OrderRequest) -> None:
        await desk.sender.cancel(order)
        desk.sender.facts.sink()(Acknowledged(reference, order.changed_at))

    monkeypatch.setattr(broker, "cancel", takes)
    monkeypatch.setattr(broker, "submit", arrives)
    assert (await desk.sender.submit(order)).state is OrderState.WORKING
    assert cancelled == [order.reference]


async def test_a_change_that_is_refused_at_the_last_look_leaves_the_order_and_says_why(
    desk: Desk, claude: Caller
) -> None:
    order = await working(desk, claude)
    asked = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(6), None)
    assert asked.proposed is not None
    desk.switch.lower(TradingState.HALTED, "test")
    left = await desk.sender.replace(asked)
    assert (left.state, left.proposed, left.request) == (OrderState.WORKING, None, order.request)
    assert left.reason == refuse("HALTED").message


async def test_without_a_change_nothing_is_sent(desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    order = await working(desk, claude)
    failing(desk, monkeypatch, "replace", AssertionError("nothing to send"))
    assert await desk.sender.replace(order) == order


# what becomes of a message


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (Refused(refuse("BROKER_REJECTED", "not here")), OrderState.REJECTED, "BROKER_REJECTED: not here"),
        (Refused(refuse("BROKER_NOT_READY", "nothing left")), OrderState.REFUSED, "BROKER_NOT_READY: nothing left"),
        (Refused(refuse("BAD_TICK", "not here")), OrderState.REFUSED, "BAD_TICK: not here"),
        (BrokerUnavailable("the line is down"), OrderState.UNKNOWN, "the line is down"),
        (TimeoutError(), OrderState.UNKNOWN, "no answer from the broker"),
    ],
)
async def test_what_a_message_came_to_is_what_the_order_says(
    desk: Desk,
    claude: Caller,
    monkeypatch: pytest.MonkeyPatch,
    unsure: list[str],
    error: Exception,
    state: OrderState,
    reason: str,
) -> None:
    order = await place(desk, claude, market())
    failing(desk, monkeypatch, "submit", error)
    sent = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(sent, Order)
    assert (sent.state, sent.reason) == (state, reason)
    assert unsure == (["paper"] if state is OrderState.UNKNOWN else [])


@pytest.mark.parametrize(("code", "held"), [("BROKER_REJECTED", ["reject_rate:claude"]), ("BROKER_NOT_READY", [])])
async def test_only_what_the_broker_itself_rejects_over_and_over_holds_a_client(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, code: str, held: list[str]
) -> None:
    failing(desk, monkeypatch, "submit", Refused(refuse(code)))
    for number in range(1, 6):
        order = await place(desk, claude, market(quantity=str(number)), f"key-often-{number}")
        await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert [one.latch_id for one in desk.oversight.latches.all()] == held


async def test_a_message_that_breaks_off_may_have_left(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, unsure: list[str]
) -> None:
    order = await place(desk, claude, market())
    failing(desk, monkeypatch, "submit", MemoryError())
    with pytest.raises(MemoryError):
        await desk.decisions.approve(order.order_id, None, None, None, "test")
    await desk.sender.facts.settled()
    assert (now(desk, order).state, now(desk, order).reason) == (OrderState.UNKNOWN, "the sending broke off")
    assert not desk.sender.is_under_way(now(desk, order))


async def test_a_cancel_that_the_broker_refuses_changes_nothing_is_told_and_looked_into(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, unsure: list[str]
) -> None:
    order = await working(desk, claude)
    failing(desk, monkeypatch, "cancel", Refused(refuse("ORDER_DONE", "too late")))
    assert await desk.sender.cancel(order) == order
    says = f"The cancel of {order.request.words()} was refused. ORDER_DONE: too late"
    assert notices(desk) == [(says, True)]
    assert unsure == ["paper"]


async def test_a_refusal_of_the_same_cancel_is_told_again_in_other_words_or_where_it_is_asked_for_anew(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await working(desk, claude)
    for says in ("in use", "in use", "not told", "not told"):
        failing(desk, monkeypatch, "cancel", Refused(refuse("BROKER_NOT_READY", says)))
        await desk.sender.cancel_reference("paper", order.reference, again=True)
    assert [text.rpartition(": ")[2] for text, _ in notices(desk)] == ["in use", "not told"]
    await desk.sender.cancel(order)
    assert len(notices(desk)) == 3


async def test_a_reference_is_cancelled_as_the_order_that_it_belongs_to(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, unsure: list[str]
) -> None:
    order = await working(desk, claude)
    failing(desk, monkeypatch, "cancel", Refused(refuse("ORDER_DONE")))
    await desk.sender.cancel_reference("paper", order.reference)
    assert unsure == ["paper"]


@pytest.mark.parametrize("error", [None, Refused(refuse("ORDER_UNKNOWN")), BrokerUnavailable("down"), TimeoutError()])
async def test_a_reference_that_is_nobodys_is_cancelled_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    asked: list[OrderRef] = []

    async def cancel(reference: OrderRef) -> None:
        asked.append(reference)
        if error is not None:
            raise error

    monkeypatch.setattr(desk.connections.need("paper").broker, "cancel", cancel)
    await desk.sender.cancel_reference("paper", LOST)
    assert asked == [LOST]


# what is under way


async def test_an_order_is_under_way_from_its_intent_to_the_answer(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await place(desk, claude, market())
    broker = desk.connections.need("paper").broker
    submit, seen = broker.submit, list[bool]()

    async def watched(*what: object) -> None:
        seen.append(desk.sender.is_under_way(order))
        await submit(*what)  # type: ignore[arg-type]

    monkeypatch.setattr(broker, "submit", watched)
    assert not desk.sender.is_under_way(order)
    assert desk.sender.is_under_way(replace(order, state=OrderState.SENDING))
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert seen == [True]
    assert not desk.sender.is_under_way(now(desk, order))


async def test_what_was_handed_over_is_not_on_its_way_any_more(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, unsure: list[str]
) -> None:
    order = await place(desk, claude, market())
    failing(desk, monkeypatch, "submit", TimeoutError())
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    as_sent = replace(now(desk, order), state=OrderState.SENDING)
    assert not desk.sender.is_under_way(as_sent)
    desk.sender.facts.sink()(Cancelled(order.reference, order.changed_at, Safe("done")))
    await desk.sender.facts.settled()
    assert desk.sender.is_under_way(as_sent), "what has ended is forgotten"


async def test_of_another_run_only_what_it_was_sending_was_handed_over(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    as_sent = replace(order, state=OrderState.SENDING)
    desk.sender.found_sending([order])
    assert desk.sender.is_under_way(as_sent)
    desk.sender.found_sending([as_sent])
    assert not desk.sender.is_under_way(as_sent)


async def test_what_the_books_say_counts_only_for_the_order_that_was_compared(desk: Desk, claude: Caller) -> None:
    order = await working(desk, claude)
    ended = Cancelled(order.reference, order.changed_at, Safe("expired there"))
    assert not await desk.sender.facts.learn(replace(order, version=order.version - 1), [ended])
    assert now(desk, order) == order
    assert await desk.sender.facts.learn(order, [ended])
    assert now(desk, order).state is OrderState.CANCELLED


# what the operator says


async def test_an_unknown_order_ends_as_the_operator_says(desk: Desk, claude: Caller, unsure: list[str]) -> None:
    order = await unknown(desk, await working(desk, claude))
    desk.clock.pass_time(1)
    ended = await desk.decisions.resolve(order.order_id, OrderState.EXPIRED, "ann")
    assert isinstance(ended, Order)
    assert ended == now(desk, order)
    assert (ended.state, ended.version) == (OrderState.EXPIRED, order.version + 1)
    assert ended.reason == "resolved by ann: nobody could say what became of it"
    assert ended.changed_at == desk.clock.now()


async def test_what_can_not_be_resolved_is_refused_and_stays(
    desk: Desk, claude: Caller, sick: list[type[Exception]], unsure: list[str]
) -> None:
    lost, rests = await working(desk, claude), await working(desk, claude, "resting-0002")
    lost = await unknown(desk, lost)
    for order_id, state, code in (
        (lost.order_id, OrderState.FILLED, "BAD_ARGUMENTS"),
        (rests.order_id, OrderState.CANCELLED, "ALREADY_DECIDED"),
        (OrderId("o-" + 60 * "x"), OrderState.CANCELLED, "ORDER_UNKNOWN"),
    ):
        answer = await desk.decisions.resolve(order_id, state, "ann")
        assert isinstance(answer, Refusal)
        assert answer.code == code
        assert len(answer.details.get("order_id", 40 * "x")) == 40
    for error in (StoreUnavailable, StoreBusy):
        sick.append(error)
        answer = await desk.decisions.resolve(lost.order_id, OrderState.CANCELLED, "ann")
        assert isinstance(answer, Refusal)
        assert answer.code == "AUDIT_UNAVAILABLE"
    assert (now(desk, lost), now(desk, rests)) == (lost, rests)


# facts


async def test_facts_whose_order_can_not_be_read_wait_and_stay_in_their_order(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await working(desk, claude), await working(desk, claude, "resting-0002")
    put, read, asked = desk.sender.facts.sink(), desk.book.of_reference, list[OrderRef]()
    price = one.request.limit_price

    async def once_blind(reference: OrderRef) -> Order | None:
        asked.append(reference)
        if len(asked) > 1:
            return await read(reference)
        put(Replaced(one.reference, one.changed_at, Decimal(3), price))
        put(Cancelled(other.reference, one.changed_at, Safe("gone")))
        raise StoreUnavailable("blind")

    monkeypatch.setattr(desk.book, "of_reference", once_blind)
    del desk.events[:]
    put(Replaced(one.reference, one.changed_at, Decimal(4), price))
    await desk.sender.facts.settled()
    assert asked == [one.reference, other.reference, one.reference]
    assert now(desk, one).request.quantity == Decimal(3)
    assert now(desk, one).version == one.version + 2
    assert now(desk, other).state is OrderState.CANCELLED


async def test_facts_that_are_not_understood_are_told_and_stop_none_behind_them(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await working(desk, claude)
    read = desk.book.of_reference

    async def confused(reference: OrderRef) -> Order | None:
        if reference == LOST:
            raise ValueError(reference)
        return await read(reference)

    monkeypatch.setattr(desk.book, "of_reference", confused)
    desk.sender.facts.sink()(Acknowledged(LOST, order.changed_at))
    desk.sender.facts.sink()(Cancelled(order.reference, order.changed_at, Safe("gone")))
    await desk.sender.facts.settled()
    assert notices(desk) == [(f"A broker's message was not understood: {LOST}", True)]
    assert now(desk, order).state is OrderState.CANCELLED


async def test_an_order_whose_facts_are_not_understood_is_looked_into(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, unsure: list[str]
) -> None:
    order = await working(desk, claude)

    def confused(*_: object) -> Order:
        raise ValueError("what is this?")

    monkeypatch.setattr(facts, "applied", confused)
    desk.sender.facts.sink()(Cancelled(order.reference, order.changed_at, Safe("gone")))
    await desk.sender.facts.settled()
    assert unsure == ["paper"]


async def test_facts_about_an_order_of_others_change_nothing(desk: Desk, claude: Caller) -> None:
    order = await working(desk, claude)
    desk.sender.facts.sink()(Cancelled(LOST, order.changed_at, Safe("theirs")))
    await desk.sender.facts.settled()
    assert (now(desk, order), notices(desk)) == (order, [])


async def test_facts_of_another_connection_change_no_order(desk: Desk, claude: Caller) -> None:
    order = await working(desk, claude)
    elsewhere = desk.sender.facts.sink("elsewhere")
    elsewhere(Cancelled(order.reference, order.changed_at, Safe("theirs")))
    await desk.sender.facts.settled()
    assert (now(desk, order), notices(desk)) == (order, [])
    elsewhere(Cancelled(order.reference, order.changed_at, Safe("theirs")))
    desk.sender.facts.sink(order.connection)(Cancelled(order.reference, order.changed_at, Safe("ours")))
    await desk.sender.facts.settled()
    assert (now(desk, order).state, now(desk, order).reason) == (OrderState.CANCELLED, "ours")


async def test_each_execution_counts_once_however_often_it_is_told(
    desk: Desk, claude: Caller, unsure: list[str]
) -> None:
    order = await working(desk, claude, quantity="3")
    put = desk.sender.facts.sink()
    for number in (1, 1, 2):
        put(execution(order, number))
    await desk.sender.facts.settled()
    put(execution(order, 2))
    await desk.sender.facts.settled()
    assert (now(desk, order).filled, now(desk, order).version) == (Decimal(2), order.version + 2)
    put(execution(order, 3))
    await desk.sender.facts.settled()
    assert (now(desk, order).state, now(desk, order).fees) == (OrderState.FILLED, Decimal(3))
    assert set(await desk.book.executions(order)) == {f"{order.reference}.{number}" for number in (1, 2, 3)}
    assert unsure == [], "all of it and no more was filled"


async def test_a_fill_beyond_the_quantity_is_counted_and_looked_into(
    desk: Desk, claude: Caller, unsure: list[str]
) -> None:
    order = await working(desk, claude, quantity="3")
    desk.sender.facts.sink()(execution(order, 1, "4"))
    await desk.sender.facts.settled()
    assert now(desk, order).filled == Decimal(4)
    assert unsure == ["paper"]


async def test_what_happens_to_an_order_that_had_ended_is_looked_into(
    desk: Desk, claude: Caller, unsure: list[str]
) -> None:
    order = await working(desk, claude)
    put = desk.sender.facts.sink()
    put(Cancelled(order.reference, order.changed_at, Safe("gone")))
    await desk.sender.facts.settled()
    assert unsure == []
    put(FoundWorking(order.reference, order.changed_at))
    await desk.sender.facts.settled()
    assert now(desk, order).state is OrderState.WORKING
    assert unsure == ["paper"]


async def test_an_ended_order_among_the_facts_of_one_batch_is_looked_into_too(
    desk: Desk, claude: Caller, unsure: list[str]
) -> None:
    order = await working(desk, claude)
    put = desk.sender.facts.sink()
    put(Cancelled(order.reference, order.changed_at, Safe("gone")))
    put(FoundWorking(order.reference, order.changed_at))
    put(execution(order, 1))
    await desk.sender.facts.settled()
    assert now(desk, order).state is OrderState.PARTLY_FILLED
    assert unsure == ["paper"]


async def test_a_fact_that_changes_nothing_is_neither_recorded_nor_told(desk: Desk, claude: Caller) -> None:
    order = await working(desk, claude)
    records = len(await desk.store.audit_tail(50))
    del desk.events[:]
    desk.sender.facts.sink()(Acknowledged(order.reference, order.changed_at))
    await desk.sender.facts.settled()
    assert len(await desk.store.audit_tail(50)) == records
    assert desk.events == []


async def test_that_the_broker_has_an_order_is_kept_beside_it(desk: Desk, claude: Caller) -> None:
    order = await working(desk, claude)
    (row,) = await desk.store.rows("SELECT acknowledged FROM sent WHERE order_id = ?", (order.order_id,))
    assert row["acknowledged"] == 1


async def test_a_lost_line_does_not_say_that_the_broker_has_it(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, unsure: list[str]
) -> None:
    order = await place(desk, claude, market())
    failing(desk, monkeypatch, "submit", TimeoutError())
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    (row,) = await desk.store.rows("SELECT acknowledged FROM sent WHERE order_id = ?", (order.order_id,))
    assert row["acknowledged"] == 0


# a disk that takes nothing


async def stored(desk: Desk, order: Order) -> str:
    (row,) = await desk.store.rows("SELECT state FROM orders WHERE order_id = ?", (order.order_id,))
    return str(row["state"])


async def test_what_could_not_be_written_is_told_and_tried_until_it_is(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, sick: list[type[Exception]]
) -> None:
    order = await working(desk, claude)
    late, tries, written = desk.book.write_late, list[int](), asyncio.Event()

    async def watched() -> None:
        tries.append(len(sick))
        await late()
        written.set()

    monkeypatch.setattr(desk.book, "write_late", watched)
    sick.extend([StoreUnavailable, StoreBusy, StoreUnavailable])
    desk.sender.facts.sink()(Cancelled(order.reference, order.changed_at, Safe("gone")))
    await desk.sender.facts.settled()
    assert now(desk, order).state is OrderState.CANCELLED
    says = f"{order.request.words()} is cancelled, but the database can't be written."
    assert notices(desk) == [(says, True)]
    async with asyncio.timeout(2):
        await written.wait()
    assert tries == [2, 1, 0]
    assert await stored(desk, order) == "cancelled"
    for _ in range(20):
        await asyncio.sleep(0)
    assert tries == [2, 1, 0], "once all is written nothing is left to try"


async def test_at_the_end_what_could_not_be_written_is_tried_once_more(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, sick: list[type[Exception]]
) -> None:
    order = await working(desk, claude)
    monkeypatch.setattr(facts, "_RETRY_WRITE", 3600)
    other = Sender(desk.grants, desk.connections, desk.switch, desk.book, desk.clock, desk.events.append)
    running = asyncio.create_task(other.facts.run())
    sick.append(StoreUnavailable)
    other.facts.sink()(Cancelled(order.reference, order.changed_at, Safe("gone")))
    await other.facts.settled()
    assert await stored(desk, order) == "working"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await stored(desk, order) == "cancelled"


async def test_what_is_refused_ends_even_where_it_can_not_be_written(
    desk: Desk, claude: Caller, sick: list[type[Exception]]
) -> None:
    order = await leaving(desk, claude)
    desk.switch.lower(TradingState.HALTED, "test")
    sick.append(StoreUnavailable)
    ended = await desk.sender.submit(order)
    assert ended.state is OrderState.REFUSED
    assert [event.order.state for event in desk.events if isinstance(event, OrderChanged)][-1] is OrderState.REFUSED
