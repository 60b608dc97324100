"""Fixtures for any room that tests against the gateway: import ``gateway`` into the module that uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.gateway.server import FakeGateway


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    """A gateway with one paper account that listens on a free port."""
    async with FakeGateway() as g:
        yield g
