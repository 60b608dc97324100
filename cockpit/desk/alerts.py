"""Prices that clients want to be told of: watched at a steady rate, fired once, kept over a restart."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from cockpit.desk.connections import Connections
from cockpit.desk.market import Market
from cockpit.desk.turns import Turns
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import ClientName
from cockpit.model.money import plain
from cockpit.model.quotes import DataType, Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write, WriteConflict

log = logging.getLogger(__name__)

MOST_ARMED: Final = 50
"""Alerts of one client that wait on a connection at a time."""
MOST_FIRED: Final = 50
"""Of one client on a connection that are kept after they fired; the oldest make room."""
MOST_TOLD: Final = 5
"""Notices to the operator about alerts of one client within ``TOLD_WITHIN``; the last of them counts what is left."""
TOLD_WITHIN: Final = 60.0
LOOK_EVERY: Final = 1.0
"""Seconds between two rounds."""
MOST_SYMBOLS: Final = 50
"""Instruments of one connection whose price one round asks for; where there are more, they take turns."""
_ANSWER_WITHIN: Final = 5.0
_MOST_SILENT: Final = 3
"""Instruments without an answer after which a round leaves a connection alone."""
_NO_LONGER_TRUE: Final = frozenset({DataType.FROZEN, DataType.DELAYED_FROZEN, DataType.UNKNOWN})

_ADD: Final = (
    "INSERT INTO alerts (alert_id, client, connection, symbol, watched, direction, price, note, made_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FIRE: Final = (
    "UPDATE alerts SET fired_at = ?, fired_price = ?, source = ?, data_type = ?, quoted_at = ? "
    "WHERE alert_id = ? AND fired_at IS NULL"
)
_TOLD: Final = "UPDATE alerts SET told = 1 WHERE alert_id = ?"
_DELETE: Final = "DELETE FROM alerts WHERE alert_id = ?"


class Watched(StrEnum):
    """Which price."""

    BID = "bid"
    ASK = "ask"
    LAST = "last"

    def of(self, quote: Quote) -> Decimal | None:
        """Return that price of a quote; None where it has none."""
        return {Watched.BID: quote.bid, Watched.ASK: quote.ask, Watched.LAST: quote.last}[self]


class Direction(StrEnum):
    """Which way it has to go; at the price counts too."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Fired:
    """What made an alert fire."""

    at: datetime
    price: Decimal
    source: str
    data_type: str
    quoted_at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """One price that a client wants to be told of, once."""

    alert_id: str
    client: ClientName
    connection: str
    symbol: str
    watched: Watched
    direction: Direction
    price: Decimal
    note: Safe
    """The client's words."""
    made_at: datetime
    fired: Fired | None = None

    def met_by(self, quote: Quote) -> Decimal | None:
        """Return the price of a quote that the alert waits for; None while it isn't there. Nothing replaces a price that
        is missing.
        """
        price = self.watched.of(quote)
        if price is None:
            return None
        is_met = price >= self.price if self.direction is Direction.ABOVE else price <= self.price
        return price if is_met else None

    def is_like(self, other: Alert) -> bool:
        """Whether both wait for the same thing."""
        mine = (self.client, self.connection, self.symbol, self.watched, self.direction, self.price)
        return mine == (other.client, other.connection, other.symbol, other.watched, other.direction, other.price)


class Alerts:
    """The alerts of all clients, in memory and in the database. A client sees and deletes its own alone."""

    def __init__(
        self,
        store: Store,
        connections: Connections,
        clock: Clock,
        publish: Callable[[Event], None],
        alive: Callable[[], Set[tuple[str, str]]],
    ) -> None:
        """``alive`` tells which clients may still read prices on which connections: nobody else's alerts are watched."""
        self._store = store
        self._connections = connections
        self._clock = clock
        self._publish = publish
        self._alive = alive
        self._alerts: dict[str, Alert] = {}
        self._turns: defaultdict[str, Turns] = defaultdict(lambda: Turns(MOST_SYMBOLS))
        self._failing: set[tuple[str, str]] = set()
        self._untold: dict[str, Alert] = {}
        self._told: list[str] = []
        self._told_at: defaultdict[ClientName, deque[float]] = defaultdict(deque)
        self._alone = asyncio.Lock()

    async def load(self) -> None:
        """Find the alerts again after a start."""
        rows = await self._store.rows("SELECT * FROM alerts ORDER BY made_at, alert_id")
        self._alerts = {row["alert_id"]: _alert(row) for row in rows}
        told = {row["alert_id"] for row in rows if row["told"]}
        self._untold = {one.alert_id: one for one in self._alerts.values() if one.fired and one.alert_id not in told}

    def of(self, client: ClientName, connection: str) -> tuple[Alert, ...]:
        """Return a client's alerts on a connection, oldest first."""
        return tuple(one for one in self._alerts.values() if one.client == client and one.connection == connection)

    async def add(self, alert: Alert) -> Alert:
        """Keep an alert; durable when it returns. One that waits for the same thing already is returned instead."""
        async with self._alone:
            armed = [one for one in self.of(alert.client, alert.connection) if one.fired is None]
            for one in armed:
                if one.is_like(alert):
                    return one
            if len(armed) >= MOST_ARMED:
                raise Refused(refuse("ALERT_LIMIT", limit=MOST_ARMED))
            values = (alert.symbol, alert.watched, alert.direction, plain(alert.price), alert.note)
            write = Write(
                _ADD, (alert.alert_id, alert.client, alert.connection, *values, to_micros(alert.made_at)), expect=1
            )
            await self._store.commit([write])
            self._alerts[alert.alert_id] = alert
            return alert

    async def delete(self, client: ClientName, connection: str, alert_id: str) -> Alert:
        """Forget an alert, fired or not; Refused with ALERT_UNKNOWN where the client has none of that id there."""
        async with self._alone:
            alert = self._alerts.get(alert_id)
            if alert is None or alert.client != client or alert.connection != connection:
                raise Refused(refuse("ALERT_UNKNOWN", alert_id=safe(alert_id, 40)))
            await self._store.commit([Write(_DELETE, (alert_id,), expect=1)])
            del self._alerts[alert_id]
            return alert

    async def watch(self) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Ask once for the price of each watched instrument, fire what is met, and tell of it."""
        self._tell()
        armed = [one for one in self._alerts.values() if one.fired is None]
        alive = self._alive() if armed else frozenset[tuple[str, str]]()
        by_connection: defaultdict[str, defaultdict[str, list[Alert]]] = defaultdict(lambda: defaultdict(list))
        for one in armed:
            if (one.client, one.connection) in alive:
                by_connection[one.connection][one.symbol].append(one)
        self._failing.intersection_update((name, symbol) for name, found in by_connection.items() for symbol in found)
        await asyncio.gather(*(self._look_at(name, waiting) for name, waiting in by_connection.items()))
        await self._note_told()

    async def _look_at(self, name: str, waiting: Mapping[str, list[Alert]]) -> None:
        connection = self._connections.get(name)
        if connection is None:
            return
        market, resting = Market(connection), set[str]()
        wanted: defaultdict[str, list[str]] = defaultdict(list)
        for symbol in sorted(waiting):
            for client in {one.client for one in waiting[symbol]}:
                wanted[client].append(symbol)
        oldest = connection.settings.policy.max_quote_age_seconds
        for client, symbol in self._turns[name].round(wanted, resting):
            try:
                async with asyncio.timeout(_ANSWER_WITHIN):
                    quote = await market.quote(await market.resolve(symbol))
                if self._is_true(quote, oldest):
                    await self._fire(waiting[symbol], quote)
            except Refused as refused:
                log.debug("%s: no price for alerts on %s: %s", name, symbol, refused.refusal.code)
            except TimeoutError:
                log.warning("%s: the broker doesn't answer for %s; its alerts wait", name, symbol)
                resting.add(client)
                if len(resting) >= _MOST_SILENT:
                    return
            except Exception:
                # A client chose the instrument: what the broker's code does with it must not end all other alerts.
                if (name, symbol) not in self._failing:
                    log.exception("%s: alerts on %s can't be looked at", name, symbol)
                self._failing.add((name, symbol))
            else:
                self._failing.discard((name, symbol))

    def _is_true(self, quote: Quote, oldest: int) -> bool:
        """Whether a quote tells what the price is now, as far as its source can know."""
        return quote.data_type not in _NO_LONGER_TRUE and quote.age_ms(self._clock.now()) <= oldest * 1000

    async def _fire(self, waiting: Iterable[Alert], quote: Quote) -> None:
        for one in waiting:
            price = one.met_by(quote)
            if price is None:
                continue
            fired = Fired(self._clock.now(), price, quote.source, quote.data_type, quote.as_of)
            try:
                async with self._alone:
                    await self._commit(replace(one, fired=fired), fired)
            except WriteConflict:
                continue
            except (StoreUnavailable, StoreBusy) as error:
                log.warning("an alert fires once it can be written: %s", error)
                break
        self._tell()

    def _tell(self) -> None:
        """Tell the operator what fired, of each client a few at a time: what fired besides waits, and is counted."""
        by_client: defaultdict[ClientName, list[Alert]] = defaultdict(list)
        for one in self._untold.values():
            by_client[one.client].append(one)
        now = self._clock.monotonic()
        for client, waiting in by_client.items():
            recent = self._told_at[client]
            while recent and now - recent[0] >= TOLD_WITHIN:
                recent.popleft()
            room = MOST_TOLD - len(recent)
            if room <= 0:
                continue
            single = waiting if len(waiting) <= room else waiting[: room - 1]
            says = [_says(one) for one in single]
            if len(single) < len(waiting):
                says.append(f"{len(waiting) - len(single)} more alerts of {client} fired")
            for text in says:
                recent.append(now)
                self._publish(Notice(self._clock.now(), safe(text), False, client))
            for one in waiting:
                del self._untold[one.alert_id]
                self._told.append(one.alert_id)

    async def _note_told(self) -> None:
        """Make it durable who was told of. What can't be written is told once more after the next start."""
        if not self._told:
            return
        told = tuple(self._told)
        try:
            await self._store.commit([Write(_TOLD, (alert_id,)) for alert_id in told])
        except (StoreUnavailable, StoreBusy) as error:
            log.warning("alerts were told of, which can't be written: %s", error)
            return
        del self._told[: len(told)]

    async def _commit(self, alert: Alert, fired: Fired) -> None:
        """Make it durable that an alert fired, and forget the oldest of its client that did. WriteConflict: it is gone."""
        told = (to_micros(fired.at), plain(fired.price), fired.source, fired.data_type, to_micros(fired.quoted_at))
        old = [one for one in self.of(alert.client, alert.connection) if one.fired is not None][: -(MOST_FIRED - 1)]
        entry = AuditEntry(
            fired.at,
            "client",
            client=alert.client,
            tool="alert.fired",
            symbol=alert.symbol,
            detail={"alert_id": alert.alert_id, "waited_for": _words(alert), "price": plain(fired.price)},
        )
        writes = [Write(_FIRE, (*told, alert.alert_id), expect=1), *(Write(_DELETE, (one.alert_id,)) for one in old)]
        await self._store.commit(writes, [entry])
        for one in old:
            del self._alerts[one.alert_id]
        self._alerts[alert.alert_id] = alert
        self._untold[alert.alert_id] = alert


def _words(alert: Alert) -> str:
    return f"{alert.direction} {plain(alert.price)}"


def _says(alert: Alert) -> str:
    fired = alert.fired
    assert fired is not None
    age = max(0.0, (fired.at - fired.quoted_at).total_seconds())
    what = f"{alert.symbol} {alert.watched} is {plain(fired.price)}, {_words(alert)}"
    return f"Alert of {alert.client}: {what} ({fired.data_type}, {age:.1f} s old)"


def _alert(row: sqlite3.Row) -> Alert:
    fired = None
    if row["fired_at"] is not None:
        fired = Fired(
            from_micros(row["fired_at"]),
            Decimal(row["fired_price"]),
            row["source"],
            row["data_type"],
            from_micros(row["quoted_at"]),
        )
    return Alert(
        row["alert_id"],
        ClientName(row["client"]),
        row["connection"],
        row["symbol"],
        Watched(row["watched"]),
        Direction(row["direction"]),
        Decimal(row["price"]),
        Safe(row["note"]),
        from_micros(row["made_at"]),
        fired,
    )
