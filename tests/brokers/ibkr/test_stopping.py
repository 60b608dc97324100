"""A stop in the middle of everything: it ends at once, and leaves nothing behind that still runs or complains."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.model.refusals import Refused
from tests.brokers.ibkr.test_unheard import complaints
from tests.brokers.ibkr.trading import Trading, far
from tests.brokers.ibkr.trading import trading as trading
from tests.gateway import faults


@pytest.mark.parametrize(
    "stalled", ["reqAllOpenOrders", "reqExecutions", "newOrder", "cancelOrder", "reqPositions", ""]
)
async def test_a_stop_while_all_is_under_way_ends_all_of_it(trading: Trading, stalled: str) -> None:
    broker, reference = trading.broker, trading.reference()
    await broker.submit(reference, far())
    before = asyncio.all_tasks()
    with complaints() as heard:
        if stalled:
            trading.gateway.once(stalled, faults.stall)
        (listed,) = await broker.find("ALFA")
        asked = [
            asyncio.create_task(one)
            for one in (
                broker.orders(), broker.orders(), broker.positions(), broker.balances(), broker.quote(listed),
                broker.submit(trading.reference(), far()), broker.cancel(reference), broker.search("ALFA", 5),
                broker.estimate(far()), broker.depth(listed, 5), broker.fx_rate("EUR", "USD"),
            )
        ]  # fmt: skip
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.timeout(1):
            await trading._stack.aclose()
            answers = await asyncio.gather(*asked, return_exceptions=True)
        odd = [one for one in answers if isinstance(one, BaseException)]
        assert [one for one in odd if not isinstance(one, BrokerUnavailable | Refused)] == []
        left = [task for task in asyncio.all_tasks() - before if "gateway" not in repr(task)]
        assert left == []
    assert heard == []
