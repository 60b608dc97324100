"""What TWS's messages say of its own way to Interactive Brokers."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.brokers.ibkr.weather import Change, Weather
from cockpit.brokers.ibkr.wire import WireError
from cockpit.model.text import safe
from tests.brokers.ibkr.clocks import NOON


def said(code: int, text: str = "") -> WireError:
    return WireError(NOON, -1, safe(""), code, safe(text), safe(""))


@pytest.mark.parametrize("code", [1100, 2110])
def test_a_way_that_is_lost_is_not_settled(code: int) -> None:
    weather = Weather()
    assert weather.settled
    assert weather.look_at(said(code)) is Change.CUT
    assert not weather.settled


@pytest.mark.parametrize(("code", "without_data"), [(1101, True), (1102, False)])
async def test_a_way_that_is_found_again_is_settled_once_somebody_took_note(code: int, without_data: bool) -> None:
    weather = Weather()
    weather.look_at(said(1100))
    assert weather.look_at(said(code)) is Change.RESTORED
    assert not weather.settled
    assert await weather.restored() is without_data
    assert weather.settled


async def test_what_was_lost_in_between_is_not_forgotten() -> None:
    weather = Weather()
    for code in (1100, 1101, 1100, 1102):
        weather.look_at(said(code))
    assert await weather.restored() is True
    assert weather.settled


async def test_a_loss_after_a_return_that_nobody_took_note_of_stays_a_loss() -> None:
    weather = Weather()
    for code in (1100, 1102, 1100):
        weather.look_at(said(code))
    assert await weather.restored() is False
    assert not weather.settled


async def test_a_farm_that_answers_ends_only_the_loss_that_promises_no_end() -> None:
    weather = Weather()
    weather.look_at(said(1100))
    assert weather.look_at(said(2104, "Market data farm connection is OK:usfarm")) is Change.NONE
    assert not weather.settled
    weather.look_at(said(2110))
    assert weather.look_at(said(2104, "Market data farm connection is OK:usfarm")) is Change.RESTORED
    assert await weather.restored() is True


def test_farms_are_named_while_they_are_broken_and_no_more_than_fit() -> None:
    weather = Weather()
    for number in range(500):
        weather.look_at(said(2103, f"Market data farm connection is broken:farm{number}"))
    assert len(weather.farms_down) == 50
    weather.look_at(
        said(2108, "Market data farm connection is inactive but should be available upon demand.farm:farm0")
    )
    assert "farm0" not in weather.farms_down


async def test_waiting_for_a_return_may_be_given_up_without_losing_it() -> None:
    weather = Weather()
    waiting = asyncio.create_task(weather.restored())
    await asyncio.sleep(0)
    weather.look_at(said(1102))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await asyncio.wait_for(weather.restored(), 1) is False
