"""A gateway for tests with the data half of the broker on a real line to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from cockpit.brokers.ibkr.line import Line
from cockpit.brokers.ibkr.market import MarketData
from cockpit.model.clock import SystemClock
from cockpit.settings.ibkr import IbkrSettings
from tests.gateway.server import FakeGateway


class AheadClock(SystemClock):
    """The host's clock, which tests can put ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@dataclass
class House:
    """What tests of data need."""

    gateway: FakeGateway
    market: MarketData
    clock: AheadClock

    def asked(self, name: str) -> int:
        """Return how many messages of that name the gateway got."""
        return len(self.gateway.named(name))

    async def arrived(self) -> None:
        """Wait until the gateway has all that was sent so far."""
        await self.market._line.ib.reqCurrentTimeAsync()


@asynccontextmanager
async def house(hours_of: str = "ALFA", **settings: object) -> AsyncIterator[House]:
    """Open a gateway, a line to it, and what answers over it."""
    async with FakeGateway() as gateway:
        clock = AheadClock()
        said = IbkrSettings.model_validate(
            {"port": gateway.port, "connect_seconds": 2, "request_seconds": 2, **settings}
        )
        line = Line(said, "", clock, backoff=lambda failed: 0.01)
        market = MarketData(line, said, clock, hours_of=hours_of)
        async with line:
            yield House(gateway, market, clock)
            await market.close_data()
