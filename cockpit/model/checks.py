"""What a risk check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cockpit.model.refusals import Mender


class Applies(StrEnum):
    """Whether a check had anything to say about this order."""

    YES = "yes"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one order: passed, refused, or not applicable (which passes and says so)."""

    code: str
    ok: bool
    limit: str
    """What is allowed, in words and numbers; empty where there is no limit."""
    value: str
    """What the order would do, in the same unit."""
    message: str
    retryable: bool
    who_can_fix: Mender
    applies: Applies = Applies.YES
