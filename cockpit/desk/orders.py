"""What a client may do with orders: preview, place, change, cancel, look, and wait for what becomes of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from cockpit.desk.access import order_of, own_order_of
from cockpit.desk.asking import Asking, need_capable
from cockpit.desk.book import Book, Fill
from cockpit.desk.budgets import Budgets
from cockpit.desk.changing import Changing
from cockpit.desk.closing import Closing
from cockpit.desk.confirming import confirm
from cockpit.desk.connections import Connection
from cockpit.desk.drafts import (
    cancel_asked,
    withdrawn,
)
from cockpit.desk.entries import order_entry
from cockpit.desk.equity import Marks
from cockpit.desk.gate import Admitted
from cockpit.desk.groups import Wanted
from cockpit.desk.idempotency import Keys
from cockpit.desk.news import is_news
from cockpit.desk.observer import Judged, Observer
from cockpit.desk.oversight import LimitsLeft
from cockpit.desk.previews import Preview, Previews
from cockpit.desk.rulebook import Rulebook
from cockpit.desk.sending import Sender
from cockpit.desk.surroundings import of_others
from cockpit.desk.together import JudgedTogether, judge_together
from cockpit.desk.undisturbed import Undisturbed
from cockpit.model.accounts import Balances
from cockpit.model.clock import Clock
from cockpit.model.ids import ulid
from cockpit.model.orders import (
    AT_BROKER,
    DONE,
    Linkage,
    Order,
    OrderId,
    OrderRequest,
    OrderState,
)
from cockpit.model.refusals import Refused, refuse
from cockpit.settings.approval import ApprovalSettings, Do
from cockpit.settings.policy import PolicySettings


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
        rulebook: Rulebook | None = None,
        budgets: Budgets | None = None,
    ) -> None:
        """``budgets`` are those from which the gate took one order for each call; a group takes one for each leg."""
        self._book = book
        self._observer = observer
        self._sender = sender
        self._undisturbed = undisturbed
        self._clock = clock
        self._randomness = randomness
        self._previews = Previews(clock)
        self._asking = Asking(book, observer, sender, keys, approval, clock, randomness, rulebook, budgets)
        self.closing = Closing(book, self._foreign)
        self._changing = Changing(book, observer, sender, self.closing, self._asking, approval, clock)
        self.release: Callable[[Order], Awaitable[None]] = _nobody
        """Takes an order that a rule approves, once it is durable, and approves it the operator's way."""

    async def judge(self, connection: Connection, request: OrderRequest, admitted: Admitted | None = None) -> Judged:
        """Run every check on a request as if it were placed now, by ``admitted``. Nothing changes."""
        if admitted is None:
            return await self._observer.judge(connection, request)
        return await self._observer.judge(connection, request, client=admitted.grant.client, scopes=admitted.scopes)

    def limits_of(self, admitted: Admitted) -> tuple[PolicySettings, LimitsLeft]:
        """Return the limits that hold for a client now, and what is left of those that are used up."""
        connection, client = admitted.connection, admitted.grant.client
        return self._observer.policy(connection, client), self._observer.left(connection, client)

    def marks_of(self, admitted: Admitted, balances: Balances) -> Marks:
        """Return the equity that a connection's day began with, as the limit of a day's loss counts it."""
        return self._observer.marks(admitted.connection, balances)

    async def preview(self, admitted: Admitted, request: OrderRequest) -> Preview:
        """Judge a request and remember it for two minutes."""
        return await self.preview_group(admitted, Wanted.alone(request))

    async def preview_group(self, admitted: Admitted, wanted: Wanted) -> Preview:
        """Judge orders that would be decided on together, and remember them for two minutes."""
        need_capable(admitted.connection, wanted)
        together = await judge_together(
            self._observer, admitted.connection, wanted, client=admitted.grant.client, scopes=admitted.scopes
        )
        return self._previews.keep(
            admitted, "v-" + ulid(self._clock.now(), self._randomness(10)), _resolved(wanted, together), together
        )

    def previewed(self, admitted: Admitted, preview_id: str, linkage: Linkage | None = None) -> Wanted:
        """Return what was previewed; Refused with PREVIEW_UNKNOWN where it is gone or somebody else's."""
        return self._previews.wanted(admitted, preview_id, linkage)

    async def place(self, admitted: Admitted, request: OrderRequest, key: str) -> Order:
        """Put an order before the operator; the same key and request again is the same order. Raises Refused."""
        request = replace(request, symbol=request.symbol.strip().upper())
        return (await self.place_group(admitted, Wanted.alone(request), key))[0]

    async def place_group(self, admitted: Admitted, wanted: Wanted, key: str) -> tuple[Order, ...]:
        """Put orders before the operator for one decision; the same key and orders again are the same ones."""

        async def made() -> Wanted:
            return wanted

        return await self.ask(admitted, wanted.fingerprint(), key, made)

    async def ask(
        self, admitted: Admitted, body: str, key: str, make: Callable[[], Awaitable[Wanted]]
    ) -> tuple[Order, ...]:
        """Put before the operator what ``make`` makes, unless the key stands for orders that were made already.

        ``body`` is what the client said, in a canonical form: the same key with another body is a conflict. What is
        refused leaves nothing behind, so its key stays free. Raises Refused.
        """
        return await self._undisturbed.do(self._ask(admitted, body, key, make))

    async def _ask(
        self, admitted: Admitted, body: str, key: str, make: Callable[[], Awaitable[Wanted]]
    ) -> tuple[Order, ...]:
        orders, do = await self._asking.ask(admitted, body, key, make)
        if do is not Do.APPROVE:
            return orders
        await self.release(orders[0])
        return tuple(self._book.now(one) for one in orders)

    async def confirm(self, admitted: Admitted, order_id: OrderId) -> Order:
        """Confirm an own order where a rule asks its client for that; elsewhere nothing changes."""
        order = await own_order_of(self._book, admitted, order_id)
        seconds = self._observer.policy(admitted.connection, order.client).approval_seconds
        return await self._undisturbed.do(confirm(self._book, self._clock, seconds, order))

    async def modify(
        self,
        admitted: Admitted,
        order_id: OrderId,
        quantity: Decimal | None,
        limit_price: Decimal | None,
        *,
        stop_price: Decimal | None = None,
        trail_amount: Decimal | None = None,
        trail_percent: Decimal | None = None,
    ) -> Order:
        """Change the terms of an own order; None leaves one as it is.

        What raises risk waits for the operator like a new order.
        """
        changes = {
            "quantity": quantity,
            "limit_price": limit_price,
            "stop_price": stop_price,
            "trail_amount": trail_amount,
            "trail_percent": trail_percent,
        }
        given = {name: value for name, value in changes.items() if value is not None}
        return await self._undisturbed.do(self._modify(admitted, order_id, given))

    async def _modify(self, admitted: Admitted, order_id: OrderId, given: dict[str, Decimal]) -> Order:
        order, do = await self._changing.change(admitted, order_id, given)
        if do is Do.APPROVE and order.waits:
            await self.release(order)
        return self._book.now(order)

    async def cancel(self, admitted: Admitted, order_id: OrderId) -> Order:
        """Cancel an own order, or withdraw one that still waits."""
        order = await own_order_of(self._book, admitted, order_id)
        return await self.cancel_as(order, f"client {admitted.grant.client}")

    async def cancel_as(self, order: Order, by: str) -> Order:
        """Cancel for anybody who may: a waiting order is withdrawn, a working one cancelled at the broker."""
        return await self._undisturbed.do(self._cancel(order, by))

    async def _cancel(self, order: Order, by: str) -> Order:
        async with self._book.alone(order.order_id):
            order = self._book.now(order)
            if order.state in DONE:
                return order
            if order.state is OrderState.PENDING:
                return await self._withdraw(order, by)
            after = cancel_asked(order, by, self._clock.now())
            order = await self._book.move(order, after, [order_entry(after, "order.cancel_asked", "", by=by)])
        return await self._sender.cancel(order)

    async def mark_cancel_asked(self, order_id: OrderId, by: str) -> Order:
        """Keep with an order at the broker that somebody asked to cancel it; a change that waits is withdrawn."""
        async with self._book.alone(order_id):
            order = self._book.get(order_id)
            if order is None or order.state not in AT_BROKER:
                raise Refused(refuse("ORDER_DONE"))
            after = cancel_asked(order, by, self._clock.now())
            return await self._book.move(order, after, [order_entry(after, "order.cancel_noted", "", by=by)])

    async def _withdraw(self, order: Order, by: str) -> Order:
        """End a wait by whoever asked for it; the orders of a group go together."""
        moves = [(one, withdrawn(one, self._clock.now())) for one in self._book.together(order)]
        await self._book.move_all(moves, [order_entry(after, "order.withdrawn", "", by=by) for _, after in moves])
        return self._book.now(order)

    async def cancel_all(self, admitted: Admitted) -> list[Order]:
        """Cancel or withdraw every own open order of the caller's connection, and return what became of them."""
        client, connection = admitted.grant.client, admitted.connection.name
        mine = [one for one in self._book.open() if one.client == client and one.connection == connection]
        by = f"client {client}"
        ended = await asyncio.gather(*(self.cancel_as(one, by) for one in mine), return_exceptions=True)
        for one in ended:
            if isinstance(one, BaseException):
                raise one
        return [self._book.now(one) for one in mine]

    async def group(self, admitted: Admitted, order: Order) -> tuple[Order, ...]:
        """Return all orders of an order's group in their order."""
        return await self._book.of_group(order)

    async def fills(
        self, admitted: Admitted, limit: int, *, only_mine: bool = False, before: str | None = None
    ) -> list[Fill]:
        """Return the executions of the caller's connection, newest first, or those older than one of them."""
        name, client = admitted.connection.name, admitted.grant.client if only_mine else None
        last = None if before is None else await self._book.execution(name, before)
        if before is not None and last is None:
            raise Refused(refuse("BAD_ARGUMENTS", "No fill of this connection has that execution_id."))
        return await self._book.fills(name, limit, client, last)

    async def get(self, admitted: Admitted, order_id: OrderId) -> Order:
        """Return an order of the caller's connection."""
        return await order_of(self._book, admitted, order_id)

    async def list(
        self,
        admitted: Admitted,
        limit: int,
        *,
        only_open: bool = False,
        only_mine: bool = False,
        before: OrderId | None = None,
    ) -> list[Order]:
        """Return the orders of the caller's connection, newest first, or those older than one of them."""
        name, client = admitted.connection.name, admitted.grant.client if only_mine else None
        last = None if before is None else await self.get(admitted, before)
        if only_open:
            return self._book.open_on(name, client, last)[:limit]
        return await self._book.of_connection(name, limit, client, last)

    async def wait(
        self,
        admitted: Admitted,
        order_id: OrderId,
        seconds: float,
        seen: OrderState | None,
        seen_version: int | None = None,
    ) -> Order:
        """Return the order once there is news of it for somebody who saw it so, or ``seconds`` are over."""
        order = before = await self.get(admitted, order_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not is_news(order, before, seen, seen_version):
                    order = await asyncio.shield(self._book.changed(order_id))
        return order

    def queue_place(self, order: Order) -> int | None:
        """Return an order's place among all that wait for the operator, from 1; None where it doesn't."""
        waiting = [one.order_id for one in self._book.waiting()]
        return waiting.index(order.order_id) + 1 if order.order_id in waiting else None

    def _foreign(self, connection: str) -> list[Order]:
        now = self._clock.now()
        return [of_others(connection, one, now) for one in self._observer.foreign(connection)]


async def _nobody(order: Order) -> None:
    """Leave an order to the operator."""


def _resolved(wanted: Wanted, together: JudgedTogether) -> Wanted:
    legs = zip(wanted.legs, together.judged, strict=True)
    return replace(wanted, legs=tuple(replace(leg, request=one.request) for leg, one in legs))
