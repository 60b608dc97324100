"""What an examination found: each with how bad it is, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad something is."""

    GOOD = "good"
    WARNING = "warning"
    """It works, and somebody should know."""
    BAD = "bad"
    """The cockpit doesn't start, or clients don't reach it, or it isn't safe."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    part: str
    """What it belongs to: settings, folders, clock, network, brokers, real money, web sign-in, terminal."""
    says: str
    mend: str = ""
    """What the owner of the host can do; empty where nothing has to be mended."""


def good(part: str, says: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(Level.GOOD, part, says)


def warning(part: str, says: str, mend: str) -> Finding:
    """Say that something works but should be known."""
    return Finding(Level.WARNING, part, says, mend)


def bad(part: str, says: str, mend: str) -> Finding:
    """Say that something is wrong."""
    return Finding(Level.BAD, part, says, mend)


def worst(findings: Sequence[Finding]) -> Level:
    """Return the worst level among findings."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.GOOD)
