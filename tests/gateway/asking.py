"""Fixtures with a client: the gateway, the real client connected to it, and one stock that the client knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from ib_async import IB, Contract, Stock
from ib_async.wrapper import RequestError

from tests.gateway import FakeGateway


@pytest.fixture
async def ib(gateway: FakeGateway) -> AsyncIterator[IB]:
    """The client, which raises what the gateway answers with an error."""
    client = IB()
    client.RaiseRequestErrors = True
    await client.connectAsync("127.0.0.1", gateway.port, clientId=17, timeout=2, raiseSyncErrors=True)
    yield client
    client.disconnect()


@pytest.fixture
async def alfa(ib: IB) -> Contract:
    """The stock ALFA, qualified."""
    return await known(ib, Stock("ALFA", "SMART", "USD"))


async def known(ib: IB, contract: Contract) -> Contract:
    """Qualify a contract that is not ambiguous."""
    (found,) = await ib.qualifyContractsAsync(contract)
    assert isinstance(found, Contract)
    return found


async def settled(ib: IB) -> None:
    """Wait until everything that the gateway sent before has been read."""
    await ib.reqCurrentTimeAsync()
    await asyncio.sleep(0)


async def refused(asking: object) -> tuple[int, str]:
    """Return code and words of the error that a request ends with."""
    with pytest.raises(RequestError) as error:
        await asking  # type: ignore[misc]
    return error.value.code, error.value.message


def codes(ib: IB) -> list[int]:
    """Return a list into which the codes of all errors from now on go."""
    heard: list[int] = []

    def note(_: int, code: int, *__: object) -> None:
        heard.append(code)

    ib.errorEvent += note
    return heard
