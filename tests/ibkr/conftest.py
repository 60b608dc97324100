"""What most tests of a cockpit at a gateway begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.gateway import FakeGateway


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    """One whose market is always open, and where orders rest until the test fills them."""
    async with FakeGateway(open_always=True, matching=False) as opened:
        yield opened
