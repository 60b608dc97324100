"""Fixtures of the authorization server's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.oauth.house import House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running authorization server with a clock that stands still."""
    async with open_house(tmp_path / "data") as opened:
        yield opened
