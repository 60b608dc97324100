"""What the operator decides about orders: send, reject, cancel; and what time and the kill switch decide for him."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.base import FOR_SENDING
from cockpit.desk.approvals import drift, drift_limit
from cockpit.desk.approving import approved, in_the_way, sendings
from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.entries import order_entry
from cockpit.desk.groups import AT_THE_BROKER, EXITS, Wanted, edited, wanted_of
from cockpit.desk.observer import Judged, Observer
from cockpit.desk.orders import OrderDesk
from cockpit.desk.reconciling import Compared, Reconciler
from cockpit.desk.resolving import resolve
from cockpit.desk.sending import Sender
from cockpit.desk.together import JudgedTogether, judge_together
from cockpit.desk.undisturbed import Undisturbed
from cockpit.desk.waits import WITHDRAWN, Ending, Waits
from cockpit.desk.withdrawing import Withdrawing
from cockpit.model.clock import Clock
from cockpit.model.events import Event
from cockpit.model.identity import GrantId
from cockpit.model.orders import AT_BROKER, DONE, Execution, Order, OrderId, OrderState
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable, unwritten

log = logging.getLogger(__name__)

_TOLD_WITHIN: Final = 0.5
"""Seconds that the record beside a cancel may take; the audit has it in any case."""
_EXPIRY_STEP: Final = 0.2
"""Seconds by which an expiry may be late; a decision after its time is refused all the same."""


Still = Callable[[JudgedTogether], Refusal | None]
"""Returns why whoever approves doesn't do so any more, on what was just seen."""


@dataclass(frozen=True, slots=True)
class Look:
    """A waiting order as it stands this instant."""

    order: Order
    judged: Judged
    drift: Decimal | None
    executions: tuple[Execution, ...]
    legs: tuple[Order, ...] = ()
    """All orders of its group in their order, itself among them; empty for an order alone."""


class Decisions:
    """The operator's side of the order path."""

    def __init__(
        self,
        book: Book,
        observer: Observer,
        sender: Sender,
        orders: OrderDesk,
        connections: Connections,
        undisturbed: Undisturbed,
        clock: Clock,
        publish: Callable[[Event], None],
    ) -> None:
        self._book = book
        self._observer = observer
        self._sender = sender
        self._orders = orders
        self._connections = connections
        self._undisturbed = undisturbed
        self._clock = clock
        self._publish = publish
        self._waits = Waits(book, clock)
        self.reconciler = Reconciler(book, sender, connections, clock, publish)
        """Compares with the brokers' books at start, after a line is up again, and when an order is unsure."""
        observer.foreign, observer.look_at_open = self.reconciler.not_ours, self.reconciler.look_at_open
        self.withdrawing = Withdrawing(book, sender, connections, clock, publish)
        sender.facts.on_moved = self.withdrawing.moved

    async def look(self, order_id: OrderId) -> Look | Refusal:
        """Price and check an order as it would be sent now. What it asks goes before what clients read."""
        return await asyncio.create_task(self._look(order_id))

    async def _look(self, order_id: OrderId) -> Look | Refusal:
        FOR_SENDING.set(True)  # in the task of this look alone
        order = await self._book.find(order_id)
        if order is None:
            return refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40))
        connection = self._connections.get(order.connection)
        if connection is None:
            return refuse("CONNECTION_UNKNOWN", connection=order.connection)
        orders = self._waits.of(order_id) or (order,)
        asked = wanted_of(orders) if order.proposed is None else Wanted.alone(order.proposed)
        try:
            together = await judge_together(self._observer, connection, asked, but=order_id)
        except Refused as refused:
            return refused.refusal
        judged, request = together.head, together.head.request
        moved = drift(request.side, orders[0].asked_at_price, judged.seen.touch(request.side))
        fills = await self._book.executions(order)
        judged = replace(judged, checks=together.checks(), notional=together.notional())
        return Look(orders[0], judged, moved, tuple(fills.values()), orders if len(orders) > 1 else ())

    async def approve(
        self,
        order_id: OrderId,
        version: int | None,
        quantity: Decimal | None,
        limit: Decimal | None,
        by: str,
        *,
        still: Still = lambda together: None,
    ) -> Order | Refusal:
        """Send a waiting order, or its change, as it is now, after every check on fresh prices.

        ``version`` is the one that was looked at. An edit only lowers risk and is checked like a new request.
        ``still`` says of those prices whether whoever approves still does. A refusal leaves the order waiting.
        """
        return await self._undisturbed.do(self._approve(order_id, version, quantity, limit, by, still))

    async def _approve(
        self,
        order_id: OrderId,
        version: int | None,
        quantity: Decimal | None,
        limit: Decimal | None,
        by: str,
        still: Still,
    ) -> Order | Refusal:
        FOR_SENDING.set(True)  # in the task of this decision alone
        orders = self._waits.of(order_id)
        refusal = self._waits.unapprovable(orders, version)
        if refusal is not None:
            return refusal
        head = orders[0]
        connection = self._connections.get(head.connection)
        if connection is None:
            return refuse("CONNECTION_UNKNOWN", connection=head.connection)
        async with self._observer.turn(connection, head.client):
            asked = wanted_of(orders) if head.proposed is None else Wanted.alone(head.proposed)
            sends = edited(asked, quantity, limit)
            if isinstance(sends, Refusal):
                return sends
            if sends.legs[0].request.quantity <= head.filled:
                return refuse("BAD_QUANTITY", "That much is filled already.", filled=head.filled)
            judged = await self._judge(connection, orders, sends)
            if isinstance(judged, Refusal):
                return judged
            refusal = still(judged)
            if refusal is not None:
                return refusal
            # The orders were free meanwhile: facts about them, and cancels, never wait for prices.
            async with self._book.alone(order_id):
                refusal = self._waits.unapprovable(self._waits.of(order_id), head.version)
                if refusal is not None:
                    return refusal
                now = self._clock.now()
                if self._waits.is_over(head):
                    return refuse("APPROVAL_EXPIRED")
                moves = [
                    (one, approved(one, leg.request, found, of_one, now))
                    for one, leg, found, of_one in zip(
                        orders, sends.legs, judged.each_checks(), judged.judged, strict=True
                    )
                ]
                entries = [
                    order_entry(
                        after,
                        "order.approved",
                        "",
                        by=by,
                        asked=(before.proposed or before.request).words(),
                        sends=(after.proposed or after.request).words(),
                        hash=sends.fingerprint(),
                    )
                    for before, after in moves
                ]
                try:
                    orders = await self._book.move_all(moves, entries, writes=sendings(moves, judged))
                except (StoreUnavailable, StoreBusy) as problem:
                    return unwritten(problem)
        return await self._send(orders, judged.opens())

    async def _send(self, orders: Sequence[Order], opens: Sequence[bool]) -> Order:
        """Send what was approved: a linked group in one message, others one by one; none hides what becomes of another."""
        head = orders[0]
        if head.proposed is not None:
            return await self._sender.replace(head, opens=opens[0])
        if head.linkage in AT_THE_BROKER:
            return await self._sender.submit_linked(orders, opens=any(opens))
        failed: Exception | None = None
        for one, may_open in zip(orders, opens, strict=True):
            try:
                await self._sender.submit(one, opens=may_open)
            except Exception as error:  # noqa: BLE001 - raised below, once the others have had their turn
                failed = error
        if failed is not None:
            raise failed
        return self._book.now(head)

    async def deny(self, order_id: OrderId, reason: str, by: str) -> Order | Refusal:
        """Reject a waiting order, or its change, with the operator's words."""
        words = safe(reason)
        says = f"REJECTED_BY_OPERATOR: {words}" if words else "REJECTED_BY_OPERATOR"
        ending = Ending(OrderState.REFUSED, says, "order.denied", "REJECTED_BY_OPERATOR")
        return await self._undisturbed.do(self._waits.end(order_id, ending, by))

    async def cancel(self, order_id: OrderId, by: str) -> Order | Refusal:
        """Cancel any order. The cancel of one at the broker waits for nothing here, neither disk nor decision."""
        order = await self._book.find(order_id)
        if order is None:
            return refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40))
        if order.state in DONE:
            return refuse("ORDER_DONE", state=order.state)
        if order.state in AT_BROKER:
            return await self._undisturbed.do(self._cancel_at_broker(order, by))
        try:
            return await self._orders.cancel_as(order, by)
        except (StoreUnavailable, StoreBusy):
            return await self._undisturbed.do(self._waits.end(order_id, WITHDRAWN, by, anyway=True))

    async def _cancel_at_broker(self, order: Order, by: str) -> Order:
        self._book.note(order_entry(order, "order.cancel_asked", "", by=by))
        after = await self._sender.cancel(order)
        if after.state not in DONE:
            with suppress(StoreUnavailable, StoreBusy, TimeoutError, Refused):
                async with asyncio.timeout(_TOLD_WITHIN):
                    after = await self._orders.mark_cancel_asked(order.order_id, by)
        return after

    async def cancel_all(self, by: str) -> list[Order]:
        """Cancel what works and reject what waits, all at once; return what became of what worked.

        A cancel goes out even when it can't be recorded. What is still open afterwards is told with the rest.
        """
        working = [order for order in self._book.open() if order.state in AT_BROKER]
        cancels = asyncio.gather(*(self.cancel(order.order_id, by) for order in working), return_exceptions=True)
        _, ended = await asyncio.gather(self.void_waiting("CANCELLED_BEFORE_SENT", by), cancels)
        for order, one in zip(working, ended, strict=True):
            if isinstance(one, BaseException):
                log.error("the cancel of %s broke off", order.order_id, exc_info=one)
        return [self._book.now(order) for order in working]

    async def void_waiting(self, code: str, by: str, grant_id: GrantId | None = None) -> int:
        """End every wait for the operator or the client, or those of one grant, and return how many.

        What was asked before may not be sent any more, whether or not the disk takes it.
        """
        waiting = [one for one in self._waits.all() if grant_id in {None, one.grant_id}]
        ending = Ending.of(OrderState.REFUSED, "order.voided", code)
        ended = await asyncio.gather(
            *(self._undisturbed.do(self._waits.end(order.order_id, ending, by, anyway=True)) for order in waiting)
        )
        return sum(isinstance(one, Order) for one in ended)

    def waiting(self) -> int:
        """Return how many orders wait for the operator or for their client."""
        return len(self._waits.all())

    async def expire_due(self) -> datetime | None:
        """End the waits whose time is over; return when the next wait for the operator ends."""
        for order in self._waits.over():
            await self._undisturbed.do(self._waits.expire(order))
        return min((order.decide_by for order in self._book.waiting() if order.decide_by is not None), default=None)

    async def watch_time(self) -> None:
        """End waits when their time is over, for ever."""
        while True:
            await self.expire_due()
            await asyncio.sleep(_EXPIRY_STEP)

    async def reconcile(self, connection: str | None = None) -> tuple[Compared, ...]:
        """Bring every order that a broker may have to what its books say. Never sends anything."""
        return await self.reconciler.reconcile(connection)

    async def resolve(self, order_id: OrderId, state: OrderState, by: str) -> Order | Refusal:
        """End an unknown order as the operator says."""
        return await self._undisturbed.do(resolve(self._book, self._clock, order_id, state, by))

    async def _judge(self, connection: Connection, orders: Sequence[Order], wanted: Wanted) -> JudgedTogether | Refusal:
        try:
            judging = judge_together(self._observer, connection, wanted, but=orders[0].order_id)
            together = await self._sender.unless_killed(judging)
        except Refused as refused:
            return refused.refusal
        refusal = together.refusal()
        if refusal is not None:
            return refusal
        refusal = in_the_way(self._book, orders)
        if refusal is not None:
            return refusal
        for one, asked in zip(together.judged, orders, strict=True):
            request, limit = one.request, drift_limit(one.seen.instrument, one.policy)
            moved = drift(request.side, asked.asked_at_price, one.seen.touch(request.side))
            bound = request.limit_price is not None or asked.role in EXITS
            if not bound and moved is not None and moved > limit:
                return refuse("PRICE_MOVED", moved=f"{moved * 100:.2f} %", limit=f"{limit * 100:.2f} %")
        return together
