"""The rooms behind the operator's door, handed over by whoever built them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cockpit.desk.arming import Arming
from cockpit.desk.book import Book
from cockpit.desk.by_hand import ByHand
from cockpit.desk.connections import Connections
from cockpit.desk.decisions import Decisions
from cockpit.desk.oversight import Oversight
from cockpit.desk.presence import Presence
from cockpit.desk.rulebook import Rulebook
from cockpit.desk.shadow import Shadows
from cockpit.desk.switch import Switch
from cockpit.model.clock import Clock
from cockpit.operator.feed import Feed
from cockpit.settings.model import Settings
from cockpit.store.database import Store
from oauth.authority import Authority
from oauth.totp import Totp

if TYPE_CHECKING:  # its libraries are an extra
    from oauth.web.access import WebAccess

Examination = Callable[[], Sequence[str]]
"""Looks at the host, and returns a sentence for each thing that is wrong. It may take seconds: run it in a thread."""


def nothing_wrong() -> Sequence[str]:
    """Find nothing: for whoever examines nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class OperatorRooms:
    """What the operator's acts stand on."""

    settings: Settings
    store: Store
    authority: Authority
    connections: Connections
    switch: Switch
    book: Book
    decisions: Decisions
    oversight: Oversight
    rulebook: Rulebook
    presence: Presence
    shadows: Shadows
    feed: Feed
    clock: Clock
    totp: Totp
    by_hand: ByHand
    arming: Arming
    log_lines: Callable[[], Sequence[str]] = tuple
    """The newest lines of the host's log, oldest first."""
    web: WebAccess | None = None
    """Where the operator signs in at a web page, if the settings want that."""
    examined: Examination = nothing_wrong
    """Says what `cockpit doctor` finds wrong now, a sentence each."""
