"""The security cases: each number has a test that says what it tries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.docs.test_pages import make

__all__ = ["make"]

ROOT: Final = Path(__file__).parent.parent.parent

LEFT_OUT: Final = {5, 31, 40, 43, 55, 58, 63, 70, 73, 81}
CASES: Final = {f"T{number:02}" for number in range(1, 87) if number not in LEFT_OUT}
"""Consent, authorization endpoint, codes and tokens, registration, resource server, operator."""


def rows(make: object) -> list[list[str]]:
    table = make.cases()  # type: ignore[attr-defined]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()[2:]]


def test_every_case_has_a_test(make: object) -> None:
    shown = {row[0].strip() for row in rows(make)}
    assert CASES - shown == set()
    assert shown - CASES == set()


def test_every_test_among_the_cases_says_what_it_tries(make: object) -> None:
    files = (ROOT / "tests" / "security").glob("test_*.py")
    written = sum(len(re.findall(r"def test_T\d\d_", path.read_text())) for path in files)
    assert len([row for row in rows(make) if "tests/security/" in row[3]]) == written > 90
