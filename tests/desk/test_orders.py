"""What a client may do with orders, through the desk and the real paper broker."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.model.identity import Caller
from cockpit.model.orders import Order, OrderId, OrderState, Side
from cockpit.model.refusals import Refusal, Refused
from cockpit.settings.model import ApprovalSettings
from tests.desk.desks import Desk, limit, market, open_desk, place


async def test_a_placed_order_waits_and_nothing_reaches_the_broker(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    assert order.state is OrderState.PENDING
    assert order.waits
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_an_approved_market_order_is_filled_and_the_account_moves_by_its_value_and_fee(
    desk: Desk, claude: Caller
) -> None:
    broker = desk.connections.need("paper").broker
    before = await broker.balances()
    order = await place(desk, claude, market(quantity="3"))
    sent = await desk.decisions.approve(order.order_id, order.version, None, None, "test")
    assert isinstance(sent, Order)
    assert sent.state is OrderState.FILLED
    assert sent.filled == Decimal(3)
    assert sent.average_price is not None
    after = await broker.balances()
    assert after.cash == before.cash - sent.average_price * 3 - sent.fees


async def test_the_same_key_and_request_is_the_same_order(desk: Desk, claude: Caller) -> None:
    first = await place(desk, claude, market())
    again = await place(desk, claude, market())
    assert again.order_id == first.order_id
    assert len(desk.book.waiting()) == 1


async def test_the_same_key_for_another_request_is_a_conflict(desk: Desk, claude: Caller) -> None:
    await place(desk, claude, market())
    with pytest.raises(Refused) as refused:
        await place(desk, claude, market(quantity="2"))
    assert refused.value.refusal.code == "IDEMPOTENCY_CONFLICT"


async def test_ten_calls_at_once_with_one_key_make_one_order(desk: Desk, claude: Caller) -> None:
    orders = await asyncio.gather(*(place(desk, claude, market()) for _ in range(10)))
    assert len({order.order_id for order in orders}) == 1
    assert len(desk.book.waiting()) == 1


async def test_a_refused_request_leaves_nothing_and_keeps_its_key_free(desk: Desk, claude: Caller) -> None:
    with pytest.raises(Refused) as refused:
        await place(desk, claude, market(quantity="100000"))
    assert {"MAX_QUANTITY", "MAX_NOTIONAL", "BUYING_POWER"} <= set(refused.value.refusal.details)
    assert desk.book.waiting() == []
    assert (await place(desk, claude, market())).state is OrderState.PENDING


async def test_a_client_may_have_only_so_many_orders_waiting(tmp_path: Path) -> None:
    approval = ApprovalSettings(max_pending_per_client=2, max_pending=3)
    async with open_desk(tmp_path / "data", approval=approval) as desk:
        claude, cursor = desk.grants.give("claude"), desk.grants.give("cursor")
        for number in range(2):
            await place(desk, claude, market(), f"key-0000000{number}")
        with pytest.raises(Refused) as refused:
            await place(desk, claude, market(), "key-00000009")
        assert refused.value.refusal.code == "PENDING_LIMIT"
        await place(desk, cursor, market(), "key-00000001")
        with pytest.raises(Refused) as refused:
            await place(desk, cursor, market(), "key-00000002")
        assert refused.value.refusal.code == "PENDING_LIMIT"


async def test_a_change_that_lowers_risk_goes_through_at_once(desk: Desk, claude: Caller) -> None:
    price = await desk.touch("ALFA", Side.BUY) * Decimal("0.99")
    tick = Decimal("0.01")
    order = await place(desk, claude, limit(price.quantize(tick), quantity="5"))
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    changed = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(2), None)
    assert changed.state is OrderState.WORKING
    assert changed.request.quantity == Decimal(2)
    assert changed.proposed is None


async def test_a_change_that_raises_risk_waits_while_the_order_works_as_it_was(desk: Desk, claude: Caller) -> None:
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.99")).quantize(Decimal("0.01"))
    order = await place(desk, claude, limit(price, quantity="5"))
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    asked = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(6), None)
    assert asked.waits
    assert asked.request.quantity == Decimal(5)
    (theirs,) = await desk.connections.need("paper").broker.orders()
    assert theirs.request.quantity == Decimal(5)
    sent = await desk.decisions.approve(order.order_id, asked.version, None, None, "test")
    assert isinstance(sent, Order)
    assert sent.request.quantity == Decimal(6)
    assert sent.state is OrderState.WORKING
    assert not sent.waits


async def test_cancelling_a_waiting_order_sends_nothing(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    ended = await desk.orders.cancel(desk.admitted(claude), order.order_id)
    assert ended.state is OrderState.CANCELLED
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_cancelling_a_working_order_takes_it_from_the_brokers_book(desk: Desk, claude: Caller) -> None:
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))
    order = await place(desk, claude, limit(price))
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    ended = await desk.orders.cancel(desk.admitted(claude), order.order_id)
    assert ended.state is OrderState.CANCELLED
    (theirs,) = await desk.connections.need("paper").broker.orders()
    assert theirs.state is OrderState.CANCELLED


async def test_a_client_changes_only_its_own_orders_but_sees_those_of_its_connection(
    desk: Desk, claude: Caller
) -> None:
    cursor = desk.admitted(desk.grants.give("cursor"))
    order = await place(desk, claude, market())
    assert (await desk.orders.get(cursor, order.order_id)).order_id == order.order_id
    with pytest.raises(Refused) as refused:
        await desk.orders.cancel(cursor, order.order_id)
    assert refused.value.refusal.code == "NOT_YOUR_ORDER"


async def test_a_wait_ends_with_the_operators_decision(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    wait = asyncio.create_task(desk.orders.wait(desk.admitted(claude), order.order_id, 30, None))
    await asyncio.sleep(0)
    await desk.decisions.deny(order.order_id, "not today", "test")
    ended = await wait
    assert ended.state is OrderState.REFUSED
    assert "not today" in ended.reason


async def test_a_wait_for_a_state_that_is_over_answers_at_once(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    waited = await desk.orders.wait(desk.admitted(claude), order.order_id, 30, OrderState.PENDING)
    assert waited.state is OrderState.FILLED


async def test_a_preview_is_placed_by_its_id_and_only_by_its_client(desk: Desk, claude: Caller) -> None:
    preview = await desk.orders.preview(desk.admitted(claude), market("alfa"))
    request = desk.orders.previewed(desk.admitted(claude), preview.preview_id).legs[0].request
    assert request.symbol == "ALFA"
    with pytest.raises(Refused):
        desk.orders.previewed(desk.admitted(desk.grants.give("cursor")), preview.preview_id)
    desk.clock.pass_time(121)
    with pytest.raises(Refused):
        desk.orders.previewed(desk.admitted(claude), preview.preview_id)


async def test_an_unknown_order_is_refused(desk: Desk, claude: Caller) -> None:
    answer = await desk.decisions.approve(OrderId("o-none"), None, None, None, "test")
    assert isinstance(answer, Refusal)
    assert answer.code == "ORDER_UNKNOWN"
    with pytest.raises(Refused):
        await desk.orders.get(desk.admitted(claude), OrderId("o-none"))


async def test_a_client_that_goes_away_in_the_middle_leaves_no_half_order(desk: Desk, claude: Caller) -> None:
    task = asyncio.create_task(place(desk, claude, market()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    again = await place(desk, claude, market())
    assert [order.order_id for order in desk.book.waiting()] == [again.order_id]
