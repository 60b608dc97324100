"""The one way by which a broker's facts reach an order."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from cockpit.brokers.base import FactSink
from cockpit.desk.book import Book
from cockpit.desk.connections import Connections
from cockpit.desk.entries import order_entry
from cockpit.desk.fact_queue import FactQueue
from cockpit.desk.life import applied, charged, corrected, correction
from cockpit.desk.sent import mark_acknowledged
from cockpit.desk.unsettled import SETTLED_AFTER
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.orders import (
    DONE,
    Acknowledged,
    BrokerFact,
    CancelRefused,
    Executed,
    Execution,
    FeeTold,
    FoundWorking,
    Order,
    OrderRef,
    OrderState,
)
from cockpit.model.text import Safe, safe
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write

log = logging.getLogger(__name__)

OURS: Final = "ck:"
"""How the references of all orders begin that a cockpit sent; others are foreign: shown, counted, never touched."""

_SETTLE_WITHIN: Final = 2.0
_RETRY_WRITE: Final = 0.5
_READ_AGAIN: Final = 0.05
_NEXT_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Facts:
    """Applies what brokers say of our orders, in the order in which they say it. Runs as a task of its own."""

    def __init__(self, connections: Connections, book: Book, clock: Clock, publish: Callable[[Event], None]) -> None:
        self._connections = connections
        self._book = book
        self._clock = clock
        self._publish = publish
        self._queue = FactQueue()
        self._behind = asyncio.Event()
        book.on_ahead = self._behind.set
        for connection in connections:
            connection.unsettled.seconds = clock.monotonic
        self.on_unsure: Callable[[str], None] = lambda connection: None
        """Told the connection of an order about which the broker has to be asked."""
        self.on_moved: Callable[[Order, Order], None] = lambda before, after: None
        """Told of an order that a broker's facts have moved, as it was and as it is."""
        self.on_foreign: Callable[[str], None] = lambda connection: None
        """Told the connection on which something happened to an order that no cockpit sent."""
        self.on_ended: Callable[[Order], None] = lambda order: None
        """Told each order that has ended."""

    def sink(self, connection: str = "") -> FactSink:
        """Return where a broker puts its facts; of orders that aren't ours only that something happened is passed on."""

        def take(fact: BrokerFact) -> None:
            if fact.reference.startswith(OURS) or not connection:
                self._queue.put(fact, connection)
            else:
                if isinstance(fact, Executed):
                    self._note_fill(connection, fact.execution)
                self.on_foreign(connection)

        return take

    def say(self, fact: BrokerFact) -> None:
        """Take what the sending itself came to; it is applied in its turn, behind what the broker said before."""
        self._queue.put(fact)

    async def learn(self, order: Order, facts: Sequence[BrokerFact]) -> bool:
        """Apply what the broker's books say about an order; False, and nothing, if it has moved since it was compared."""
        async with self._book.alone(order.order_id):
            if self._book.now(order).version != order.version:
                return False
            await self._move(self._book.now(order), facts, from_books=True)
        return True

    async def settled(self) -> None:
        """Wait until the facts that came so far are applied, but no longer than a stuck disk may hold us."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_WITHIN):
                await self._queue.applied()

    async def run(self) -> None:
        """Apply facts as they come, in their order, for ever. What came together becomes durable together."""
        late = asyncio.create_task(self._catch_up(), name="facts not written yet")
        try:
            while True:
                connection, facts = await self._queue.of_one_order()
                try:
                    await self._apply(connection, facts)
                except (StoreUnavailable, StoreBusy):
                    # Which order it is can't be read now. The fact waits; those of other orders go on.
                    self._queue.put_back(connection, facts)
                    await asyncio.sleep(_READ_AGAIN)
                except Exception:  # facts that can't be applied must not stop the ones behind them
                    log.exception("a broker's facts could not be applied: %s", facts)
                    says = safe(f"A broker's message was not understood: {facts[0].reference}")
                    self._publish(Notice(self._clock.now(), says, True))
                    await self._ask_about(facts[0].reference)
        finally:
            late.cancel()
            if self._book.is_ahead:
                with suppress(StoreUnavailable, StoreBusy, TimeoutError):
                    async with asyncio.timeout(_SETTLE_WITHIN):
                        await self._book.write_late()

    async def _ask_about(self, reference: OrderRef) -> None:
        """Have the broker's books say what facts that could not be applied were to say."""
        try:
            order = await self._book.of_reference(reference)
        except Exception:  # what could not be applied may be what can't be read; the facts behind it go on
            log.exception("nobody can say whose facts they were: %s", reference)
            return
        if order is not None:
            self.on_unsure(order.connection)

    async def _apply(self, connection: str, facts: list[BrokerFact]) -> None:
        order = await self._book.of_reference(facts[0].reference)
        if order is None or connection not in {"", order.connection}:
            log.warning("facts about an order that isn't ours: %s", facts[0].reference)
            return
        async with self._book.alone(order.order_id):
            await self._move(self._book.now(order), facts)

    async def _move(self, before: Order, facts: Sequence[BrokerFact], *, from_books: bool = False) -> None:
        """Bring an order, which the caller holds, on by facts; memory moves even where the disk does not."""
        after, odd = before, False
        executions: dict[str, Execution] = {}
        entries: list[AuditEntry] = []
        writes: list[Write] = []
        corrections: list[Safe] = []
        for fact in facts:
            event, at, detail = _event(fact), self._clock.now(), dict[str, object]()
            match fact:
                case Executed(execution=told):
                    fill = {**await self._book.executions(before), **executions}.get(told.execution_id)
                    if fill is not None and not told.corrects(fill):
                        continue
                    if fill is None:
                        moved = applied(after, fact, at)
                    else:
                        # What a correction costs is told behind it; until then it costs what the fill did.
                        told = replace(told, fee=told.fee or fill.fee)
                        event, moved = "order.corrected", corrected(after, fill, told, at)
                        corrections.append(correction(after, fill, told))
                        detail["correction"] = corrections[-1]
                    executions[told.execution_id] = told
                case FeeTold():
                    fill = {**await self._book.executions(before), **executions}.get(fact.execution_id)
                    if fill is None or fill.fee == fact.fee:
                        continue
                    executions[fact.execution_id] = replace(fill, fee=fact.fee)
                    moved = charged(after, fact.fee - fill.fee, at)
                case CancelRefused(reason=reason):
                    # It moves nothing, and so nothing else would keep it.
                    self._book.note(order_entry(after, event, "", says=reason))
                    continue
                case _:
                    moved = applied(after, fact, at)
            if moved is after:
                continue
            odd = odd or (after.state in DONE and not isinstance(fact, FeeTold))
            after = moved
            entries.append(order_entry(after, event, "", **detail))
            if isinstance(fact, Acknowledged | FoundWorking):
                writes.append(mark_acknowledged(after.order_id))
        if after is before:
            return
        for execution in executions.values():
            # From here on the order may count for less; what it has moved must not be missing meanwhile.
            if not from_books or (self._clock.now() - execution.at).total_seconds() < SETTLED_AFTER:
                self._note_fill(after.connection, execution)
        try:
            await self._book.move(
                before, after, entries, executions=executions, writes=writes, even_if_not_durable=True
            )
        except (StoreUnavailable, StoreBusy):
            says = safe(f"{after.request.words()} is {after.state}, but the database can't be written.")
            self._publish(Notice(self._clock.now(), says, True))
        for says in corrections:
            self._publish(Notice(self._clock.now(), says, True))
        self.on_moved(before, after)
        if after.state in DONE:
            self.on_ended(after)
        if odd or after.state is OrderState.UNKNOWN or after.filled > after.request.quantity:
            self.on_unsure(after.connection)

    def _note_fill(self, connection: str, execution: Execution) -> None:
        there = self._connections.get(connection)
        if there is not None:
            there.note_fill(execution)

    async def _catch_up(self) -> None:
        """Write, once it is possible, what could not be written when it happened."""
        while True:
            await self._behind.wait()
            await asyncio.sleep(_RETRY_WRITE)
            with suppress(StoreUnavailable, StoreBusy):
                await self._book.write_late()
            if not self._book.is_ahead:
                self._behind.clear()


def _event(fact: BrokerFact) -> str:
    """Return what the audit calls a fact: ``order.found_working``."""
    return f"order.{_NEXT_WORD.sub('_', type(fact).__name__).lower()}"
