"""Orders that rest too long, through the desk and the real paper broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.desk.groups import bracket
from cockpit.desk.limits import Holder
from cockpit.desk.resting import Resting
from cockpit.model.events import Notice
from cockpit.model.identity import Caller
from cockpit.model.orders import Order, OrderRequest, OrderState, OrderType, Side, TimeInForce
from cockpit.model.refusals import Refusal, Refused
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from tests.desk.desks import Desk, limit, market, open_desk, place

DAY = 86_400.0
FIVE_DAYS = ConnectionSettings(
    policy=PolicySettings(gtc_days=5, max_quote_age_seconds=3600, price_collar=Decimal("0.5"))
)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path / "data", settings=FIVE_DAYS) as opened:
        yield opened


def over(desk: Desk) -> Resting:
    return Resting(
        desk.book, desk.observer, desk.orders.closing, desk.connections, desk.decisions.cancel, desk.clock,
        desk.events.append,
    )  # fmt: skip


@pytest.fixture
def resting(desk: Desk) -> Resting:
    return over(desk)


async def sent(desk: Desk, caller: Caller, request: OrderRequest, key: str = "key-00000001") -> Order:
    return await approved(desk, await place(desk, caller, request, key))


async def approved(desk: Desk, order: Order) -> Order:
    answer = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert not isinstance(answer, Refusal), answer
    return answer


async def far_below(desk: Desk) -> Decimal:
    return (await desk.touch("ALFA", Side.BUY) * Decimal("0.8")).quantize(Decimal("0.01"))


def now(desk: Desk, order: Order) -> Order:
    return desk.book.get(order.order_id) or order


def notices(desk: Desk) -> list[str]:
    return [event.text for event in desk.events if isinstance(event, Notice)]


async def test_a_gtc_order_that_opens_is_cancelled_once_its_days_are_over(
    desk: Desk, claude: Caller, resting: Resting
) -> None:
    order = await sent(desk, claude, limit(await far_below(desk)))
    desk.clock.pass_time(5 * DAY - 1)
    assert await resting.end_overdue() == ()
    assert now(desk, order).state is OrderState.WORKING
    desk.clock.pass_time(1)
    assert await resting.end_overdue() == (order.order_id,)
    assert now(desk, order).state is OrderState.CANCELLED
    (asked,) = [one for one in await desk.store.audit_tail(20) if one.tool == "order.cancel_asked"]
    assert "gtc_days" in str(asked.detail)


async def test_days_that_ended_while_the_host_was_down_are_over_at_its_start(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data", settings=FIVE_DAYS) as before:
        order = await sent(before, before.grants.give("claude"), limit(await far_below(before)))
        before.clock.pass_time(6 * DAY)
        clock, grants = before.clock, before.grants
    async with open_desk(tmp_path / "data", clock=clock, grants=grants, settings=FIVE_DAYS) as after:
        assert await over(after).end_overdue() == (order.order_id,)
        assert now(after, order).state is OrderState.CANCELLED


async def test_a_stricter_limit_holds_for_orders_that_rest_already(
    desk: Desk, claude: Caller, resting: Resting
) -> None:
    order = await sent(desk, claude, limit(await far_below(desk)))
    desk.clock.pass_time(2 * DAY)
    assert await resting.end_overdue() == ()
    made = desk.oversight.limits.change(Holder.CLIENT, "claude", "gtc_days", "2", None)
    assert not isinstance(made, Refusal)
    await desk.oversight.limits.apply(*made, "test")
    assert await resting.end_overdue() == (order.order_id,)


async def test_what_only_closes_is_left_and_told_once(desk: Desk, claude: Caller, resting: Resting) -> None:
    await sent(desk, claude, market(quantity="5"))
    stop = OrderRequest(
        "ALFA", Side.SELL, Decimal(5), OrderType.STOP, None, TimeInForce.GTC, stop_price=await far_below(desk)
    )
    guard = await sent(desk, claude, stop, "key-00000002")
    desk.clock.pass_time(6 * DAY)
    assert await resting.end_overdue() == ()
    assert await resting.end_overdue() == ()
    assert now(desk, guard).state is OrderState.WORKING
    assert [guard.order_id in text for text in notices(desk)] == [True]


async def test_what_would_close_more_than_is_left_to_close_is_cancelled(
    desk: Desk, claude: Caller, resting: Resting
) -> None:
    await sent(desk, claude, market(quantity="5"))
    above = (await desk.touch("ALFA", Side.SELL) * Decimal("1.2")).quantize(Decimal("0.01"))
    first = await sent(desk, claude, limit(above, quantity="5", side=Side.SELL), "key-00000002")
    second = await sent(desk, claude, limit(above, quantity="1", side=Side.SELL), "key-00000003")
    desk.clock.pass_time(6 * DAY)
    assert first.order_id in await resting.end_overdue()
    assert now(desk, first).state is OrderState.CANCELLED
    # What is left is covered again once the larger one is gone.
    assert now(desk, second).state is OrderState.WORKING


async def test_the_exits_of_a_bracket_end_with_an_entry_that_never_filled(
    desk: Desk, claude: Caller, resting: Resting
) -> None:
    entry = await far_below(desk)
    target, stop = (
        (entry * Decimal("1.1")).quantize(Decimal("0.01")),
        (entry * Decimal("0.9")).quantize(Decimal("0.01")),
    )
    wanted = bracket(limit(entry), target, stop, None)
    orders = await desk.orders.place_group(desk.admitted(claude), wanted, "key-00000001")
    await approved(desk, orders[0])
    desk.clock.pass_time(6 * DAY)
    assert await resting.end_overdue() == (orders[0].order_id,)
    assert {now(desk, one).state for one in orders} == {OrderState.CANCELLED}


async def test_the_exits_of_a_bracket_whose_entry_filled_are_left(desk: Desk, claude: Caller, resting: Resting) -> None:
    price = await desk.touch("ALFA", Side.BUY)
    target, stop = (
        (price * Decimal("1.1")).quantize(Decimal("0.01")),
        (price * Decimal("0.9")).quantize(Decimal("0.01")),
    )
    orders = await desk.orders.place_group(
        desk.admitted(claude), bracket(market(quantity="4"), target, stop, None), "key-00000001"
    )
    await approved(desk, orders[0])
    desk.clock.pass_time(6 * DAY)
    assert await resting.end_overdue() == ()
    assert [now(desk, one).state for one in orders[1:]] == [OrderState.WORKING, OrderState.WORKING]


async def test_an_order_is_left_while_nobody_knows_what_is_held_and_a_lost_cancel_is_sent_again_later(
    desk: Desk, claude: Caller, resting: Resting, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await sent(desk, claude, limit(await far_below(desk)))
    desk.clock.pass_time(6 * DAY)

    async def down(*_: object) -> None:
        raise BrokerUnavailable("down")

    with monkeypatch.context() as broken:
        broken.setattr(PaperBroker, "positions", down)
        assert await resting.end_overdue() == ()
    with monkeypatch.context() as lossy:
        lossy.setattr(PaperBroker, "cancel", nothing)
        assert await resting.end_overdue() == (order.order_id,)
        assert await resting.end_overdue() == ()
    assert now(desk, order).state is OrderState.WORKING
    desk.clock.pass_time(600)
    assert await resting.end_overdue() == (order.order_id,)
    assert now(desk, order).state is OrderState.CANCELLED


async def test_a_clock_that_is_put_back_lengthens_no_rest(desk: Desk, claude: Caller, resting: Resting) -> None:
    order = await sent(desk, claude, limit(await far_below(desk)))
    assert await resting.end_overdue() == ()
    desk.clock.at -= timedelta(days=30)
    desk.clock.seconds += 5 * DAY
    assert await resting.end_overdue() == (order.order_id,)


async def test_a_day_order_is_the_brokers_to_end(desk: Desk, claude: Caller, resting: Resting) -> None:
    request = replace(limit(await far_below(desk)), time_in_force=TimeInForce.DAY)
    order = await sent(desk, claude, request)
    desk.clock.pass_time(6 * DAY)
    assert await resting.end_overdue() == ()
    assert now(desk, order).state is OrderState.WORKING


async def test_no_days_take_no_gtc_order_but_one_that_closes(tmp_path: Path) -> None:
    none = ConnectionSettings(policy=PolicySettings(gtc_days=0))
    async with open_desk(tmp_path / "data", settings=none) as desk:
        claude, price = desk.grants.give("claude"), await desk.touch("ALFA", Side.BUY)
        with pytest.raises(Refused) as refused:
            await place(desk, claude, limit(price))
        assert refused.value.refusal.code == "TIF_NOT_ALLOWED"
        await sent(desk, claude, market(quantity="2"))
        price = await desk.touch("ALFA", Side.SELL)
        assert (await place(desk, claude, limit(price, quantity="2", side=Side.SELL), "key-00000002")).waits


async def nothing(*_: object) -> None:
    """A cancel that gets lost."""
