"""What a client may do with orders: preview, place, change, cancel, look, and wait for what becomes of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from cockpit.desk.approvals import lowers_risk, room_to_ask
from cockpit.desk.book import Book
from cockpit.desk.connections import Connection
from cockpit.desk.gate import Admitted
from cockpit.desk.idempotency import Keys
from cockpit.desk.observer import Judged, Observer
from cockpit.desk.records import insert_key
from cockpit.desk.risk import refusal_of
from cockpit.desk.sending import Sender, order_entry
from cockpit.desk.undisturbed import Undisturbed
from cockpit.model.clock import Clock
from cockpit.model.identity import ClientName, Grant
from cockpit.model.ids import ulid
from cockpit.model.money import ZERO
from cockpit.model.orders import DONE, Order, OrderId, OrderRef, OrderRequest, OrderState
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.settings.model import ApprovalSettings

_PREVIEW_SECONDS: Final = 120
_PREVIEWS_KEPT: Final = 50
"""Previews of one client that are remembered at a time; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A judged order that can be placed by its id within two minutes."""

    preview_id: str
    client: ClientName
    connection: str
    request: OrderRequest
    judged: Judged
    expires_at: datetime
    expires: float


class OrderDesk:
    """The client's side of the order path. Nothing here reaches a broker but through the Sender."""

    def __init__(
        self,
        book: Book,
        observer: Observer,
        sender: Sender,
        keys: Keys,
        undisturbed: Undisturbed,
        approval: ApprovalSettings,
        clock: Clock,
        randomness: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._book = book
        self._observer = observer
        self._sender = sender
        self._keys = keys
        self._undisturbed = undisturbed
        self._approval = approval
        self._clock = clock
        self._randomness = randomness
        self._previews: dict[ClientName, dict[str, Preview]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def judge(self, connection: Connection, request: OrderRequest) -> Judged:
        """Run every check on a request as if it were placed now. Nothing changes."""
        return await self._observer.judge(connection, request)

    async def preview(self, admitted: Admitted, request: OrderRequest) -> Preview:
        """Judge a request and remember it for two minutes."""
        judged = await self._observer.judge(admitted.connection, request)
        now = self._clock.monotonic()
        mine = self._previews.setdefault(admitted.grant.client, {})
        for old in [one.preview_id for one in mine.values() if one.expires <= now]:
            del mine[old]
        while len(mine) >= _PREVIEWS_KEPT:
            del mine[next(iter(mine))]
        preview = Preview(
            "v-" + ulid(self._clock.now(), self._randomness(10)),
            admitted.grant.client,
            admitted.connection.name,
            replace(request, symbol=judged.seen.instrument.symbol),
            judged,
            self._clock.now() + timedelta(seconds=_PREVIEW_SECONDS),
            now + _PREVIEW_SECONDS,
        )
        mine[preview.preview_id] = preview
        return preview

    def previewed(self, admitted: Admitted, preview_id: str) -> OrderRequest:
        """Return the request of a preview; Refused with PREVIEW_UNKNOWN where it is gone or somebody else's."""
        preview = self._previews.get(admitted.grant.client, {}).get(preview_id)
        if preview is None or preview.expires <= self._clock.monotonic():
            raise Refused(refuse("PREVIEW_UNKNOWN", preview_id=safe(preview_id, 40)))
        if preview.connection != admitted.connection.name:
            raise Refused(refuse("PREVIEW_UNKNOWN", "That preview was made on another connection."))
        return preview.request

    async def place(self, admitted: Admitted, request: OrderRequest, key: str) -> Order:
        """Put an order before the operator; the same key and request again is the same order.

        A request that a check refuses leaves nothing behind, so its key stays free. Raises Refused.
        """
        return await self._undisturbed.do(self._place(admitted, request, key))

    async def _place(self, admitted: Admitted, request: OrderRequest, key: str) -> Order:
        client, connection = admitted.grant.client, admitted.connection
        request = replace(request, symbol=request.symbol.strip().upper())
        fingerprint = f"{connection.name}:{request.fingerprint()}"
        async with self._keys.alone(client, key):
            known = await self._keys.order_of(client, key, fingerprint)
            if known is not None:
                return await self.get(admitted, known)
            async with self._asking.setdefault(connection.name, asyncio.Lock()):
                self._need_room(client)
                judged = await self._observer.judge(connection, request)
                _need_passed(judged)
                order = self._new(admitted.grant, connection, judged)
                return await self._book.add(
                    order,
                    [insert_key(client, key, fingerprint, order.order_id, order.made_at)],
                    [order_entry(order, "order.asked", "", rule="ask")],
                )

    async def modify(
        self, admitted: Admitted, order_id: OrderId, quantity: Decimal | None, limit_price: Decimal | None
    ) -> Order:
        """Change quantity or limit of an own order. What raises risk waits for the operator like a new order."""
        return await self._undisturbed.do(self._modify(admitted, order_id, quantity, limit_price))

    async def _modify(
        self, admitted: Admitted, order_id: OrderId, quantity: Decimal | None, limit_price: Decimal | None
    ) -> Order:
        order = await self._own(admitted, order_id)
        async with self._book.alone(order_id):
            order = self._book.get(order_id) or order
            _need_changeable(order)
            request = _changed(order, quantity, limit_price)
            judged = await self._observer.judge(admitted.connection, request, but=order_id)
            _need_passed(judged)
            if order.state is OrderState.PENDING:
                return await self._change_waiting(order, request, judged)
            lowers = lowers_risk(order.request, request)
            if not lowers:
                self._need_room(admitted.grant.client)
            ask_seconds = None if lowers else admitted.connection.settings.policy.approval_seconds
            after = self._proposed(order, request, judged, ask_seconds)
            event, rule = ("order.change_sent", "lowers risk") if lowers else ("order.change_asked", "ask")
            after = await self._book.move(order, after, [order_entry(after, event, "", to=request.words(), rule=rule)])
        return await self._sender.replace(after) if lowers else after

    async def cancel(self, admitted: Admitted, order_id: OrderId) -> Order:
        """Cancel an own order, or withdraw one that still waits."""
        order = await self._own(admitted, order_id)
        return await self.cancel_as(order, f"client {admitted.grant.client}")

    async def cancel_as(self, order: Order, by: str) -> Order:
        """Cancel for anybody who may: a waiting order is withdrawn, a working one cancelled at the broker."""
        return await self._undisturbed.do(self._cancel(order, by))

    async def _cancel(self, order: Order, by: str) -> Order:
        async with self._book.alone(order.order_id):
            order = self._book.get(order.order_id) or order
            if order.state in DONE:
                return order
            now = self._clock.now()
            if order.state is OrderState.PENDING:
                after = replace(
                    order,
                    version=order.version + 1,
                    state=OrderState.CANCELLED,
                    reason=Safe("Withdrawn before it was sent."),
                    changed_at=now,
                    decide_by=None,
                )
                return await self._book.move(order, after, [order_entry(after, "order.withdrawn", "", by=by)])
            after = replace(
                order,
                version=order.version + 1,
                changed_at=now,
                reason=safe(f"cancel asked by {by}"),
                decide_by=None,
                proposed=None if order.waits else order.proposed,
            )
            order = await self._book.move(order, after, [order_entry(after, "order.cancel_asked", "", by=by)])
        return await self._sender.cancel(order)

    async def get(self, admitted: Admitted, order_id: OrderId) -> Order:
        """Return an order of the caller's connection."""
        order = await self._book.find(order_id)
        if order is None or order.connection != admitted.connection.name:
            raise Refused(refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40)))
        return order

    async def list(self, admitted: Admitted, limit: int) -> list[Order]:
        """Return the orders of the caller's connection, newest first."""
        return await self._book.of_connection(admitted.connection.name, limit)

    async def wait(self, admitted: Admitted, order_id: OrderId, seconds: float, seen: OrderState | None) -> Order:
        """Return the order once its state differs from ``seen`` (now), it has ended, or ``seconds`` are over.

        States that last only until the broker answers are passed over.
        """
        order = await self.get(admitted, order_id)
        seen = order.state if seen is None else seen
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while order.state in {seen, OrderState.APPROVED, OrderState.SENDING} and order.state not in DONE:
                    order = await asyncio.shield(self._book.changed(order_id))
        return order

    def _need_room(self, client: ClientName) -> None:
        refusal = room_to_ask(client, self._book.waiting(), self._approval)
        if refusal is not None:
            raise Refused(refusal)

    async def _own(self, admitted: Admitted, order_id: OrderId) -> Order:
        order = await self.get(admitted, order_id)
        if order.client != admitted.grant.client:
            raise Refused(refuse("NOT_YOUR_ORDER", order_id=order_id))
        return order

    def _new(self, grant: Grant, connection: Connection, judged: Judged) -> Order:
        now = self._clock.now()
        name = ulid(now, self._randomness(10))
        return Order(
            OrderId("o-" + name),
            OrderRef("ck:" + name),
            1,
            grant.client,
            grant.grant_id,
            connection.name,
            replace(judged.request, symbol=judged.seen.instrument.symbol),
            OrderState.PENDING,
            ZERO,
            None,
            ZERO,
            Safe("Waits for the operator."),
            judged.checks,
            now,
            now,
            now + timedelta(seconds=connection.settings.policy.approval_seconds),
            None,
            judged.seen.touch(judged.request.side),
        )

    async def _change_waiting(self, order: Order, request: OrderRequest, judged: Judged) -> Order:
        after = replace(
            order,
            version=order.version + 1,
            request=request,
            checks=judged.checks,
            changed_at=self._clock.now(),
            asked_at_price=judged.seen.touch(request.side),
        )
        return await self._book.move(order, after, [order_entry(after, "order.ask_changed", "")])

    def _proposed(self, order: Order, request: OrderRequest, judged: Judged, ask_seconds: int | None) -> Order:
        now = self._clock.now()
        return replace(
            order,
            version=order.version + 1,
            proposed=request,
            checks=judged.checks,
            changed_at=now,
            decide_by=None if ask_seconds is None else now + timedelta(seconds=ask_seconds),
            asked_at_price=judged.seen.touch(request.side),
            reason=order.reason if ask_seconds is None else Safe("A change waits for the operator."),
        )


def _need_passed(judged: Judged) -> None:
    refusal = refusal_of(judged.checks)
    if refusal is not None:
        raise Refused(refusal)


def _need_changeable(order: Order) -> None:
    if order.state in DONE:
        raise Refused(refuse("ORDER_DONE", state=order.state))
    if order.state in {OrderState.SENDING, OrderState.UNKNOWN, OrderState.APPROVED} or order.proposed is not None:
        raise Refused(refuse("ORDER_BUSY", state=order.state))


def _changed(order: Order, quantity: Decimal | None, limit_price: Decimal | None) -> OrderRequest:
    if limit_price is not None and order.request.limit_price is None:
        raise Refused(refuse("ORDER_TYPE_NOT_ALLOWED", "A market order has no limit to change."))
    request = replace(
        order.request,
        quantity=quantity if quantity is not None else order.request.quantity,
        limit_price=limit_price if limit_price is not None else order.request.limit_price,
    )
    if request == order.request:
        raise Refused(refuse("NOTHING_TO_CHANGE"))
    if request.quantity <= order.filled:
        raise Refused(refuse("BAD_QUANTITY", "That much is filled already; cancel the rest.", filled=order.filled))
    return request
