"""The real client, connected to a gateway, and waits for what it hears; for any room's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ib_async import IB, Contract, Event, Order, Stock, Trade

from tests.gateway.server import FakeGateway


@asynccontextmanager
async def connected(g: FakeGateway, client_id: int = 17, *, account: str = "") -> AsyncIterator[IB]:
    """Yield the real client, connected and synced."""
    ib = IB()
    await ib.connectAsync("127.0.0.1", g.port, clientId=client_id, timeout=3, raiseSyncErrors=True, account=account)
    try:
        yield ib
    finally:
        ib.disconnect()


async def until(event: Event, holds: Callable[[], bool]) -> None:
    """Wait until something holds, looking after each event; three seconds at most."""
    changed = asyncio.Event()

    def wake(*_: object) -> None:
        changed.set()

    event += wake
    try:
        async with asyncio.timeout(3):
            while not holds():
                changed.clear()
                await changed.wait()
    finally:
        event -= wake


async def status(trade: Trade, *wanted: str) -> Trade:
    """Wait until the client says one of these statuses of an order."""
    await until(trade.statusEvent, lambda: trade.orderStatus.status in wanted)
    return trade


def stock(g: FakeGateway, name: str = "ALFA") -> Contract:
    """Return a stock of the gateway's world as the client writes it."""
    listing = g.world.one(name)
    return Stock(listing.symbol, "SMART", listing.currency, conId=listing.con_id)


def order(action: str, quantity: float, kind: str = "MKT", **terms: Any) -> Order:
    """Return an order as the client writes it."""
    return Order(action=action, totalQuantity=quantity, orderType=kind, tif=terms.pop("tif", "DAY"), **terms)
