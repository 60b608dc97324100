"""When a paper account's market trades, and when its DAY orders end: always, or as an exchange does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from cockpit.brokers.paper.engine import last_midnight
from cockpit.model.calendars.calendar import Calendar
from cockpit.model.calendars.shipped import calendar
from cockpit.model.quotes import MarketClock
from cockpit.model.refusals import Refusal, Refused

ALWAYS: Final = "always"


@dataclass(frozen=True, slots=True)
class Moment:
    """What a calendar says about an instant."""

    open: bool
    day_ended_at: datetime | None
    """DAY orders made before it have ended; None where nothing is known."""
    unknown: Refusal | None = None
    """Why nothing is known: then nothing trades, and nothing is taken."""


class Hours(Protocol):
    """One market's hours."""

    def at(self, now: datetime) -> Moment: ...

    def clock(self, now: datetime, source: str) -> MarketClock:
        """Return what clients are told; raises Refused where the calendar ends."""
        ...


class AlwaysOpen:
    """A market that never closes; its days end at midnight, UTC."""

    def at(self, now: datetime) -> Moment:
        return Moment(open=True, day_ended_at=last_midnight(now))

    def clock(self, now: datetime, source: str) -> MarketClock:
        note = "The simulated market never closes; DAY orders end at midnight UTC."
        return MarketClock(now=now, is_open=True, opens_at=None, closes_at=None, source=source, note=note)


class ExchangeHours:
    """A simulated market that keeps an exchange's sessions."""

    def __init__(self, exchange: Calendar) -> None:
        self._calendar = exchange

    def at(self, now: datetime) -> Moment:
        try:
            return Moment(open=self._calendar.is_open(now), day_ended_at=self._calendar.last_close(now))
        except Refused as refused:
            return Moment(open=False, day_ended_at=None, unknown=refused.refusal)

    def clock(self, now: datetime, source: str) -> MarketClock:
        return MarketClock(
            now=now,
            is_open=self._calendar.is_open(now),
            opens_at=self._calendar.next_open(now),
            closes_at=self._calendar.next_close(now),
            source=source,
            note=f"The simulated market keeps the hours of {self._calendar.name}; DAY orders end at its close.",
        )


def hours(session: str) -> Hours:
    """Return the hours that a connection's settings name."""
    return AlwaysOpen() if session == ALWAYS else ExchangeHours(calendar(session))
