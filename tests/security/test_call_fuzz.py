from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.call_fuzz import fuzz_calls
from tools.catalogue import TOOLS


@pytest.mark.timeout(600)
def test_two_thousand_odd_calls_break_nothing_and_are_all_in_the_audit(tmp_path: Path) -> None:
    fuzz, kept = fuzz_calls(tmp_path / "data", 2000, always_same=True)
    assert fuzz.seen.total() >= 2000
    assert kept > 1000, fuzz.seen
    assert sum(one in TOOLS for one in fuzz.answered) > len(TOOLS) * 0.8
    assert 0.1 < fuzz.refused.total() / kept < 0.9
    assert fuzz.orders
