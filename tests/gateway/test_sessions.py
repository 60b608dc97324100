"""The real client connects to the gateway."""

from __future__ import annotations

from ib_async import IB

from tests.gateway import FakeGateway


async def test_the_client_connects_and_syncs() -> None:
    async with FakeGateway() as g:
        ib = IB()
        await ib.connectAsync("127.0.0.1", g.port, clientId=17, timeout=2, raiseSyncErrors=True)
        assert ib.managedAccounts() == ["DU1234567"]
        ib.disconnect()
