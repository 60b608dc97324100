"""The brokers that the contract is held against."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cockpit.brokers.base import Feature
from cockpit.brokers.ibkr.broker import IbkrBroker
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.clock import SystemClock
from cockpit.model.orders import OrderType
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.brokers.contract.venue import Venue
from tests.brokers.paper.conftest import NEVER, ManualClock
from tests.gateway import FakeGateway
from tests.outside.adapter import OutsideBroker
from tests.outside.conftest import exchange_port, outside  # noqa: F401  fixtures
from tests.outside.control import Outside


class PaperVenue(Venue):
    """A simulated account over the invented market of one second."""

    features = frozenset({Feature.LISTING, Feature.SCANNER, Feature.DEPTH, Feature.OPTIONS, Feature.FX})

    def __init__(self, stack: AsyncExitStack, store: Store, clock: ManualClock) -> None:
        super().__init__()
        self._stack, self._store, self._clock = stack, store, clock

    async def again(self) -> None:
        await self._stack.aclose()
        broker = PaperBroker("paper", ConnectionSettings(), self._store, self._clock, tick_seconds=NEVER)
        self.broker = await self._stack.enter_async_context(broker)
        broker.listen(self.hear)


class IbkrVenue(Venue):
    """An account at a gateway of TWS, over the real client and a socket."""

    features = frozenset(
        {
            Feature.DEPTH,
            Feature.OPTIONS,
            Feature.FX,
            Feature.NEWS,
            Feature.FUNDAMENTALS,
            Feature.SCANNER,
            Feature.BORROW,
        }
    )

    def __init__(self, stack: AsyncExitStack, store: Store, gateway: FakeGateway) -> None:
        super().__init__()
        self._stack, self._store, self.gateway = stack, store, gateway

    async def again(self) -> None:
        await self._stack.aclose()
        section = {"broker": "ibkr", "ibkr": {"port": self.gateway.port, "request_seconds": 3}}
        settings = ConnectionSettings.model_validate(section)
        broker = IbkrBroker("ibkr", settings, self._store, SystemClock())
        self.broker = await self._stack.enter_async_context(broker)
        broker.listen(self.hear)


@pytest.fixture
async def paper(tmp_path: Path) -> AsyncIterator[Venue]:
    clock = ManualClock()
    async with Store(tmp_path / "data", clock) as store, AsyncExitStack() as stack:
        venue = PaperVenue(stack, store, clock)
        await venue.again()
        yield venue


@pytest.fixture
async def ibkr(tmp_path: Path) -> AsyncIterator[Venue]:
    async with (
        FakeGateway() as gateway,
        Store(tmp_path / "data", SystemClock()) as store,
        AsyncExitStack() as stack,
    ):
        gateway.world.open_always()
        venue = IbkrVenue(stack, store, gateway)
        await venue.again()
        yield venue


class OutsideVenue(Venue):
    """An account at the broker outside, in a process of its own, which keeps no bars and estimates nothing."""

    has_history = estimates = False
    order_types = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP})
    escapes = True

    def __init__(self, stack: AsyncExitStack, port: int) -> None:
        super().__init__()
        self._stack, self._port = stack, port

    async def again(self) -> None:
        await self._stack.aclose()
        self.broker = await self._stack.enter_async_context(OutsideBroker(self._port))
        self.broker.listen(self.hear)


@pytest.fixture
async def apart(outside: Outside) -> AsyncIterator[Venue]:  # noqa: F811
    async with AsyncExitStack() as stack:
        venue = OutsideVenue(stack, outside.port)
        await venue.again()
        yield venue


@pytest.fixture(params=["paper", "ibkr", "apart"])
def venue(request: pytest.FixtureRequest) -> Venue:
    """Return each broker in turn, with a fresh account."""
    return request.getfixturevalue(request.param)
