"""What a client may do with orders: preview, place, change, cancel, look, and wait for what becomes of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from cockpit.desk.approvals import room_to_ask
from cockpit.desk.book import Book, Fill
from cockpit.desk.budgets import Budgets
from cockpit.desk.closing import Closing
from cockpit.desk.confirming import confirm
from cockpit.desk.connections import Connection
from cockpit.desk.drafts import (
    Asker,
    asked_entry,
    asked_otherwise,
    cancel_asked,
    changed_request,
    need_changeable,
    new_orders,
    proposed,
    under_rule,
    under_rule_anew,
    withdrawn,
)
from cockpit.desk.equity import Marks
from cockpit.desk.gate import Admitted, slow_down
from cockpit.desk.groups import Wanted, lacking
from cockpit.desk.idempotency import Keys
from cockpit.desk.news import is_news
from cockpit.desk.observer import Judged, Observer
from cockpit.desk.oversight import LimitsLeft
from cockpit.desk.previews import Preview, Previews
from cockpit.desk.records import insert_key
from cockpit.desk.risk import refusal_of
from cockpit.desk.rulebook import Rulebook
from cockpit.desk.rules import Verdict
from cockpit.desk.sending import Sender, order_entry
from cockpit.desk.surroundings import of_others
from cockpit.desk.together import JudgedTogether, judge_together
from cockpit.desk.undisturbed import Undisturbed
from cockpit.model.accounts import Balances
from cockpit.model.clock import Clock
from cockpit.model.identity import ClientName
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
from cockpit.model.text import safe
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
        self._keys = keys
        self._undisturbed = undisturbed
        self._approval = approval
        self._clock = clock
        self._randomness = randomness
        self._previews = Previews(clock)
        self._rulebook = rulebook
        self._budgets = budgets
        self.closing = Closing(book, self._foreign)
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
        _need_capable(admitted.connection, wanted)
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
        orders, do = await self._asked(admitted, body, key, make)
        if do is not Do.APPROVE:
            return orders
        await self.release(orders[0])
        return tuple(self._book.now(one) for one in orders)

    async def _asked(
        self, admitted: Admitted, body: str, key: str, make: Callable[[], Awaitable[Wanted]]
    ) -> tuple[tuple[Order, ...], Do]:
        client, connection = admitted.grant.client, admitted.connection
        fingerprint = f"{connection.name}:{body}"
        async with self._keys.alone(client, key):
            known = await self._keys.order_of(client, key, fingerprint)
            if known is not None:
                return await self._book.of_group(await self.get(admitted, known)), Do.ASK
            async with self._observer.turn(connection, client):
                wanted = await make()
                _need_capable(connection, wanted)
                self._need_room(client)
                self._need_budget(client, wanted)
                together = await judge_together(
                    self._observer, connection, wanted, client=client, scopes=admitted.scopes
                )
                refusal = together.refusal()
                if refusal is not None:
                    raise Refused(refusal)
                verdict = self._verdict(client, connection, together)
                made = new_orders(Asker.of(admitted), together, self._clock.now(), self._randomness(10))
                orders = under_rule(made, verdict, self._approval.confirm_seconds)
                head = orders[0]
                refusal = self._sender.last_look(head, connection, opens=any(together.opens()))
                if refusal is not None:
                    raise Refused(refusal)
                await self._book.add_all(
                    orders,
                    [insert_key(client, key, fingerprint, head.order_id, head.made_at)],
                    [asked_entry(one, verdict) for one in orders],
                )
                return orders, verdict.do

    async def confirm(self, admitted: Admitted, order_id: OrderId) -> Order:
        """Confirm an own order where a rule asks its client for that; elsewhere nothing changes."""
        order = await self._own(admitted, order_id)
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
        await self._own(admitted, order_id)
        async with self._observer.turn(admitted.connection, admitted.grant.client):
            order = await self._own(admitted, order_id)
            need_changeable(order)
            request = changed_request(order, given)
            await self.closing.need_within(order, admitted.connection, request)
            judged = await self._observer.judge(admitted.connection, request, but=order_id)
            _need_passed(judged)
            lowers = judged.lowers
            verdict = Verdict(Do.ASK)
            if not lowers:
                alone = JudgedTogether(Wanted.alone(request), (judged,))
                verdict = self._verdict(order.client, admitted.connection, alone)
                if order.state is not OrderState.PENDING:
                    self._need_room(admitted.grant.client)
            # The order was free meanwhile: facts about it, and cancels, never wait for prices.
            async with self._book.alone(order_id):
                if self._book.get(order_id) != order:
                    raise Refused(refuse("ORDER_BUSY", "It moved on while its change was checked; ask again."))
                after, event, rule = self._changed(order, request, judged, lowers, verdict)
                entry = order_entry(after, event, "", to=request.words(), rule=rule)
                after = await self._book.move(order, after, [entry])
        if lowers and after.state is not OrderState.PENDING:
            return await self._sender.replace(after, opens=False)
        if verdict.do is Do.APPROVE and after.waits:
            await self.release(after)
        return self._book.now(after)

    def _changed(
        self, order: Order, request: OrderRequest, judged: Judged, lowers: bool, verdict: Verdict
    ) -> tuple[Order, str, str]:
        """Return the order with its change, what the audit calls that, and the rule that it went by."""
        now = self._clock.now()
        if order.state is OrderState.PENDING:
            after = asked_otherwise(order, request, judged, now)
            if not lowers:
                after = under_rule_anew(after, verdict, self._approval.confirm_seconds)
            return after, "order.ask_changed", after.rule or "ask"
        if lowers:
            return proposed(order, request, judged, None, now), "order.change_sent", "lowers risk"
        after = proposed(order, request, judged, judged.policy.approval_seconds, now)
        return replace(after, rule=verdict.rule), "order.change_asked", verdict.rule or "ask"

    async def cancel(self, admitted: Admitted, order_id: OrderId) -> Order:
        """Cancel an own order, or withdraw one that still waits."""
        order = await self._own(admitted, order_id)
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
        order = await self._book.find(order_id)
        if order is None or order.connection != admitted.connection.name:
            raise Refused(refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40)))
        return order

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

    def _need_room(self, client: ClientName) -> None:
        refusal = room_to_ask(client, [*self._book.waiting(), *self._book.unconfirmed()], self._approval)
        if refusal is not None:
            raise Refused(refusal)

    def _need_budget(self, client: ClientName, wanted: Wanted) -> None:
        wait = 0.0 if self._budgets is None else self._budgets.take_rest_of_group(client, len(wanted.legs))
        if wait:
            raise Refused(slow_down(wait, "These are more orders than the budget has now"))

    async def _own(self, admitted: Admitted, order_id: OrderId) -> Order:
        order = await self.get(admitted, order_id)
        if order.client != admitted.grant.client:
            raise Refused(refuse("NOT_YOUR_ORDER", order_id=order_id))
        return order

    def _verdict(self, client: ClientName, connection: Connection, together: JudgedTogether) -> Verdict:
        """Return what the rules say; Refused with DENIED_BY_RULE where one denies."""
        if self._rulebook is None:
            return Verdict(Do.ASK)
        verdict = self._rulebook.verdict(client, connection.name, together)
        if verdict.do is Do.DENY:
            raise Refused(refuse("DENIED_BY_RULE", f"The rule {verdict.rule} denies it.", rule=verdict.rule))
        return verdict


async def _nobody(order: Order) -> None:
    """Leave an order to the operator."""


def _resolved(wanted: Wanted, together: JudgedTogether) -> Wanted:
    legs = zip(wanted.legs, together.judged, strict=True)
    return replace(wanted, legs=tuple(replace(leg, request=one.request) for leg, one in legs))


def _need_capable(connection: Connection, wanted: Wanted) -> None:
    refusal = lacking(connection.broker.can, wanted)
    if refusal is not None:
        raise Refused(refusal)


def _need_passed(judged: Judged) -> None:
    refusal = refusal_of(judged.checks)
    if refusal is not None:
        raise Refused(refusal)
