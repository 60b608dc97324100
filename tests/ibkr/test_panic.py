"""Cancels and orders of a whole cockpit don't wait behind what clients read."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from cockpit.brokers.ibkr.budget import Lane
from cockpit.model.orders import OrderState
from tests.gateway import FakeGateway
from tests.gateway.planned import Proceed
from tests.gateway.server import Seen
from tests.gateway.session import Session
from tests.ibkr.cockpits import CONNECTION, Within, settings_of, within
from tests.ibkr.idling import spending

T = TypeVar("T")

READS: Final = 150
_READERS: Final = READS + 40
"""As many as the budget lets out of the queue at once have to come behind them."""
KILL_WITHIN: Final = 0.05
ORDER_WITHIN: Final = 1.5
"""Seconds: what is judged anew before it leaves takes some messages, and the budget of this second is used up."""
_RESTING: Final = 30


@pytest.fixture
async def cockpit(tmp_path: Path, gateway: FakeGateway) -> AsyncIterator[Within]:
    async with within(tmp_path / "data", settings_of(gateway.port)) as running:
        yield running


@asynccontextmanager
async def _reading(gateway: FakeGateway, cockpit: Within) -> AsyncIterator[None]:
    """Ask for instruments, each a read of its own, and go on once the budget is used up and that many wait."""
    before = len(gateway.named("reqContractDetails"))
    numbers = itertools.count()

    async def ask(key: str) -> None:
        while True:
            await cockpit.call(key, "get_instrument", symbol=f"NONE{next(numbers)}")

    keys = [await cockpit.key(f"reader-{number}") for number in range(2)]
    asking = [asyncio.create_task(ask(key)) for key in keys for _ in range(_READERS // len(keys))]
    turns = cockpit.broker._line._turns
    async with asyncio.timeout(20):
        while turns.waiting(Lane.READ) < READS or len(gateway.named("reqContractDetails")) == before:
            await asyncio.sleep(0.001)
    try:
        yield
    finally:
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _arrived(gateway: FakeGateway, name: str, before: int, count: int) -> list[Seen]:
    """Wait until so many messages of a name came beyond those before, and return them."""
    async with asyncio.timeout(5):
        while len(found := gateway.named(name)[before:]) < count:
            await asyncio.sleep(0.0005)
    return found


async def test_the_cancels_of_a_kill_are_on_the_wire_at_once_with_150_reads_queued(tmp_path: Path) -> None:
    took = [await _kill(tmp_path / "0")]
    while min(took) >= KILL_WITHIN and len(took) < 3:
        took.append(await _kill(tmp_path / f"{len(took)}"))
    assert min(took) < KILL_WITHIN, f"{min(took) * 1000:.0f} ms"


async def _kill(folder: Path) -> float:
    """Kill a cockpit whose clients read; return the seconds until its last cancel was at the gateway.

    One process is the cockpit, its 150 clients and the gateway, on a machine that does other things too: what counts is
    what this process needed, and what it waited for.
    """
    folder.mkdir()
    async with FakeGateway(open_always=True, matching=False) as gateway:
        settings = settings_of(gateway.port, policy=f"max_open_orders_per_symbol = {_RESTING}")
        async with within(folder / "data", settings) as cockpit:
            key = await cockpit.key()
            for number in range(_RESTING):
                placed = await cockpit.place(key, f"the-order-{number}", limit_price=f"{400 + number / 5:.1f}")
                assert placed.get("state") == OrderState.WORKING, placed
            async with _reading(gateway, cockpit):
                with spending() as spent:
                    times = _noted(gateway, lambda: spent.seconds)
                    killing = asyncio.create_task(cockpit.do("kill"))
                    await _arrived(gateway, "cancelOrder", 0, _RESTING)
                assert not killing.done()
            done = await killing
            assert done["cancelled"] == _RESTING
            assert gateway.most_in_a_second() <= 50
    return times[-1]


def _noted(gateway: FakeGateway, what: Callable[[], T]) -> list[T]:
    """Return where something is noted as each cancel comes to the gateway."""
    noted: list[T] = []

    def note(_: Session, __: list[str], proceed: Proceed) -> Any:
        noted.append(what())
        return proceed()

    gateway.always("cancelOrder", note)
    return noted


async def test_an_order_goes_ahead_of_150_reads(gateway: FakeGateway, cockpit: Within) -> None:
    key = await cockpit.key("somebody")
    placed = await cockpit.place(key)
    assert placed["state"] == OrderState.PENDING, placed
    async with _reading(gateway, cockpit):
        began = time.monotonic()
        approving = asyncio.create_task(cockpit.do("order.approve", order_id=placed["order_id"]))
        (order,) = await _arrived(gateway, "placeOrder", 0, 1)
        took, behind = order.at - began, cockpit.broker._line._turns.waiting(Lane.READ)
    await approving
    assert behind > READS // 2, "its own reads waited behind those of the client"
    assert took < ORDER_WITHIN


async def test_a_cancel_of_a_client_goes_ahead_of_150_reads(gateway: FakeGateway, cockpit: Within) -> None:
    key = await cockpit.key()
    placed = await cockpit.place(key)
    turns = cockpit.broker._line._turns
    async with _reading(gateway, cockpit):
        with spending() as spent:
            times = _noted(gateway, lambda: (spent.seconds, turns.waiting(Lane.READ)))
            cancelled = await cockpit.call(key, "cancel_order", order_id=placed["order_id"])
        ((arrived, behind),) = times
        assert behind > READS // 2, "it waited behind the reads"
        assert arrived < KILL_WITHIN
    assert cancelled["state"] == OrderState.CANCELLED, cancelled


async def test_what_the_operator_closes_goes_ahead_of_150_reads(gateway: FakeGateway, cockpit: Within) -> None:
    gateway.book.holdings.put("DU1234567", gateway.world.one("ALFA"), Decimal(10), Decimal(400))
    async with _reading(gateway, cockpit):
        before = len(gateway.named("reqContractDetails"))
        closing = asyncio.create_task(cockpit.do("position.close", symbol="ALFA", connection=CONNECTION, limit="420"))
        await _arrived(gateway, "placeOrder", 0, 1)
        read = len(gateway.named("reqContractDetails")) - before
    assert (await closing)["state"] == OrderState.WORKING
    assert read < READS // 2, "it waited behind the reads"
