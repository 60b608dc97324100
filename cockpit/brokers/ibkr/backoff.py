"""How long to wait before the next attempt to connect."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

LONGEST: Final = 60.0

Backoff = Callable[[int], float]
"""Seconds to wait after so many attempts in a row that failed, from 1 on."""


def jittered(random: Random) -> Backoff:
    """Return 1, 2, 4 … 60 seconds, each shortened by up to a quarter, so that two lines don't knock together."""

    def wait(failed: int) -> float:
        return min(LONGEST, 2.0 ** min(max(failed, 1) - 1, 10)) * (1 - random.random() / 4)

    return wait
