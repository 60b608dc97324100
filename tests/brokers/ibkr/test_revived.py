"""Orders that seemed to have ended and work again, or whose change nobody answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.model.orders import Acknowledged, Cancelled, FoundWorking, OrderState, Rejected, Replaced
from tests.brokers.ibkr.trading import Trading, far, trading_at
from tests.brokers.ibkr.trading import trading as trading
from tests.gateway import FakeGateway, faults


async def test_an_order_that_works_again_after_inactive_is_found_and_can_be_cancelled(trading: Trading) -> None:
    reference = await trading.rest()
    order = trading.gateway.book.order(reference)
    order.status = "Inactive"
    trading.gateway.book.tell(order)
    await trading.until(lambda: trading.told(reference, Rejected))
    order.status = "Submitted"
    trading.gateway.book.tell(order)
    await trading.until(lambda: trading.told(reference, FoundWorking))
    await trading.broker.cancel(reference)
    await trading.until(lambda: trading.told(reference, Cancelled))
    assert order.status == "Cancelled"
    assert trading.of(reference) == [Acknowledged, Rejected, FoundWorking, Cancelled]


async def test_an_order_that_works_again_unheard_is_found_by_any_look_into_the_books(trading: Trading) -> None:
    reference = await trading.rest()
    order = trading.gateway.book.order(reference)
    order.status = "Inactive"
    trading.gateway.book.tell(order)
    await trading.until(lambda: trading.told(reference, Rejected))
    order.status = "Submitted"

    shown = await trading.shown(reference)
    assert shown is not None
    assert shown.state is OrderState.WORKING
    assert trading.told(reference, FoundWorking)
    await trading.broker.cancel(reference)
    assert len(trading.gateway.named("cancelOrder")) == 1


async def test_a_cancel_leaves_at_once_for_an_order_that_is_said_to_work_again(trading: Trading) -> None:
    reference = await trading.rest()
    order = trading.gateway.book.order(reference)
    order.status = "Inactive"
    trading.gateway.book.tell(order)
    await trading.until(lambda: trading.told(reference, Rejected))
    heard = trading.broker._tracker.next_record(reference)
    order.status = "Submitted"
    trading.gateway.book.tell(order)
    await heard
    assert not trading.told(reference, FoundWorking)

    await trading.broker.cancel(reference)
    assert len(trading.gateway.named("cancelOrder")) == 1
    assert order.status == "Cancelled"


async def test_an_order_that_waits_for_shares_to_be_located_has_not_ended(trading: Trading) -> None:
    reference = await trading.rest()
    order = trading.gateway.book.order(reference)
    order.status, order.why_held = "Inactive", "locate"
    trading.gateway.book.tell(order)
    shown = await trading.shown(reference)
    assert shown is not None
    assert shown.state is OrderState.WORKING
    order.status, order.why_held = "Submitted", ""
    trading.gateway.book.tell(order)
    await trading.broker.cancel(reference)
    await trading.until(lambda: trading.told(reference, Cancelled))

    assert trading.of(reference) == [Acknowledged, Cancelled]
    assert order.status == "Cancelled"


async def test_a_change_that_nobody_answered_does_not_bar_the_next_one(tmp_path: Path) -> None:
    async with (
        FakeGateway(open_always=True) as gateway,
        trading_at(gateway, tmp_path, request_seconds=1) as trading,
    ):
        reference = await trading.rest()
        gateway.once("modifyOrder", faults.stall)
        with pytest.raises(BrokerUnavailable):
            await trading.broker.replace(reference, far(10, "301"))
        await trading.broker.orders()
        await trading.broker.replace(reference, far(10, "302"))

        assert [fact.limit_price for fact in trading.told(reference, Replaced)] == [far(10, "302").limit_price]
