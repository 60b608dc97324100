"""What ends a client's wait for an order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.news import is_news
from cockpit.model.identity import Caller
from cockpit.model.orders import DONE, Order, OrderState, Side
from cockpit.model.refusals import Refusal
from tests.desk.desks import Desk, limit, market, open_desk, place

_S = OrderState


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def claude(desk: Desk) -> Caller:
    return desk.grants.give("claude")


@pytest.fixture
async def asked(desk: Desk, claude: Caller) -> Order:
    """A working order with a change that waits for the operator."""
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.99")).quantize(Decimal("0.01"))
    order = await place(desk, claude, limit(price, quantity="5"))
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    changed = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(6), None)
    assert (changed.state, changed.waits) == (_S.WORKING, True)
    return changed


async def approve(desk: Desk, order: Order) -> Order | Refusal:
    return await desk.decisions.approve(order.order_id, order.version, None, None, "test")


async def deny(desk: Desk, order: Order) -> Order | Refusal:
    return await desk.decisions.deny(order.order_id, "not that many", "test")


@pytest.mark.parametrize(("decide", "quantity"), [(approve, 6), (deny, 5)])
async def test_a_wait_ends_with_the_decision_on_a_change_and_tells_its_terms(
    desk: Desk,
    claude: Caller,
    asked: Order,
    decide: Callable[[Desk, Order], Awaitable[Order | Refusal]],
    quantity: int,
) -> None:
    wait = asyncio.create_task(desk.orders.wait(desk.admitted(claude), asked.order_id, 3600, _S.WORKING))
    await asyncio.sleep(0)
    await decide(desk, asked)
    async with asyncio.timeout(10):
        told = await wait
    assert (told.state, told.proposed, told.request.quantity) == (_S.WORKING, None, quantity)


async def test_a_decision_between_two_waits_is_told_to_who_says_which_version_it_saw(
    desk: Desk, claude: Caller, asked: Order
) -> None:
    await approve(desk, asked)
    async with asyncio.timeout(10):
        told = await desk.orders.wait(desk.admitted(claude), asked.order_id, 3600, _S.WORKING, asked.version)
    assert told.request.quantity == 6
    same = await desk.orders.wait(desk.admitted(claude), asked.order_id, 0, _S.WORKING, told.version)
    assert same == told


@pytest.fixture
async def order(desk: Desk, claude: Caller) -> Order:
    return replace(await place(desk, claude, market()), decide_by=None)


@pytest.mark.parametrize("state", [one for one in OrderState if one is not _S.PREVIEWED])
def test_another_state_is_news_unless_it_passes(order: Order, state: OrderState) -> None:
    now = replace(order, state=state)
    passes = state in {_S.APPROVED, _S.SENDING}
    assert is_news(now, order, _S.PENDING, None) == (state is not _S.PENDING and not passes)
    assert is_news(now, now, None, None) == (state in DONE)
    assert is_news(now, now, None, now.version - 1) == (not passes)
    assert not is_news(now, now, None, now.version) or state in DONE


def test_a_change_is_passed_over_while_it_is_on_its_way(order: Order) -> None:
    before = replace(order, state=_S.WORKING)
    more = replace(order.request, quantity=Decimal(2))
    waits = replace(before, proposed=more, decide_by=order.made_at)
    sent, there = replace(before, proposed=more, version=9), replace(before, request=more)
    assert is_news(waits, before, _S.WORKING, None)
    assert not is_news(sent, waits, _S.WORKING, waits.version)
    assert is_news(there, sent, _S.WORKING, None)
    assert is_news(before, sent, _S.WORKING, None)
    assert is_news(replace(sent, state=_S.PARTLY_FILLED), waits, _S.WORKING, None)
