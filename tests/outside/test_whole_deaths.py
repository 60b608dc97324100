"""A whole cockpit that dies in the middle of groups, confirmations and approvals by rule loses and doubles nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.outside.control import Outside
from tests.outside.whole import SOME, Death, die_and_rise, every_death


@pytest.mark.parametrize("death", SOME, ids=lambda death: f"{death.act}-{death.step}-{death.fault or 'no fault'}")
async def test_a_whole_cockpit_that_dies_loses_and_doubles_nothing(
    tmp_path: Path, outside: Outside, death: Death
) -> None:
    await die_and_rise(death, tmp_path / "data", outside)


def test_every_act_of_the_larger_set_is_in_the_smaller_one() -> None:
    assert {death.act for death in SOME} == {death.act for death in every_death()}
    assert len(list(every_death())) >= 70
