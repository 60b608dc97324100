"""The day's calls in numbers: how many, how many denied, how fast; in all and by client."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import date
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.events import CallFinished, Event, Outcome, RequestsTurnedAway
from cockpit.model.identity import ClientName
from cockpit.operator.view import Counters

_TIMED: Final = 500
_RECENT: Final = 200


@dataclass(slots=True)
class Tally:
    """Calls of one client today."""

    calls: int = 0
    denied: int = 0


class CallCounter:
    """Counts finished calls. Starts again at midnight UTC."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._day: date = clock.now().date()
        self._calls = self._denied = self._errors = self._turned_away = 0
        self._times: deque[float] = deque(maxlen=_TIMED)
        self._recent: deque[CallFinished] = deque(maxlen=_RECENT)
        self._clients: dict[ClientName, Tally] = {}

    def count(self, event: Event) -> None:
        """Take a finished call, or requests that were too many; other events are nothing to it."""
        if not isinstance(event, CallFinished | RequestsTurnedAway):
            return
        if event.at.date() != self._day:
            self._day = event.at.date()
            self._calls = self._denied = self._errors = self._turned_away = 0
            self._clients.clear()
        if isinstance(event, RequestsTurnedAway):
            self._turned_away += event.count
            return
        tally = self._clients.setdefault(event.client, Tally())
        self._calls += 1
        tally.calls += 1
        if event.outcome is Outcome.DENIED:
            self._denied += 1
            tally.denied += 1
        elif event.outcome is Outcome.ERROR:
            self._errors += 1
        if event.tool != "wait_for_order":
            # Its length is how long a human took, not how fast the host is.
            self._times.append(event.duration_ms)
        self._recent.append(event)

    def of(self, client: ClientName) -> Tally:
        """Return a client's calls today."""
        return self._clients.get(client) or Tally()

    def counters(self) -> Counters:
        """Return the day's numbers; percentiles are over the newest 500 calls that don't wait for a human."""
        times = sorted(self._times)
        half = times[len(times) // 2] if times else None
        most = times[min(len(times) - 1, len(times) * 95 // 100)] if times else None
        return Counters(self._calls, self._denied, self._errors, half, most, self._turned_away)

    def recent(self) -> tuple[CallFinished, ...]:
        """Return the newest calls, oldest first."""
        return tuple(self._recent)
