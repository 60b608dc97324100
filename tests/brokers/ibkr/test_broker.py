"""Orders at a gateway through the real client: placed once, followed truly, cancelled before all else."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from ib_async import Contract

from cockpit.brokers.base import BrokerUnavailable, Feature, HasLine
from cockpit.model.orders import (
    Acknowledged,
    Cancelled,
    Executed,
    FeeTold,
    FoundWorking,
    Linkage,
    LinkLost,
    OrderRef,
    OrderState,
    OrderType,
    Rejected,
    Replaced,
    ReplaceRefused,
    Side,
    TimeInForce,
)
from cockpit.model.refusals import Refused
from cockpit.model.trading import Link, Mode
from tests.brokers.ibkr.trading import Trading, far, market, trading_at
from tests.brokers.ibkr.trading import trading as trading
from tests.gateway import FakeGateway, faults
from tests.gateway.planned import Fault, Proceed, carry_on
from tests.gateway.session import Session


def sent(trading: Trading, name: str = "placeOrder") -> int:
    return len(trading.gateway.named(name))


def announcing(event: asyncio.Event) -> Fault:
    """Set the event when the message comes, and go on."""

    async def fault(session: Session, fields: list[str], proceed: Proceed) -> None:
        event.set()
        await carry_on(proceed)

    return fault


async def refusal(trading: Trading, call: object) -> str:
    with pytest.raises(Refused) as refused:
        await call  # type: ignore[misc]
    return refused.value.refusal.code


# -- placed


async def test_an_order_bears_its_account_and_reference_and_leaves_once(trading: Trading) -> None:
    reference = await trading.rest()
    order = trading.gateway.book.order(reference)

    assert (order.account, order.terms["totalQuantity"], order.terms["lmtPrice"]) == ("DU1234567", "10", "300")
    assert sent(trading) == 1
    assert trading.of(reference) == [Acknowledged]


async def test_a_fill_is_told_with_its_fee_to_follow(trading: Trading) -> None:
    reference = trading.reference()
    await trading.broker.submit(reference, market(2))
    await trading.until(lambda: trading.told(reference, FeeTold))

    assert trading.of(reference) == [Acknowledged, Executed, FeeTold]
    (executed,) = trading.told(reference, Executed)
    assert (executed.execution.symbol, executed.execution.quantity) == ("ALFA", Decimal(2))
    assert trading.told(reference, FeeTold)[0].fee == Decimal(1)


@pytest.mark.parametrize("code", [201, 110, 321, 463, 103])
async def test_a_rejected_order_was_never_there(trading: Trading, code: int) -> None:
    trading.gateway.once("newOrder", faults.reject(code))
    reference = await trading.rest()

    assert trading.of(reference) == [Rejected]
    assert await trading.shown(reference) is None


async def test_a_preset_that_makes_it_a_day_order_does_not_end_it(trading: Trading) -> None:
    trading.gateway.once("newOrder", faults.preset_day)
    reference = await trading.rest()
    shown = await trading.shown(reference)

    assert shown is not None
    assert (shown.state, shown.request.time_in_force) == (OrderState.WORKING, TimeInForce.DAY)
    assert set(trading.of(reference)) <= {Acknowledged, Replaced}
    trading.gateway.book.fill(trading.gateway.book.order(reference))
    await trading.until(lambda: trading.told(reference, Executed))


async def test_a_code_that_nobody_knows_is_looked_into_and_told(trading: Trading) -> None:
    trading.gateway.once("newOrder", faults.accept_and_say(31415, "something new"))
    looked = asyncio.Event()
    trading.gateway.once("reqCompletedOrders", announcing(looked))
    reference = await trading.rest()
    await trading.until(lambda: trading.notices)
    async with asyncio.timeout(5):
        await looked.wait()

    assert "something new" in trading.notices[0]
    assert trading.of(reference) == [Acknowledged]


async def test_an_order_that_is_not_answered_is_not_known(tmp_path: Path) -> None:
    async with FakeGateway() as gateway, trading_at(gateway, tmp_path, request_seconds=1) as trading:
        gateway.once("newOrder", faults.stall)
        with pytest.raises(BrokerUnavailable, match="no answer"):
            await trading.broker.submit(trading.reference(), far())

        assert sent(trading) == 1


@pytest.mark.parametrize(
    ("fault", "there"),
    [
        (faults.drop_before_accept, False),
        (faults.drop_after_accept, True),
        (faults.half_frame, True),
        (faults.drop_after_open_order, True),
    ],
)
async def test_an_order_whose_line_breaks_is_never_sent_again(trading: Trading, fault: Fault, there: bool) -> None:
    trading.gateway.once("newOrder", fault)
    reference = trading.reference()
    try:
        await trading.broker.submit(reference, far())
    except BrokerUnavailable:
        assert trading.broker.status().link is not Link.READY or not there
    await trading.until(lambda: trading.broker.status().link is not Link.READY)
    await trading.ready()

    assert sent(trading) == 1
    shown = await trading.shown(reference)
    assert (shown is not None) == there
    if there:
        await trading.until(lambda: Acknowledged in trading.of(reference))
        await trading.broker.cancel(reference)
        await trading.until(lambda: Cancelled in trading.of(reference))


async def test_while_the_line_is_down_nothing_leaves(trading: Trading) -> None:
    await trading.gateway.down()
    await trading.until(lambda: trading.broker.status().link is Link.DOWN)

    assert await refusal(trading, trading.broker.submit(trading.reference(), far())) == "BROKER_NOT_READY"
    assert await refusal(trading, trading.broker.cancel(trading.reference())) == "BROKER_NOT_READY"


async def test_while_tws_has_lost_its_servers_no_order_leaves(trading: Trading) -> None:
    reference = await trading.rest()
    trading.gateway.lost()
    await trading.until(lambda: trading.broker.status().link is Link.DEGRADED)

    assert await refusal(trading, trading.broker.submit(trading.reference(), far())) == "BROKER_NOT_READY"
    assert await refusal(trading, trading.broker.replace(reference, far(3))) == "BROKER_NOT_READY"
    trading.gateway.restored()
    await trading.ready()
    await trading.broker.replace(reference, far(3))
    assert trading.of(reference) == [Acknowledged, Replaced]


async def test_a_read_only_api_takes_no_order(tmp_path: Path) -> None:
    async with FakeGateway(read_only=True) as gateway, trading_at(gateway, tmp_path) as trading:
        assert await refusal(trading, trading.broker.submit(trading.reference(), far())) == "BROKER_NOT_READY"
        assert sent(trading) == 0


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (far(price="300.005"), "BAD_TICK"),
        (far("0.5"), "BAD_QUANTITY"),
        (far(symbol="NOSUCH"), "INSTRUMENT_UNRESOLVED"),
        (far(symbol="TWIN"), "INSTRUMENT_UNRESOLVED"),
        (far(symbol="AL\0FA"), "INSTRUMENT_UNRESOLVED"),
        (far(order_type=OrderType.STOP), "ORDER_TYPE_NOT_ALLOWED"),
    ],
)
async def test_what_can_not_be_right_is_refused_before_it_leaves(trading: Trading, request_: object, code: str) -> None:
    assert await refusal(trading, trading.broker.submit(trading.reference(), request_)) == code  # type: ignore[arg-type]
    assert sent(trading) == 0
    assert trading.facts == []


@pytest.mark.parametrize("reference", ["ck:A\0B", "ck:A\n", "ck:", "xx:1", "ck:" + "A" * 70, "ck:\u00e9"])
async def test_a_reference_that_is_not_ours_is_refused(trading: Trading, reference: str) -> None:
    assert await refusal(trading, trading.broker.submit(OrderRef(reference), far())) == "BAD_ARGUMENTS"
    assert sent(trading) == 0


async def test_an_order_placed_twice_is_placed_once_also_after_a_restart(trading: Trading) -> None:
    reference = await trading.rest()
    await trading.broker.submit(reference, far())
    assert await refusal(trading, trading.broker.submit(reference, far(11))) == "IDEMPOTENCY_CONFLICT"
    await trading.start()
    await trading.broker.submit(reference, far())
    assert await refusal(trading, trading.broker.submit(reference, far(11))) == "IDEMPOTENCY_CONFLICT"

    assert sent(trading) == 1


# -- changed


async def test_a_change_is_told_when_it_is_done(trading: Trading) -> None:
    reference = await trading.rest()
    await trading.broker.replace(reference, far(7, "301.5"))

    (told,) = trading.told(reference, Replaced)
    assert told.request == far(7, "301.5")
    assert trading.gateway.book.order(reference).quantity == 7


@pytest.mark.parametrize("code", [201, 110, 321, 463, 105])
async def test_a_change_that_is_refused_leaves_the_order_as_it_was(trading: Trading, code: int) -> None:
    reference = await trading.rest()
    trading.gateway.once("modifyOrder", faults.reject(code))
    await trading.broker.replace(reference, far(7))

    assert trading.of(reference) == [Acknowledged, ReplaceRefused]
    shown = await trading.shown(reference)
    assert shown is not None
    assert shown.request == far()


async def test_no_change_is_sent_for_an_order_that_has_ended(trading: Trading) -> None:
    reference = await trading.rest()
    trading.gateway.book.fill(trading.gateway.book.order(reference))
    await trading.until(lambda: Executed in trading.of(reference))

    assert await refusal(trading, trading.broker.replace(reference, far(20))) == "ORDER_DONE"
    assert sent(trading) == 1
    assert trading.gateway.book.order(reference).quantity == 10


async def test_an_order_of_an_earlier_run_can_be_changed_and_cancelled(trading: Trading) -> None:
    reference = await trading.rest()
    await trading.start()
    await trading.broker.replace(reference, far(4))
    await trading.broker.cancel(reference)
    await trading.until(lambda: Cancelled in trading.of(reference))

    assert trading.gateway.book.order(reference).quantity == 4
    assert len(trading.gateway.book.orders) == 1


# -- cancelled


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (faults.filled_meanwhile, OrderState.FILLED),
        (faults.too_late, OrderState.FILLED),
        (faults.not_found, OrderState.WORKING),
    ],
)
async def test_a_cancel_that_failed_never_ends_an_order(trading: Trading, fault: Fault, state: OrderState) -> None:
    reference = await trading.rest()
    trading.gateway.once("cancelOrder", fault)
    await trading.broker.cancel(reference)
    shown = await trading.shown(reference)

    assert shown is not None
    assert shown.state is state
    assert Cancelled not in trading.of(reference)
    assert (Executed in trading.of(reference)) == (state is OrderState.FILLED)


async def test_a_cancel_that_is_not_answered_is_not_known(tmp_path: Path) -> None:
    async with FakeGateway() as gateway, trading_at(gateway, tmp_path, request_seconds=1) as trading:
        reference = await trading.rest()
        gateway.once("cancelOrder", faults.stall)
        with pytest.raises(BrokerUnavailable, match="no answer"):
            await trading.broker.cancel(reference)


async def reads_queued(trading: Trading, count: int) -> list[asyncio.Task[object]]:
    """Queue reads, and return once as many as may have left."""
    contract = Contract(conId=265001)

    async def read() -> object:
        return await trading.broker._line.read("", lambda ib: ib.reqContractDetailsAsync(contract), within=30)

    reads = [asyncio.create_task(read()) for _ in range(count)]
    await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
    return reads


@pytest.mark.parametrize("resting", [5, 15])
async def test_cancels_are_on_the_wire_at_once_with_150_reads_queued(trading: Trading, resting: int) -> None:
    references = [await trading.rest(far(price=str(300 + number))) for number in range(resting)]
    reads = await reads_queued(trading, 150)
    began = time.monotonic()
    await asyncio.gather(*(trading.broker.cancel(one) for one in references))
    cancels = trading.gateway.named("cancelOrder")

    assert len(cancels) == resting
    assert max(one.at for one in cancels) - began < 0.05
    assert {one.state for one in await trading.broker.orders()} == {OrderState.CANCELLED}
    assert not all(one.done() for one in reads)
    assert trading.gateway.most_in_a_second() < 50
    for read in reads:
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)


async def test_a_number_that_another_client_uses_too_is_cancelled_over_its_own_line_alone(trading: Trading) -> None:
    references = [await trading.rest(far(price=str(300 + number))) for number in range(15)]
    numbers = {trading.gateway.book.order(one).order_id for one in references}
    theirs = [
        trading.gateway.book.foreign("ALFA", "BUY", 5, "LMT", "299", client_id=99, order_id=number)
        for number in numbers
    ]
    await trading.broker.orders()
    reads = await reads_queued(trading, 150)
    await asyncio.gather(*(trading.broker.cancel(one) for one in references))

    assert {one.client_id for one in trading.gateway.named("cancelOrder")} == {17}
    assert not any(one.done for one in theirs)
    for read in reads:
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)


async def test_orders_that_others_placed_are_shown_and_never_touched(trading: Trading) -> None:
    theirs = trading.gateway.book.foreign("ALFA", "SELL", 5, "LMT", "500")
    reference = OrderRef(f"ib:{theirs.perm_id}")
    shown = await trading.shown(reference)

    assert shown is not None
    assert (shown.state, shown.request.side, shown.request.limit_price) == (OrderState.WORKING, Side.SELL, Decimal(500))
    assert await refusal(trading, trading.broker.cancel(reference)) == "NOT_YOUR_ORDER"
    assert await refusal(trading, trading.broker.replace(reference, far())) == "ORDER_UNKNOWN"
    assert not theirs.done
    assert trading.facts == []


# -- told twice, late, in another order


@pytest.mark.parametrize("name", ["openOrder", "orderStatus", "execDetails", "commissionReport"])
async def test_what_is_told_twice_counts_once(trading: Trading, name: str) -> None:
    trading.gateway.always(name, faults.duplicate(3))
    reference = trading.reference()
    await trading.broker.submit(reference, market(2))
    await trading.until(lambda: FeeTold in trading.of(reference))
    await trading.broker.orders()

    assert trading.of(reference) == [Acknowledged, Executed, FeeTold]


@pytest.mark.parametrize(("name", "behind"), [("execDetails", "orderStatus"), ("execDetails", "commissionReport")])
async def test_what_comes_late_comes_to_the_same(trading: Trading, name: str, behind: str) -> None:
    reference = await trading.rest()
    trading.gateway.once(name, faults.after(behind))
    trading.gateway.book.fill(trading.gateway.book.order(reference))
    await trading.until(lambda: Executed in trading.of(reference))
    shown = await trading.shown(reference)

    assert shown is not None
    assert shown.state is OrderState.FILLED
    (fill,) = shown.executions
    told = [fact.fee for fact in trading.told(reference, FeeTold)] or [
        fact.execution.fee for fact in trading.told(reference, Executed)
    ]
    assert told == [fill.fee]
    assert fill.fee > 0


async def test_a_fill_that_was_never_told_is_asked_for(trading: Trading) -> None:
    reference = await trading.rest()
    trading.gateway.once("execDetails", faults.lose)
    trading.gateway.book.fill(trading.gateway.book.order(reference))
    await trading.until(lambda: Executed in trading.of(reference))

    assert LinkLost not in trading.of(reference)


async def test_a_status_that_was_never_told_is_in_the_books(trading: Trading) -> None:
    reference = await trading.rest()
    trading.gateway.once("orderStatus", faults.lose)
    await trading.broker.cancel(reference)
    await trading.until(lambda: Cancelled in trading.of(reference))


# -- across lines


async def test_what_happened_while_nobody_listened_is_told_afterwards(trading: Trading) -> None:
    filled, cancelled, resting = [await trading.rest(far(price=f"30{number}")) for number in range(3)]
    await trading.gateway.down()
    book = trading.gateway.book
    book.fill(book.order(filled), 4)
    book.cancel(book.order(cancelled))
    await trading.gateway.up()
    await trading.until(lambda: Executed in trading.of(filled) and Cancelled in trading.of(cancelled))

    assert trading.of(resting) == [Acknowledged]
    shown = await trading.shown(filled)
    assert shown is not None
    assert shown.state is OrderState.PARTLY_FILLED


async def test_numbers_that_are_given_out_twice_do_not_mix_orders_up(trading: Trading) -> None:
    first = await trading.rest()
    second = await trading.rest(far(3))
    await trading.gateway.restart(ids_back=2)
    await trading.until(lambda: trading.broker.status().link is not Link.READY)
    await trading.ready()
    third = await trading.rest(far(5, "310"))
    book = trading.gateway.book
    book.fill(book.order(third))
    await trading.until(lambda: Executed in trading.of(third))

    assert Executed not in trading.of(first)
    assert Executed not in trading.of(second)
    assert {one.reference: one.state for one in await trading.broker.orders()} == {
        first: OrderState.WORKING,
        second: OrderState.WORKING,
        third: OrderState.FILLED,
    }


async def test_an_order_taken_for_rejected_that_works_is_found_again(trading: Trading) -> None:
    trading.gateway.once("openOrder", faults.after("error"))
    trading.gateway.once("orderStatus", faults.after("openOrder"))
    trading.gateway.once("newOrder", faults.accept_and_say(201))
    reference = await trading.rest()
    await trading.until(lambda: trading.of(reference) in ([Rejected, FoundWorking], [Acknowledged]))

    shown = await trading.shown(reference)
    assert shown is not None
    assert shown.state is OrderState.WORKING


# -- linked


def bracket(quantity: int = 10, entry: str = "300") -> list[object]:
    first = far(quantity, entry)
    target = replace(first, side=Side.SELL, limit_price=Decimal(450))
    return [first, target, replace(target, order_type=OrderType.STOP, limit_price=None, stop_price=Decimal(250))]


async def linked(trading: Trading, linkage: Linkage, legs: list[object]) -> list[OrderRef]:
    references = [trading.reference() for _ in legs]
    await trading.broker.submit_linked(linkage, list(zip(references, legs, strict=True)))  # type: ignore[arg-type]
    return references


async def test_a_bracket_leaves_in_one_go(trading: Trading) -> None:
    references = await linked(trading, Linkage.BRACKET, bracket())
    orders = [trading.gateway.book.order(one) for one in references]

    assert [one.terms["transmit"] for one in orders] == ["0", "0", "1"]
    assert orders[1].parent is orders[0]
    assert orders[2].parent is orders[0]
    times = [one.at for one in trading.gateway.named("placeOrder")]
    assert times[-1] - times[0] < 0.01


@pytest.mark.parametrize("leg", [1, 2, 3])
async def test_of_a_bracket_of_which_one_order_is_rejected_nothing_lives(trading: Trading, leg: int) -> None:
    seen = iter(range(1, 4))
    trading.gateway.once("newOrder", faults.reject(201), when=lambda *_: next(seen) == leg)
    references = [trading.reference() for _ in range(3)]
    try:
        await trading.broker.submit_linked(
            Linkage.BRACKET,
            list(zip(references, bracket(), strict=True)),  # type: ignore[arg-type]
        )
    except BrokerUnavailable:
        assert leg == 3
    await trading.until(lambda: trading.gateway.book.live() == [] and Rejected in trading.of(references[leg - 1]))


async def test_an_exit_of_a_bracket_stays_tied_when_it_is_changed(trading: Trading) -> None:
    entry, target, stop = await linked(trading, Linkage.BRACKET, bracket())
    book = trading.gateway.book
    book.fill(book.order(entry))
    await trading.until(lambda: Executed in trading.of(entry))
    await trading.broker.orders()
    tied = book.order(target).group
    await trading.broker.replace(target, replace(bracket()[1], limit_price=Decimal(440)))  # type: ignore[type-var]
    assert (book.order(target).group, book.order(target).limit) == (tied, 440)
    book.fill(book.order(target))
    await trading.until(lambda: Cancelled in trading.of(stop))


async def test_of_a_pair_of_which_one_is_rejected_the_other_does_not_live(trading: Trading) -> None:
    trading.gateway.once("newOrder", faults.reject(201))
    first, second = await linked(trading, Linkage.OCO, [far(), far(price="310")])
    await trading.until(lambda: Rejected in trading.of(first) and Cancelled in trading.of(second))


async def test_of_a_pair_that_fills_before_its_other_order_arrives_the_other_is_cancelled(trading: Trading) -> None:
    first, second = await linked(trading, Linkage.OCO, [far(price="420"), far()])
    await trading.until(lambda: Executed in trading.of(first) and Cancelled in trading.of(second))

    assert trading.gateway.book.live() == []


async def test_a_cancel_takes_off_our_order_alone_whoever_else_has_its_number(trading: Trading) -> None:
    before = trading.gateway.book.order(await trading.rest())
    foreign = trading.gateway.book.foreign("ALFA", "BUY", 7, "LMT", "200", client_id=5, order_id=before.order_id + 1)
    reference = await trading.rest()
    ours = trading.gateway.book.order(reference)
    assert ours.order_id == foreign.order_id
    trading.broker._line._turns._budget.take(49, asyncio.get_running_loop().time())

    await trading.broker.cancel(reference)

    assert (ours.status, foreign.status) == ("Cancelled", "Submitted")
    assert {seen.client_id for seen in trading.gateway.named("cancelOrder")} == {17}


@pytest.mark.parametrize("lost", [1, 2])
async def test_an_entry_that_rests_goes_when_one_of_its_exits_is_rejected_later(trading: Trading, lost: int) -> None:
    references = await linked(trading, Linkage.BRACKET, bracket())
    book = trading.gateway.book
    await trading.until(lambda: all(Acknowledged in trading.of(one) for one in references))

    book.reject(book.order(references[lost]))
    await trading.until(lambda: Cancelled in trading.of(references[0]))

    assert book.live() == []


async def test_a_position_that_loses_its_stop_is_told_and_grows_no_further(trading: Trading) -> None:
    entry, _, stop = await linked(trading, Linkage.BRACKET, bracket())
    book = trading.gateway.book
    book.fill(book.order(entry), 4)
    await trading.until(lambda: Executed in trading.of(entry))

    book.reject(book.order(stop))
    await trading.until(lambda: any("ALFA: 4 are UNPROTECTED" in one for one in trading.notices))
    await trading.until(lambda: Cancelled in trading.of(entry))

    assert sum("UNPROTECTED" in one for one in trading.notices) == 1


async def test_a_stop_that_was_cancelled_from_here_or_by_its_target_is_not_missed(trading: Trading) -> None:
    book = trading.gateway.book
    entry, _, stop = await linked(trading, Linkage.BRACKET, bracket())
    await trading.broker.cancel(stop)
    await trading.until(lambda: Cancelled in trading.of(stop))
    filled, target, its_stop = await linked(trading, Linkage.BRACKET, bracket(entry="301"))
    book.fill(book.order(filled))
    book.fill(book.order(target))
    await trading.until(lambda: Cancelled in trading.of(its_stop))
    await asyncio.sleep(0.7)

    assert book.order(entry).status == "Submitted"
    assert trading.notices == []


async def test_a_cancel_that_is_refused_is_told_in_the_brokers_words(trading: Trading) -> None:
    reference = await trading.rest()
    trading.gateway.always("cancelOrder", faults.not_found)

    for _ in range(2):
        await trading.broker.cancel(reference)
        await trading.until(lambda: trading.notices)

    (notice,) = trading.notices
    assert "ALFA: a cancel was refused, and the order may still work" in notice
    assert "10147" in notice


async def test_a_refusal_of_a_cancel_is_heard_in_one_packet_behind_a_status(trading: Trading) -> None:
    reference = await trading.rest()

    async def refuse(session: Session, fields: list[str], _: Proceed) -> None:
        trading.gateway.book.tell(trading.gateway.book.order(reference))
        faults.complain(session, fields, 161)

    trading.gateway.always("cancelOrder", refuse)
    await trading.broker.cancel(reference)

    await trading.until(lambda: any("a cancel was refused" in one and "161" in one for one in trading.notices))


async def test_an_order_of_an_earlier_run_is_cancelled_before_tws_has_told_what_its_instrument_is(
    trading: Trading,
) -> None:
    reference = await trading.rest()
    held: list[Proceed] = []
    asked = asyncio.Event()

    async def hold(_: Session, __: list[str], proceed: Proceed) -> None:
        held.append(proceed)
        asked.set()

    trading.gateway.always("reqContractDetails", hold)
    starting = asyncio.create_task(trading.start())
    await asked.wait()
    await trading.broker.cancel(reference)
    assert trading.gateway.book.order(reference).status == "Cancelled"

    trading.gateway.never("reqContractDetails")
    for proceed in held:
        await carry_on(proceed)
    await starting
    await trading.until(lambda: Cancelled in trading.of(reference))


async def test_a_refused_cancel_of_an_order_that_has_no_name_yet_is_told(trading: Trading) -> None:
    reference = await trading.rest()
    asked = asyncio.Event()

    async def hold(_: Session, __: list[str], ___: Proceed) -> None:
        asked.set()

    trading.gateway.always("reqContractDetails", hold)
    trading.gateway.always("cancelOrder", faults.reject(161))
    starting = asyncio.create_task(trading.start())
    await asked.wait()
    trading.broker.on_notice(trading.notices.append)
    await trading.broker.cancel(reference)
    assert trading.notices == []

    trading.gateway.never("reqContractDetails")
    for session in tuple(trading.gateway.sessions):
        session.abort()
    await starting
    await trading.until(lambda: any("a cancel was refused" in one and "161" in one for one in trading.notices))


async def test_a_cancel_that_read_only_refuses_is_told(trading: Trading) -> None:
    reference = await trading.rest()
    trading.gateway.read_only = True

    await trading.broker.cancel(reference)

    await trading.until(lambda: any("a cancel was refused" in one and "321" in one for one in trading.notices))


async def test_a_refused_cancel_of_what_has_ended_meanwhile_is_nothing_to_tell(trading: Trading) -> None:
    reference = await trading.rest()
    trading.gateway.always("cancelOrder", faults.not_found)
    trading.gateway.once("orderStatus", faults.lose)
    trading.gateway.once("openOrder", faults.lose)
    trading.gateway.book.fill(trading.gateway.book.order(reference))

    await trading.broker.cancel(reference)
    await trading.broker.orders()
    await asyncio.sleep(0.2)

    assert sent(trading, "cancelOrder") == 1
    assert trading.notices == []


async def test_what_somebody_set_in_tws_and_cant_be_repeated_is_not_taken_back_by_a_change(trading: Trading) -> None:
    reference = await trading.rest()
    order = trading.gateway.book.order(reference)
    order.terms |= {"tif": "GTD", "goodTillDate": "20301122 10:00:00 US/Eastern"}
    trading.gateway.book.tell(order)
    await trading.broker.orders()

    assert await refusal(trading, trading.broker.replace(reference, far(price="301"))) == "ORDER_TYPE_NOT_ALLOWED"
    assert order.terms["tif"] == "GTD"

    order.terms |= {"tif": "GTC", "goodTillDate": ""}
    trading.gateway.book.tell(order)
    await trading.broker.orders()
    await trading.broker.replace(reference, far(price="301"))
    assert order.limit == 301


async def test_a_group_of_another_size_is_refused(trading: Trading) -> None:
    code = await refusal(trading, linked(trading, Linkage.BRACKET, bracket()[:2]))
    assert code == "BAD_ARGUMENTS"
    assert sent(trading) == 0


# -- what it is


async def test_it_says_who_it_is(trading: Trading) -> None:
    status = trading.broker.status()

    assert isinstance(trading.broker, HasLine)
    assert (status.kind, status.account, status.mode, status.link) == ("ibkr", "DU1234567", Mode.PAPER, Link.READY)
    assert trading.broker.books_complete is False


async def test_what_is_offered_besides_does_not_mix_with_orders(trading: Trading) -> None:
    (instrument,) = await trading.broker.find("ALFA")
    depth = await trading.broker.depth(instrument, 2)
    await trading.rest()

    assert depth is not None
    assert depth.bids
    assert len(await trading.broker.orders()) == 1
    assert Feature.DEPTH in trading.broker.can.features


async def test_facts_that_came_before_anybody_listened_are_told(trading: Trading) -> None:
    reference = await trading.rest()
    trading.broker._sink = None
    await trading.broker.cancel(reference)
    await trading.broker.orders()
    trading.broker.listen(trading.facts.append)

    assert Cancelled in trading.of(reference)


async def test_all_fills_of_the_day_are_told_in_order_with_their_fees(trading: Trading) -> None:
    for side in (Side.BUY, Side.SELL):
        reference = trading.reference()
        await trading.broker.submit(reference, market(1, side))
        await trading.until(lambda reference=reference: Executed in trading.of(reference))
    trading.gateway.always("commissionReport", faults.late(0.05))
    await trading.start()
    told = await trading.broker.executions(datetime(2000, 1, 1, tzinfo=UTC))

    assert [one.side for one in told] == [Side.BUY, Side.SELL]
    assert [one.fee > 0 for one in told] == [True, True]
