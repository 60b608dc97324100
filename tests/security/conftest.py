"""Fixtures of the security cases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.security.site import Site, open_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A running cockpit with a clock that stands still."""
    async with open_site(tmp_path / "data") as opened:
        yield opened
