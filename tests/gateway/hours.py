"""When the gateway's venues trade, and the strings in which TWS tells it (ContractDetails.tradingHours and liquidHours)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

MIDNIGHT: Final = time(0)
_SATURDAY: Final = 5
_STRETCH: Final = 6
"""Days that the strings reach over, today included."""


@dataclass(frozen=True, slots=True)
class Hours:
    """One kind of session of a venue, every trading day alike, in the venue's own time."""

    opens: time
    closes: time
    from_eve: bool = False
    """Whether it opens on the calendar day before, as FX and futures do."""


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: its reference date, and the local times between which it trades; none when it is closed."""

    day: date
    opens_at: datetime | None = None
    closes_at: datetime | None = None

    @property
    def text(self) -> str:
        """As TWS writes it: ``20261123:0930-20261123:1600`` or ``20261121:CLOSED``."""
        if self.opens_at is None or self.closes_at is None:
            return f"{self.day:%Y%m%d}:CLOSED"
        return f"{self.opens_at:%Y%m%d:%H%M}-{self.closes_at:%Y%m%d:%H%M}"


@dataclass
class Venue:
    """Hours of one market, with the days on which it differs from them."""

    zone: str
    """As TWS names it, such as ``US/Eastern``."""
    trading: Hours
    liquid: Hours
    holidays: set[date] = field(default_factory=set)
    early: dict[date, time] = field(default_factory=dict)
    """Days that close early, and when."""
    always: bool = False
    """Never closed: for tests that have to run at any hour of any day."""

    def session(self, day: date, hours: Hours) -> Session:
        """Return what happens on one trading day."""
        zone = ZoneInfo(self.zone)
        if self.always:
            start = datetime.combine(day, MIDNIGHT, zone)
            return Session(day, start, datetime.combine(day + timedelta(days=1), MIDNIGHT, zone))
        if day.weekday() >= _SATURDAY or day in self.holidays:
            return Session(day)
        opens_on = day - timedelta(days=1) if hours.from_eve else day
        closes = min(hours.closes, self.early.get(day, hours.closes))
        return Session(day, datetime.combine(opens_on, hours.opens, zone), datetime.combine(day, closes, zone))

    def sessions(self, last: date, count: int, hours: Hours) -> tuple[Session, ...]:
        """Return the last ``count`` days that traded up to and including ``last``, oldest first."""
        found: list[Session] = []
        day = last
        while len(found) < count:
            session = self.session(day, hours)
            if session.opens_at is not None:
                found.append(session)
            day -= timedelta(days=1)
        return tuple(reversed(found))

    def text(self, now: datetime, hours: Hours) -> str:
        """Return the coming days as TWS writes them, from today in the venue's own time."""
        return ";".join(session.text for session in self._coming(now, hours))

    def _coming(self, now: datetime, hours: Hours) -> Iterator[Session]:
        today = now.astimezone(ZoneInfo(self.zone)).date()
        for ahead in range(_STRETCH):
            yield self.session(today + timedelta(days=ahead), hours)


def us_stocks() -> Venue:
    """US stock exchanges, with the hours before and after."""
    return Venue("US/Eastern", Hours(time(4), time(20)), Hours(time(9, 30), time(16)))


def us_options() -> Venue:
    """US option exchanges."""
    return Venue("US/Eastern", Hours(time(9, 30), time(16)), Hours(time(9, 30), time(16)))


def xetra() -> Venue:
    """Xetra in Frankfurt."""
    return Venue("MET", Hours(time(9), time(17, 30)), Hours(time(9), time(17, 30)))


def fx() -> Venue:
    """Interbank currencies, New York time, from the evening before."""
    hours = Hours(time(17, 15), time(17), from_eve=True)
    return Venue("US/Eastern", hours, hours)


def futures() -> Venue:
    """Futures in Chicago, from the evening before, with the hours in which most trades."""
    return Venue("US/Central", Hours(time(17), time(16), from_eve=True), Hours(time(8, 30), time(16)))
