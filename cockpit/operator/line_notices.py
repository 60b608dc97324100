"""Which changes of a broker's line the operator is told of: that it is no longer ready and why, and that it is again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cockpit.model.clock import Clock
from cockpit.model.events import Event, LinkChanged, Notice
from cockpit.model.text import safe
from cockpit.model.trading import Link


class LineNotices:
    """Tells once of each time that a line is not ready, however often it is dialled meanwhile."""

    def __init__(self, clock: Clock, publish: Callable[[Event], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._since: dict[str, datetime] = {}
        """Since when the lines that are not ready are so."""

    def happened(self, event: Event) -> None:
        """Take an event. A line that is being dialled for the first time is no news."""
        if not isinstance(event, LinkChanged):
            return
        name = event.connection
        if event.link == Link.READY:
            if (since := self._since.pop(name, None)) is not None:
                lasted = int((self._clock.now() - since).total_seconds())
                length = f"{lasted} s" if lasted < 60 else f"{lasted // 60} min"
                self._publish(
                    Notice(self._clock.now(), safe(f"{name}: its line is ready again after {length}."), False)
                )
        elif event.link != Link.CONNECTING and name not in self._since:
            self._since[name] = event.at
            why = f" ({event.reason})" if event.reason else ""
            says = f"{name}: its line is {event.link}{why}. No order passes until it is ready again."
            self._publish(Notice(self._clock.now(), safe(says, 400), True))
