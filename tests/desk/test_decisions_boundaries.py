"""What the operator, time and the switch decide, at the edge where one answer ends and the next begins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk import decisions
from cockpit.desk.decisions import Look
from cockpit.desk.groups import Leg, Wanted, basket, bracket, oco
from cockpit.model.identity import Caller, GrantId
from cockpit.model.orders import (
    Executed,
    Execution,
    Order,
    OrderId,
    OrderRef,
    OrderState,
    Role,
    Side,
)
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.trading import TradingState
from cockpit.settings.model import ConnectionSettings, PolicySettings
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write
from tests.desk.desks import Desk, limit, market, open_desk, place

OTHER_GRANT = GrantId("g-other")
DRIFTING = ConnectionSettings(policy=PolicySettings(max_drift=Decimal("0.01"), approval_seconds=3600))


def now(desk: Desk, order: Order) -> Order:
    return desk.book.get(order.order_id) or order


def code(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


async def approve(desk: Desk, order: Order, quantity: str | None = None) -> Order | Refusal:
    edit = None if quantity is None else Decimal(quantity)
    return await desk.decisions.approve(order.order_id, None, edit, None, "test")


async def approved(desk: Desk, order: Order) -> Order:
    sent = await approve(desk, order)
    assert isinstance(sent, Order), sent
    return sent


async def far(desk: Desk, share: str = "0.98") -> Decimal:
    return (await desk.touch("ALFA", Side.BUY) * Decimal(share)).quantize(Decimal("0.01"))


async def working(desk: Desk, caller: Caller, key: str = "resting-0001", quantity: str = "5") -> Order:
    return await approved(desk, await place(desk, caller, limit(await far(desk), quantity=quantity), key))


def filled(order: Order, quantity: str) -> Executed:
    made = Execution(
        f"{order.reference}.1", order.reference, order.request.symbol, order.request.side, Decimal(quantity),
        Decimal(100), Decimal(1), order.changed_at,
    )  # fmt: skip
    return Executed(order.reference, order.changed_at, made)


async def around(desk: Desk) -> Wanted:
    return bracket(market(quantity="4"), await far(desk, "1.02"), await far(desk, "0.98"), None)


def prices_moved(desk: Desk, monkeypatch: pytest.MonkeyPatch, factor: str) -> None:
    """Let every quote of the broker stand that much higher or lower."""
    broker = desk.connections.need("paper").broker
    asked = broker.quote

    async def moved(instrument: object) -> Quote | None:
        quote = await asked(instrument)  # type: ignore[arg-type]
        if quote is None or quote.bid is None or quote.ask is None:
            return quote
        return replace(quote, bid=quote.bid * Decimal(factor), ask=quote.ask * Decimal(factor))

    monkeypatch.setattr(broker, "quote", moved)


@pytest.fixture
def sick(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[type[Exception]]:
    """What the next commits fail with, one each; once it is empty they succeed."""
    commit, errors = desk.store.commit, list[type[Exception]]()

    async def sometimes(writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> tuple[int, ...]:
        if errors:
            raise errors.pop(0)("sick")
        return await commit(writes, audit)

    monkeypatch.setattr(desk.store, "commit", sometimes)
    return errors


# looking


async def test_a_look_shows_an_order_alone_and_a_group_whole(desk: Desk, claude: Caller) -> None:
    alone = await place(desk, claude, market())
    look = await desk.decisions.look(alone.order_id)
    assert isinstance(look, Look)
    assert (look.order, look.legs, look.executions) == (alone, (), ())
    orders = await desk.orders.place_group(desk.admitted(claude), await around(desk), "key-group-1")
    look = await desk.decisions.look(orders[2].order_id)
    assert isinstance(look, Look)
    assert (look.order, look.legs) == (orders[0], orders)
    assert look.judged.request == orders[0].request
    legs = [Leg(market(each), Role.LEG) for each in ("ALFA", "BRVO")]
    orders = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-group-2")
    look = await desk.decisions.look(orders[0].order_id)
    assert isinstance(look, Look)
    assert look.legs == orders


async def test_a_look_shows_how_far_the_price_moved_and_what_is_filled(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await working(desk, claude)
    fact = filled(order, "2")
    desk.sender.facts.sink()(fact)
    await desk.sender.facts.settled()
    asked = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(9), None)
    prices_moved(desk, monkeypatch, "1.01")
    look = await desk.decisions.look(order.order_id)
    assert isinstance(look, Look)
    assert (look.order, look.executions) == (asked, (fact.execution,))
    assert look.drift == Decimal("0.01")
    assert look.judged.request.quantity == Decimal(9), "the change is what is decided on"


async def test_what_is_not_there_can_not_be_looked_at_nor_cancelled(desk: Desk, claude: Caller) -> None:
    answer = await desk.decisions.look(OrderId("o-" + 60 * "x"))
    assert isinstance(answer, Refusal)
    assert (answer.code, len(answer.details["order_id"])) == ("ORDER_UNKNOWN", 40)
    answer = await desk.decisions.cancel(OrderId("o-" + 60 * "x"), "test")
    assert isinstance(answer, Refusal)
    assert (answer.code, len(answer.details["order_id"])) == ("ORDER_UNKNOWN", 40)
    ended = await approved(desk, await place(desk, claude, market()))
    assert ended.state is OrderState.FILLED
    assert code(await desk.decisions.cancel(ended.order_id, "test")) == "ORDER_DONE"


async def test_an_order_whose_connection_is_gone_is_neither_looked_at_nor_approved(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await place(desk, claude, market())
    monkeypatch.setattr(desk.connections, "get", lambda name: None)
    assert code(await desk.decisions.look(order.order_id)) == "CONNECTION_UNKNOWN"
    assert code(await approve(desk, order)) == "CONNECTION_UNKNOWN"
    assert now(desk, order) == order


# approving


async def test_a_change_is_edited_down_to_more_than_what_is_filled(desk: Desk, claude: Caller) -> None:
    order = await working(desk, claude)
    desk.sender.facts.sink()(filled(order, "2"))
    await desk.sender.facts.settled()
    asked = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(9), None)
    assert code(await approve(desk, asked, "2")) == "BAD_QUANTITY"
    sent = await approve(desk, asked, "3")
    assert isinstance(sent, Order)
    assert (sent.request.quantity, sent.proposed) == (Decimal(3), None)


@pytest.mark.parametrize(("quantity", "reason"), [(None, ""), ("5", ""), ("2", "edited by the operator from ")])
async def test_an_order_says_whether_the_operator_edited_it(
    desk: Desk, claude: Caller, quantity: str | None, reason: str
) -> None:
    order = await place(desk, claude, limit(await far(desk), quantity="5"))
    sent = await approve(desk, order, quantity)
    assert isinstance(sent, Order)
    assert sent.reason == (reason and f"{reason}{order.request.words()}")
    assert (sent.decide_by, sent.request.quantity) == (None, Decimal(quantity or 5))


async def test_an_approval_moves_an_order_one_version_and_its_change_another(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, limit(await far(desk), quantity="5"))
    sent = await approved(desk, order)
    assert sent.version == order.version + 2, "approved, and acknowledged"
    asked = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(6), None)
    sent = await approved(desk, asked)
    assert (sent.version, sent.state) == (asked.version + 2, OrderState.WORKING)


async def test_an_order_is_worth_what_was_judged_last_and_its_change_the_larger_of_both(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await place(desk, claude, limit(await far(desk, "1.01"), side=Side.SELL))
    prices_moved(desk, monkeypatch, "0.99")
    sent = await approved(desk, order)
    assert order.unit_worth is not None
    assert sent.unit_worth is not None
    assert sent.raised_at is None
    desk.clock.pass_time(1)
    asked = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(2), None)
    worth = replace(asked, unit_worth=asked.unit_worth and asked.unit_worth + 1, version=asked.version + 1)
    async with desk.book.alone(order.order_id):
        await desk.book.move(asked, worth, [])
    changed = await approved(desk, worth)
    assert (changed.unit_worth, changed.raised_at) == (worth.unit_worth, desk.clock.now())


async def test_an_approval_in_the_last_second_is_in_time(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    assert order.decide_by is not None
    desk.clock.pass_time((order.decide_by - desk.clock.now()).total_seconds() - 1)
    assert isinstance(await approve(desk, order), Order)


async def test_whoever_approves_has_the_last_word_on_the_prices(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    answer = await desk.decisions.approve(
        order.order_id, None, None, None, "test", still=lambda together: refuse("PRICE_MOVED")
    )
    assert code(answer) == "PRICE_MOVED"
    assert now(desk, order) == order


async def test_an_approval_that_can_not_be_written_sends_nothing(
    desk: Desk, claude: Caller, sick: list[type[Exception]]
) -> None:
    order = await place(desk, claude, market())
    sick.append(StoreUnavailable)
    assert code(await approve(desk, order)) == "AUDIT_UNAVAILABLE"
    assert now(desk, order) == order
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_only_what_waits_for_the_operator_is_approved(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    assert (
        code(await desk.decisions.approve(order.order_id, order.version + 1, None, None, "test")) == "VERSION_CHANGED"
    )
    until = desk.clock.now() + timedelta(seconds=9)
    held = replace(order, confirm_by=until, decide_by=None, version=order.version + 1)
    async with desk.book.alone(order.order_id):
        await desk.book.move(order, held, [])
    answer = await approve(desk, order)
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.message) == ("ALREADY_DECIDED", "Its client has to confirm it first.")


@pytest.mark.parametrize(("side", "factor"), [(Side.BUY, "1.01"), (Side.SELL, "0.99")])
async def test_a_price_may_move_up_to_the_limit_and_not_beyond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: Side, factor: str
) -> None:
    async with open_desk(tmp_path / "data", settings=DRIFTING) as desk:
        claude = desk.grants.give("claude")
        just = await place(desk, claude, market(side=side), "key-00000001")
        over = await place(desk, claude, market(side=side), "key-00000002")
        prices_moved(desk, monkeypatch, factor)
        await approved(desk, just)
        prices_moved(desk, monkeypatch, "1.000001" if side is Side.BUY else "0.999999")
        answer = await approve(desk, over)
        assert code(answer) == "PRICE_MOVED"
        assert isinstance(answer, Refusal)
        assert answer.details == {"moved": "1.00 %", "limit": "1.00 %"}


async def test_a_price_that_moved_in_favour_or_an_order_with_a_limit_is_not_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path / "data", settings=DRIFTING) as desk:
        claude = desk.grants.give("claude")
        bound = await place(desk, claude, limit(await far(desk, "0.99")), "key-00000001")
        cheaper = await place(desk, claude, market(), "key-00000002")
        with monkeypatch.context() as up:
            prices_moved(desk, up, "1.011")
            await approved(desk, bound)
        prices_moved(desk, monkeypatch, "0.97")
        await approved(desk, cheaper)


async def test_the_exits_of_a_bracket_are_not_stopped_by_the_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path / "data", settings=DRIFTING) as desk:
        claude = desk.grants.give("claude")
        entry = limit(await far(desk, "0.99"), quantity="4")
        wanted = bracket(entry, await far(desk, "1.05"), await far(desk, "0.90"), None)
        orders = await desk.orders.place_group(desk.admitted(claude), wanted, "key-group-1")
        prices_moved(desk, monkeypatch, "0.985")
        await approved(desk, orders[0])


async def test_a_pair_goes_to_the_broker_in_one_message_and_a_basket_one_by_one(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await approved(desk, await place(desk, claude, market(quantity="3"), "key-00000001"))
    sent: list[str] = []
    broker = desk.connections.need("paper").broker

    def watch(name: str) -> None:
        send = getattr(broker, name)

        async def watched(*what: object) -> None:
            sent.append(name)
            await send(*what)

        monkeypatch.setattr(broker, name, watched)

    watch("submit")
    watch("submit_linked")
    exits = [limit(await far(desk, share), quantity="3", side=Side.SELL) for share in ("1.01", "1.02")]
    pair = await desk.orders.place_group(desk.admitted(claude), oco(exits[0], exits[1]), "key-group-1")
    await approved(desk, pair[0])
    assert sent == ["submit_linked"]
    legs = [Leg(market(each), Role.LEG) for each in ("BRVO", "CHRL")]
    orders = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-group-2")
    await approved(desk, orders[0])
    assert sent == ["submit_linked", "submit", "submit"]


async def test_a_group_of_which_one_order_opens_does_not_leave_in_reduce_only(desk: Desk, claude: Caller) -> None:
    orders = await desk.orders.place_group(desk.admitted(claude), await around(desk), "key-group-1")

    def lowered(together: object) -> None:
        desk.switch.lower(TradingState.REDUCE_ONLY, "test")

    await desk.decisions.approve(orders[0].order_id, None, None, None, "test", still=lowered)
    assert {now(desk, one).state for one in orders} == {OrderState.REFUSED}
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_what_was_held_before_each_order_of_a_basket_is_kept(desk: Desk, claude: Caller) -> None:
    await approved(desk, await place(desk, claude, market(quantity="3"), "key-00000001"))
    legs = [Leg(market(quantity=each), Role.LEG) for each in ("1", "2")]
    legs.append(Leg(market("BRVO"), Role.LEG))
    orders = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-group-1")
    await approved(desk, orders[0])
    rows = await desk.store.rows("SELECT order_id, held FROM sent", ())
    held = {row["order_id"]: row["held"] for row in rows}
    assert [held[one.order_id] for one in orders] == ["3", "3", "0"]


async def test_a_change_is_no_new_sending(desk: Desk, claude: Caller) -> None:
    order = await working(desk, claude)
    rows = await desk.store.rows("SELECT * FROM sent", ())
    desk.clock.pass_time(1)
    asked = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(6), None)
    await approved(desk, asked)
    assert [tuple(row) for row in await desk.store.rows("SELECT * FROM sent", ())] == [tuple(row) for row in rows]


# rejecting, cancelling, voiding


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "REJECTED_BY_OPERATOR"),
        ("not today", "REJECTED_BY_OPERATOR: not today"),
    ],
)
async def test_a_rejection_says_the_operators_words_where_there_are_any(
    desk: Desk, claude: Caller, words: str, reason: str
) -> None:
    order = await place(desk, claude, market())
    desk.clock.pass_time(1)
    ended = await desk.decisions.deny(order.order_id, words, "test")
    assert isinstance(ended, Order)
    assert (ended.state, ended.reason, ended.version) == (OrderState.REFUSED, reason, order.version + 1)
    assert (ended.decide_by, ended.changed_at) == (None, desk.clock.now())


@pytest.mark.parametrize("error", [StoreUnavailable, StoreBusy])
async def test_a_rejection_that_can_not_be_written_leaves_the_order_waiting(
    desk: Desk, claude: Caller, sick: list[type[Exception]], error: type[Exception]
) -> None:
    order = await place(desk, claude, market())
    sick.append(error)
    assert code(await desk.decisions.deny(order.order_id, "", "test")) == "AUDIT_UNAVAILABLE"
    assert now(desk, order) == order


async def test_a_change_that_is_rejected_leaves_the_order_working(desk: Desk, claude: Caller) -> None:
    order = await working(desk, claude)
    await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(6), None)
    left = await desk.decisions.deny(order.order_id, "no", "test")
    assert isinstance(left, Order)
    assert (left.state, left.proposed, left.request) == (OrderState.WORKING, None, order.request)


async def test_the_cancel_of_a_working_order_reaches_the_broker_whatever_holds_the_order(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, reached = await working(desk, claude), asyncio.Event()
    broker = desk.connections.need("paper").broker
    cancel = broker.cancel

    async def watched(reference: OrderRef) -> None:
        reached.set()
        await cancel(reference)

    monkeypatch.setattr(broker, "cancel", watched)
    async with desk.book.alone(order.order_id):
        cancelling = asyncio.create_task(desk.decisions.cancel(order.order_id, "test"))
        async with asyncio.timeout(2):
            await reached.wait()
    assert isinstance(await cancelling, Order)
    assert now(desk, order).state is OrderState.CANCELLED


@pytest.mark.parametrize("failures", [0, 2])
async def test_a_waiting_order_is_withdrawn_whatever_the_disk_takes_and_nothing_is_sent(
    desk: Desk, claude: Caller, sick: list[type[Exception]], monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    order = await place(desk, claude, market())
    monkeypatch.setattr(desk.connections.need("paper").broker, "cancel", None)
    sick.extend([StoreUnavailable] * failures)
    ended = await desk.decisions.cancel(order.order_id, "test")
    assert isinstance(ended, Order)
    assert ended.state is now(desk, order).state is OrderState.CANCELLED


async def test_a_cancel_that_the_broker_has_not_done_yet_is_kept_with_the_order(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await working(desk, claude)

    async def takes_its_time(reference: OrderRef) -> None:
        """Take the cancel, and say nothing yet."""

    monkeypatch.setattr(desk.connections.need("paper").broker, "cancel", takes_its_time)
    left = await desk.decisions.cancel(order.order_id, "test")
    assert isinstance(left, Order)
    assert (left.state, left.version) == (OrderState.WORKING, order.version + 1)
    assert "order.cancel_noted" in [record.tool for record in await desk.store.audit_tail(5)]


async def test_one_cancel_that_breaks_off_is_logged_and_stops_no_other(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = await working(desk, claude), await working(desk, claude, "resting-0002")
    broker = desk.connections.need("paper").broker
    cancel = broker.cancel

    async def breaks(reference: OrderRef) -> None:
        if reference == bad.reference:
            raise RuntimeError("a fault that nobody thought of")
        await cancel(reference)

    monkeypatch.setattr(broker, "cancel", breaks)
    ended = await desk.decisions.cancel_all("test")
    assert [one.order_id for one in ended] == [bad.order_id, good.order_id]
    assert ended[1].state is OrderState.CANCELLED
    logged = [record.getMessage() for record in caplog.records]
    assert logged == [f"the cancel of {bad.order_id} broke off"]


async def test_cancelling_everything_returns_what_worked_and_not_what_had_ended(desk: Desk, claude: Caller) -> None:
    await approved(desk, await place(desk, claude, market(), "key-00000001"))
    rests = await working(desk, claude)
    await place(desk, claude, market(), "key-00000002")
    assert desk.decisions.waiting() == 1
    ended = await desk.decisions.cancel_all("test")
    assert [(one.order_id, one.state) for one in ended] == [(rests.order_id, OrderState.CANCELLED)]
    assert desk.decisions.waiting() == 0


async def test_only_what_waits_of_one_grant_is_voided_and_counted(desk: Desk, claude: Caller) -> None:
    cursor = desk.grants.give("cursor")
    mine = [await place(desk, claude, market(), f"key-0000000{number}") for number in (1, 2)]
    other = await place(desk, cursor, market(), "key-00000003")
    assert await desk.decisions.void_waiting("GRANT_ENDED", "test", claude.grant.grant_id) == 2
    for order in mine:
        assert now(desk, order).state is OrderState.REFUSED
        assert now(desk, order).reason == refuse("GRANT_ENDED").message
    assert now(desk, other) == other
    assert await desk.decisions.void_waiting("GRANT_ENDED", "test") == 1
    assert await desk.decisions.void_waiting("GRANT_ENDED", "test") == 0


async def test_what_is_voided_counts_even_where_the_disk_takes_nothing(
    desk: Desk, claude: Caller, sick: list[type[Exception]]
) -> None:
    order = await place(desk, claude, market())
    sick.append(StoreBusy)
    assert await desk.decisions.void_waiting("KILL_SWITCH", "test") == 1
    assert now(desk, order).state is OrderState.REFUSED


# time


async def test_waits_end_at_their_second_and_the_next_end_is_told(desk: Desk, claude: Caller) -> None:
    assert await desk.decisions.expire_due() is None
    first = await place(desk, claude, market(), "key-00000001")
    desk.clock.pass_time(10)
    second = await place(desk, claude, market(), "key-00000002")
    assert first.decide_by is not None
    assert second.decide_by == first.decide_by + timedelta(seconds=10)
    assert await desk.decisions.expire_due() == first.decide_by
    desk.clock.pass_time((first.decide_by - desk.clock.now()).total_seconds())
    assert await desk.decisions.expire_due() == second.decide_by
    assert now(desk, first).state is OrderState.EXPIRED
    assert now(desk, first).reason == refuse("APPROVAL_EXPIRED").message
    assert now(desk, second) == second


async def test_a_change_that_nobody_decides_on_in_time_falls_and_the_order_works_on(desk: Desk, claude: Caller) -> None:
    order = await working(desk, claude)
    asked = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(6), None)
    assert asked.decide_by is not None
    desk.clock.pass_time((asked.decide_by - desk.clock.now()).total_seconds())
    await desk.decisions.expire_due()
    left = now(desk, order)
    assert (left.state, left.proposed, left.decide_by) == (OrderState.WORKING, None, None)


async def test_an_order_that_its_client_does_not_confirm_in_time_expires(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    until = desk.clock.now() + timedelta(seconds=9)
    held = replace(order, confirm_by=until, decide_by=None, version=order.version + 1)
    async with desk.book.alone(order.order_id):
        await desk.book.move(order, held, [])
    await place(desk, claude, market(), "key-00000002")
    assert desk.decisions.waiting() == 2, "one for its client, one for the operator"
    assert await desk.decisions.void_waiting("GRANT_ENDED", "test", OTHER_GRANT) == 0
    desk.clock.pass_time(8)
    await desk.decisions.expire_due()
    assert now(desk, order) == held
    desk.clock.pass_time(1)
    await desk.decisions.expire_due()
    assert now(desk, order).state is OrderState.EXPIRED
    assert now(desk, order).reason == refuse("NOT_CONFIRMED").message


async def test_a_clock_that_is_put_back_lengthens_no_wait(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    assert order.decide_by is not None
    await desk.decisions.expire_due()
    left = (order.decide_by - desk.clock.now()).total_seconds()
    desk.clock.at -= timedelta(hours=1)
    desk.clock.pass_time(left - 1)
    await desk.decisions.expire_due()
    assert now(desk, order) == order
    desk.clock.pass_time(1)
    await desk.decisions.expire_due()
    assert now(desk, order).state is OrderState.EXPIRED


async def test_the_watch_ends_one_wait_after_the_other(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "_EXPIRY_STEP", 0)
    watching = asyncio.create_task(desk.decisions.watch_time())
    for number in (1, 2):
        order = await place(desk, claude, market(), f"key-0000000{number}")
        ending = desk.book.changed(order.order_id)
        desk.clock.pass_time(500)
        async with asyncio.timeout(2):
            assert (await ending).state is OrderState.EXPIRED
    watching.cancel()


async def test_a_wait_that_is_lengthened_at_the_last_moment_goes_on(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    assert order.decide_by is not None
    desk.clock.pass_time(500)
    later = replace(order, version=order.version + 1, decide_by=desk.clock.now() + timedelta(seconds=60))
    async with desk.book.alone(order.order_id):
        expiring = asyncio.create_task(desk.decisions.expire_due())
        for _ in range(5):
            await asyncio.sleep(0)
        await desk.book.move(order, later, [])
    await expiring
    assert now(desk, order) == later


async def test_what_is_decided_can_not_be_rejected_any_more(desk: Desk, claude: Caller) -> None:
    sent = await approved(desk, await place(desk, claude, market()))
    assert code(await desk.decisions.deny(sent.order_id, "", "test")) == "ALREADY_DECIDED"
    assert now(desk, sent) == sent
    assert code(await desk.decisions.deny(OrderId("o-none"), "", "test")) == "ORDER_UNKNOWN"


@pytest.mark.parametrize(("working", "named"), [(0, 0), (1, 1), (11, 10)])
async def test_an_order_to_a_target_waits_for_others_of_its_symbol(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, working: int, named: int
) -> None:
    order = await place(desk, claude, market())
    targeted = replace(order, to_target=True, version=order.version + 1)
    async with desk.book.alone(order.order_id):
        await desk.book.move(order, targeted, [])
    monkeypatch.setattr(desk.book, "at_broker", lambda connection: [order] * working)
    answer = await approve(desk, order)
    if not named:
        assert isinstance(answer, Order)
        return
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.details["orders"]) == ("ORDERS_IN_THE_WAY", ", ".join([order.order_id] * named))
