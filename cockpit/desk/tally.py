"""What each client and connection did today and just now: found again in the database at start, then fed by events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from cockpit.desk import records
from cockpit.desk.risk.pace import IDENTICAL_SECONDS, REJECT_SECONDS, REPEATED_SECONDS
from cockpit.model.clock import Clock
from cockpit.model.money import ZERO
from cockpit.model.orders import DONE, Order, OrderId, OrderRequest, OrderState, Side
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros

_KEPT: Final = 10_000
"""Most moments kept of one kind; more than any limit counts."""

_LONGEST: Final = timedelta(seconds=max(IDENTICAL_SECONDS, REPEATED_SECONDS, REJECT_SECONDS))

_FILLS = (
    "SELECT executions.at, executions.symbol, executions.side, orders.client, orders.connection, orders.order_id "
    "FROM executions "
    "JOIN orders ON orders.reference = executions.reference AND orders.connection = executions.connection "
    "WHERE executions.at > ? ORDER BY executions.at"
)
_REJECTS = (
    "SELECT client, connection, order_id, changed_at FROM orders WHERE state = ? AND changed_at > ? ORDER BY changed_at"
)


@dataclass(frozen=True, slots=True)
class _Share:
    """What one order adds to its client and its connection."""

    client: str
    connection: str
    orders: int
    worth: Decimal
    cancelled: int
    filled: int


@dataclass(slots=True)
class Day:
    """Sums of one client or one connection today."""

    orders: int = 0
    notional: Decimal = ZERO
    cancels: int = 0
    fills: int = 0

    def add(self, share: _Share, sign: int) -> None:
        """Count an order in, or out again."""
        self.orders += sign * share.orders
        self.notional += sign * share.worth
        self.cancels += sign * share.cancelled
        self.fills += sign * share.filled


_Alike = tuple[str, str, Side, Decimal, Decimal | None, Decimal | None, Decimal | None, Decimal | None]


_Moment = tuple[datetime, OrderId]
_Key = TypeVar("_Key")


class Tally:
    """Counts orders by the day on which they were asked for or raised. A day never begins again, whatever the clock does.

    One that was left because the clock had jumped ahead goes on, with all that was counted since.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._day = date.min
        self._left: tuple[date, dict[OrderId, _Share]] | None = None
        """The day that was left last, since this start, with what had been counted on it."""
        self._shares: dict[OrderId, _Share] = {}
        self._clients: dict[str, Day] = {}
        self._connections: dict[str, Day] = {}
        self._asked: dict[_Alike, deque[_Moment]] = {}
        self._filled: dict[tuple[str, str, Side], deque[_Moment]] = {}
        self._rejected: dict[str, deque[_Moment]] = {}
        self._active_on: dict[str, set[str]] = {}
        """Connections on which orders of a client filled or were rejected."""

    async def load(self) -> None:
        """Count what the database knows of today and of the last minutes."""
        now = self._clock.now()
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
        since = to_micros(midnight)
        rows = await self._store.rows("SELECT * FROM orders WHERE made_at >= ? OR raised_at >= ?", (since, since))
        orders = [records.order_of(row) for row in rows]
        # Where the clock has jumped back, the newest day is the one that goes on, with all that was asked for since.
        self._turn(max([now, *(order.counts_from for order in orders)]))
        for order in orders:
            self._count_in(order)
        since = to_micros(now - timedelta(seconds=REPEATED_SECONDS))
        for row in await self._store.rows(_FILLS, (since,)):
            key = (row["client"], row["symbol"], Side(row["side"]))
            self._active_on.setdefault(row["client"], set()).add(row["connection"])
            _note(self._filled.setdefault(key, deque(maxlen=_KEPT)), from_micros(row["at"]), row["order_id"])
        since = to_micros(now - timedelta(seconds=REJECT_SECONDS))
        for row in await self._store.rows(_REJECTS, (OrderState.REJECTED, since)):
            self._active_on.setdefault(row["client"], set()).add(row["connection"])
            moments = self._rejected.setdefault(row["client"], deque(maxlen=_KEPT))
            _note(moments, from_micros(row["changed_at"]), row["order_id"])

    def take(self, order: Order) -> None:
        """Count an order as it is now."""
        self._turn(self._clock.now())
        before = self._shares.pop(order.order_id, None)
        if before is not None:
            self._add(before, -1)
        elif order.version > 1 and order.counts_from.date() < self._day:
            return
        self._count_in(order)

    def filled(self, order: Order) -> None:
        """Note that an order filled, in part or in whole."""
        moments = self._filled.setdefault((order.client, order.request.symbol, order.request.side), deque(maxlen=_KEPT))
        _note(moments, order.changed_at, order.order_id)

    def rejected(self, order: Order) -> None:
        """Note that the broker rejected an order."""
        _note(self._rejected.setdefault(order.client, deque(maxlen=_KEPT)), order.changed_at, order.order_id)

    def client(self, name: str, but: Iterable[OrderId] = ()) -> Day:
        """Return a client's day so far, some orders left out."""
        self._turn(self._clock.now())
        return self._without(self._clients.get(name), but, lambda share: share.client == name)

    def connection(self, name: str, but: Iterable[OrderId] = ()) -> Day:
        """Return a connection's day so far, some orders left out."""
        self._turn(self._clock.now())
        return self._without(self._connections.get(name), but, lambda share: share.connection == name)

    def identical(self, client: str, request: OrderRequest, now: datetime) -> int:
        """Return how many orders alike the client asked for within the last seconds, refused ones too."""
        return _count(self._asked.get(alike(client, request)), now, IDENTICAL_SECONDS, None)

    def repeated(self, client: str, symbol: str, side: Side, now: datetime, since: datetime | None) -> int:
        """Return how many of a client's orders in a symbol and side filled within the last minutes."""
        return _count(self._filled.get((client, symbol, side)), now, REPEATED_SECONDS, since)

    def rejects(self, client: str, now: datetime, since: datetime | None) -> int:
        """Return how many of a client's orders the broker rejected within the last seconds."""
        return _count(self._rejected.get(client), now, REJECT_SECONDS, since)

    def repetitions(self) -> Iterable[tuple[str, str, str, Side]]:
        """Return every client, connection, symbol and side that the last minutes before the start know fills of."""
        return [
            (client, on, symbol, side)
            for client, symbol, side in self._filled
            for on in self._active_on.get(client, ())
        ]

    def rejections(self) -> Iterable[tuple[str, str]]:
        """Return every client that was rejected shortly before the start, with the connections that it was active on."""
        return [(client, on) for client in self._rejected for on in self._active_on.get(client, ())]

    def _count_in(self, order: Order) -> None:
        if order.version == 1 or order.order_id not in self._shares:
            moments = self._asked.setdefault(alike(order.client, order.request), deque(maxlen=_KEPT))
            _note(moments, order.made_at, order.order_id)
        share = _share(order)
        self._shares[order.order_id] = share
        self._add(share, 1)

    def _turn(self, now: datetime) -> None:
        """Begin a new day where ``now`` is in one, and drop what is too old to count."""
        today, left = now.date(), self._left
        if left is not None and today <= left[0]:
            self._left = None
            self._begin(left[0], {**left[1], **self._shares})
        elif today > self._day:
            self._left = None if self._day == date.min else (self._day, self._shares)
            self._begin(today, {})
            _forget(self._asked, now, IDENTICAL_SECONDS)
            _forget(self._filled, now, REPEATED_SECONDS)
            _forget(self._rejected, now, REJECT_SECONDS)

    def _begin(self, day: date, shares: dict[OrderId, _Share]) -> None:
        self._day, self._shares = day, shares
        self._clients.clear()
        self._connections.clear()
        for share in shares.values():
            self._add(share, 1)

    def _add(self, share: _Share, sign: int) -> None:
        self._clients.setdefault(share.client, Day()).add(share, sign)
        self._connections.setdefault(share.connection, Day()).add(share, sign)

    def _without(self, day: Day | None, but: Iterable[OrderId], counts: Callable[[_Share], bool]) -> Day:
        found = day or Day()
        result = Day(found.orders, found.notional, found.cancels, found.fills)
        for order_id in but:
            share = self._shares.get(order_id)
            if share is not None and counts(share):
                result.add(share, -1)
        return result


def _share(order: Order) -> _Share:
    if order.state is OrderState.REFUSED:
        return _Share(order.client, order.connection, 0, ZERO, 0, 0)
    # What was judged counts, whether or not it filled at a better price: all that was sent counts at once.
    worth = (order.filled if order.state in DONE else order.filled + order.may_fill) * _unit(order)
    cancelled = int(order.state is OrderState.CANCELLED)
    return _Share(order.client, order.connection, 1, worth, cancelled, int(order.filled > ZERO))


def _unit(order: Order) -> Decimal:
    """Return the worth of one as it was judged; by its prices, where it is from before that was kept."""
    if order.unit_worth is not None:
        return order.unit_worth
    prices = (one.limit_price or one.stop_price or order.asked_at_price or ZERO for one in order.terms)
    return max(order.average_price or ZERO, *prices)


def alike(client: str, request: OrderRequest) -> _Alike:
    """Return what orders of a client have in common that count as the same thing asked for again."""
    prices = (request.limit_price, request.stop_price, request.trail_amount, request.trail_percent)
    return (client, request.symbol, request.side, request.quantity, *prices)


def _note(moments: deque[_Moment], at: datetime, order_id: OrderId) -> None:
    while moments and at - moments[0][0] > _LONGEST:
        moments.popleft()
    if not any(noted == order_id for _, noted in moments):
        moments.append((at, order_id))


def _count(moments: deque[_Moment] | None, now: datetime, seconds: int, since: datetime | None) -> int:
    """Count what lies within the last seconds and after ``since``; what a clock that jumped back left ahead counts."""
    if not moments:
        return 0
    after = now - timedelta(seconds=seconds)
    if since is not None:
        after = max(after, since)
    return sum(1 for at, _ in moments if at > after)


def _forget(kept: dict[_Key, deque[_Moment]], now: datetime, seconds: int) -> None:
    for key in [key for key, moments in kept.items() if not _count(moments, now, seconds, None)]:
        del kept[key]
