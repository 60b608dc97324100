"""One exchange's trading calendar: which days have a session, and from when to when. Pure lookups in a shipped table.

The table knows the years 2015 to 2030, and of some exchanges less. Beyond it nothing is guessed: what is asked there is
refused with SESSION_UNKNOWN. Closures that an exchange announced after the table was made are not in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cockpit.model.refusals import Refused, refuse

MOST_DAYS: Final = 3700
"""Days of one question: ten years."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """Local times of a session."""

    opens: time
    closes: time
    pause: tuple[time, time] | None = None
    """Beginning and end of a break in the middle."""


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day. Opens at its first instant, is closed from its last one on."""

    day: date
    """By the exchange's own date."""
    opens_at: datetime
    closes_at: datetime
    pause: tuple[datetime, datetime] | None
    special: bool
    """Whether the hours differ from the usual ones."""

    def holds(self, at: datetime) -> bool:
        """Whether the exchange trades at that instant."""
        if not self.opens_at <= at < self.closes_at:
            return False
        return self.pause is None or not self.pause[0] <= at < self.pause[1]


@dataclass(frozen=True)
class Calendar:
    """One exchange, by its ISO 10383 code."""

    name: str
    zone: ZoneInfo
    first: date
    last: date
    """Between which days the table knows it, both included."""
    week: frozenset[int]
    """Days of the week with sessions; Monday is 0."""
    normal: tuple[tuple[date, Hours], ...]
    """Usual hours, each from a day on."""
    closed: frozenset[date]
    """Days of the week's usual ones without a session."""
    special: Mapping[date, Hours]
    """Sessions with hours of their own, on usual days or others."""

    def session(self, day: date) -> Session | None:
        """Return the session of that day, or None where there is none. Raises Refused beyond the table."""
        self._known(day)
        own = self.special.get(day)
        if own is None and (day.weekday() not in self.week or day in self.closed):
            return None
        hours = own or self.normal[bisect_right(self.normal, day, key=lambda era: era[0]) - 1][1]
        pause = hours.pause and (self._at(day, hours.pause[0]), self._at(day, hours.pause[1]))
        return Session(day, self._at(day, hours.opens), self._at(day, hours.closes), pause, own is not None)

    def sessions(self, first: date, last: date) -> tuple[Session, ...]:
        """Return the sessions between two days, both included; at most ten years of them."""
        return tuple(session for session in map(self.session, self._days(first, last)) if session is not None)

    def holidays(self, first: date, last: date) -> tuple[date, ...]:
        """Return the days, of those on which it usually trades, on which it stays closed."""
        return tuple(day for day in self._days(first, last) if day in self.closed)

    def special_hours(self, first: date, last: date) -> tuple[Session, ...]:
        """Return the sessions whose hours differ from the usual ones: half days, late openings."""
        return tuple(session for session in self.sessions(first, last) if session.special)

    def is_open(self, at: datetime) -> bool:
        """Whether the exchange trades at that instant: within a session, and not in its break."""
        session = self.session(self._day_of(at))
        return session is not None and session.holds(at)

    def next_open(self, at: datetime) -> datetime:
        """Return the first instant after ``at`` at which trading begins: a session, or what follows a break."""
        return next(instant for instant in self._turns(at, opening=True) if instant > at)

    def next_close(self, at: datetime) -> datetime:
        """Return the first instant after ``at`` at which trading ends: for a break, or for the day."""
        return next(instant for instant in self._turns(at, opening=False) if instant > at)

    def last_close(self, at: datetime) -> datetime:
        """Return the end of the newest session that was over at ``at``."""
        day = self._day_of(at)
        while True:
            session = self.session(day)
            if session is not None and session.closes_at <= at:
                return session.closes_at
            day -= _DAY

    def _turns(self, at: datetime, *, opening: bool) -> Iterator[datetime]:
        day = self._day_of(at)
        while True:
            session = self.session(day)
            if session is not None:
                if session.pause is not None and not opening:
                    yield session.pause[0]
                yield session.opens_at if opening else session.closes_at
                if session.pause is not None and opening:
                    yield session.pause[1]
            day += _DAY

    def _days(self, first: date, last: date) -> Iterator[date]:
        if last < first or (last - first).days > MOST_DAYS:
            raise Refused(refuse("BAD_ARGUMENTS", f"Ask for 1 to {MOST_DAYS} days in their order."))
        self._known(first)
        self._known(last)
        return (first + _DAY * number for number in range((last - first).days + 1))

    def _known(self, day: date) -> None:
        if not self.first <= day <= self.last:
            raise Refused(
                refuse("SESSION_UNKNOWN", calendar=self.name, day=day, knows_from=self.first, knows_until=self.last)
            )

    def _day_of(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def _at(self, day: date, local: time) -> datetime:
        return datetime.combine(day, local, self.zone).astimezone(UTC)
