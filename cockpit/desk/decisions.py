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
from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.deadlines import Deadlines
from cockpit.desk.drafts import worth_of_either
from cockpit.desk.groups import AT_THE_BROKER, EXITS, Wanted, edited, wanted_of
from cockpit.desk.observer import Judged, Observer
from cockpit.desk.orders import OrderDesk
from cockpit.desk.reconciling import Compared, Reconciler
from cockpit.desk.sending import Sender, order_entry
from cockpit.desk.sent import insert_sent
from cockpit.desk.together import JudgedTogether, judge_together
from cockpit.desk.undisturbed import Undisturbed
from cockpit.desk.withdrawing import Withdrawing
from cockpit.model.checks import CheckResult
from cockpit.model.clock import Clock
from cockpit.model.events import Event
from cockpit.model.identity import GrantId
from cockpit.model.orders import AT_BROKER, DONE, RESTING, Execution, Order, OrderId, OrderRequest, OrderState
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write

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
        self._deadlines = Deadlines(clock)
        self.reconciler = Reconciler(book, sender, connections, clock, publish)
        """Compares with the brokers' books at start, after a line is up again, and when an order is unsure."""
        observer.foreign, observer.look_at_open = self.reconciler.not_ours, self.reconciler.look_at_open
        self.withdrawing = Withdrawing(book, sender, connections, clock)

    async def look(self, order_id: OrderId) -> Look | Refusal:
        """Price and check an order as it would be sent now."""
        order = await self._book.find(order_id)
        if order is None:
            return refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40))
        connection = self._connections.get(order.connection)
        if connection is None:
            return refuse("CONNECTION_UNKNOWN", connection=order.connection)
        orders = self._together(order_id) or (order,)
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
        orders = self._together(order_id)
        refusal = self._undecided(orders, version)
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
                refusal = self._undecided(self._together(order_id), head.version)
                if refusal is not None:
                    return refusal
                now = self._clock.now()
                if head.decide_by is not None and self._deadlines.over(head.order_id, head.changed_at, head.decide_by):
                    return refuse("APPROVAL_EXPIRED")
                moves = [
                    (one, _approved(one, leg.request, found, of_one, now))
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
                    orders = await self._book.move_all(moves, entries, writes=_sendings(moves, judged))
                except StoreUnavailable:
                    return refuse("AUDIT_UNAVAILABLE")
                except StoreBusy:
                    return refuse("BUSY")
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
        return await self._undisturbed.do(
            self._end_wait(order_id, OrderState.REFUSED, says, "order.denied", "REJECTED_BY_OPERATOR", by)
        )

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
            says, event, code = "Withdrawn before it was sent.", "order.withdrawn", "CANCELLED_BEFORE_SENT"
            ending = self._end_wait(order_id, OrderState.CANCELLED, says, event, code, by, anyway=True)
            return await self._undisturbed.do(ending)

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
        waiting = [
            one for one in (*self._book.waiting(), *self._book.unconfirmed()) if grant_id in {None, one.grant_id}
        ]
        says = refuse(code).message
        ended = await asyncio.gather(
            *(
                self._undisturbed.do(
                    self._end_wait(order.order_id, OrderState.REFUSED, says, "order.voided", code, by, anyway=True)
                )
                for order in waiting
            )
        )
        return sum(isinstance(one, Order) for one in ended)

    def waiting(self) -> int:
        """Return how many orders wait for the operator or for their client."""
        return len(self._book.waiting()) + len(self._book.unconfirmed())

    async def expire_due(self) -> datetime | None:
        """End the waits whose time is over; return when the next wait for the operator ends."""
        for order in self._book.unconfirmed():
            if order.confirm_by is not None and self._deadlines.over(
                f"confirm {order.order_id}", order.changed_at, order.confirm_by
            ):
                code, event = "NOT_CONFIRMED", "order.not_confirmed"
                says = refuse(code).message
                await self._undisturbed.do(
                    self._end_wait(order.order_id, OrderState.EXPIRED, says, event, code, "time", order.confirm_by)
                )
        for order in self._book.waiting():
            if order.decide_by is not None and self._deadlines.over(order.order_id, order.changed_at, order.decide_by):
                says = refuse("APPROVAL_EXPIRED").message
                await self._undisturbed.do(
                    self._end_wait(
                        order.order_id,
                        OrderState.EXPIRED,
                        says,
                        "order.wait_expired",
                        "APPROVAL_EXPIRED",
                        "time",
                        order.decide_by,
                    )
                )
        confirming = (f"confirm {order.order_id}" for order in self._book.unconfirmed())
        self._deadlines.keep({*(order.order_id for order in self._book.waiting()), *confirming})
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
        return await self._undisturbed.do(self._sender.resolve(order_id, state, by))

    def _together(self, order_id: OrderId) -> tuple[Order, ...]:
        """Return what one decision on an order decides: it, and the group that waits with it."""
        order = self._book.get(order_id)
        return () if order is None else self._book.together(order)

    def _undecided(self, orders: Sequence[Order], version: int | None) -> Refusal | None:
        if not orders:
            return refuse("ORDER_UNKNOWN")
        order = orders[0]
        if order.unconfirmed:
            return refuse("ALREADY_DECIDED", "Its client has to confirm it first.", state=order.state)
        if not order.waits:
            return refuse("ALREADY_DECIDED", state=order.state)
        if version is not None and version != order.version:
            return refuse("VERSION_CHANGED", looked_at=version, now=order.version)
        if order.proposed is not None and order.state not in RESTING:
            return refuse("ORDER_BUSY", "What became of the order isn't known; its change waits.", state=order.state)
        return None

    async def _judge(self, connection: Connection, orders: Sequence[Order], wanted: Wanted) -> JudgedTogether | Refusal:
        try:
            judging = judge_together(self._observer, connection, wanted, but=orders[0].order_id)
            together = await self._sender.unless_killed(judging)
        except Refused as refused:
            return refused.refusal
        refusal = together.refusal()
        if refusal is not None:
            return refusal
        refusal = self._in_the_way(orders)
        if refusal is not None:
            return refusal
        for one, asked in zip(together.judged, orders, strict=True):
            request, limit = one.request, drift_limit(one.seen.instrument, one.policy)
            moved = drift(request.side, asked.asked_at_price, one.seen.touch(request.side))
            bound = request.limit_price is not None or asked.role in EXITS
            if not bound and moved is not None and moved > limit:
                return refuse("PRICE_MOVED", moved=f"{moved * 100:.2f} %", limit=f"{limit * 100:.2f} %")
        return together

    def _in_the_way(self, orders: Sequence[Order]) -> Refusal | None:
        """Refuse an order to a target while others of its symbol work: together they would overshoot."""
        for order in orders:
            if order.to_target:
                symbol = order.request.symbol
                others = [one for one in self._book.at_broker(order.connection) if one.request.symbol == symbol]
                if others:
                    names = ", ".join(one.order_id for one in others[:10])
                    return refuse("ORDERS_IN_THE_WAY", symbol=symbol, orders=names)
        return None

    async def _end_wait(
        self,
        order_id: OrderId,
        state: OrderState,
        says: str,
        event: str,
        code: str,
        by: str,
        due: datetime | None = None,
        *,
        anyway: bool = False,
    ) -> Order | Refusal:
        """End a wait for the operator or for the client; with ``anyway`` in memory even where the disk doesn't take it."""
        async with self._book.alone(order_id):
            orders = self._together(order_id)
            refusal = None if orders and orders[0].unconfirmed else self._undecided(orders, None)
            if refusal is not None:
                return refusal
            head = orders[0]
            until = head.confirm_by if head.unconfirmed else head.decide_by
            if due is not None and (until is None or until > due):
                return head
            moves = [
                (
                    one,
                    replace(
                        one,
                        version=one.version + 1,
                        state=state if one.state is OrderState.PENDING else one.state,
                        proposed=None,
                        decide_by=None,
                        changed_at=self._clock.now(),
                        reason=safe(says),
                    ),
                )
                for one in orders
            ]
            entries = [order_entry(after, event, code, by=by) for _, after in moves]
            try:
                return (await self._book.move_all(moves, entries, even_if_not_durable=anyway))[0]
            except (StoreUnavailable, StoreBusy):
                return moves[0][1] if anyway else refuse("AUDIT_UNAVAILABLE")


def _sendings(moves: Sequence[tuple[Order, Order]], judged: JudgedTogether) -> list[Write]:
    """Return what is kept of the account as it was seen before new orders are sent."""
    held: dict[str, Decimal] = {}
    writes: list[Write] = []
    for (_, after), found in zip(moves, judged.judged, strict=True):
        # Later legs are judged on top of the earlier ones; the first of a symbol saw what is really held.
        before = held.setdefault(after.request.symbol, found.seen.position)
        if after.state is OrderState.SENDING:
            writes.append(insert_sent(after.order_id, found.seen.now, before))
    return writes


def _approved(
    order: Order, request: OrderRequest, checks: tuple[CheckResult, ...], judged: Judged, now: datetime
) -> Order:
    is_new, asked = order.proposed is None, order.proposed or order.request
    return replace(
        order,
        version=order.version + 1,
        state=OrderState.SENDING if is_new else order.state,
        request=request if is_new else order.request,
        proposed=None if is_new else request,
        checks=checks,
        changed_at=now,
        decide_by=None,
        reason=Safe("") if request == asked else safe(f"edited by the operator from {asked.words()}"),
        unit_worth=judged.unit_worth if is_new else worth_of_either(order, judged),
        raised_at=order.raised_at if is_new else now,
    )
