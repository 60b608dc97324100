"""Words that clients send to the operator: marked as theirs, few, and never louder than the cockpit's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import ClientName
from cockpit.model.text import Safe, safe

LONGEST_MESSAGE: Final = 300
EVERY_SECONDS: Final = 10.0
"""How far apart the messages of one client are at least."""


class Messages:
    """Hands clients' messages to the operator's notices."""

    def __init__(self, clock: Clock, publish: Callable[[Event], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._last: dict[ClientName, float] = {}

    def wait(self, client: ClientName) -> float:
        """Return 0, or the seconds until the client may send its next one."""
        last = self._last.get(client)
        return 0.0 if last is None else max(0.0, last + EVERY_SECONDS - self._clock.monotonic())

    def send(self, client: ClientName, text: str) -> Safe:
        """Show a message and return it as it is shown: in quotation marks, behind the client's name.

        It is no bad notice whatever it says: only the cockpit decides what is bad.
        """
        self._last[client] = self._clock.monotonic()
        said = safe(" ".join(text.split()).replace("”", '"'), LONGEST_MESSAGE)
        shown = safe(f"{client} says “{said}”", LONGEST_MESSAGE + 60)
        self._publish(Notice(self._clock.now(), shown, False, client))
        return shown
