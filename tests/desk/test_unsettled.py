"""Fills that the broker's positions don't show yet: nothing that only closes may be made from what is gone already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.desk.by_hand import ByHand
from cockpit.desk.closure import Close
from cockpit.desk.unsettled import SETTLED_AFTER, Unsettled
from cockpit.model.accounts import Position
from cockpit.model.identity import Caller
from cockpit.model.orders import Executed, Execution, Order, OrderRef, OrderState, Side
from cockpit.model.refusals import Refusal, Refused
from cockpit.model.text import Safe
from cockpit.model.trading import TradingState
from tests.desk.desks import NOON, Desk, market, open_desk, place
from tests.desk.live_broker import LiveBroker, live_settings
from tests.desk.test_live import arm, hold


class LateBroker(LiveBroker):
    """One that goes on telling the positions of a while ago, though it has told the fills since."""

    books_complete = False
    late: Sequence[Position] | None = None

    async def positions(self) -> Sequence[Position]:
        return await super().positions() if self.late is None else self.late

    async def stop_telling(self) -> None:
        self.late = await super().positions()


@pytest.fixture
async def late(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk at a broker with real money, unarmed, that holds 10 ALFA; its positions have been told once."""
    async with open_desk(tmp_path / "data", settings=live_settings(), make=LateBroker) as desk:
        await hold(desk, desk.grants.give("claude"), "10")
        desk.clock.pass_time(SETTLED_AFTER)
        yield desk


@pytest.fixture
def client(late: Desk) -> Caller:
    return late.grants.give("claude")


def broker(desk: Desk) -> LateBroker:
    found = desk.connections.need("paper").broker
    assert isinstance(found, LateBroker)
    return found


def by_hand(desk: Desk) -> ByHand:
    return ByHand(
        desk.book, desk.observer, desk.sender, desk.orders.closing, desk.decisions, desk.connections,
        desk.decisions._undisturbed, desk.switch, desk.clock,
    )  # fmt: skip


async def truly_held(desk: Desk) -> Decimal:
    return sum((one.quantity for one in await LiveBroker.positions(broker(desk))), Decimal(0))


async def sell(desk: Desk, client: Caller, quantity: str, key: str) -> Order | Refusal:
    order = await place(desk, client, market("ALFA", quantity, Side.SELL), key)
    return await desk.decisions.approve(order.order_id, None, None, None, "screen")


async def code_of_selling(desk: Desk, client: Caller, quantity: str, key: str) -> str:
    with pytest.raises(Refused) as refused:
        await sell(desk, client, quantity, key)
    return refused.value.refusal.code


async def test_unarmed_what_was_sold_is_not_sold_again_though_the_broker_still_tells_it(
    late: Desk, client: Caller
) -> None:
    await late.connections.need("paper").positions()
    await broker(late).stop_telling()
    sold = await sell(late, client, "10", "key-to-sell-10")
    assert isinstance(sold, Order)
    assert sold.state is OrderState.FILLED
    assert await code_of_selling(late, client, "9", "key-to-sell-9") == "LIVE_DISABLED"
    assert await truly_held(late) == 0


async def test_reduce_only_takes_no_second_sale_of_the_same(late: Desk, client: Caller) -> None:
    await arm(late)
    late.switch.lower(TradingState.REDUCE_ONLY, "test")
    await broker(late).stop_telling()
    assert isinstance(await sell(late, client, "10", "key-to-sell-10"), Order)
    assert await code_of_selling(late, client, "1", "key-to-sell-01") == "REDUCE_ONLY"
    assert await truly_held(late) == 0


async def test_by_hand_nothing_is_closed_twice(late: Desk) -> None:
    await broker(late).stop_telling()
    hand = by_hand(late)
    assert (await hand.close(Close("paper", "ALFA"), "", "screen")).state is OrderState.FILLED
    with pytest.raises(Refused) as refused:
        await hand.close(Close("paper", "ALFA"), "", "screen")
    assert refused.value.refusal.code == "ORDERS_IN_THE_WAY"
    assert "newest fills" in refused.value.refusal.message
    again = await hand.flatten("paper", "screen")
    assert (again.orders, [refusal.code for _, refusal in again.left]) == ((), ["ORDERS_IN_THE_WAY"])
    assert await truly_held(late) == 0


async def test_what_is_left_is_closed_as_soon_as_the_positions_show_the_fill(late: Desk, client: Caller) -> None:
    await broker(late).stop_telling()
    assert isinstance(await sell(late, client, "4", "key-to-sell-4"), Order)
    broker(late).late = None
    closed = await by_hand(late).close(Close("paper", "ALFA"), "", "screen")
    assert (closed.request.quantity, closed.state) == (6, OrderState.FILLED)
    assert await truly_held(late) == 0


async def test_a_fill_of_an_order_that_was_not_sent_from_here_counts_too(late: Desk, client: Caller) -> None:
    await late.connections.need("paper").positions()
    late.sender.facts.sink("paper")(Executed(OrderRef("tws-1"), NOON, fill(1, "-10")))
    assert await code_of_selling(late, client, "10", "key-to-sell-10") == "LIVE_DISABLED"
    late.clock.pass_time(SETTLED_AFTER)
    assert isinstance(await sell(late, client, "10", "key-to-sell-11"), Order)


def fill(number: int, moves: str) -> Execution:
    quantity = Decimal(moves)
    side = Side.BUY if quantity > 0 else Side.SELL
    return Execution(f"fill-{number}", OrderRef("ck:1"), "ALFA", side, abs(quantity), Decimal(400), Decimal(0), NOON)


def position(quantity: Decimal) -> list[Position]:
    zero = Decimal(0)
    return [Position("ALFA", quantity, zero, None, None, None, "USD", NOON, Safe("test"))] if quantity else []


def tell(unsettled: Unsettled, quantity: Decimal) -> Decimal:
    """Have a position told, and return how much of it may be sold."""
    left = unsettled.answered(unsettled.asking(), position(quantity), "real")
    return quantity - sum((one.may_fill for one in left if one.request.side is Side.SELL), Decimal(0))


def test_a_fill_that_is_told_twice_counts_once() -> None:
    unsettled = Unsettled(lambda: 0.0)
    tell(unsettled, Decimal(10))
    unsettled.note(fill(1, "-4"))
    unsettled.note(fill(1, "-4"))
    assert tell(unsettled, Decimal(10)) == 6
    assert tell(unsettled, Decimal(6)) == 6
    assert unsettled.orders("real") == ()


def test_an_answer_from_before_a_fill_that_another_answer_showed_is_known_as_old() -> None:
    unsettled = Unsettled(lambda: 0.0)
    tell(unsettled, Decimal(10))
    unsettled.note(fill(1, "-10"))
    slow = unsettled.asking()
    assert tell(unsettled, Decimal(0)) == 0
    (left,) = unsettled.answered(slow, position(Decimal(10)), "real")
    assert left.may_fill == 10
    assert unsettled.orders("real") == ()


def test_what_nobody_can_place_counts_until_its_time_is_over() -> None:
    now = [0.0]
    unsettled = Unsettled(lambda: now[0])
    tell(unsettled, Decimal(10))
    unsettled.note(fill(1, "-4"))
    assert tell(unsettled, Decimal(8)) == 4
    now[0] = SETTLED_AFTER
    assert tell(unsettled, Decimal(8)) == 8


@given(st.integers(0, 20), st.lists(st.integers(-5, 5).filter(bool), max_size=8), st.data())
def test_however_late_positions_are_no_more_can_be_sold_than_is_held(
    start: int, moves: list[int], data: st.DataObject
) -> None:
    unsettled = Unsettled(lambda: 0.0)
    tell(unsettled, Decimal(start))
    held, shown = list(accumulate(moves, initial=start)), 0
    for number, move in enumerate(moves, 1):
        unsettled.note(fill(number, str(move)))
        shown = data.draw(st.integers(shown, number))
        assert tell(unsettled, Decimal(held[shown])) <= held[number]
    assert not moves or tell(unsettled, Decimal(held[-1])) <= held[-1]
