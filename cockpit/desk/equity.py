"""With how much each account began the day and how high it has been: durable, and not undone by a clock or a restart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from cockpit.desk.connections import Connection
from cockpit.model.accounts import Balances
from cockpit.model.clock import Clock
from cockpit.model.latches import LatchKind
from cockpit.model.money import plain
from cockpit.model.trading import Mode
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write

_LAST_EVERY: Final = timedelta(seconds=60)
"""How old the stored equity may get while neither day nor highest equity changes."""

_SAVE = (
    "INSERT INTO equity_marks (connection, mode, account, day, day_start, high_water, last, at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (connection, mode, account) DO UPDATE SET day=excluded.day, day_start=excluded.day_start, "
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


class _Whose(NamedTuple):
    """One account, as it answers under the name of a connection."""

    connection: str
    mode: Mode
    account: str


class Equity:
    """The marks of every account. A day begins with the equity that was seen last on the one before."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._marks: dict[_Whose, Marks] = {}
        self._day_before: dict[_Whose, Marks] = {}
        """Marks of the day that was left last, since this start."""
        self._stored: dict[_Whose, tuple[Marks, datetime]] = {}
        self._seen: dict[str, _Whose] = {}
        """Whose equity was seen last on each connection."""

    async def load(self) -> None:
        """Find the marks again."""
        for row in await self._store.rows("SELECT * FROM equity_marks ORDER BY at"):
            marks = Marks(
                date.fromisoformat(row["day"]),
                Decimal(row["day_start"]),
                Decimal(row["high_water"]),
                Decimal(row["last"]),
            )
            whose = _Whose(row["connection"], Mode(row["mode"]), row["account"])
            self._marks[whose] = marks
            self._stored[whose] = marks, from_micros(row["at"])
            self._seen[whose.connection] = whose

    def of(self, connection: Connection) -> Marks | None:
        """Return the marks of a connection's account, or None where its equity was never seen."""
        whose = self._whose(connection)
        return None if whose is None else self._marks.get(whose)

    def is_another(self, connection: Connection, account: str) -> bool:
        """Whether the equity that was seen last on a connection was another account's."""
        seen = self._seen.get(connection.name)
        return seen is not None and (seen.mode, seen.account) != (connection.settings.mode, account)

    def take(self, connection: Connection, balances: Balances) -> Marks:
        """Note an account's equity and return its marks; those of another account stay as they were.

        A clock that jumps back begins no day; one that has jumped ahead and comes back goes on with the day that it left,
        which has lost as much as either of the two.
        """
        whose = _Whose(connection.name, connection.settings.mode, balances.account)
        self._seen[connection.name] = whose
        return self._take(whose, balances.equity)

    def again(self, connection: Connection) -> Marks | None:
        """Return the marks of a connection's account as they are today, or None where its equity was never seen."""
        whose, marks = self._whose(connection), self.of(connection)
        return None if whose is None or marks is None else self._take(whose, marks.last)

    def _whose(self, connection: Connection) -> _Whose | None:
        """Return the account that settings name, or else the one seen last, where it was seen in that mode."""
        its, seen = connection.settings, self._seen.get(connection.name)
        if its.account:
            return _Whose(connection.name, its.mode, its.account)
        return seen if seen is not None and seen.mode is its.mode else None

    def _take(self, whose: _Whose, equity: Decimal) -> Marks:
        today, marks, left = self._clock.now().date(), self._marks.get(whose), self._day_before.get(whose)
        if marks is None:
            marks = Marks(today, equity, equity, equity)
        elif left is not None and today <= left.day:
            del self._day_before[whose]
            started, high = max(left.day_start, marks.day_start), max(marks.high_water, equity)
            marks = Marks(left.day, started, high, equity)
        elif today > marks.day:
            self._day_before[whose] = marks
            marks = Marks(today, marks.last, max(marks.high_water, equity), equity)
        elif equity != marks.last:
            marks = replace(marks, high_water=max(marks.high_water, equity), last=equity)
        self._marks[whose] = marks
        return marks

    def count_anew(self, connection: Connection, kind: LatchKind) -> None:
        """Measure from the equity that was seen last: what that account lost before was accepted by the operator."""
        whose, marks = self._whose(connection), self.of(connection)
        if whose is None or marks is None:
            return
        self._day_before.pop(whose, None)
        if kind is LatchKind.DAILY_LOSS:
            marks = replace(marks, day_start=marks.last)
        elif kind is LatchKind.DRAWDOWN:
            marks = replace(marks, high_water=marks.last)
        self._marks[whose] = marks

    async def save(self) -> None:
        """Make durable what has changed. Raises StoreUnavailable or StoreBusy."""
        now = self._clock.now()
        changed = {whose: marks for whose, marks in self._marks.items() if self._is_due(whose, marks, now)}
        if not changed:
            return
        await self._store.commit([_write(whose, marks, now) for whose, marks in changed.items()])
        self._stored.update({whose: (marks, now) for whose, marks in changed.items()})

    def _is_due(self, whose: _Whose, marks: Marks, now: datetime) -> bool:
        stored = self._stored.get(whose)
        if stored is None:
            return True
        before, at = stored
        moved = (before.day, before.day_start, before.high_water) != (marks.day, marks.day_start, marks.high_water)
        return moved or (before.last != marks.last and not timedelta(0) <= now - at < _LAST_EVERY)


def _write(whose: _Whose, marks: Marks, now: datetime) -> Write:
    values = (plain(marks.day_start), plain(marks.high_water), plain(marks.last))
    return Write(_SAVE, (*whose, marks.day.isoformat(), *values, to_micros(now)))
