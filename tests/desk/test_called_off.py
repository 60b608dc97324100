"""What was cancelled, or may not be sent any more, while it waited for its turn or was on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.groups import Leg, basket
from cockpit.model.identity import Caller
from cockpit.model.latches import LatchKind
from cockpit.model.orders import Order, OrderRef, OrderRequest, OrderState, Role, Side
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.trading import TradingState
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from tests.desk.desks import Desk, limit, market, open_desk, place

_WIDE = ConnectionSettings(policy=PolicySettings(max_notional=Decimal(10_000_000)))


@dataclass
class Line:
    """The broker's line while the first submit is held on it."""

    sent: list[OrderRef]
    reached: asyncio.Event
    go_on: asyncio.Event


@asynccontextmanager
async def first_submit_held(desk: Desk) -> AsyncIterator[Line]:
    broker = desk.connections.need("paper").broker
    line, real = Line([], asyncio.Event(), asyncio.Event()), broker.submit

    async def slow(reference: OrderRef, request: OrderRequest) -> None:
        line.sent.append(reference)
        if len(line.sent) == 1:
            line.reached.set()
            await line.go_on.wait()
        await real(reference, request)

    with pytest.MonkeyPatch.context() as held:
        held.setattr(broker, "submit", slow)
        yield line


async def far(desk: Desk) -> Decimal:
    return (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))


async def three(desk: Desk, caller: Caller) -> tuple[Order, ...]:
    """A limit order far away and two market orders, asked for together."""
    wanted = (limit(await far(desk)), market(), market(quantity="2"))
    return await desk.orders.place_group(
        desk.admitted(caller), basket([Leg(one, Role.LEG) for one in wanted]), "key-basket-1"
    )


async def approve(desk: Desk, order: Order) -> Order | Refusal:
    return await desk.decisions.approve(order.order_id, None, None, None, "test")


def states(desk: Desk, orders: tuple[Order, ...]) -> list[OrderState]:
    return [(desk.book.get(one.order_id) or one).state for one in orders]


async def test_a_leg_that_is_cancelled_before_its_turn_is_never_sent(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=_WIDE) as desk, first_submit_held(desk) as line:
        orders = await three(desk, desk.grants.give("claude"))
        going = asyncio.create_task(approve(desk, orders[0]))
        await line.reached.wait()
        await desk.decisions.cancel(orders[2].order_id, "operator")
        line.go_on.set()
        await going
        assert states(desk, orders) == [OrderState.WORKING, OrderState.FILLED, OrderState.REFUSED]
        assert orders[2].reference not in line.sent


async def test_cancelling_everything_also_ends_what_waits_for_its_turn(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=_WIDE) as desk, first_submit_held(desk) as line:
        orders = await three(desk, desk.grants.give("claude"))
        going = asyncio.create_task(approve(desk, orders[0]))
        await line.reached.wait()
        cancelling = asyncio.create_task(desk.decisions.cancel_all("operator"))
        await asyncio.wait({cancelling}, timeout=0.2)
        line.go_on.set()
        await asyncio.gather(going, cancelling)
        assert line.sent == [orders[0].reference]
        assert states(desk, orders) == [OrderState.CANCELLED, OrderState.REFUSED, OrderState.REFUSED]


async def test_a_cancel_that_overtakes_its_order_is_asked_again_when_the_order_has_arrived(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=_WIDE) as desk, first_submit_held(desk) as line:
        order = await place(desk, desk.grants.give("claude"), limit(await far(desk)))
        going = asyncio.create_task(approve(desk, order))
        await line.reached.wait()
        before = len(desk.events)
        await desk.decisions.cancel(order.order_id, "operator")
        line.go_on.set()
        await going
        assert states(desk, (order,)) == [OrderState.CANCELLED]
        assert not [event for event in desk.events[before:] if "was refused" in str(event)], "nothing to worry about"


async def test_a_cancel_that_a_broker_refuses_for_good_is_told_and_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path, settings=_WIDE) as desk:
        order = await place(desk, desk.grants.give("claude"), limit(await far(desk)))
        await approve(desk, order)
        asked: list[OrderRef] = []

        async def refuses(reference: OrderRef) -> None:
            asked.append(reference)
            raise Refused(refuse("BROKER_REJECTED"))

        monkeypatch.setattr(desk.connections.need("paper").broker, "cancel", refuses)
        await desk.decisions.cancel(order.order_id, "operator")
        assert asked == [order.reference]
        assert [event for event in desk.events if "was refused" in str(event)]


@pytest.mark.parametrize("held_by", ["reduce-only", "latch of the connection", "latch of the client"])
async def test_what_may_only_reduce_from_now_on_stops_the_legs_that_open(tmp_path: Path, held_by: str) -> None:
    async with open_desk(tmp_path, settings=_WIDE) as desk, first_submit_held(desk) as line:
        orders = await three(desk, desk.grants.give("claude"))
        going = asyncio.create_task(approve(desk, orders[0]))
        await line.reached.wait()
        match held_by:
            case "reduce-only":
                desk.switch.lower(TradingState.REDUCE_ONLY, "test")
            case "latch of the connection":
                desk.oversight.latches.trip(LatchKind.DRAWDOWN, "paper", "test")
            case _:
                desk.oversight.latches.trip(LatchKind.REJECT_RATE, "claude", "test")
        line.go_on.set()
        await going
        assert line.sent == [orders[0].reference]
        assert states(desk, orders) == [OrderState.WORKING, OrderState.REFUSED, OrderState.REFUSED]


async def test_reduce_only_during_the_commit_of_an_approval_stops_an_opening_order_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path, settings=_WIDE) as desk:
        claude = desk.grants.give("claude")
        await approve(desk, await place(desk, claude, market(quantity="5"), "key-buy-0001"))
        opening = await place(desk, claude, market(), "key-buy-0002")
        closing = await place(desk, claude, market(quantity="5", side=Side.SELL), "key-sell-001")
        real = desk.store.commit

        async def commits(writes: object, audit: tuple[object, ...] = ()) -> object:
            done = await real(writes, audit)  # type: ignore[arg-type]
            if any(getattr(one, "tool", "") == "order.approved" for one in audit):
                desk.switch.lower(TradingState.REDUCE_ONLY, "test")
            return done

        monkeypatch.setattr(desk.store, "commit", commits)
        await approve(desk, opening)
        await approve(desk, closing)
        assert states(desk, (opening, closing)) == [OrderState.REFUSED, OrderState.FILLED]


async def test_one_leg_that_breaks_does_not_strand_the_legs_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path, settings=_WIDE) as desk:
        orders = await three(desk, desk.grants.give("claude"))
        broker, sent = desk.connections.need("paper").broker, list[OrderRef]()
        real = broker.submit

        async def breaks(reference: OrderRef, request: OrderRequest) -> None:
            sent.append(reference)
            if len(sent) == 1:
                raise RuntimeError("a fault that nobody thought of")
            await real(reference, request)

        monkeypatch.setattr(broker, "submit", breaks)
        with pytest.raises(RuntimeError):
            await approve(desk, orders[0])
        assert states(desk, orders) == [OrderState.UNKNOWN, OrderState.FILLED, OrderState.FILLED]
