"""Bars of a market that is a pure function of time: the same request brings the same bars whatever trades meanwhile."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from tests.gateway.hours import Session
from tests.gateway.world import Listing, World

SIZES: Final = {
    "1 secs": 1, "5 secs": 5, "10 secs": 10, "15 secs": 15, "30 secs": 30, "1 min": 60, "2 mins": 120, "3 mins": 180,
    "5 mins": 300, "10 mins": 600, "15 mins": 900, "20 mins": 1200, "30 mins": 1800, "1 hour": 3600, "2 hours": 7200,
    "3 hours": 10800, "4 hours": 14400, "8 hours": 28800, "1 day": 86400, "1 week": 604800, "1 month": 2592000,
}  # fmt: skip
"""Seconds of each bar size by the name that TWS gives it."""
DAY: Final = 86400
MOST: Final = 20_000
HEAD: Final = date(2015, 1, 2)
"""Nothing traded before."""
_ROUGH: Final = 7
_POINTS: Final = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; a date where it lasts a day or longer, otherwise the instant at which it opens."""

    starts: datetime | date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    average: Decimal
    count: int


class TooLong(Exception):
    """More bars than are given at once."""


def sessions_before(world: World, listing: Listing, end: datetime, *, regular: bool) -> Iterator[Session]:
    """Give the sessions that opened before ``end``, newest first, back to the first day of all."""
    venue, hours = listing.venue, world.hours(listing, liquid=regular)
    day = end.astimezone(ZoneInfo(venue.zone)).date() + timedelta(days=1)
    while day >= HEAD:
        session = venue.session(day, hours)
        if session.opens_at is not None and session.opens_at < end:
            yield session
        day -= timedelta(days=1)


def reach(
    world: World, listing: Listing, end: datetime, duration: str, *, regular: bool
) -> list[tuple[Session, datetime]]:
    """Return the sessions within a duration such as ``2 D`` with the instant from which each counts, oldest first.

    Days are days that trade; seconds are seconds of trading. Raises ValueError where the duration can't be read.
    """
    count_text, _, unit = duration.partition(" ")
    count = int(count_text)
    if count < 1 or unit not in {"S", "D", "W", "M", "Y"}:
        raise ValueError(f"Invalid duration {duration}")
    found: list[tuple[Session, datetime]] = []
    left = timedelta(seconds=count)
    start = end - timedelta(days=count * {"W": 7, "M": 30, "Y": 365}.get(unit, 0))
    for session in sessions_before(world, listing, end, regular=regular):
        opens, closes = session.opens_at, session.closes_at
        if opens is None or closes is None:
            continue
        stops = min(closes, end)
        if unit == "S":
            found.append((session, max(opens, stops - left)))
            left -= stops - opens
            if left <= timedelta(0):
                break
        elif unit == "D":
            found.append((session, opens))
            if len(found) == count:
                break
        else:
            if closes <= start:
                break
            found.append((session, max(opens, start)))
        if len(found) > MOST:
            raise TooLong
    return found[::-1]


def series(world: World, listing: Listing, end: datetime, duration: str, size: str, *, regular: bool) -> list[Bar]:
    """Return the bars of a duration up to ``end``, oldest first; the last one may not be over."""
    seconds = SIZES[size]
    days = reach(world, listing, end, duration, regular=regular)
    if seconds >= DAY:
        whole = [_bar(world, listing, one.day, one.opens_at or end, min(one.closes_at or end, end)) for one, _ in days]
        return whole if seconds == DAY else [_joined(bars) for bars in _periods(whole, size)]
    open_seconds = sum((min(one.closes_at or end, end) - begins).total_seconds() for one, begins in days)
    if open_seconds / seconds > MOST:
        raise TooLong
    found: list[Bar] = []
    for session, begins in days:
        at = begins
        stops = min(session.closes_at or end, end)
        while at < stops:
            # Bars end at full multiples of their length: the first one of a day may be shorter.
            after = at + timedelta(seconds=seconds - int(at.timestamp()) % seconds)
            found.append(_bar(world, listing, at, at, min(after, stops)))
            at = after
    return found


def _periods(days: list[Bar], size: str) -> Iterator[list[Bar]]:
    def period(bar: Bar) -> tuple[int, int]:
        year, week, _ = bar.starts.isocalendar()
        return (year, week) if size == "1 week" else (bar.starts.year, bar.starts.month)

    for _, members in groupby(days, period):
        yield list(members)


def _joined(bars: list[Bar]) -> Bar:
    volume = sum((one.volume for one in bars), Decimal(0))
    high, low = max(one.high for one in bars), min(one.low for one in bars)
    return Bar(
        bars[-1].starts,
        bars[0].open,
        high,
        low,
        bars[-1].close,
        volume,
        bars[-1].average,
        sum(one.count for one in bars),
    )


def _bar(world: World, listing: Listing, starts: datetime | date, opens: datetime, closes: datetime) -> Bar:
    first, last = opens.timestamp(), closes.timestamp()
    prices = [_price(world, listing, first + (last - first) * point / _POINTS) for point in range(_POINTS + 1)]
    wick = listing.tick * (_noise(listing.con_id, int(first)) % _ROUGH)
    volume = 1000 * (100 + _noise(listing.con_id, int(first) + 1) % 900)
    average = (sum(prices, Decimal(0)) / len(prices)).quantize(listing.tick / 100)
    return Bar(
        starts,
        prices[0],
        max(prices) + wick,
        max(listing.tick, min(prices) - wick),
        prices[-1],
        Decimal(volume),
        average,
        volume // 10,
    )


def _price(world: World, listing: Listing, at: float) -> Decimal:
    """Return the price at an instant: waves of a month, a week, a day and an hour around the price it was listed with."""
    listed = world.anchor(listing)
    wave = sum(
        share * math.sin(2 * math.pi * at / length + listing.con_id % 7)
        for length, share in ((30 * DAY, 0.04), (7 * DAY, 0.015), (DAY, 0.008), (3600, 0.002))
    )
    steps = (listed * Decimal(str(round(1 + wave, 9))) / listing.tick).quantize(Decimal(1), ROUND_HALF_UP)
    return max(listing.tick, steps * listing.tick)


def _noise(con_id: int, second: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{con_id}/{second}".encode(), digest_size=4).digest())


def midnight(day: date, zone: str) -> datetime:
    """Return the start of a day in a zone."""
    return datetime.combine(day, time(0), ZoneInfo(zone))
