"""What happened: the events that the desk, the authorization server and the host publish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cockpit.model.identity import ClientName, GrantId
from cockpit.model.latches import Latch
from cockpit.model.orders import Order
from cockpit.model.text import Safe
from cockpit.model.trading import TradingSwitch


@dataclass(frozen=True, slots=True)
class Event:
    """Base of everything that is published."""

    at: datetime


class Outcome(StrEnum):
    """How a call ended, as stream, counters and audit name it."""

    OK = "ok"
    WAIT = "wait"
    """The call was fine and its order now waits for the operator."""
    DENIED = "denied"
    """Refused by us: scope, switch, budget, risk or approval."""
    ERROR = "error"
    """The arguments, the broker or the host failed."""


@dataclass(frozen=True, slots=True)
class CallFinished(Event):
    """A client's call of a tool, after its outcome was recorded."""

    number: int
    """Its place in the audit chain."""
    client: ClientName
    tool: Safe
    outcome: Outcome
    code: str
    """Refusal code, or empty."""
    duration_ms: float
    summary: Safe
    """What it was about, in a few words: the symbol, the order, the refusal's facts."""


@dataclass(frozen=True, slots=True)
class OrderChanged(Event):
    """An order has a new version; the change is durable."""

    order: Order


@dataclass(frozen=True, slots=True)
class ClientAsked(Event):
    """A browser shows a code and waits for the operator. The code itself is never published."""

    request_id: str


@dataclass(frozen=True, slots=True)
class ClientAskEnded(Event):
    """A waiting client was let in, denied, or expired."""

    request_id: str
    how: Safe


@dataclass(frozen=True, slots=True)
class GrantChanged(Event):
    """A grant was made, or its scopes changed."""

    grant_id: GrantId
    client: ClientName


@dataclass(frozen=True, slots=True)
class GrantEnded(Event):
    """A grant is dead: its streams close, its waits end."""

    grant_id: GrantId
    client: ClientName
    reason: Safe


@dataclass(frozen=True, slots=True)
class SwitchMoved(Event):
    """The trading switch stands somewhere else."""

    switch: TradingSwitch


@dataclass(frozen=True, slots=True)
class LinkChanged(Event):
    """A broker's line came up or went down."""

    connection: str
    link: str
    reason: Safe


@dataclass(frozen=True, slots=True)
class LatchChanged(Event):
    """A limit latched by itself, or the operator released it."""

    latch: Latch
    is_set: bool


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something that the operator should read."""

    text: Safe
    bad: bool
    client: str = ""
    """Whose words they are; empty: the cockpit's own."""


@dataclass(frozen=True, slots=True)
class RequestsTurnedAway(Event):
    """So many requests that need no authority came too fast and were refused, since the last such event."""

    count: int
