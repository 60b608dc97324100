"""A clock that stands still, a store in a folder of its own, and a paper broker over both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.orders import BrokerFact
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store

NEVER = 1_000_000.0
"""Seconds between two looks of a market task that tests move by hand."""


class ManualClock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 14, 0, 0, 250_000, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    async with Store(tmp_path / "data", clock) as opened:
        yield opened


@pytest.fixture
def facts() -> list[BrokerFact]:
    """What the broker has said, in order."""
    return []


@pytest.fixture
async def broker(store: Store, clock: ManualClock, facts: list[BrokerFact]) -> AsyncIterator[PaperBroker]:
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER) as entered:
        entered.listen(facts.append)
        yield entered
