from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cockpit.store.database import Store

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class StandingClock:
    """A clock that shows noon until it is told otherwise."""

    def __init__(self) -> None:
        self.at = NOON
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def store(folder: Path, clock: StandingClock) -> AsyncIterator[Store]:
    async with Store(folder, clock, probe_seconds=0.01) as opened:
        yield opened
