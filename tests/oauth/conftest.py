"""Fixtures of the authorization server's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.oauth.house import House, open_house
from tests.oauth.internet import Internet, some_internet


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running authorization server with a clock that stands still."""
    async with open_house(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
async def internet(tmp_path: Path) -> AsyncIterator[Internet]:
    """Hosts with documents."""
    async with some_internet(tmp_path) as here:
        yield here


@pytest.fixture
async def connected(tmp_path: Path, internet: Internet) -> AsyncIterator[House]:
    """An authorization server that reaches them."""
    async with internet.fetcher() as fetch, open_house(tmp_path / "data", fetch=fetch) as opened:
        yield opened
