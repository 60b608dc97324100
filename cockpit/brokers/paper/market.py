"""The invented market: every price and every bar is a pure function of seed, symbol and second.

A day's open and close come from a chain that returns to the listing's level; its high and low from how far a random
walk strays between two fixed ends. Each span of time is then split into smaller ones that start, end and turn exactly
where it does (day, hour, 15, 5 and 1 minutes, seconds), so that bars of every size agree with each other and with the
ticks, and any instant can be had without computing those before it. Integers alone: the same on every platform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from math import isqrt
from operator import mul
from typing import Final, NamedTuple

from cockpit.brokers.paper.instruments import LISTINGS, Listing
from cockpit.brokers.paper.noise import FRACTION, Noise, exponential
from cockpit.model.quotes import Bar, DataType, Interval, Quote
from cockpit.model.text import safe

DAY: Final = 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)

_LADDER: Final = (DAY, 3_600, 900, 300, 60)
"""Lengths of the spans, each a whole number of the next."""
_MINUTES: Final = len(_LADDER) - 1
_RUNG: Final = {
    Interval.DAY_1: (0, 1),
    Interval.HOUR_1: (1, 1),
    Interval.MIN_30: (2, 2),
    Interval.MIN_15: (2, 1),
    Interval.MIN_5: (3, 1),
    Interval.MIN_1: (4, 1),
}
"""Where on the ladder an interval's spans are, and how many of them make one bar."""

_MEMORY: Final = 512
"""Days that a shock is remembered: after them 0.6 % of it is left, and is dropped."""
_BLOCK: Final = 64
_LEAST: Final = 4
"""No price is below this many ticks, so that a bid always fits under it."""


def _weights() -> tuple[int, ...]:
    """Return what is left of a shock after each day, in 32.32 fixed point, oldest first: a hundredth goes every day."""
    left = [1 << 32]
    while len(left) < _MEMORY:
        left.append(left[-1] * 99 // 100)
    return tuple(reversed(left))


_WEIGHTS: Final = _weights()


class Span(NamedTuple):
    """What the price did in a span of time, in ticks with 16 bits behind the point, and the lots traded."""

    open: int
    high: int
    low: int
    close: int
    volume: int


class Market:
    """Prices of one seed. Reading changes nothing but bounded caches; for one thread alone."""

    def __init__(self, seed: str, listings: Mapping[str, Listing] = LISTINGS) -> None:
        self.source: Final = safe(f"paper:{seed}")
        self._listings = listings
        self._noise = Noise(seed)
        self._shocks = lru_cache(maxsize=512)(self._draw_shocks)
        self._level = lru_cache(maxsize=4096)(self._find_level)
        self._split = lru_cache(maxsize=4096)(self._find_split)
        self._seconds = lru_cache(maxsize=256)(self._find_seconds)
        self._sizes = lru_cache(maxsize=256)(self._draw_sizes)

    def quote(self, symbol: str, at: datetime) -> Quote | None:
        """Return bid, ask and sizes of the second that holds ``at``; None where nothing of that symbol is listed."""
        listing = self._listings.get(symbol)
        if listing is None:
            return None
        second = second_of(at)
        last = self.ticks(symbol, second)
        drawn = self._sizes(symbol, second // 60)[second % 60 * 4 : second % 60 * 4 + 4]
        spread = 1 if drawn[0] < 128 else 2 if drawn[0] < 213 else 3
        bid = last - drawn[1] % (spread + 1)
        tick, lot = listing.instrument.tick, listing.instrument.lot
        return Quote(
            symbol=symbol,
            bid=bid * tick,
            ask=(bid + spread) * tick,
            bid_size=(1 + drawn[2] * listing.quoted_lots // 128) * lot,
            ask_size=(1 + drawn[3] * listing.quoted_lots // 128) * lot,
            last=last * tick,
            as_of=time_of(second),
            source=self.source,
            data_type=DataType.SIMULATED,
        )

    def ticks(self, symbol: str, second: int) -> int:
        """Return the price in ticks at a second since 1970."""
        return max(_LEAST, self._seconds(symbol, second // 60)[second % 60] >> FRACTION)

    def bar(self, symbol: str, interval: Interval, index: int) -> Bar:
        """Return the bar number ``index`` since 1970.

        It holds the ticks from its first second to the first of the next bar, both included: there is no gap between
        a close and the next open.
        """
        instrument = self._listings[symbol].instrument
        rung, parts = _RUNG[interval]
        spans = [self.span(symbol, rung, index * parts + part) for part in range(parts)]
        first, last, tick = spans[0], spans[-1], instrument.tick
        return Bar(
            opens_at=time_of(index * interval.seconds),
            open=max(_LEAST, first.open >> FRACTION) * tick,
            high=max(_LEAST, max(span.high for span in spans) >> FRACTION) * tick,
            low=max(_LEAST, min(span.low for span in spans) >> FRACTION) * tick,
            close=max(_LEAST, last.close >> FRACTION) * tick,
            volume=sum(span.volume for span in spans) * instrument.lot,
        )

    def span(self, symbol: str, rung: int, index: int) -> Span:
        """Return span number ``index`` since 1970 of the ladder's rung."""
        if rung == 0:
            return self._day(symbol, index)
        parts = _LADDER[rung - 1] // _LADDER[rung]
        return self._split(symbol, rung - 1, index // parts)[index % parts]

    def _day(self, symbol: str, day: int) -> Span:
        listing = self._listings[symbol]
        start, end = self._level(symbol, day), self._level(symbol, day + 1)
        sigma = _sigma(listing, start, DAY)
        rise, rise_too, fall, fall_too, busy = self._noise.normals(f"{symbol}|day|{day}", 5)
        high = max(start, end) + _stray(abs(end - start), sigma, rise, rise_too)
        low = min(start, end) - _stray(abs(end - start), sigma, fall, fall_too)
        return Span(start, high, low, end, listing.daily_lots * (49_152 + abs(busy)) >> 16)

    def _find_level(self, symbol: str, day: int) -> int:
        """Return the price at the start of a day: shocks that fade, around the listing's level (AR(1), cut off)."""
        first = day - _MEMORY + 1
        blocks = range(first // _BLOCK, day // _BLOCK + 1)
        shocks = list(chain.from_iterable(self._shocks(symbol, block) for block in blocks))
        offset = first - blocks[0] * _BLOCK
        strayed = sum(map(mul, _WEIGHTS, shocks[offset : offset + _MEMORY]))
        listing = self._listings[symbol]
        away = strayed * listing.daily_volatility // 10_000 >> FRACTION
        return listing.level * exponential(away) >> 32 - FRACTION

    def _draw_shocks(self, symbol: str, block: int) -> list[int]:
        return self._noise.normals(f"{symbol}|shock|{block}", _BLOCK)

    def _find_split(self, symbol: str, rung: int, index: int) -> tuple[Span, ...]:
        """Return the spans of the next rung within one: they start, end, turn and trade exactly as the whole does."""
        whole = self.span(symbol, rung, index)
        length = _LADDER[rung + 1]
        parts = _LADDER[rung] // length
        drawn = self._noise.normals(f"{symbol}|{length}|{index}", parts * 5)
        sigma = _sigma(self._listings[symbol], whole.open, length)
        steps = drawn[:parts]
        # an eighth of the way to the extremes is left for the inside of the part that reaches them
        ends = _walk(whole, steps, sigma, 7)
        highs: list[int] = []
        lows: list[int] = []
        for part in range(parts):
            start, end = ends[part], ends[part + 1]
            at = parts + part * 4
            moved = abs(end - start)
            highs.append(min(whole.high, max(start, end) + _stray(moved, sigma, drawn[at], drawn[at + 1])))
            lows.append(max(whole.low, min(start, end) - _stray(moved, sigma, drawn[at + 2], drawn[at + 3])))
        highs[highs.index(max(highs))] = whole.high
        lows[lows.index(min(lows))] = whole.low
        traded = _shares(whole.volume, steps)
        return tuple(Span(ends[part], highs[part], lows[part], ends[part + 1], traded[part]) for part in range(parts))

    def _find_seconds(self, symbol: str, minute: int) -> list[int]:
        """Return the prices at a minute's 60 seconds and at the first of the next."""
        whole = self.span(symbol, _MINUTES, minute)
        sigma = _sigma(self._listings[symbol], whole.open, 1)
        path = _walk(whole, self._noise.normals(f"{symbol}|1|{minute}", 60), sigma, 8)
        if whole.high not in path:
            inside = path[1:60]
            path[1 + inside.index(max(inside))] = whole.high
        if whole.low not in path:
            inside = path[1:60]
            path[1 + inside.index(min(inside))] = whole.low
        return path

    def _draw_sizes(self, symbol: str, minute: int) -> bytes:
        return self._noise.octets(f"{symbol}|book|{minute}", 240)


def _sigma(listing: Listing, price: int, seconds: int) -> int:
    """Return the deviation of the price over so many seconds, in the price's own unit."""
    root = isqrt((seconds << 32) // DAY)
    return price * listing.daily_volatility * root // 10_000 >> 16


def _stray(moved: int, sigma: int, one: int, other: int) -> int:
    """Return how far a walk goes beyond its ends, which lie ``moved`` apart.

    The highest point of a Brownian bridge: the squares of two normal draws add up to -2 ln U.
    """
    beyond = (sigma * one >> FRACTION) ** 2 + (sigma * other >> FRACTION) ** 2
    return (isqrt(moved * moved + beyond) - moved) // 2


def _walk(whole: Span, steps: Sequence[int], sigma: int, eighths: int) -> list[int]:
    """Return the ends of the steps of a walk from open to close, which goes so many eighths of the way to high and low."""
    count = len(steps)
    strayed = [0]
    for step in steps:
        strayed.append(strayed[-1] + (step * sigma >> FRACTION))
    start, drift = whole.open, whole.close - whole.open - strayed[-1]
    path = [start + away + drift * number // count for number, away in enumerate(strayed)]
    top, bottom = max(whole.open, whole.close), min(whole.open, whole.close)
    peak, trough = max(path), min(path)
    up, down = (whole.high - top) * eighths >> 3, (bottom - whole.low) * eighths >> 3
    return [
        top + (price - top) * up // (peak - top)
        if price > top
        else bottom - (bottom - price) * down // (bottom - trough)
        if price < bottom
        else price
        for price in path
    ]


def _shares(volume: int, steps: Sequence[int]) -> list[int]:
    """Divide the lots among the steps, more to those that moved more, without losing one."""
    weights = [32_768 + abs(step) for step in steps]
    total, passed, given = sum(weights), 0, 0
    shares = []
    for weight in weights:
        passed += weight
        upto = volume * passed // total
        shares.append(upto - given)
        given = upto
    return shares


def second_of(at: datetime) -> int:
    """Return the whole seconds since 1970."""
    return (at - _EPOCH) // _SECOND


def time_of(second: int) -> datetime:
    """Return the instant at which a second since 1970 begins."""
    return _EPOCH + timedelta(seconds=second)
