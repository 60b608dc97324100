"""When one contract trades: the strings of its contract details as sessions in UTC. Pure; nothing beyond them is guessed.

TWS writes ``20260413:0930-20260413:1600;20260414:CLOSED`` in the zone of the contract, older ones
``20260413:0930-1600,1700-1800``. A session may begin on the evening before the day that it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from cockpit.model.quotes import MarketClock
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe

T = TypeVar("T")

_MOST_TEXT: Final = 20_000
_DAY: Final = timedelta(days=1)
_CLOSED: Final = re.compile(r"([0-9]{8}):CLOSED")
_SPAN: Final = re.compile(r"(?:([0-9]{8}):)?([0-9]{4})-(?:([0-9]{8}):)?([0-9]{4})")
_ZONES: Final = {
    "EST5EDT": "America/New_York",
    "EST": "America/New_York",
    "CST": "America/Chicago",
    "MET": "Europe/Berlin",
    "JST": "Asia/Tokyo",
    "HKT": "Asia/Hong_Kong",
    "GMT": "Europe/London",
    "BST": "Europe/London",
}
"""Zones that TWS names by letters which elsewhere mean no daylight saving, or another place."""


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of trading: open at its first instant, closed from its last one on."""

    day: date
    """The trading day it belongs to: by the zone's own date, the one on which it ends."""
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Sessions:
    """What TWS tells of the coming days, by time."""

    zone: ZoneInfo
    spans: tuple[Span, ...]
    closed: frozenset[date]
    """Days that are told to have no session."""

    def is_open(self, at: datetime) -> bool:
        """Whether it trades at that instant."""
        return any(span.opens_at <= at < span.closes_at for span in self.spans)

    def next_open(self, at: datetime) -> datetime | None:
        """Return when trading begins next, or None where that isn't told."""
        return next((opens for opens, _ in self._stretches() if opens > at), None)

    def next_close(self, at: datetime) -> datetime | None:
        """Return when trading ends next, or None where that isn't told: what trades around the clock ends with the telling."""
        stretches = self._stretches()
        found = next(((opens, closes) for opens, closes in stretches if closes > at), None)
        if found is None or (found == stretches[-1] and found[1] - found[0] >= _DAY):
            return None
        return found[1]

    def knows(self, at: datetime) -> bool:
        """Whether the instant lies within the days that are told."""
        day = at.astimezone(self.zone).date()
        days = {span.day for span in self.spans} | self.closed
        return bool(days) and (min(days) <= day <= max(days) or self.is_open(at))

    def opens(self, day: date) -> datetime:
        """Return when a trading day opens: as it is told, else as usual, else at midnight of the zone."""
        told = [span.opens_at for span in self.spans if span.day == day]
        if told:
            return min(told)
        midnight = datetime.combine(day, time(), self.zone)
        usual = self._usual()
        if usual is None:
            return midnight.astimezone(UTC)
        days, opening = usual
        return datetime.combine(day + _DAY * days, opening, self.zone).astimezone(UTC)

    def closes(self, day: date) -> datetime | None:
        """Return when a trading day closes, or None where that isn't told."""
        return max((span.closes_at for span in self.spans if span.day == day), default=None)

    def usual_close(self) -> time | None:
        """Return the local time at which the days that are told close most often."""
        return _most([span.closes_at.astimezone(self.zone).time() for span in self.spans])

    def seconds(self) -> int | None:
        """Return how long a usual trading day is, or None where no day is told."""
        lengths: dict[date, int] = {}
        for span in self.spans:
            lengths[span.day] = lengths.get(span.day, 0) + int((span.closes_at - span.opens_at).total_seconds())
        return _most(list(lengths.values()))

    def _stretches(self) -> list[tuple[datetime, datetime]]:
        """Return from when until when it trades without a pause, whichever days that belongs to."""
        found: list[tuple[datetime, datetime]] = []
        for span in self.spans:
            if found and span.opens_at <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], span.closes_at)
            else:
                found.append((span.opens_at, span.closes_at))
        return found

    def _usual(self) -> tuple[int, time] | None:
        """Return how many days off its day and at which local time a session usually opens."""
        first: dict[date, datetime] = {}
        for span in self.spans:
            first.setdefault(span.day, span.opens_at.astimezone(self.zone))
        return _most([((opening.date() - day).days, opening.time()) for day, opening in first.items()])


def zone(name: str) -> ZoneInfo | None:
    """Return the zone that TWS means, such as ``US/Eastern`` or ``EST (Eastern Standard Time)``; None for none."""
    key = name.partition("(")[0].strip()
    if not re.fullmatch(r"[A-Za-z0-9_+\-/]{1,40}", key):
        return None
    try:
        return ZoneInfo(_ZONES.get(key, key))
    except (LookupError, ValueError, OSError):
        return None


def sessions(text: str, zone_name: str) -> Sessions | None:
    """Read trading or liquid hours; None where zone or text can't be read, so that nothing is taken for known."""
    where = zone(zone_name)
    if where is None or len(text) > _MOST_TEXT:
        return None
    spans: list[Span] = []
    closed: set[date] = set()
    try:
        for part in filter(None, text.replace(" ", "").split(";")):
            shut = _CLOSED.fullmatch(part)
            if shut is not None:
                closed.add(_day(shut[1]))
            else:
                spans += _spans(part, where)
    except ValueError:
        return None
    if not spans and not closed:
        return None
    return Sessions(where, tuple(_joined(sorted(spans, key=lambda span: span.opens_at))), frozenset(closed))


def market_clock(found: Sessions | None, now: datetime, source: str, whose: str) -> MarketClock:
    """Return what clients are told; raises Refused with SESSION_UNKNOWN where the hours don't reach to now."""
    if found is None or not found.knows(now):
        raise Refused(refuse("SESSION_UNKNOWN", "The broker doesn't tell the hours of today.", symbol=whose))
    return MarketClock(
        now=now,
        is_open=found.is_open(now),
        opens_at=found.next_open(now),
        closes_at=found.next_close(now),
        source=source,
        note=safe(f"Regular hours of {whose}, as the broker tells them for the coming days."),
    )


def _spans(part: str, where: ZoneInfo) -> Iterator[Span]:
    day: date | None = None
    for piece in part.split(","):
        found = _SPAN.fullmatch(piece)
        if found is None:
            raise ValueError(piece)
        starts = _day(found[1]) if found[1] else day
        if starts is None:
            raise ValueError(piece)
        ends = _day(found[3]) if found[3] else starts
        if (ends, found[4]) <= (starts, found[2]) and not found[3]:
            # The old form names one day alone: hours that seem to go back begin on the evening before it.
            starts -= _DAY
        if not (starts, found[2]) < (ends, found[4]):
            raise ValueError(piece)
        day = ends
        opens_at, closes_at = _at(starts, found[2], where), _at(ends, found[4], where)
        if opens_at < closes_at:
            # Of an hour that the change to summer time leaves out there is nothing.
            yield Span(_belongs(closes_at, where), opens_at, closes_at)


def _belongs(closes_at: datetime, where: ZoneInfo) -> date:
    """Return the day that ends with a session: one that ends at midnight belongs to the day before."""
    return (closes_at - timedelta(seconds=1)).astimezone(where).date()


def _joined(spans: list[Span]) -> Iterator[Span]:
    """Join what follows without a pause, and what overlaps, on one day."""
    last: Span | None = None
    for span in spans:
        if last is not None and span.opens_at <= last.closes_at and span.day == last.day:
            last = Span(last.day, last.opens_at, max(last.closes_at, span.closes_at))
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _at(day: date, clock: str, where: ZoneInfo) -> datetime:
    hour, minute = int(clock[:2]), int(clock[2:])
    if hour == 24 and minute == 0:
        day, hour = day + _DAY, 0
    return datetime.combine(day, time(hour, minute), where).astimezone(UTC)


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _most(values: list[T]) -> T | None:
    return max(set(values), key=lambda value: (values.count(value), str(value))) if values else None
