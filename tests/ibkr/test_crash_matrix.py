"""Wherever a cockpit dies while an order is on its way to TWS, and whatever becomes of the order: it is found, and sent once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ibkr.deaths import OUTCOMES, POINTS, Death, die_and_rise, every_death


@pytest.mark.parametrize("death", list(every_death()), ids=str)
async def test_an_order_is_found_again_and_was_sent_once(tmp_path: Path, death: Death) -> None:
    await die_and_rise(death, tmp_path / "data")


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_that_is_killed_leaves_what_these_deaths_leave(tmp_path: Path, point: str) -> None:
    outcome = OUTCOMES[POINTS.index(point)]
    await die_and_rise(Death(point, outcome, same_client=False), tmp_path / "data", really=True)
