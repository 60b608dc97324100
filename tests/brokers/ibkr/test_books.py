"""The broker's books, read over the gateway."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.model.orders import Cancelled, Executed, LinkLost, OrderState, OrderType, Side
from tests.brokers.ibkr.trading import Trading, far, market, trading_at
from tests.brokers.ibkr.trading import trading as trading
from tests.gateway import FakeGateway, faults

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def test_open_and_ended_orders_are_shown_with_their_fills(trading: Trading) -> None:
    resting, part, cancelled = [await trading.rest(far(price=f"30{number}")) for number in range(3)]
    book = trading.gateway.book
    book.fill(book.order(part), 4)
    await trading.broker.cancel(cancelled)
    filled = trading.reference()
    await trading.broker.submit(filled, market(1))
    await trading.until(lambda: Executed in trading.of(filled) and Cancelled in trading.of(cancelled))
    shown = {one.reference: one for one in await trading.broker.orders()}

    assert {reference: one.state for reference, one in shown.items()} == {
        resting: OrderState.WORKING,
        part: OrderState.PARTLY_FILLED,
        cancelled: OrderState.CANCELLED,
        filled: OrderState.FILLED,
    }
    assert [one.quantity for one in shown[part].executions] == [Decimal(4)]
    assert shown[cancelled].reason == "Cancelled by Trader"


async def test_the_end_of_the_day_is_told_as_an_expiry(trading: Trading) -> None:
    reference = await trading.rest(far(time_in_force=market().time_in_force))
    trading.gateway.book.close_day()
    shown = await trading.shown(reference)

    assert shown is not None
    assert shown.state is OrderState.EXPIRED


async def test_what_another_hand_placed_is_shown_with_words_for_what_ours_can_not_say(trading: Trading) -> None:
    theirs = trading.gateway.book.foreign("ALFA", "SELL", 5, "TRAIL LIMIT", "500", aux="2", tif="GTD")
    (shown,) = await trading.broker.orders()

    assert shown.reference == f"ib:{theirs.perm_id}"
    assert (shown.request.order_type, shown.request.side) == (OrderType.MARKET, Side.SELL)
    assert "TRAIL LIMIT" in shown.reason
    assert "GTD" in shown.reason


async def test_orders_of_another_account_are_not_this_ones(tmp_path: Path) -> None:
    async with (
        FakeGateway(accounts=("DU1", "DU2"), open_always=True) as gateway,
        trading_at(gateway, tmp_path, account="DU1") as trading,
    ):
        gateway.book.foreign("ALFA", "BUY", 5, "LMT", "300", account="DU2")
        filled = gateway.book.foreign("ALFA", "BUY", 5, "LMT", "300", account="DU2")
        gateway.book.fill(filled)

        assert await trading.broker.orders() == ()
        assert await trading.broker.executions(LONG_AGO) == ()


async def test_many_who_ask_at_once_cause_two_readings_at_most(trading: Trading) -> None:
    before = len(trading.gateway.named("reqCompletedOrders"))
    await asyncio.gather(*(trading.broker.orders() for _ in range(30)))

    assert len(trading.gateway.named("reqCompletedOrders")) - before <= 2


async def test_an_answer_is_never_older_than_its_question(trading: Trading) -> None:
    hold = asyncio.Event()
    trading.gateway.once("reqCompletedOrders", faults.wait_for(hold))
    early = asyncio.create_task(trading.broker.orders())
    await asyncio.sleep(0)
    trading.gateway.book.foreign("ALFA", "BUY", 5, "LMT", "300")
    late = asyncio.create_task(trading.broker.orders())
    hold.set()
    await early

    assert len(await late) == 1


async def test_books_say_how_much_was_filled_besides_the_fills_that_they_show(trading: Trading) -> None:
    part, gone = await trading.rest(), await trading.rest(far(price="301"))
    book = trading.gateway.book
    for reference in (part, gone):
        book.fill(book.order(reference), 3)
        await trading.until(lambda one=reference: Executed in trading.of(one))
    book.cancel(book.order(gone))
    book.executions.clear()
    await trading.start()
    await trading.ready()
    shown = {one.reference: one for one in await trading.broker.orders()}

    assert {one: (shown[one].filled, shown[one].executions) for one in (part, gone)} == {
        part: (Decimal(3), ()),
        gone: (Decimal(3), ()),
    }


async def test_an_end_is_not_believed_as_long_as_its_fills_are_not_told(trading: Trading) -> None:
    reference = await trading.rest()
    book = trading.gateway.book
    trading.gateway.always("execDetails", faults.lose)
    book.fill(book.order(reference), 3)
    book.cancel(book.order(reference))
    await trading.until(lambda: LinkLost in trading.of(reference))

    assert Cancelled not in trading.of(reference)


async def test_fills_whose_end_never_comes_make_no_whole_list(tmp_path: Path) -> None:
    async with FakeGateway() as gateway, trading_at(gateway, tmp_path, request_seconds=1) as trading:
        gateway.world.open_always()
        reference = await trading.rest()
        gateway.book.fill(gateway.book.order(reference), 4)
        await trading.until(lambda: Executed in trading.of(reference))
        gateway.always("execDetailsEnd", faults.lose)
        with pytest.raises(BrokerUnavailable):
            await trading.broker.orders()
        with pytest.raises(BrokerUnavailable):
            await trading.broker.executions(LONG_AGO)


@pytest.mark.parametrize("name", ["reqCompletedOrders", "reqAllOpenOrders"])
async def test_books_that_do_not_answer_are_not_waited_for_long(tmp_path: Path, name: str) -> None:
    async with FakeGateway() as gateway, trading_at(gateway, tmp_path, request_seconds=1) as trading:
        gateway.once(name, faults.stall)
        with pytest.raises(BrokerUnavailable):
            await trading.broker.orders()


async def test_a_line_comes_up_although_tws_never_ends_its_list_of_ended_orders(tmp_path: Path) -> None:
    async with FakeGateway() as gateway, trading_at(gateway, tmp_path, request_seconds=1) as trading:
        reference = await trading.rest()
        gateway.always("reqCompletedOrders", faults.stall)
        await trading.start()
        await trading.ready()
        await trading.broker.cancel(reference)
        await trading.until(lambda: Cancelled in trading.of(reference))


async def test_what_ib_does_not_describe_is_named_by_its_number_and_hides_nothing(trading: Trading) -> None:
    trading.gateway.book.foreign("CHRL", "SELL", 5, "LMT", "500")
    number = trading.gateway.world.one("CHRL").con_id
    trading.gateway.always("reqContractDetails", faults.reject(321), when=lambda _, fields: str(number) in fields)
    reference = await trading.rest()
    shown = {one.request.symbol: one for one in await trading.broker.orders()}

    assert shown.keys() == {"ALFA", f"IB:{number}"}
    assert shown["ALFA"].reference == reference


async def test_fills_of_yesterday_that_tws_forgot_are_still_told(trading: Trading) -> None:
    reference = await trading.rest()
    book = trading.gateway.book
    book.fill(book.order(reference))
    await trading.until(lambda: Executed in trading.of(reference))
    book.forget_done()

    (fill,) = await trading.broker.executions(LONG_AGO)
    assert fill.reference == reference
