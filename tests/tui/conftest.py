"""Screens under test come to rest in the time that they need, not in that of a slower machine."""

from __future__ import annotations

import pytest
from textual import _wait


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often whether a screen has come to rest: a key is waited for three times, and longer than a frame in all."""
    monkeypatch.setattr(_wait, "SLEEP_GRANULARITY", 1 / 125)
    monkeypatch.setattr(_wait, "SLEEP_IDLE", 1 / 2500)
