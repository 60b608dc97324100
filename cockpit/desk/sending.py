"""The one way by which anything reaches a broker, and the one way by which a broker's facts reach an order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from cockpit.brokers.base import BrokerUnavailable, FactSink
from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.gate import Grants
from cockpit.desk.life import applied
from cockpit.desk.switch import Switch
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import Scope, effective
from cockpit.model.orders import BrokerFact, Executed, Execution, LinkLost, Order, OrderState, Rejected, ReplaceRefused
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.model.trading import TradingState
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreUnavailable

log = logging.getLogger(__name__)

_ANSWER_WITHIN: Final = 15.0
"""Seconds until a broker that doesn't answer has left the order unknown."""
_SETTLE_WITHIN: Final = 2.0
_RETRY_WRITE: Final = 0.5


class _Facts:
    """A broker's facts in the order of their arrival, and whether all of them have been applied."""

    def __init__(self) -> None:
        self._waiting: deque[BrokerFact] = deque()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def put(self, fact: BrokerFact) -> None:
        """Take a fact; never waits."""
        self._waiting.append(fact)
        self._none.clear()
        self._some.set()

    async def of_one_order(self) -> list[BrokerFact]:
        """Wait for the next fact and return it with those of the same order that came right behind it."""
        if not self._waiting:
            self._none.set()
            self._some.clear()
        await self._some.wait()
        facts = [self._waiting.popleft()]
        while self._waiting and self._waiting[0].reference == facts[0].reference:
            facts.append(self._waiting.popleft())
        return facts

    async def applied(self) -> None:
        """Wait until whoever applies facts asks for more and there is none."""
        await self._none.wait()


class Sender:
    """Sends what is durable already, once, and applies what comes back. Runs as a task of its own."""

    def __init__(
        self,
        grants: Grants,
        connections: Connections,
        switch: Switch,
        book: Book,
        clock: Clock,
        publish: Callable[[Event], None],
    ) -> None:
        self._grants = grants
        self._connections = connections
        self._switch = switch
        self._book = book
        self._clock = clock
        self._publish = publish
        self._facts = _Facts()

    def sink(self) -> FactSink:
        """Return where a broker puts its facts."""
        return self._facts.put

    async def submit(self, order: Order) -> Order:
        """Send an order that is SENDING and durable. Refused at the last look, it ends REFUSED and nothing left."""
        connection = self._connections.need(order.connection)
        refusal = self._last_look(order, connection)
        if refusal is not None:
            return await self._refuse(order, refusal)
        await self._send(order, connection.broker.submit(order.reference, order.request), Rejected)
        return self._now(order)

    async def replace(self, order: Order) -> Order:
        """Send the change that stands, durable, in ``order.proposed``."""
        connection = self._connections.need(order.connection)
        refusal = self._last_look(order, connection)
        if refusal is not None or order.proposed is None:
            reason = safe(refusal.message if refusal else "nothing to change")
            self._facts.put(ReplaceRefused(order.reference, self._clock.now(), reason))
            await self._settled()
            return self._now(order)
        await self._send(order, connection.broker.replace(order.reference, order.proposed), ReplaceRefused)
        return self._now(order)

    async def cancel(self, order: Order) -> Order:
        """Ask the broker to cancel. Needs no authority and no state: less risk is always allowed."""
        connection = self._connections.need(order.connection)
        await self._send(order, connection.broker.cancel(order.reference), None)
        return self._now(order)

    async def learn(self, facts: list[BrokerFact]) -> None:
        """Apply facts that were found by reconciling, and wait until they are."""
        for fact in facts:
            self._facts.put(fact)
        await self._settled()

    async def run(self) -> None:
        """Apply facts as they come, in their order, for ever. What came together becomes durable together."""
        while True:
            facts = await self._facts.of_one_order()
            try:
                await self._apply(facts)
            except Exception:  # facts that can't be applied must not stop the ones behind them
                log.exception("a broker's facts could not be applied: %s", facts)
                says = safe(f"A broker's message was not understood: {facts[0].reference}")
                self._publish(Notice(self._clock.now(), says, True))

    def _last_look(self, order: Order, connection: Connection) -> Refusal | None:
        """Look at authority and switch once more. Nothing is awaited between this and the broker's call."""
        if self._switch.state in {TradingState.KILLED, TradingState.HALTED}:
            return refuse("KILL_SWITCH" if self._switch.state is TradingState.KILLED else "HALTED")
        grant = self._grants.live(order.grant_id)
        if grant is None:
            return refuse("GRANT_ENDED")
        if Scope.WRITE_ORDERS not in effective(grant, None, connection.allowed):
            return refuse("SCOPE_MISSING", scope=Scope.WRITE_ORDERS)
        if grant.connection != order.connection:
            return refuse("CONNECTION_UNKNOWN", "The client was moved to another connection.")
        return None

    async def _send(
        self, order: Order, call: Awaitable[None], refused: type[Rejected] | type[ReplaceRefused] | None
    ) -> None:
        """Do it once. A refusal is a fact; no answer in time leaves the order unknown. It is never tried again."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                await call
        except (BrokerUnavailable, TimeoutError) as error:
            reason = safe(str(error) or "no answer from the broker")
            self._facts.put(LinkLost(order.reference, self._clock.now(), reason))
        except Refused as error:
            if refused is not None:
                says = safe(f"{error.refusal.code}: {error.refusal.message}")
                self._facts.put(refused(order.reference, self._clock.now(), says))
        await self._settled()

    async def _settled(self) -> None:
        """Wait until the facts that came so far are applied, but no longer than a stuck disk may hold us."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_WITHIN):
                await self._facts.applied()

    async def _refuse(self, order: Order, refusal: Refusal) -> Order:
        async with self._book.alone(order.order_id):
            before = self._now(order)
            now = self._clock.now()
            after = replace(
                before,
                version=before.version + 1,
                state=OrderState.REFUSED,
                reason=safe(f"{refusal.code}: {refusal.message}"),
                changed_at=now,
                decide_by=None,
                proposed=None,
            )
            return await self._book.move(before, after, [order_entry(after, "order.refused", refusal.code)])

    async def _apply(self, facts: list[BrokerFact]) -> None:
        order = await self._book.of_reference(facts[0].reference)
        if order is None:
            log.warning("facts about an order that isn't ours: %s", facts[0].reference)
            return
        async with self._book.alone(order.order_id):
            before = after = self._now(order)
            executions: dict[str, Execution] = {}
            entries: list[AuditEntry] = []
            for fact in facts:
                execution = fact.execution if isinstance(fact, Executed) else None
                if execution is not None:
                    if execution.execution_id in {*executions, *await self._book.executions(before)}:
                        continue
                    executions[execution.execution_id] = execution
                moved = applied(after, fact, self._clock.now())
                if moved is not after:
                    after = moved
                    entries.append(order_entry(after, f"order.{type(fact).__name__.lower()}", ""))
            if after is before:
                return
            try:
                await self._book.move(before, after, entries, executions=executions, even_if_not_durable=True)
            except StoreUnavailable:
                says = Safe("An order changed, but the database can't be written.")
                self._publish(Notice(self._clock.now(), says, True))
                await self._write_later(before, after, entries, executions)

    async def _write_later(
        self, before: Order, after: Order, entries: list[AuditEntry], executions: dict[str, Execution]
    ) -> None:
        while True:
            await asyncio.sleep(_RETRY_WRITE)
            try:
                await self._book.move(before, after, entries, executions=executions)
                return
            except StoreUnavailable:
                continue

    def _now(self, order: Order) -> Order:
        return self._book.get(order.order_id) or order


def order_entry(order: Order, event: str, code: str, **detail: object) -> AuditEntry:
    """Return the audit's record of what became of an order."""
    return AuditEntry(
        order.changed_at,
        "order",
        client=order.client,
        tool=event,
        outcome=order.state,
        code=code,
        symbol=order.request.symbol,
        order_id=order.order_id,
        grant_id=order.grant_id,
        detail={
            "order": order.request.words(),
            "version": order.version,
            "fingerprint": order.request.fingerprint(),
            "reference": order.reference,
            "filled": str(order.filled),
            "reason": order.reason,
            **detail,
        },
    )
