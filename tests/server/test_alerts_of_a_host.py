"""Alerts in a whole cockpit: who may have prices watched, and that no instrument stops the host."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cockpit.brokers.paper.broker import PaperBroker
from cockpit.desk.alerts import Alerts
from cockpit.model.instruments import Instrument
from cockpit.model.quotes import Quote
from tests.server.whole import Client, done, whole

TOOLSETS = {"CONNECTIONS__PAPER__TOOLSETS": '["all"]'}
WITHOUT_PRICES = {"CONNECTIONS__PAPER__SCOPES": '["read:research", "write:alerts"]'}
WAIT = 30


class Rounds:
    """Holds back the host's rounds of alerts, or counts them."""

    def __init__(self) -> None:
        self.held = True
        self.made = 0
        self._look = Alerts.look

    async def look(self, alerts: Alerts) -> None:
        if not self.held:
            await self._look(alerts)
            self.made += 1

    async def pass_by(self, here: Client, count: int) -> None:
        """Wait for so many rounds, or for the host to stop."""
        until = self.made + count
        async with asyncio.timeout(WAIT):
            while self.made < until and not here.cockpit.stopping.is_set():
                await asyncio.sleep(0.05)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Rounds:
    made = Rounds()

    async def look(self: Alerts) -> None:
        await made.look(self)

    monkeypatch.setattr(Alerts, "look", look)
    return made


async def new_alert(here: Client, symbol: str) -> str:
    scope = "read:market read:research write:alerts"
    key = (await done(here.cockpit, "key.create", name="bot", scope=scope))["key"]
    answer = await here.call(key, "create_alert", symbol=symbol, watched="bid", direction="above", price="0.01")
    assert "alert_id" in answer.json["result"]["structuredContent"], answer.json
    return key


async def state(here: Client, key: str) -> Any:
    (row,) = (await here.call(key, "list_alerts")).json["result"]["structuredContent"]["alerts"]
    return row["state"]


async def test_prices_that_the_settings_keep_from_a_client_make_none_of_its_alerts_fire(
    tmp_path: Path, rounds: Rounds
) -> None:
    async with whole(tmp_path, **TOOLSETS) as here:
        key = await new_alert(here, "ALFA")
    rounds.held = False
    for settings, expected in ((WITHOUT_PRICES, "armed"), ({}, "fired")):
        async with whole(tmp_path, **TOOLSETS, **settings) as here:
            await rounds.pass_by(here, 2)
            assert await state(here, key) == expected


async def test_a_host_goes_on_and_starts_again_where_the_brokers_code_fails_on_a_watched_instrument(
    tmp_path: Path, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PaperBroker.quote

    async def quote(self: PaperBroker, instrument: Instrument) -> Quote | None:
        if instrument.symbol == "BRVO":
            raise ValueError("nobody planned this")
        return await real(self, instrument)

    monkeypatch.setattr(PaperBroker, "quote", quote)
    async with whole(tmp_path, **TOOLSETS) as here:
        key = await new_alert(here, "BRVO")
        rounds.held = False
        await rounds.pass_by(here, 2)
        assert not here.cockpit.stopping.is_set()
    async with whole(tmp_path, **TOOLSETS) as here:
        await rounds.pass_by(here, 2)
        assert not here.cockpit.stopping.is_set()
        assert await state(here, key) == "armed"
