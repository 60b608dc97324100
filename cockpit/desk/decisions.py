"""What the operator decides about orders: send, reject, cancel; and what time and the kill switch decide for him."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.desk.approvals import drift, lowers_risk
from cockpit.desk.book import Book
from cockpit.desk.connections import Connections
from cockpit.desk.observer import Judged, Observer
from cockpit.desk.orders import OrderDesk
from cockpit.desk.reconcile import missed
from cockpit.desk.risk import refusal_of
from cockpit.desk.sending import Sender, order_entry
from cockpit.desk.undisturbed import Undisturbed
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import GrantId
from cockpit.model.orders import AT_BROKER, Execution, Order, OrderId, OrderRequest, OrderState
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.store.writes import StoreUnavailable

_EXPIRY_STEP: Final = 0.2
"""Seconds by which an expiry may be late; a decision after its time is refused all the same."""


@dataclass(frozen=True, slots=True)
class Look:
    """A waiting order as it stands this instant."""

    order: Order
    judged: Judged
    drift: Decimal | None
    executions: tuple[Execution, ...]


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

    async def look(self, order_id: OrderId) -> Look | Refusal:
        """Price and check an order as it would be sent now."""
        order = await self._book.find(order_id)
        if order is None:
            return refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40))
        connection = self._connections.get(order.connection)
        if connection is None:
            return refuse("CONNECTION_UNKNOWN", connection=order.connection)
        request = order.proposed or order.request
        try:
            judged = await self._observer.judge(connection, request, but=order_id)
        except Refused as refused:
            return refused.refusal
        moved = drift(request.side, order.asked_at_price, judged.seen.touch(request.side))
        fills = await self._book.executions(order)
        return Look(order, judged, moved, tuple(fills.values()))

    async def approve(
        self, order_id: OrderId, version: int | None, quantity: Decimal | None, limit: Decimal | None, by: str
    ) -> Order | Refusal:
        """Send a waiting order, or its change, as it is now, after every check on fresh prices.

        ``version`` is the one that was looked at. An edit only lowers risk and is checked like a new request. A
        refusal leaves the order waiting.
        """
        return await self._undisturbed.do(self._approve(order_id, version, quantity, limit, by))

    async def _approve(
        self, order_id: OrderId, version: int | None, quantity: Decimal | None, limit: Decimal | None, by: str
    ) -> Order | Refusal:
        async with self._book.alone(order_id):
            order = self._book.get(order_id)
            refusal = self._undecided(order, version)
            if refusal is not None or order is None:
                return refusal or refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40))
            wanted = order.proposed or order.request
            edited = _edited(wanted, quantity, limit)
            if isinstance(edited, Refusal):
                return edited
            if edited.quantity <= order.filled:
                return refuse("BAD_QUANTITY", "That much is filled already.", filled=order.filled)
            judged = await self._judge(order, edited)
            if isinstance(judged, Refusal):
                return judged
            now = self._clock.now()
            if order.decide_by is not None and now >= order.decide_by:
                return refuse("APPROVAL_EXPIRED")
            is_new = order.proposed is None
            after = replace(
                order,
                version=order.version + 1,
                state=OrderState.SENDING if is_new else order.state,
                request=edited if is_new else order.request,
                proposed=None if is_new else edited,
                checks=judged.checks,
                changed_at=now,
                decide_by=None,
                reason=Safe("") if edited == wanted else safe(f"edited by the operator from {wanted.words()}"),
            )
            entry = order_entry(
                after,
                "order.approved",
                "",
                by=by,
                asked=wanted.words(),
                sends=edited.words(),
                hash=edited.fingerprint(),
            )
            try:
                order = await self._book.move(order, after, [entry])
            except StoreUnavailable:
                return refuse("AUDIT_UNAVAILABLE")
        return await (self._sender.submit(order) if is_new else self._sender.replace(order))

    async def deny(self, order_id: OrderId, reason: str, by: str) -> Order | Refusal:
        """Reject a waiting order, or its change, with the operator's words."""
        words = safe(reason, 200) or Safe("")
        says = f"REJECTED_BY_OPERATOR: {words}" if words else "REJECTED_BY_OPERATOR"
        return await self._undisturbed.do(
            self._end_wait(order_id, OrderState.REFUSED, says, "order.denied", "REJECTED_BY_OPERATOR", by)
        )

    async def cancel(self, order_id: OrderId, by: str) -> Order | Refusal:
        """Cancel any order."""
        order = await self._book.find(order_id)
        if order is None:
            return refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40))
        if order.state not in AT_BROKER and not order.waits:
            return refuse("ORDER_DONE", state=order.state)
        try:
            return await self._orders.cancel_as(order, by)
        except StoreUnavailable:
            return await self._sender.cancel(order)

    async def cancel_all(self, by: str) -> list[Order]:
        """Reject what waits and cancel what works, all at once; a cancel goes out even when it can't be recorded."""
        await self.void_waiting("CANCELLED_BEFORE_SENT", by)
        working = [order for order in self._book.open() if order.state in AT_BROKER]
        results = await asyncio.gather(*(self.cancel(order.order_id, by) for order in working), return_exceptions=True)
        return [result for result in results if isinstance(result, Order)]

    async def void_waiting(self, code: str, by: str, grant_id: GrantId | None = None) -> int:
        """End every wait for the operator, or those of one grant: what was asked before may not be sent any more."""
        waiting = [order for order in self._book.waiting() if grant_id in {None, order.grant_id}]
        for order in waiting:
            await self._undisturbed.do(
                self._end_wait(order.order_id, OrderState.REFUSED, refuse(code).message, "order.voided", code, by)
            )
        return len(waiting)

    async def expire_due(self) -> datetime | None:
        """End the waits whose time is over; return when the next one ends."""
        now = self._clock.now()
        for order in self._book.waiting():
            if order.decide_by is not None and order.decide_by <= now:
                says = refuse("APPROVAL_EXPIRED").message
                await self._undisturbed.do(
                    self._end_wait(
                        order.order_id, OrderState.EXPIRED, says, "order.wait_expired", "APPROVAL_EXPIRED", "time", now
                    )
                )
        return min((order.decide_by for order in self._book.waiting() if order.decide_by is not None), default=None)

    async def watch_time(self) -> None:
        """End waits when their time is over, for ever."""
        while True:
            await self.expire_due()
            await asyncio.sleep(_EXPIRY_STEP)

    async def reconcile(self) -> None:
        """Bring every order that a broker may have to what its books say. Never sends anything."""
        for connection in self._connections:
            ours = [o for o in self._book.open() if o.connection == connection.name and o.state in AT_BROKER]
            if not ours:
                continue
            try:
                theirs = {one.reference: one for one in await connection.ask(connection.broker.orders())}
            except Refused as refused:
                says = safe(f"{connection.name}: orders could not be compared: {refused.refusal.code}")
                self._publish(Notice(self._clock.now(), says, True))
                continue
            for order in ours:
                seen = await self._book.executions(order)
                broker = connection.broker
                found = theirs.get(order.reference)
                await self._sender.learn(missed(order, seen, found, broker.books_complete, self._clock.now()))

    def _undecided(self, order: Order | None, version: int | None) -> Refusal | None:
        if order is None:
            return refuse("ORDER_UNKNOWN")
        if not order.waits:
            return refuse("ALREADY_DECIDED", state=order.state)
        if version is not None and version != order.version:
            return refuse("VERSION_CHANGED", looked_at=version, now=order.version)
        return None

    async def _judge(self, order: Order, request: OrderRequest) -> Judged | Refusal:
        connection = self._connections.get(order.connection)
        if connection is None:
            return refuse("CONNECTION_UNKNOWN", connection=order.connection)
        try:
            judged = await self._observer.judge(connection, request, but=order.order_id)
        except Refused as refused:
            return refused.refusal
        refusal = refusal_of(judged.checks)
        if refusal is not None:
            return refusal
        moved = drift(request.side, order.asked_at_price, judged.seen.touch(request.side))
        limit = connection.settings.policy.max_drift
        if request.limit_price is None and moved is not None and moved > limit:
            return refuse("PRICE_MOVED", moved=f"{moved * 100:.2f} %", limit=f"{limit * 100:.2f} %")
        return judged

    async def _end_wait(
        self,
        order_id: OrderId,
        state: OrderState,
        says: str,
        event: str,
        code: str,
        by: str,
        due: datetime | None = None,
    ) -> Order | Refusal:
        async with self._book.alone(order_id):
            order = self._book.get(order_id)
            refusal = self._undecided(order, None)
            if refusal is not None or order is None:
                return refusal or refuse("ORDER_UNKNOWN")
            if due is not None and (order.decide_by is None or order.decide_by > due):
                return order
            after = replace(
                order,
                version=order.version + 1,
                state=state if order.state is OrderState.PENDING else order.state,
                proposed=None,
                decide_by=None,
                changed_at=self._clock.now(),
                reason=safe(says),
            )
            try:
                return await self._book.move(order, after, [order_entry(after, event, code, by=by)])
            except StoreUnavailable:
                return refuse("AUDIT_UNAVAILABLE")


def _edited(request: OrderRequest, quantity: Decimal | None, limit: Decimal | None) -> OrderRequest | Refusal:
    if limit is not None and request.limit_price is None:
        return refuse("EDIT_ADDS_RISK", "A market order has no limit to edit.")
    edited = replace(
        request,
        quantity=quantity if quantity is not None else request.quantity,
        limit_price=limit if limit is not None else request.limit_price,
    )
    return edited if lowers_risk(request, edited) else refuse("EDIT_ADDS_RISK")
