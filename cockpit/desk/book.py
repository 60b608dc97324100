"""All orders that matter now, in memory and on disk alike, with the waits for their next change."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cockpit.desk import records
from cockpit.desk.unwritten import Unwritten
from cockpit.model.events import Event, OrderChanged
from cockpit.model.identity import ClientName
from cockpit.model.orders import AT_BROKER, DONE, OPEN, Execution, GroupId, Order, OrderId, OrderRef, OrderState
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.times import to_micros
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write, WriteConflict

_ENDED_KEPT: Final = 1000
"""Ended orders kept in memory; older ones are read from the database when asked for."""


@dataclass(frozen=True, slots=True)
class Fill:
    """An execution and whose order it belongs to."""

    execution: Execution
    order_id: OrderId
    client: ClientName


class Book:
    """Every open order and the newest ended ones. A change is durable, then in memory, then published."""

    def __init__(self, store: Store, publish: Callable[[Event], None]) -> None:
        self._store = store
        self._publish = publish
        self._orders: dict[OrderId, Order] = {}
        self._by_reference: dict[OrderRef, OrderId] = {}
        self._open: dict[OrderId, Order] = {}
        self._ended: OrderedDict[OrderId, None] = OrderedDict()
        self._executions: dict[OrderId, dict[str, Execution]] = {}
        self._locks: dict[OrderId | GroupId, asyncio.Lock] = {}
        self._groups: dict[GroupId, set[OrderId]] = {}
        self._waits: dict[OrderId, asyncio.Future[Order]] = {}
        self._unwritten = Unwritten()
        self.on_ahead: Callable[[], None] = lambda: None
        """Told when something true could not be written."""

    async def load(self) -> None:
        """Read the open orders and the newest ended ones."""
        recent = await self._store.rows(_select(records.SELECT_RECENT, DONE), (*sorted(DONE), _ENDED_KEPT))
        rows = [*reversed(recent), *await self._store.rows(_select(records.SELECT_OPEN, OPEN), sorted(OPEN))]
        for row in rows:
            order = records.order_of(row)
            self._keep(order)
            if order.state not in DONE:
                self._executions[order.order_id] = await self._stored_executions(order.reference)

    def get(self, order_id: OrderId) -> Order | None:
        """Return an order from memory."""
        return self._orders.get(order_id)

    def now(self, order: Order) -> Order:
        """Return how an order stands now; one that is no longer in memory stands as it did."""
        return self._orders.get(order.order_id, order)

    async def find(self, order_id: OrderId) -> Order | None:
        """Return an order from memory or from the database."""
        found = self._orders.get(order_id)
        if found is not None:
            return found
        rows = await self._store.rows(records.SELECT_ONE, (order_id,))
        return records.order_of(rows[0]) if rows else None

    async def of_reference(self, reference: OrderRef) -> Order | None:
        """Return the order of a broker reference; an older one is brought back into memory."""
        order_id = self._by_reference.get(reference)
        if order_id is not None:
            return self._orders[order_id]
        rows = await self._store.rows("SELECT order_id FROM orders WHERE reference = ?", (reference,))
        if not rows:
            return None
        order = await self.find(rows[0]["order_id"])
        if order is not None:
            self._keep(order)
        return order

    async def of_connection(
        self, connection: str, limit: int, client: str | None = None, before: Order | None = None
    ) -> list[Order]:
        """Return a connection's orders, or those of one client on it, newest first, or those older than ``before``."""
        at = records.NEWEST if before is None else (to_micros(before.made_at), before.order_id)
        rows = await self._store.rows(records.SELECT_OF_CONNECTION, (connection, client, client, *at, limit))
        stored = [records.order_of(row) for row in rows]
        return [self._orders.get(order.order_id, order) for order in stored]

    def open_on(self, connection: str, client: str | None = None, before: Order | None = None) -> list[Order]:
        """Return a connection's open orders, or those of one client on it, newest first, or those older than ``before``."""
        found = [one for one in self.open() if one.connection == connection and client in {None, one.client}]
        older = found if before is None else [one for one in found if _made(one) < _made(before)]
        return sorted(older, key=_made, reverse=True)

    async def of_group(self, order: Order) -> tuple[Order, ...]:
        """Return all orders of an order's group in their order, the ended ones too; the order itself where it has none."""
        if order.group_id is None:
            return (order,)
        stored = [records.order_of(row) for row in await self._store.rows(records.SELECT_OF_GROUP, (order.group_id,))]
        return tuple(self._orders.get(one.order_id, one) for one in stored)

    def known_of_group(self, group_id: GroupId | None) -> tuple[Order, ...]:
        """Return the orders of a group that are in memory, which are at least the open ones, in their order."""
        if group_id is None:
            return ()
        return tuple(self._orders[order_id] for order_id in sorted(self._groups.get(group_id, ())))

    def together(self, order: Order) -> tuple[Order, ...]:
        """Return what is decided on with one decision: a group that still waits, else the order alone.

        The first of a group carries ``decide_by``; the others wait with it.
        """
        if order.state is not OrderState.PENDING or order.group_id is None:
            return (order,)
        return tuple(one for one in self.known_of_group(order.group_id) if one.state is OrderState.PENDING)

    async def fills(
        self, connection: str, limit: int, client: str | None = None, before: Execution | None = None
    ) -> list[Fill]:
        """Return a connection's executions with their orders, newest first; of one client, or older than ``before``."""
        at = records.NEWEST if before is None else (to_micros(before.at), before.execution_id)
        rows = await self._store.rows(records.SELECT_EXECUTIONS_OF_CONNECTION, (connection, client, client, *at, limit))
        return [Fill(records.execution_of(row), OrderId(row["order_id"]), ClientName(row["client"])) for row in rows]

    async def execution(self, connection: str, execution_id: str) -> Execution | None:
        """Return one fill of a connection."""
        rows = await self._store.rows(records.SELECT_EXECUTION, (connection, execution_id))
        return records.execution_of(rows[0]) if rows else None

    def all(self) -> Iterable[Order]:
        """Return what is in memory, oldest change of the ended ones first."""
        return self._orders.values()

    def at_broker(self, connection: str) -> list[Order]:
        """Return a connection's orders that its broker may still fill."""
        return [one for one in self._open.values() if one.connection == connection and one.state in AT_BROKER]

    def open(self) -> list[Order]:
        """Return all orders that have not ended."""
        return list(self._open.values())

    def waiting(self) -> list[Order]:
        """Return the orders that wait for the operator, in order of arrival."""
        return [order for order in self._open.values() if order.waits]

    def unconfirmed(self) -> list[Order]:
        """Return the orders that wait for their own client, in order of arrival."""
        return [order for order in self._open.values() if order.unconfirmed]

    async def executions(self, order: Order) -> dict[str, Execution]:
        """Return an order's fills by execution id."""
        known = self._executions.get(order.order_id)
        if known is None:
            known = await self._stored_executions(order.reference)
            if order.order_id in self._orders:
                self._executions[order.order_id] = known
        return known

    def note(self, entry: AuditEntry) -> None:
        """Have something recorded that must not wait for the disk."""
        with suppress(StoreUnavailable, StoreBusy):
            self._store.record(entry)

    async def rows(self, sql: str, args: Sequence[object]) -> list[sqlite3.Row]:
        """Read what is kept beside the orders."""
        return await self._store.rows(sql, args)

    def alone(self, order_id: OrderId) -> AbstractAsyncContextManager[None]:
        """Hold an order with its group: nobody else changes any of them meanwhile. Never hold two of one group."""
        return self._locks.setdefault(self._lock_name(order_id), asyncio.Lock())

    async def add(self, order: Order, writes: Sequence[Write], audit: Sequence[AuditEntry]) -> Order:
        """Make a new order durable, then known."""
        await self.add_all((order,), writes, audit)
        return order

    async def add_all(self, orders: Sequence[Order], writes: Sequence[Write], audit: Sequence[AuditEntry]) -> None:
        """Make new orders durable, all or none, then known."""
        await self._store.commit([*(records.insert_order(order) for order in orders), *writes], audit)
        for order in orders:
            self._keep(order)
            self._executions[order.order_id] = {}
        for order in orders:
            self._publish(OrderChanged(order.changed_at, order))

    async def move(
        self,
        before: Order,
        order: Order,
        audit: Sequence[AuditEntry],
        *,
        executions: Mapping[str, Execution] = MappingProxyType({}),
        writes: Sequence[Write] = (),
        even_if_not_durable: bool = False,
    ) -> Order:
        """Make an order's next version durable, then known. The caller holds the order.

        ``writes`` go into the same unit. ``even_if_not_durable`` is for facts and for what a kill ends: true whether
        or not the disk took it. Memory moves then too, the write is made up for later, and StoreUnavailable or
        StoreBusy is raised all the same so that somebody can be told.
        """
        try:
            await self._commit(before, order, executions, writes, audit)
        except (StoreUnavailable, StoreBusy):
            if even_if_not_durable:
                self._unwritten.keep(before, order, executions, writes, audit)
                self.on_ahead()
                self._accept(order, executions)
            raise
        self._unwritten.written(order.order_id)
        self._accept(order, executions)
        return order

    async def _commit(
        self,
        before: Order,
        order: Order,
        executions: Mapping[str, Execution],
        writes: Sequence[Write],
        audit: Sequence[AuditEntry],
    ) -> None:
        changes, entries = self._unwritten.writes(before, order, executions, audit)
        try:
            await self._store.commit([*changes, *writes], entries)
        except WriteConflict:
            if not await self._stands_elsewhere(order.order_id):
                raise
            changes, entries = self._unwritten.writes(before, order, executions, audit)
            await self._store.commit([*changes, *writes], entries)

    async def _stands_elsewhere(self, order_id: OrderId) -> bool:
        """Whether the database is further than was believed, because a write that seemed to fail had reached it."""
        stored = await self._store.rows(records.SELECT_ONE, (order_id,))
        return bool(stored) and self._unwritten.stands_at(order_id, stored[0]["version"])

    async def write_late(self) -> None:
        """Write what could not be written when it happened; raises StoreUnavailable or StoreBusy where it still can't."""
        for order_id in self._unwritten.orders():
            async with self.alone(order_id):
                newest = self._unwritten.newest(order_id)
                if newest is None:
                    continue
                changes, entries = self._unwritten.writes(newest, newest, {}, ())
                try:
                    await self._store.commit(changes, entries)
                except WriteConflict:
                    await self._stands_elsewhere(order_id)
                    continue
                self._unwritten.written(order_id)

    @property
    def is_ahead(self) -> bool:
        """Whether memory knows more than the database."""
        return len(self._unwritten) > 0

    async def move_all(
        self,
        moves: Sequence[tuple[Order, Order]],
        audit: Sequence[AuditEntry],
        *,
        writes: Sequence[Write] = (),
        even_if_not_durable: bool = False,
    ) -> tuple[Order, ...]:
        """Make the next versions of several orders durable, all or none, then known. The caller holds their group.

        Each move is the order as it was and as it becomes. Nobody is told before all are known.
        """
        changes, entries = list(writes), list[AuditEntry]()
        for before, after in moves:
            missed, told = self._unwritten.writes(before, after, {}, ())
            changes.extend(missed)
            entries.extend(told)
        try:
            await self._store.commit(changes, [*entries, *audit])
        except (StoreUnavailable, StoreBusy):
            if even_if_not_durable:
                for place, (before, after) in enumerate(moves):
                    first = place == 0
                    self._unwritten.keep(before, after, {}, writes if first else (), audit if first else ())
                self.on_ahead()
                self._accept_all(moves)
            raise
        for _, after in moves:
            self._unwritten.written(after.order_id)
        self._accept_all(moves)
        return tuple(after for _, after in moves)

    def changed(self, order_id: OrderId) -> asyncio.Future[Order]:
        """Return the future of the order's next change; whoever changes it sets it. Shield it when you await it."""
        future = self._waits.get(order_id)
        if future is None or future.done():
            future = self._waits[order_id] = asyncio.get_running_loop().create_future()
        return future

    def _accept_all(self, moves: Sequence[tuple[Order, Order]]) -> None:
        for _, after in moves:
            self._keep(after)
        for _, after in moves:
            self._accept(after, {})

    def _accept(self, order: Order, executions: Mapping[str, Execution]) -> None:
        self._keep(order)
        if executions:
            self._executions.setdefault(order.order_id, {}).update(executions)
        wait = self._waits.pop(order.order_id, None)
        if wait is not None and not wait.done():
            wait.set_result(order)
        self._publish(OrderChanged(order.changed_at, order))

    def _keep(self, order: Order) -> None:
        self._orders[order.order_id] = order
        self._by_reference[order.reference] = order.order_id
        if order.group_id is not None:
            self._groups.setdefault(order.group_id, set()).add(order.order_id)
        if order.state not in DONE:
            self._ended.pop(order.order_id, None)
            self._open[order.order_id] = order
            return
        self._open.pop(order.order_id, None)
        if order.order_id in self._ended:
            return
        self._ended[order.order_id] = None
        while len(self._ended) > _ENDED_KEPT:
            oldest, _ = self._ended.popitem(last=False)
            dropped = self._orders.pop(oldest)
            self._by_reference.pop(dropped.reference, None)
            self._executions.pop(oldest, None)
            self._locks.pop(oldest, None)
            self._leave_group(dropped)

    def _leave_group(self, dropped: Order) -> None:
        members = self._groups.get(dropped.group_id) if dropped.group_id is not None else None
        if dropped.group_id is None or members is None:
            return
        members.discard(dropped.order_id)
        if not members:
            del self._groups[dropped.group_id]
            self._locks.pop(dropped.group_id, None)

    def _lock_name(self, order_id: OrderId) -> OrderId | GroupId:
        order = self._orders.get(order_id)
        return order_id if order is None or order.group_id is None else order.group_id

    async def _stored_executions(self, reference: OrderRef) -> dict[str, Execution]:
        rows = await self._store.rows(records.SELECT_EXECUTIONS, (reference,))
        return {row["execution_id"]: records.execution_of(row) for row in rows}


def _made(order: Order) -> tuple[datetime, OrderId]:
    return order.made_at, order.order_id


def _select(sql: str, states: Iterable[str]) -> str:
    return sql.format(marks=", ".join("?" for _ in states))
