"""Holds that a limit sets by itself and that only the operator releases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cockpit.model.text import Safe


class LatchKind(StrEnum):
    """What was broken."""

    DAILY_LOSS = "daily_loss"
    """The connection only reduces."""
    DRAWDOWN = "drawdown"
    """The connection takes no orders at all."""
    REPEATED_EXECUTION = "repeated_execution"
    """The client is held."""
    REJECT_RATE = "reject_rate"
    """The client is held."""


OF_CONNECTIONS = frozenset({LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN})
"""Kinds that hold a connection; the others hold a client."""


@dataclass(frozen=True, slots=True)
class Latch:
    """One hold: what it holds, since when, and what it was set for."""

    kind: LatchKind
    subject: str
    """Name of the connection or of the client."""
    since: datetime
    reason: Safe

    @property
    def latch_id(self) -> str:
        """Return the name by which the operator releases it."""
        return f"{self.kind}:{self.subject}"
