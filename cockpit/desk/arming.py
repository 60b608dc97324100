"""Which connections may open positions with real money now: each starts unarmed, and is armed for a limited time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.last_look import unready
from cockpit.desk.switch import Switch
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.orders import OrderState
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import Safe, safe
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable

log = logging.getLogger(__name__)

_LOOK_EVERY: Final = 0.2
_SAID_BEFORE: Final = 600.0
"""Seconds before its end at which an arming says so; where it lasts less than four times that, at its last quarter."""
_TO_THE_MINUTE: Final = timedelta(minutes=10)
"""Shortest arming that ends on the minute as it is shown, up to a minute earlier than asked for."""


@dataclass(frozen=True, slots=True)
class Armed:
    """A connection on which orders may open positions with real money."""

    connection: str
    since: datetime
    until: datetime
    by: str


@dataclass(slots=True)
class _Held:
    """An arming with what it is measured by."""

    armed: Armed
    account: str
    until: datetime
    """Its end as it was set; where somebody puts the wall clock back, ``ends`` comes first."""
    ends: float
    """By the clock that never jumps."""
    says_at: float
    said: bool = False


class Arming:
    """What the operator has armed. It is kept in memory alone: a restart, a stop or another account ends it."""

    def __init__(
        self,
        book: Book,
        connections: Connections,
        switch: Switch,
        store: Store,
        clock: Clock,
        publish: Callable[[Event], None],
    ) -> None:
        self._book = book
        self._connections = connections
        self._switch = switch
        self._store = store
        self._clock = clock
        self._publish = publish
        self._held: dict[str, _Held] = {}
        self._stops = 0
        self.enrolled: Callable[[], bool] = lambda: False
        """Returns whether the operator has an authenticator; without one nothing is armed, or stays it."""
        switch.on_lowered = self._stopped

    def armed(self, connection: str) -> Armed | None:
        """Return how a connection is armed now; what is over ends here, whoever looks first."""
        held = self._held.get(connection)
        if held is None:
            return None
        why = self._over(held)
        if why:
            self._end(connection, why, "host")
            return None
        return held.armed

    def may_open(self, connection: Connection) -> bool:
        """Whether an order may open a position there, as far as arming goes. Where no money is real it always may."""
        return connection.settings.mode is Mode.PAPER or self.armed(connection.name) is not None

    def refusal(self, connection: Connection) -> Refusal | None:
        """Return why nothing may be opened on a connection now, or None."""
        return None if self.may_open(connection) else refuse("LIVE_DISABLED", connection=connection.name)

    def closed(self, name: str) -> Refusal | None:
        """Return why no order may open a position on a connection now, whatever it would be, or None."""
        connection = self._connections.need(name)
        return unready(connection) or self.refusal(connection)

    def unfit(self, connection: Connection) -> Refusal | None:
        """Return why a connection can't be armed now, or None."""
        name, settings = connection.name, connection.settings
        if settings.mode is not Mode.LIVE:
            return refuse("NOT_LIVE", connection=name)
        if not settings.trade:
            return refuse("TRADING_DISABLED", connection=name)
        if not self.enrolled():
            return refuse(
                "TOTP_NOT_ENROLLED", "Real money is armed with a code: enrol an authenticator first, with totp enroll."
            )
        if self._switch.state is not TradingState.RUNNING:
            return _STOPPED[self._switch.state]
        if (refusal := unready(connection)) is not None:
            return refusal
        unknown = [one.order_id for one in self._book.at_broker(name) if one.state is OrderState.UNKNOWN]
        if unknown:
            return refuse("RECONCILING", connection=name, orders=", ".join(unknown[:10]))
        return None

    async def arm(self, connection: Connection, lasts: timedelta, by: str) -> Armed | Refusal:
        """Let orders open positions on a connection; durable in the audit before it is in force.

        Whatever would refuse it meanwhile does, and a stop meanwhile calls it off. Raises StoreUnavailable, StoreBusy.
        """
        refusal = self.unfit(connection)
        if refusal is not None:
            return refusal
        name, stops = connection.name, self._stops
        await self._store.commit([], [self._entry("arm", name, "armed", by=by, seconds=int(lasts.total_seconds()))])
        refusal = self.unfit(connection)
        if refusal is None and self._stops != stops:
            refusal = refuse("ALREADY_DECIDED", "It was stopped meanwhile; look, and arm again.")
        if refusal is not None:
            self._note(self._entry("disarm", name, "disarmed", by=by, why="called off", code=refusal.code))
            return refusal
        now, steady = self._clock.now(), self._clock.monotonic()
        armed = Armed(name, now, _shown_to_the_minute(now, lasts), by)
        seconds = (armed.until - now).total_seconds()
        before = min(_SAID_BEFORE, seconds / 4)
        account, ends = connection.broker.status().account, steady + seconds
        self._held[name] = _Held(armed, account, armed.until, ends, ends - before)
        self._say(
            f"{name} is ARMED: orders may open positions with real money for {_long(lasts.total_seconds())}.", loud=True
        )
        return armed

    def disarm(self, connection: str, by: str, why: str = "by the operator") -> bool:
        """Let nothing be opened any more, at once and without asking the disk. False: it was not armed."""
        return self.armed(connection) is not None and self._end(connection, why, by)

    async def look(self) -> None:
        """End what is over, and say what soon will be."""
        for name in tuple(self._held):
            if self.armed(name) is None:
                continue
            held, now = self._held[name], self._clock.monotonic()
            held.armed = replace(held.armed, until=self._shown_until(held))
            if not held.said and now >= held.says_at:
                held.said = True
                self._say(f"{name} is armed for {_long(held.ends - now)} more; then nothing is opened.", loud=True)

    async def watch(self) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY)

    def _over(self, held: _Held) -> str:
        """Say why an arming is over; empty while it isn't."""
        if self._clock.monotonic() >= held.ends or self._clock.now() >= held.until:
            return "its time is over"
        if not self.enrolled():
            return "no authenticator is enrolled any more"
        connection = self._connections.need(held.armed.connection)
        status = connection.broker.status()
        if status.link is not Link.READY:
            return (
                ""  # nobody says whose account it is; nothing is sent over such a line, and the next one is looked at
            )
        if status.mode is not connection.settings.mode:
            return f"the account is {status.mode}"
        return "" if status.account == held.account else "the broker reports another account"

    def _shown_until(self, held: _Held) -> datetime:
        """Return its end for people: earlier than it was set where somebody has put the wall clock back."""
        until = self._clock.now() + timedelta(seconds=held.ends - self._clock.monotonic())
        return until if held.until - until > timedelta(seconds=1) else held.until

    def _stopped(self, state: TradingState) -> None:
        self._stops += 1
        for name in tuple(self._held):
            self._end(name, f"trading is {state}", "switch")

    def _end(self, connection: str, why: str, by: str) -> bool:
        if self._held.pop(connection, None) is None:
            return False
        self._note(self._entry("disarm", connection, "disarmed", by=by, why=why))
        self._say(f"{connection} is no longer armed: {why}. Only what reduces a position passes.", loud=by != "screen")
        return True

    def _note(self, entry: AuditEntry) -> None:
        try:
            self._store.record(entry)
        except (StoreUnavailable, StoreBusy) as error:
            log.warning("%s of %s is not in the audit: %s", entry.tool, entry.detail["connection"], error)

    def _entry(self, act: str, connection: str, outcome: str, *, code: str = "", **detail: object) -> AuditEntry:
        facts = {"connection": connection, **detail}
        return AuditEntry(self._clock.now(), "switch", tool=act, outcome=outcome, code=code, detail=facts)

    def _say(self, text: str, *, loud: bool) -> None:
        self._publish(Notice(self._clock.now(), safe(text), loud))


_STOPPED: Final = {
    TradingState.KILLED: refuse("KILL_SWITCH"),
    TradingState.HALTED: refuse("HALTED"),
    TradingState.REDUCE_ONLY: refuse("REDUCE_ONLY"),
}


def _shown_to_the_minute(now: datetime, lasts: timedelta) -> datetime:
    """Return when it ends: on the minute, as its end is shown; to the second where it is to last but minutes."""
    until = now + lasts
    return until if lasts < _TO_THE_MINUTE else until.replace(second=0, microsecond=0)


def _long(seconds: float) -> Safe:
    """Write how long something lasts, in whole minutes or less."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{hours} h" if hours else "",
        f"{minutes} min" if minutes else "",
        f"{left} s" if left and not hours else "",
    ]
    return safe(" ".join(part for part in parts if part) or "0 s")
