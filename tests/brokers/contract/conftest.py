"""The brokers that the contract is held against."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cockpit.brokers.paper.broker import PaperBroker
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.brokers.contract.venue import Venue
from tests.brokers.paper.conftest import NEVER, ManualClock


class PaperVenue(Venue):
    """A simulated account over the invented market of one second."""

    def __init__(self, stack: AsyncExitStack, store: Store, clock: ManualClock) -> None:
        super().__init__()
        self._stack, self._store, self._clock = stack, store, clock

    async def again(self) -> None:
        await self._stack.aclose()
        broker = PaperBroker("paper", ConnectionSettings(), self._store, self._clock, tick_seconds=NEVER)
        self.broker = await self._stack.enter_async_context(broker)
        broker.listen(self.hear)


@pytest.fixture
async def paper(tmp_path: Path) -> AsyncIterator[Venue]:
    clock = ManualClock()
    async with Store(tmp_path / "data", clock) as store, AsyncExitStack() as stack:
        venue = PaperVenue(stack, store, clock)
        await venue.again()
        yield venue


@pytest.fixture(params=["paper"])
def venue(request: pytest.FixtureRequest) -> Venue:
    """Return each broker in turn, with a fresh account."""
    return request.getfixturevalue(request.param)
