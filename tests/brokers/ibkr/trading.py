"""A broker over the gateway for tests, with everything that it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest

from cockpit.brokers.ibkr.broker import IbkrBroker
from cockpit.model.clock import SystemClock
from cockpit.model.orders import BrokerFact, BrokerOrder, OrderRef, OrderRequest, OrderType, Side, TimeInForce
from cockpit.model.text import Safe
from cockpit.model.trading import Link
from cockpit.settings.ibkr import IbkrSettings
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.gateway import FakeGateway

Fact = TypeVar("Fact", bound=BrokerFact)
PATIENCE = 5.0


class Trading:
    """One broker, its gateway, and what was said, in order."""

    def __init__(
        self, gateway: FakeGateway, store: Store, stack: AsyncExitStack, account: str = "", **settings: object
    ) -> None:
        self.gateway = gateway
        self.facts: list[BrokerFact] = []
        self.notices: list[Safe] = []
        self.broker: IbkrBroker
        self._store, self._stack, self._account, self._settings = store, stack, account, settings
        self._said = asyncio.Event()
        self._numbers = count(1)

    async def start(self) -> None:
        """Enter the broker, or leave it and enter another one, as a restart does."""
        await self._stack.aclose()
        said = {"port": self.gateway.port, "connect_seconds": 2, "request_seconds": 2, **self._settings}
        settings = ConnectionSettings(broker="ibkr", account=self._account, ibkr=IbkrSettings.model_validate(said))
        broker = IbkrBroker("ib", settings, self._store, SystemClock(), backoff=lambda failed: 0.01)
        broker.on_link(lambda link, note: self._said.set())
        self.broker = broker
        await self._stack.enter_async_context(broker)
        broker.listen(self._hear)
        broker.on_notice(self._note)

    def reference(self) -> OrderRef:
        """Return a reference that was never used."""
        return OrderRef(f"ck:{next(self._numbers):026}")

    def of(self, reference: OrderRef) -> list[type[BrokerFact]]:
        """Return the kinds of what was said about an order."""
        return [type(fact) for fact in self.facts if fact.reference == reference]

    def told(self, reference: OrderRef, kind: type[Fact]) -> list[Fact]:
        """Return what was said of one kind about an order."""
        return [fact for fact in self.facts if fact.reference == reference and isinstance(fact, kind)]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until what was said makes something true."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._said.clear()
                await self._said.wait()

    async def ready(self) -> None:
        """Wait until the line is ready."""
        await self.until(lambda: self.broker.status().link is Link.READY)

    async def shown(self, reference: OrderRef) -> BrokerOrder | None:
        """Return an order as the books show it."""
        return {one.reference: one for one in await self.broker.orders()}.get(reference)

    async def rest(self, request: OrderRequest | None = None) -> OrderRef:
        """Place an order that rests, and return its reference."""
        reference = self.reference()
        await self.broker.submit(reference, request or far())
        return reference

    def _hear(self, fact: BrokerFact) -> None:
        self.facts.append(fact)
        self._said.set()

    def _note(self, text: Safe) -> None:
        self.notices.append(text)
        self._said.set()


def far(quantity: int | str = 10, price: str = "300", **changes: object) -> OrderRequest:
    """Return an order to buy ALFA, which trades at 412."""
    plain = OrderRequest("ALFA", Side.BUY, Decimal(quantity), OrderType.LIMIT, Decimal(price), TimeInForce.GTC)
    return replace(plain, **changes)  # type: ignore[arg-type]


def market(quantity: int | str = 10, side: Side = Side.BUY, symbol: str = "ALFA") -> OrderRequest:
    """Return an order that fills at once."""
    return OrderRequest(symbol, side, Decimal(quantity), OrderType.MARKET, None, TimeInForce.DAY)


@asynccontextmanager
async def trading_at(
    gateway: FakeGateway, folder: Path, *, account: str = "", **settings: object
) -> AsyncIterator[Trading]:
    """Run a broker over a gateway."""
    async with Store(folder / "data", SystemClock()) as store, AsyncExitStack() as stack:
        trading = Trading(gateway, store, stack, account, **settings)
        await trading.start()
        yield trading


@pytest.fixture
async def trading(tmp_path: Path) -> AsyncIterator[Trading]:
    """Run a broker over a gateway whose market is always open."""
    async with FakeGateway(open_always=True) as gateway, trading_at(gateway, tmp_path) as found:
        yield found
