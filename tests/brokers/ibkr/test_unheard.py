"""Requests of which nobody hears the end: a line that breaks leaves none behind that asyncio would complain about."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import pytest
from ib_async.contract import Contract

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.line import CockpitIB, Told
from cockpit.model.refusals import Refused
from cockpit.model.trading import Link
from tests.brokers.ibkr.lines import ALFA, line_to, until
from tests.gateway import FakeGateway, faults

_READS: Final[dict[str, Callable[[CockpitIB], Awaitable[Any]]]] = {
    "reqContractDetails": lambda ib: ib.reqContractDetailsAsync(ALFA),
    "reqAllOpenOrders": lambda ib: ib.reqAllOpenOrdersAsync(),
    "reqCompletedOrders": lambda ib: ib.reqCompletedOrdersAsync(apiOnly=False),
    "reqExecutions": lambda ib: ib.reqExecutionsAsync(),
    "reqMatchingSymbols": lambda ib: ib.reqMatchingSymbolsAsync("ALFA"),
    "reqHistoricalData": lambda ib: ib.reqHistoricalDataAsync(ALFA, "", "1 D", "1 hour", "TRADES", True),
}
_BREAKS: Final = (faults.drop_before_accept, faults.drop_after_accept, faults.half_frame)


def _unsendable(ib: CockpitIB) -> Awaitable[Any]:
    return ib.reqContractDetailsAsync(Contract(symbol="A\0B"))


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Give what asyncio complains about within the block."""
    loop, heard = asyncio.get_running_loop(), list[str]()
    loop.set_exception_handler(lambda _, context: heard.append(f"{context['message']}: {context.get('exception')}"))
    try:
        yield heard
    finally:
        gc.collect()
        loop.set_exception_handler(None)


async def test_twenty_breaks_at_different_points_leave_no_request_whose_end_nobody_heard() -> None:
    with complaints() as heard:
        for name in _READS:
            for broken in _BREAKS:
                await _broken(name, lambda gateway, name=name, broken=broken: gateway.once(name, broken))
        for name in ("reqContractDetails", "reqHistoricalData"):
            await _broken(name, FakeGateway.cut)
    assert heard == []


@pytest.mark.parametrize(
    "name", ["startApi", "reqCurrentTime", "reqPositions", "reqAccountUpdates", "reqAllOpenOrders"]
)
async def test_a_line_that_breaks_before_it_is_ready_leaves_none_either(name: str) -> None:
    with complaints() as heard:
        for broken in _BREAKS:
            async with FakeGateway() as gateway:
                gateway.once(name, broken)
                async with line_to(gateway.port) as line:
                    await until(line, Link.READY)
    assert heard == []


async def test_a_question_that_could_not_be_sent_is_forgotten_with_the_line() -> None:
    with complaints() as heard:
        async with FakeGateway() as gateway, line_to(gateway.port) as line:
            with suppress(Refused):
                await line.read("", _unsendable)
            gateway.cut()
            await until(line, Link.READY, epoch=2)
    assert heard == []


async def _broken(name: str, broken: Callable[[FakeGateway], None]) -> None:
    """Break a line while one thing is asked, another was given up and a third couldn't be sent."""
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        reads = [asyncio.create_task(line.read("", call)) for call in (_READS["reqMatchingSymbols"], _unsendable)]
        reads[0].cancel()
        broken(gateway)
        with suppress(BrokerUnavailable, Told):
            await line.read("", _READS[name])
        await asyncio.gather(*reads, return_exceptions=True)
        await until(line, Link.READY, epoch=2)
