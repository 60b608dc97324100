"""All orders that matter now, in memory and on disk alike, with the waits for their next change."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Final

from cockpit.desk import records
from cockpit.model.events import Event, OrderChanged
from cockpit.model.orders import DONE, OPEN, Execution, Order, OrderId, OrderRef
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.writes import StoreUnavailable, Write

_ENDED_KEPT: Final = 1000
"""Ended orders kept in memory; older ones are read from the database when asked for."""


class Book:
    """Every open order and the newest ended ones. A change is durable, then in memory, then published."""

    def __init__(self, store: Store, publish: Callable[[Event], None]) -> None:
        self._store = store
        self._publish = publish
        self._orders: dict[OrderId, Order] = {}
        self._by_reference: dict[OrderRef, OrderId] = {}
        self._ended: OrderedDict[OrderId, None] = OrderedDict()
        self._executions: dict[OrderId, dict[str, Execution]] = {}
        self._locks: dict[OrderId, asyncio.Lock] = {}
        self._waits: dict[OrderId, asyncio.Future[Order]] = {}

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

    async def of_connection(self, connection: str, limit: int) -> list[Order]:
        """Return a connection's orders, newest first."""
        rows = await self._store.rows(records.SELECT_OF_CONNECTION, (connection, limit))
        stored = [records.order_of(row) for row in rows]
        return [self._orders.get(order.order_id, order) for order in stored]

    def all(self) -> Iterable[Order]:
        """Return what is in memory, oldest change of the ended ones first."""
        return self._orders.values()

    def open(self) -> list[Order]:
        """Return all orders that have not ended."""
        return [order for order in self._orders.values() if order.state not in DONE]

    def waiting(self) -> list[Order]:
        """Return the orders that wait for the operator, in order of arrival."""
        return [order for order in self._orders.values() if order.waits]

    async def executions(self, order: Order) -> dict[str, Execution]:
        """Return an order's fills by execution id."""
        known = self._executions.get(order.order_id)
        if known is None:
            known = await self._stored_executions(order.reference)
            if order.order_id in self._orders:
                self._executions[order.order_id] = known
        return known

    def alone(self, order_id: OrderId) -> AbstractAsyncContextManager[None]:
        """Hold an order: nobody else changes it meanwhile."""
        return self._locks.setdefault(order_id, asyncio.Lock())

    async def add(self, order: Order, writes: Sequence[Write], audit: Sequence[AuditEntry]) -> Order:
        """Make a new order durable, then known."""
        await self._store.commit([records.insert_order(order), *writes], audit)
        self._keep(order)
        self._executions[order.order_id] = {}
        self._publish(OrderChanged(order.changed_at, order))
        return order

    async def move(
        self,
        before: Order,
        order: Order,
        audit: Sequence[AuditEntry],
        *,
        executions: Mapping[str, Execution] = MappingProxyType({}),
        even_if_not_durable: bool = False,
    ) -> Order:
        """Make an order's next version durable, then known. The caller holds the order.

        ``even_if_not_durable`` is for facts: what a broker said is true whether or not the disk took it. Memory
        moves then too, and StoreUnavailable is raised after it so that the caller can write it again.
        """
        writes = [records.update_order(order, before.version)]
        writes.extend(records.insert_execution(order.connection, one) for one in executions.values())
        try:
            await self._store.commit(writes, audit)
        except StoreUnavailable:
            if even_if_not_durable:
                self._accept(order, executions)
            raise
        self._accept(order, executions)
        return order

    def changed(self, order_id: OrderId) -> asyncio.Future[Order]:
        """Return the future of the order's next change; whoever changes it sets it. Shield it when you await it."""
        future = self._waits.get(order_id)
        if future is None or future.done():
            future = self._waits[order_id] = asyncio.get_running_loop().create_future()
        return future

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
        if order.state not in DONE or order.order_id in self._ended:
            return
        self._ended[order.order_id] = None
        while len(self._ended) > _ENDED_KEPT:
            oldest, _ = self._ended.popitem(last=False)
            dropped = self._orders.pop(oldest)
            self._by_reference.pop(dropped.reference, None)
            self._executions.pop(oldest, None)
            self._locks.pop(oldest, None)

    async def _stored_executions(self, reference: OrderRef) -> dict[str, Execution]:
        rows = await self._store.rows(records.SELECT_EXECUTIONS, (reference,))
        return {row["execution_id"]: records.execution_of(row) for row in rows}


def _select(sql: str, states: Iterable[str]) -> str:
    return sql.format(marks=", ".join("?" for _ in states))
