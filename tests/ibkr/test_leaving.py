"""An order that waits for its turn on the line leaves only where it still may when the turn comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp.totp
import pytest

from cockpit.app.brokers import broker_of
from cockpit.brokers.ibkr.broker import IbkrBroker
from cockpit.brokers.ibkr.budget import Lane
from cockpit.brokers.ibkr.turns import Permit
from cockpit.model.orders import OrderId, OrderState
from cockpit.model.trading import TradingState
from cockpit.operator.act import Command, Done
from tests.gateway import FakeGateway
from tests.ibkr.test_live import SCOPES, settings, with_code
from tests.operator.houses import House, open_house
from tests.operator.test_enrolling import SteppingClock


@dataclass
class Waiting:
    """Orders that wait for the turn which the test gives."""

    house: House
    gateway: FakeGateway
    key: str
    came: asyncio.Event
    go: asyncio.Event
    terms: dict[str, Any]
    cancelling: asyncio.Task[Any] | None = None

    async def sent(self, act: str, **arguments: str) -> asyncio.Task[Any]:
        """Do what sends something, and return once that waits for its turn."""
        self.came.clear()
        task = asyncio.create_task(self.house.face.run(Command(act, arguments, "screen")))
        await asyncio.wait_for(self.came.wait(), 5)
        return task

    async def asked(self) -> str:
        order = await self.house.order(self.key, 1, **self.terms)
        assert order.get("state") == "pending", order
        return order["order_id"]


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway(accounts=("U1234567",), open_always=True) as opened:
        yield opened


@pytest.fixture
async def waiting(tmp_path: Path, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Waiting]:
    clock = SteppingClock()
    async with open_house(tmp_path, settings(gateway.port), clock=clock, brokers=broker_of) as house:
        secret = (await house.done("totp.enroll"))["secret"]
        clock.step()
        await house.done("totp.confirm", code=pyotp.totp.TOTP(secret).at(int(clock.now().timestamp())))
        made = await with_code(house, clock, secret, "key.create", name="script", scope=SCOPES, connection="real")
        assert isinstance(made, Done), made
        armed = await with_code(house, clock, secret, "connection.arm", connection="real")
        assert isinstance(armed, Done), armed
        broker = house.face._rooms.connections.need("real").broker
        assert isinstance(broker, IbkrBroker)
        came, go, take, book = asyncio.Event(), asyncio.Event(), broker._line._turns.take, house.face._rooms.book

        async def held(lane: Lane, count: int, who: object = None) -> Permit:
            sends = (one.state is OrderState.SENDING or (one.proposed and not one.decide_by) for one in book.open())
            if lane is Lane.ORDER and any(sends):
                came.set()
                await go.wait()
            return await take(lane, count, who)

        key = str(made.data["key"])  # type: ignore[index,call-overload]
        quote = await house.call(key, "get_quote", symbol="ALFA")
        terms = {"order_type": "limit", "limit_price": quote["ask"], "quantity": 2}
        found = Waiting(house, gateway, key, came, go, terms)
        monkeypatch.setattr(broker._line._turns, "take", held)
        yield found
        go.set()


async def disarm(waiting: Waiting, order_id: str) -> None:
    await waiting.house.done("connection.disarm", connection="real")


async def kill(waiting: Waiting, order_id: str) -> None:
    waiting.house.face._rooms.switch.lower(TradingState.KILLED, "test")


async def cancel(waiting: Waiting, order_id: str) -> None:
    waiting.cancelling = asyncio.create_task(waiting.house.call(waiting.key, "cancel_order", order_id=order_id))
    while order_id not in waiting.house.face._rooms.decisions._sender._called_off:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("meanwhile", "code"), [(disarm, "LIVE_DISABLED"), (kill, "KILL_SWITCH"), (cancel, "CANCELLED_BEFORE_SENT")]
)
async def test_what_was_forbidden_while_it_waited_never_leaves(waiting: Waiting, meanwhile: Any, code: str) -> None:
    order_id = await waiting.asked()
    sending = await waiting.sent("order.approve", order_id=order_id)
    await meanwhile(waiting, order_id)
    waiting.go.set()
    await sending
    order = waiting.house.face._rooms.book.get(OrderId(order_id))
    if waiting.cancelling is not None:
        await waiting.cancelling
    assert not waiting.gateway.book.orders
    assert order is not None
    assert (order.state, order.reason.partition(":")[0]) == ("refused", code)


@pytest.mark.parametrize(("meanwhile", "code"), [(disarm, "LIVE_DISABLED"), (kill, "KILL_SWITCH"), (cancel, "")])
async def test_a_change_that_was_forbidden_while_it_waited_leaves_the_order_as_it_was(
    waiting: Waiting, meanwhile: Any, code: str
) -> None:
    waiting.terms |= {"limit_price": "408", "quantity": 2}
    order_id = await waiting.asked()
    waiting.go.set()
    assert isinstance(await waiting.house.face.run(Command("order.approve", {"order_id": order_id}, "screen")), Done)
    asked = await waiting.house.call(waiting.key, "modify_order", order_id=order_id, quantity="3")
    assert asked.get("state") == "working", asked
    waiting.go.clear()
    sending = await waiting.sent("order.approve", order_id=order_id)
    await meanwhile(waiting, order_id)
    waiting.go.set()
    await sending
    if waiting.cancelling is not None:
        await waiting.cancelling
    (theirs,) = waiting.gateway.book.orders.values()
    assert theirs.quantity == 2
    order = waiting.house.face._rooms.book.get(OrderId(order_id))
    assert order is not None
    assert (order.state, order.request.quantity, order.proposed) == ("cancelled" if not code else "working", 2, None)


async def test_what_still_may_leaves_when_its_turn_comes(waiting: Waiting) -> None:
    sending = await waiting.sent("order.approve", order_id=await waiting.asked())
    waiting.go.set()
    answer = await sending
    assert isinstance(answer, Done), answer
    assert len(waiting.gateway.book.orders) == 1
