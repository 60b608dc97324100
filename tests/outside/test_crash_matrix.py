"""Whatever step a cockpit is killed at, and whatever goes wrong at the broker meanwhile, nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.outside.control import Outside
from tests.outside.matrix import FAULTS, STEPS, die_and_rise, every_case, some_cases
from tests.outside.victim import Case


@pytest.mark.parametrize("case", some_cases(), ids=lambda case: f"{case.act}-{case.step}-{case.fault or 'no fault'}")
async def test_nothing_is_lost_or_doubled_by_a_death(tmp_path: Path, outside: Outside, case: Case) -> None:
    died_there = await die_and_rise(case, tmp_path / "data", outside)
    assert died_there or case.fault


def test_the_deaths_cover_every_step_and_every_fault() -> None:
    cases = some_cases()
    assert len(cases) >= 60
    assert {(case.act, case.step) for case in cases} == {(case.act, case.step) for case in every_case()}
    of_fault = Counter((case.act, case.fault) for case in cases)
    assert {act for act, _ in of_fault} == {"place", *STEPS}
    assert {fault for _, fault in of_fault} == set(FAULTS)
    assert len(list(every_case())) >= 300
