"""The operator's one door: what a screen, a command line or a second terminal may ask of the cockpit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from cockpit.model.events import Event
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Answer, Command
from cockpit.operator.view import ClientTicket, OrderTicket, Snapshot


class Subscription(Protocol):
    """Events for one face: a bounded queue that it drains at its own pace."""

    events: deque[Event]
    """Oldest first; the face takes them from the left."""
    missed: int
    """Events that were dropped because the queue was full; the face takes a new snapshot and sets it to 0."""

    def close(self) -> None:
        """Stop receiving."""
        ...


class Face(Protocol):
    """Looks and commands. Looks are cheap and never wait; commands are recorded before they are answered."""

    def snapshot(self) -> Snapshot: ...

    def subscribe(self, size: int = 50_000, wake: Callable[[Event], None] | None = None) -> Subscription:
        """Start receiving events. ``wake`` is called for each, at once, in the loop; it must not wait or raise."""
        ...

    async def run(self, command: Command) -> Answer: ...

    async def order_ticket(self, order_id: OrderId) -> OrderTicket | Refusal:
        """Price and check an order for the operator's eyes; nothing changes."""
        ...

    def attached(self) -> None:
        """Say that a screen is there, which alone proves nobody."""
        ...

    def detached(self) -> None:
        """Say that a screen has gone."""
        ...

    def touched(self) -> None:
        """Say that a key was pressed on a screen: the operator is present."""
        ...

    async def client_ticket(self, code: str) -> ClientTicket | Refusal:
        """Select the one request whose browser shows ``code``; nothing changes."""
        ...
