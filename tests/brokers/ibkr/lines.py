"""Lines to a gateway for tests, which try again at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from ib_async.contract import Contract
from ib_async.order import Order

from cockpit.brokers.ibkr.line import Line
from cockpit.model.clock import SystemClock
from cockpit.model.trading import Link, Mode
from cockpit.settings.ibkr import IbkrSettings

ALFA = Contract(conId=265001, symbol="ALFA", secType="STK", exchange="SMART", currency="USD")


def new_line(
    port: int,
    *,
    account: str = "",
    mode: Mode = Mode.PAPER,
    backoff: Callable[[int], float] = lambda failed: 0.01,
    settings: Mapping[str, float] | None = None,
) -> Line:
    said = {"connect_seconds": 2, "request_seconds": 2, **(settings or {})}
    return Line(IbkrSettings.model_validate({"port": port, **said}), account, SystemClock(), mode=mode, backoff=backoff)


@asynccontextmanager
async def line_to(port: int, *, account: str = "", mode: Mode = Mode.PAPER, **settings: float) -> AsyncIterator[Line]:
    async with new_line(port, account=account, mode=mode, settings=settings) as line:
        yield line


async def until(line: Line, link: Link, *, epoch: int = 0) -> None:
    """Wait until the line is so, in that epoch or a later one."""
    async with asyncio.timeout(5):
        while True:
            await line.wait_for(link)
            if line.epoch >= epoch:
                return
            await line.wait_for(*(other for other in Link if other is not link))


def resting(reference: str = "ck:1", order_id: int = 0) -> Order:
    """An order that buys far below the market."""
    return Order(
        orderId=order_id, action="BUY", totalQuantity=5, orderType="LMT", lmtPrice=1.0, tif="GTC", orderRef=reference
    )
