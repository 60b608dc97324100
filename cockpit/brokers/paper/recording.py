"""Recorded bars as a CSV file: read whole, checked line by line, and refused with all that is wrong with it."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Final

from cockpit.model.instruments import SYMBOL_PATTERN
from cockpit.model.money import ZERO
from cockpit.model.quotes import Bar, Interval
from cockpit.model.text import Safe, safe

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_BARS: Final = 300_000
MOST_SYMBOLS: Final = 100
MOST_TOLD: Final = 10
"""Mistakes that are told at a time."""
MOST_PLACES: Final = 6
_MOST: Final = Decimal(1_000_000_000)
_NEEDED: Final = ("time", "open", "high", "low", "close", "volume")
_OPTIONAL: Final = ("symbol",)


class BadRecording(Exception):
    """The file can't be replayed; says which lines are wrong, and why."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds."""

    name: Safe
    digest: str
    """SHA-256 of the file, in hexadecimal."""
    interval: Interval
    """The smallest step between two bars."""
    bars: Mapping[str, tuple[Bar, ...]]
    """By symbol, oldest first."""

    @property
    def label(self) -> str:
        """Name the file and its content, as the source of each price."""
        return f"simulated:replay({self.name}, {self.digest[:12]})"


def read_recording(file: Path) -> Recording:
    """Read a file with the header ``time,open,high,low,close,volume[,symbol]``; raises BadRecording.

    Times are ISO 8601 with an offset, or whole seconds since 1970. Without a symbol column the file's name is it.
    """
    name = safe(file.name, 80)
    try:
        with file.expanduser().open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadRecording(f"{name} can't be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise BadRecording(f"{name} is larger than {MOST_BYTES // 1024 // 1024} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRecording(f"{name} is not UTF-8 at byte {error.start}") from error
    reader = _Reader(file.stem.upper())
    reader.read(text)
    interval = reader.interval() if not reader.mistakes else None
    if interval is None:
        more = len(reader.mistakes) - MOST_TOLD
        told = [*reader.mistakes[:MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]
        raise BadRecording(f"{name} can't be replayed: {'; '.join(told)}")
    return Recording(
        name,
        hashlib.sha256(content).hexdigest(),
        interval,
        {symbol: tuple(bars) for symbol, bars in sorted(reader.bars.items())},
    )


class _Reader:
    """Collects bars and mistakes of one text."""

    def __init__(self, symbol: str) -> None:
        self.bars: dict[str, list[Bar]] = {}
        self.mistakes: list[str] = []
        self._symbol = symbol

    def read(self, text: str) -> None:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            header = [cell.strip().lower() for cell in next(lines, [])]
            if not self._header(header):
                return
            for number, bar in enumerate(self._rows(lines, header)):
                if number >= MOST_BARS or len(self.bars) > MOST_SYMBOLS:
                    self.mistakes.append(f"more than {MOST_BARS} bars or {MOST_SYMBOLS} symbols")
                    return
                self._add(lines.line_num, *bar)
        except csv.Error as error:
            self._mistake(lines.line_num, str(error))
        if not self.mistakes and not self.bars:
            self.mistakes.append("there are no bars")

    def interval(self) -> Interval | None:
        """Return the smallest step between bars, where it is one of the known lengths."""
        times = sorted({bar.opens_at for bars in self.bars.values() for bar in bars})
        steps = {(later - earlier).total_seconds() for earlier, later in pairwise(times)}
        step = min(steps, default=None)
        for interval in Interval:
            if interval.seconds == step:
                return interval
        known = ", ".join(interval.value for interval in Interval)
        self.mistakes.append(
            "one time alone doesn't say how long a bar is"
            if step is None
            else f"bars {step:g} seconds apart are none of {known}"
        )
        return None

    def _header(self, header: list[str]) -> bool:
        missing = [name for name in _NEEDED if name not in header]
        strange = [safe(name, 20) for name in header if name not in {*_NEEDED, *_OPTIONAL}]
        if missing or strange or len(set(header)) != len(header):
            self._mistake(1, f"the header must be {','.join(_NEEDED)}[,{_OPTIONAL[0]}]")
            return False
        if "symbol" not in header and not re.fullmatch(SYMBOL_PATTERN, self._symbol):
            self.mistakes.append("without a symbol column the file's name must be a symbol")
            return False
        return True

    def _rows(self, lines: Iterable[list[str]], header: list[str]) -> Iterator[tuple[list[str], list[str]]]:
        return ((header, row) for row in lines if row)

    def _add(self, line: int, header: list[str], row: list[str]) -> None:
        if len(row) != len(header):
            self._mistake(line, f"{len(row)} cells instead of {len(header)}")
            return
        cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
        symbol = cells.get("symbol", self._symbol).upper()
        if not re.fullmatch(SYMBOL_PATTERN, symbol):
            self._mistake(line, f"{safe(symbol, 40)!r} is not the shape of a symbol")
            return
        at = _time(cells["time"])
        if at is None:
            self._mistake(line, "the time is neither ISO 8601 with an offset nor whole seconds since 1970")
            return
        figures = {name: _figure(cells[name]) for name in _NEEDED[1:]}
        for name, figure in figures.items():
            if figure is None or (figure == ZERO and name != "volume"):
                self._mistake(line, f"{name} {safe(cells[name], 20)!r} is not a number that it can be")
                return
        bar = Bar(at, *(figure for figure in figures.values() if figure is not None))
        if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
            self._mistake(line, "open and close don't lie between low and high")
            return
        known = self.bars.setdefault(symbol, [])
        if known and known[-1].opens_at >= at:
            self._mistake(line, f"{symbol} has a bar of that time or a later one already")
            return
        known.append(bar)

    def _mistake(self, line: int, problem: str) -> None:
        self.mistakes.append(f"line {line}: {problem}")


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromtimestamp(int(text), UTC) if text.isdecimal() else datetime.fromisoformat(text)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _figure(text: str) -> Decimal | None:
    """Return a number from 0 to a thousand million with at most six decimals, or None."""
    try:
        figure = Decimal(text) if len(text) <= 24 else None
    except InvalidOperation:
        return None
    if figure is None or not figure.is_finite() or not ZERO <= figure <= _MOST:
        return None
    exponent = figure.as_tuple().exponent
    return figure if isinstance(exponent, int) and exponent >= -MOST_PLACES else None
