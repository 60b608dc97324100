"""What is remembered for the risk checks: limits, the day's tally, marks of the equity, and what they latch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from cockpit.brokers.base import FOR_SENDING
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.equity import Equity, Marks
from cockpit.desk.latches import Latches
from cockpit.desk.limits import Limits
from cockpit.desk.naming import Naming
from cockpit.desk.risk import Meanings
from cockpit.desk.risk.losses import fall_from, loss_of_day
from cockpit.desk.risk.seen import Activity
from cockpit.desk.tally import Tally
from cockpit.model.accounts import Balances
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice, OrderChanged
from cockpit.model.latches import OF_CONNECTIONS, LatchKind
from cockpit.model.money import ZERO, cents
from cockpit.model.orders import AT_BROKER, OrderId, OrderRequest, OrderState, Side
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import safe
from cockpit.settings.policy import ClientPolicySettings
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable

log = logging.getLogger(__name__)

_LOOK_EVERY: Final = 1.0
_ANSWER_WITHIN: Final = 5.0
_SAVE_WITHIN: Final = 2.0
_PARTLY_FILLED: Final = "SELECT order_id, filled FROM orders WHERE state IN (?, ?)"
_ANOTHER: Final = "{}: another account answers than before; what it loses is measured from its own marks."


@dataclass(frozen=True, slots=True)
class LimitLeft:
    """One limit that is used up over a day or by what is open, and what is left of it."""

    name: str
    limit: str
    used: str
    left: str


@dataclass(frozen=True, slots=True)
class LimitsLeft:
    """What a client may still do on a connection now."""

    limits: tuple[LimitLeft, ...]
    held_by: tuple[str, ...]
    """Latches that hold the connection or the client; only the operator releases them."""


class Oversight:
    """Keeps what the checks need to know of the past, and sets latches when a limit is broken."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        publish: Callable[[Event], None],
        clients: Mapping[str, ClientPolicySettings] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._publish = publish
        self.limits = Limits(store, clock, clients or {})
        self.latches = Latches(store, clock, publish)
        self._tally = Tally(store, clock)
        self._equity = Equity(store, clock)
        self._naming = Naming(clock, publish)
        self.in_rules: Callable[[str], frozenset[str]] = lambda connection: frozenset()
        """Returns the symbols that rules of a connection name."""
        self._filled: dict[OrderId, Decimal] = {}
        self._connections: dict[str, Connection] = {}

    async def load(self, connections: Connections) -> None:
        """Find everything again after a start, and latch what is broken already."""
        self._connections = {one.name: one for one in connections}
        await self.limits.load()
        await self.latches.load()
        await self._tally.load()
        await self._equity.load()
        # What had filled before the start is no news when the order moves again.
        rows = await self._store.rows(_PARTLY_FILLED, (OrderState.PARTLY_FILLED, OrderState.UNKNOWN))
        self._filled = {OrderId(row["order_id"]): Decimal(row["filled"]) for row in rows}
        self._latch_again()

    def happened(self, event: Event) -> None:
        """Take what was published; anything but a change of an order is passed over."""
        if not isinstance(event, OrderChanged):
            return
        order = event.order
        self._tally.take(order)
        if order.filled > self._filled.get(order.order_id, ZERO):
            self._tally.filled(order)
            self._watch_fills(order.client, order.connection, order.request.symbol, order.request.side)
        if order.state is OrderState.REJECTED:
            self._tally.rejected(order)
            self._watch_rejects(order.client, order.connection)
        if order.state in AT_BROKER:
            self._filled[order.order_id] = order.filled
        else:
            self._filled.pop(order.order_id, None)

    def take_equity(self, connection: Connection, balances: Balances) -> Marks:
        """Note the equity of a connection's account, and latch the connection where that account has lost too much."""
        if self._equity.is_another(connection, balances.account):
            self._publish(Notice(self._clock.now(), safe(_ANOTHER.format(connection.name), 300), True))
        marks = self._equity.take(connection, balances)
        self._watch_equity(connection, marks)
        return marks

    async def meanings(self, connection: Connection) -> Meanings:
        """Return what the symbols in limits and rules stand for on a connection."""
        return await self._naming.meanings(connection, self._named(connection))

    def activity(self, connection: str, client: str, request: OrderRequest, but: Iterable[OrderId]) -> Activity:
        """Return what a client and a connection did today and lately, some orders left out."""
        now, tally = self._clock.now(), self._tally
        mine, everybody = tally.client(client, but), tally.connection(connection, but)
        since_fills = self.latches.counted_from(LatchKind.REPEATED_EXECUTION, client)
        return Activity(
            mine.orders,
            mine.notional,
            everybody.orders,
            everybody.notional,
            tally.identical(client, request, now),
            tally.repeated(client, request.symbol, request.side, now, since_fills),
            tally.rejects(client, now, self.latches.counted_from(LatchKind.REJECT_RATE, client)),
            mine.cancels,
            mine.fills,
        )

    def left(self, connection: Connection, client: str, open_orders: int) -> LimitsLeft:
        """Return what is left of the limits that are used up, from memory."""
        policy, marks = self.limits.policy(connection, client), self._equity.of(connection)
        mine, everybody = self._tally.client(client), self._tally.connection(connection.name)
        rows = [
            _left("max_daily_orders", policy.max_daily_orders, mine.orders, _whole),
            _left("max_daily_notional", policy.max_daily_notional, mine.notional, cents),
            _left("connection_daily_orders", policy.connection_daily_orders, everybody.orders, _whole),
            _left("connection_daily_notional", policy.connection_daily_notional, everybody.notional, cents),
            _left("max_open_orders", policy.max_open_orders, open_orders, _whole),
        ]
        if marks is not None:
            lost, fell = max(ZERO, marks.day_start - marks.last), max(ZERO, marks.high_water - marks.last)
            rows.append(_left("max_daily_loss", marks.day_start * policy.max_daily_loss, lost, cents))
            rows.append(_left("max_drawdown", marks.high_water * policy.max_drawdown, fell, cents))
        held = self.latches.holding(connection.name, client)
        return LimitsLeft(tuple(rows), tuple(latch.latch_id for latch in held))

    async def release(self, latch_id: str, by: str) -> str | Refusal:
        """Release a latch; what it was set for is counted anew from now on. Returns its id."""
        latch = self.latches.find(latch_id)
        if latch is None:
            known = ", ".join(one.latch_id for one in self.latches.all()) or "none"
            return refuse("LATCH_UNKNOWN", latch=safe(latch_id, 80), latched=known)
        await self.latches.release(latch, by)
        connection = self._connections.get(latch.subject) if latch.kind in OF_CONNECTIONS else None
        if connection is not None:
            self._equity.count_anew(connection, latch.kind)
        await self._equity.save()
        return latch.latch_id

    async def save(self) -> None:
        """Make durable what was latched and marked since. Raises StoreUnavailable or StoreBusy."""
        await self.latches.save()
        await self._equity.save()

    async def watch(self) -> None:
        """Look at every account's equity and keep what is remembered durable, for ever; a silent broker holds up nobody else."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_saved())
                for connection in self._connections.values():
                    tasks.create_task(self._keep_looking(connection, self._look_at))
                    tasks.create_task(self._keep_looking(connection, self._look_at_names))
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SAVE_WITHIN):
                    await self._try_to_save()

    async def look(self) -> None:
        """Save what is latched, look at every account's equity once, side by side, and save what came of it."""
        await self._try_to_save()
        looks = [(self._look_at(one), self._look_at_names(one)) for one in self._connections.values()]
        await asyncio.gather(*(look for both in looks for look in both))
        await self._try_to_save()

    async def _keep_saved(self) -> None:
        """Save at once what is latched, and every second what is marked."""
        while True:
            if not await self._try_to_save():
                await asyncio.sleep(_LOOK_EVERY)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self.latches.tripped.wait()

    async def _keep_looking(self, connection: Connection, look: Callable[[Connection], Awaitable[None]]) -> None:
        while True:
            await look(connection)
            await asyncio.sleep(_LOOK_EVERY)

    async def _look_at(self, connection: Connection) -> None:
        FOR_SENDING.set(True)  # in the task of these looks alone: a loss is seen however much clients read
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                balances = await connection.ask(connection.broker.balances())
        except Refused as refused:
            log.debug("%s: no equity: %s", connection.name, refused.refusal.code)
        except TimeoutError:
            log.warning("%s: the broker doesn't say what the account is worth", connection.name)
        else:
            self.take_equity(connection, balances)

    async def _look_at_names(self, connection: Connection) -> None:
        await self._naming.look(connection, self._named(connection))

    def _named(self, connection: Connection) -> frozenset[str]:
        return self.limits.symbols(connection) | self.in_rules(connection.name)

    async def _try_to_save(self) -> bool:
        try:
            await self.save()
        except (StoreUnavailable, StoreBusy) as error:
            log.warning("latches and marks are in force but not written: %s", error)
            return False
        return True

    def _latch_again(self) -> None:
        """Latch what is broken by what the database knows: a stop may have come before the latch was written."""
        for client, connection, symbol, side in self._tally.repetitions():
            self._watch_fills(client, connection, symbol, side)
        for client, connection in self._tally.rejections():
            self._watch_rejects(client, connection)
        for connection in self._connections.values():
            marks = self._equity.again(connection)
            if marks is not None:
                self._watch_equity(connection, marks)

    def _watch_equity(self, connection: Connection, marks: Marks) -> None:
        policy, equity = self.limits.policy(connection), marks.last
        if loss_of_day(marks.day_start, equity) > policy.max_daily_loss:
            says = f"lost {cents(marks.day_start - equity)} of {cents(marks.day_start)} in a day"
            self.latches.trip(LatchKind.DAILY_LOSS, connection.name, says)
        if fall_from(marks.high_water, equity) > policy.max_drawdown:
            says = f"fell from {cents(marks.high_water)} to {cents(equity)}"
            self.latches.trip(LatchKind.DRAWDOWN, connection.name, says)

    def _watch_fills(self, client: str, on: str, symbol: str, side: Side) -> None:
        connection = self._connections.get(on)
        if connection is None:
            return
        since = self.latches.counted_from(LatchKind.REPEATED_EXECUTION, client)
        count = self._tally.repeated(client, symbol, side, self._clock.now(), since)
        if count >= self.limits.policy(connection, client).max_repeated_fills:
            self.latches.trip(LatchKind.REPEATED_EXECUTION, client, f"{count} orders to {side} {symbol} filled")

    def _watch_rejects(self, client: str, on: str) -> None:
        connection = self._connections.get(on)
        if connection is None:
            return
        since = self.latches.counted_from(LatchKind.REJECT_RATE, client)
        count = self._tally.rejects(client, self._clock.now(), since)
        if count >= self.limits.policy(connection, client).max_rejects:
            self.latches.trip(LatchKind.REJECT_RATE, client, f"the broker rejected {count} orders")


def _left(name: str, limit: Decimal | int, used: Decimal | int, write: Callable[[Decimal], str]) -> LimitLeft:
    return LimitLeft(
        name, write(Decimal(limit)), write(Decimal(used)), write(max(ZERO, Decimal(limit) - Decimal(used)))
    )


def _whole(value: Decimal) -> str:
    return str(int(value))
