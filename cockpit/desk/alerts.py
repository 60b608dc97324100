"""Prices that clients want to be told of: watched at a steady rate, fired once, kept over a restart."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from cockpit.desk.connections import Connections
from cockpit.desk.market import Market
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import ClientName
from cockpit.model.money import plain
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write, WriteConflict

log = logging.getLogger(__name__)

MOST_ARMED: Final = 50
"""Alerts of one client that wait at a time."""
MOST_FIRED: Final = 50
"""Of one client that are kept after they fired; the oldest make room."""
LOOK_EVERY: Final = 1.0
"""Seconds between two rounds."""
MOST_SYMBOLS: Final = 50
"""Instruments of one connection whose price one round asks for; where there are more, they take turns."""
_ANSWER_WITHIN: Final = 5.0

_ADD: Final = (
    "INSERT INTO alerts (alert_id, client, connection, symbol, watched, direction, price, note, made_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FIRE: Final = (
    "UPDATE alerts SET fired_at = ?, fired_price = ?, source = ?, data_type = ?, quoted_at = ? "
    "WHERE alert_id = ? AND fired_at IS NULL"
)
_DELETE: Final = "DELETE FROM alerts WHERE alert_id = ?"


class Watched(StrEnum):
    """Which price."""

    BID = "bid"
    ASK = "ask"
    LAST = "last"


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
        price = {Watched.BID: quote.bid, Watched.ASK: quote.ask, Watched.LAST: quote.last}[self.watched]
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
        self._turn: dict[str, int] = {}
        self._alone = asyncio.Lock()

    async def load(self) -> None:
        """Find the alerts again after a start."""
        rows = await self._store.rows("SELECT * FROM alerts ORDER BY made_at, alert_id")
        self._alerts = {row["alert_id"]: _alert(row) for row in rows}

    def of(self, client: ClientName, connection: str) -> tuple[Alert, ...]:
        """Return a client's alerts on a connection, oldest first."""
        return tuple(one for one in self._alerts.values() if one.client == client and one.connection == connection)

    async def add(self, alert: Alert) -> Alert:
        """Keep an alert; durable when it returns. One that waits for the same thing already is returned instead."""
        async with self._alone:
            armed = [one for one in self._of(alert.client) if one.fired is None]
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
        """Ask once for the price of each watched instrument, and fire what is met."""
        armed = [one for one in self._alerts.values() if one.fired is None]
        if not armed:
            return
        alive = self._alive()
        by_connection: defaultdict[str, defaultdict[str, list[Alert]]] = defaultdict(lambda: defaultdict(list))
        for one in armed:
            if (one.client, one.connection) in alive:
                by_connection[one.connection][one.symbol].append(one)
        await asyncio.gather(*(self._look_at(name, waiting) for name, waiting in by_connection.items()))

    async def _look_at(self, name: str, waiting: dict[str, list[Alert]]) -> None:
        connection = self._connections.get(name)
        if connection is None:
            return
        market = Market(connection)
        for symbol in self._next_of(name, sorted(waiting)):
            try:
                async with asyncio.timeout(_ANSWER_WITHIN):
                    quote = await market.quote(await market.resolve(symbol))
            except Refused as refused:
                log.debug("%s: no price for alerts on %s: %s", name, symbol, refused.refusal.code)
            except TimeoutError:
                log.warning("%s: the broker doesn't answer; its alerts wait", name)
                return
            else:
                await self._fire(waiting[symbol], quote)

    def _next_of(self, name: str, symbols: list[str]) -> Iterable[str]:
        """Return the instruments whose turn it is."""
        begin = self._turn.get(name, 0) % len(symbols)
        self._turn[name] = begin + MOST_SYMBOLS
        return [*symbols[begin:], *symbols[:begin]][:MOST_SYMBOLS]

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
                return
            says = f"Alert of {one.client}: {one.symbol} {one.watched} is {plain(price)}, {_words(one)}"
            self._publish(Notice(fired.at, safe(says), False))

    async def _commit(self, alert: Alert, fired: Fired) -> None:
        """Make it durable that an alert fired, and forget the oldest of its client that did. WriteConflict: it is gone."""
        told = (to_micros(fired.at), plain(fired.price), fired.source, fired.data_type, to_micros(fired.quoted_at))
        old = [one for one in self._of(alert.client) if one.fired is not None][: -(MOST_FIRED - 1)]
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

    def _of(self, client: ClientName) -> list[Alert]:
        return [one for one in self._alerts.values() if one.client == client]


def _words(alert: Alert) -> str:
    return f"{alert.direction} {plain(alert.price)}"


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
