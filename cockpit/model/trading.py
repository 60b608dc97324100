"""How free the clients are, as the operator's switch says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cockpit.model.text import Safe


class TradingState(StrEnum):
    """From free to stopped. Only the operator moves it towards freedom."""

    RUNNING = "RUNNING"
    REDUCE_ONLY = "REDUCE-ONLY"
    HALTED = "HALTED"
    """No writes but cancels."""
    KILLED = "KILLED"
    """Nothing: every authority is dead."""


@dataclass(frozen=True, slots=True)
class TradingSwitch:
    """Where the switch stands, since when, and why."""

    state: TradingState
    since: datetime
    reason: Safe


class Mode(StrEnum):
    """Whether a connection's money is real."""

    PAPER = "paper"
    LIVE = "live"


class Link(StrEnum):
    """State of the line to a broker."""

    CONNECTING = "connecting"
    READY = "ready"
    DEGRADED = "degraded"
    DOWN = "down"
