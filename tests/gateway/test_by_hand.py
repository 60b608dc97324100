"""The gateway as a program of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Final

import pytest
from ib_async import IB, Stock

from tests.gateway.clients import order, status, until

ROOT: Final = Path(__file__).parents[2]


async def started(*options: str) -> tuple[asyncio.subprocess.Process, int]:
    """Start the program on a free port, and return it with the port once it says that it is ready."""
    command = (sys.executable, "-m", "tests.gateway", "--port", "0", *options)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    host, _, port = line.removeprefix("ready ").strip().partition(":")
    assert (host, line[:6]) == ("127.0.0.1", "ready ")
    return process, int(port)


@pytest.mark.parametrize(
    ("options", "account"), [((), "DU1234567"), (("--live",), "U1234567"), (("--account", "DU7"), "DU7")]
)
async def test_it_says_where_it_listens_moves_its_market_and_ends_cleanly(
    options: tuple[str, ...], account: str
) -> None:
    process, port = await started("--every", "0.05", *options)
    try:
        ib = IB()
        await ib.connectAsync("127.0.0.1", port, clientId=17, timeout=3, raiseSyncErrors=True)
        assert ib.managedAccounts() == [account]
        (alfa,) = await ib.qualifyContractsAsync(Stock("ALFA", "SMART", "USD"))
        assert isinstance(alfa, Stock)
        ticker = ib.reqMktData(alfa)
        prices: set[float] = set()
        ticker.updateEvent.connect(lambda told: prices.add(told.bid))
        await until(ticker.updateEvent, lambda: len(prices - {-1}) > 3)
        await status(ib.placeOrder(alfa, order("BUY", 10)), "Filled")
        ib.disconnect()
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    process, port = await started("--every", "0")
    try:
        command = (sys.executable, "-m", "tests.gateway", "--port", str(port))
        second = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
        _, said = await asyncio.wait_for(second.communicate(), 20)
        assert (second.returncode, said.count(b"\n")) == (1, 1)
        assert b"address already in use" in said
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == 0
