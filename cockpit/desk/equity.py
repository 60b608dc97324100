"""With how much each account began the day and how high it has been: durable, and not undone by a clock or a restart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.latches import LatchKind
from cockpit.model.money import plain
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write

_LAST_EVERY: Final = timedelta(seconds=60)
"""How old the stored equity may get while neither day nor highest equity changes."""

_SAVE = (
    "INSERT INTO equity_marks (connection, day, day_start, high_water, last, at) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (connection) DO UPDATE SET day=excluded.day, day_start=excluded.day_start, "
    "high_water=excluded.high_water, last=excluded.last, at=excluded.at"
)


@dataclass(frozen=True, slots=True)
class Marks:
    """What losses of one account are measured from."""

    day: date
    day_start: Decimal
    high_water: Decimal
    last: Decimal
    """The equity that was seen last."""


class Equity:
    """The marks of every connection. A day begins with the equity that was seen last on the one before."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._marks: dict[str, Marks] = {}
        self._day_before: dict[str, Marks] = {}
        """Marks of the day that was left last, since this start."""
        self._stored: dict[str, tuple[Marks, datetime]] = {}

    async def load(self) -> None:
        """Find the marks again."""
        for row in await self._store.rows("SELECT * FROM equity_marks"):
            marks = Marks(
                date.fromisoformat(row["day"]),
                Decimal(row["day_start"]),
                Decimal(row["high_water"]),
                Decimal(row["last"]),
            )
            self._marks[row["connection"]] = marks
            self._stored[row["connection"]] = marks, from_micros(row["at"])

    def of(self, connection: str) -> Marks | None:
        """Return a connection's marks, or None where its equity was never seen."""
        return self._marks.get(connection)

    def take(self, connection: str, equity: Decimal) -> Marks:
        """Note an equity and return the marks.

        A clock that jumps back begins no day; one that has jumped ahead and comes back goes on with the day that it left,
        which has lost as much as either of the two.
        """
        today, marks, left = self._clock.now().date(), self._marks.get(connection), self._day_before.get(connection)
        if marks is None:
            marks = Marks(today, equity, equity, equity)
        elif left is not None and today <= left.day:
            del self._day_before[connection]
            started, high = max(left.day_start, marks.day_start), max(marks.high_water, equity)
            marks = Marks(left.day, started, high, equity)
        elif today > marks.day:
            self._day_before[connection] = marks
            marks = Marks(today, marks.last, max(marks.high_water, equity), equity)
        elif equity != marks.last:
            marks = replace(marks, high_water=max(marks.high_water, equity), last=equity)
        self._marks[connection] = marks
        return marks

    def count_anew(self, connection: str, kind: LatchKind) -> None:
        """Measure from the equity that was seen last: what was lost before was accepted by the operator."""
        marks = self._marks.get(connection)
        self._day_before.pop(connection, None)
        if marks is None:
            return
        if kind is LatchKind.DAILY_LOSS:
            marks = replace(marks, day_start=marks.last)
        elif kind is LatchKind.DRAWDOWN:
            marks = replace(marks, high_water=marks.last)
        self._marks[connection] = marks

    async def save(self) -> None:
        """Make durable what has changed. Raises StoreUnavailable or StoreBusy."""
        now = self._clock.now()
        changed = {name: marks for name, marks in self._marks.items() if self._is_due(name, marks, now)}
        if not changed:
            return
        await self._store.commit([_write(name, marks, now) for name, marks in changed.items()])
        self._stored.update({name: (marks, now) for name, marks in changed.items()})

    def _is_due(self, name: str, marks: Marks, now: datetime) -> bool:
        stored = self._stored.get(name)
        if stored is None:
            return True
        before, at = stored
        moved = (before.day, before.day_start, before.high_water) != (marks.day, marks.day_start, marks.high_water)
        return moved or (before.last != marks.last and not timedelta(0) <= now - at < _LAST_EVERY)


def _write(name: str, marks: Marks, now: datetime) -> Write:
    values = (plain(marks.day_start), plain(marks.high_water), plain(marks.last))
    return Write(_SAVE, (name, marks.day.isoformat(), *values, to_micros(now)))
