"""The one way by which anything reaches a broker."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from cockpit.brokers.base import MAY_LEAVE, BrokerUnavailable
from cockpit.desk.book import Book
from cockpit.desk.connections import Connections
from cockpit.desk.entries import order_entry
from cockpit.desk.facts import Facts
from cockpit.desk.gate import Grants
from cockpit.desk.last_look import LastLook
from cockpit.desk.switch import Switch
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.orders import (
    AT_BROKER,
    DONE,
    BrokerFact,
    LinkLost,
    Order,
    OrderId,
    OrderRef,
    OrderState,
    Rejected,
    ReplaceRefused,
)
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.store.writes import StoreBusy, StoreUnavailable

T = TypeVar("T")

log = logging.getLogger(__name__)

_ANSWER_WITHIN: Final = 15.0
"""Seconds until a broker that doesn't answer has left the order unknown."""


class Sender:
    """Sends what is durable already, once. What comes back are facts, which ``facts`` applies."""

    def __init__(
        self,
        grants: Grants,
        connections: Connections,
        switch: Switch,
        book: Book,
        clock: Clock,
        publish: Callable[[Event], None],
    ) -> None:
        self._connections = connections
        self._switch = switch
        self._book = book
        self._clock = clock
        self._publish = publish
        self.facts = Facts(connections, book, clock, publish)
        self.facts.on_ended = self._forget
        self.last_look = LastLook(grants, switch)
        self._under_way: Counter[OrderId] = Counter()
        self._handed: set[OrderId] = set()
        self._submitting: set[OrderId] = set()
        self._called_off: dict[OrderId, bool] = {}
        """Orders whose cancel was asked, and whether the broker has taken the cancel."""
        self._refusals: dict[OrderId, Safe] = {}
        """Why their cancel was refused, as the operator was told last."""

    async def submit(self, order: Order, *, opens: bool = True) -> Order:
        """Send an order that is SENDING and durable. Refused at the last look, it ends REFUSED and nothing left.

        ``opens``: it was judged that it may open or grow a position.
        """
        connection = self._connections.need(order.connection)

        def why_not() -> Refusal | None:
            return self._called_off_of((order,)) or self.last_look.refusal(order, connection, opens=opens)

        refusal = why_not()
        if refusal is not None:
            return await self._refuse(order, refusal)
        await self._submitted((order,), connection.broker.submit(order.reference, order.request), why_not)
        return self._book.now(order)

    async def submit_linked(self, orders: Sequence[Order], *, opens: bool = True) -> Order:
        """Send a group that the broker keeps together, in one message, and return its first order.

        All of it is SENDING and durable; the broker takes all of it or nothing.
        """
        head = orders[0]
        connection = self._connections.need(head.connection)

        def why_not() -> Refusal | None:
            return self._called_off_of(orders) or self.last_look.refusal(head, connection, opens=opens)

        refusal = why_not()
        if refusal is not None or head.linkage is None:
            return await self._refuse(head, refusal or refuse("CAPABILITY_UNAVAILABLE"), orders)
        legs = [(one.reference, one.request) for one in orders]
        await self._submitted(orders, connection.broker.submit_linked(head.linkage, legs), why_not)
        return self._book.now(head)

    async def replace(self, order: Order, *, opens: bool = True) -> Order:
        """Send the change that stands, durable, in ``order.proposed``."""
        connection = self._connections.need(order.connection)
        was_called_off = order.order_id in self._called_off

        def why_not() -> Refusal | None:
            if order.order_id in self._called_off and not was_called_off:
                return refuse("CANCELLED_BEFORE_SENT", "A cancel of the order was asked for meanwhile.")
            return self.last_look.refusal(order, connection, opens=opens)

        refusal = why_not()
        if refusal is not None or order.proposed is None:
            reason = safe(refusal.message if refusal else "nothing to change")
            self.facts.say(ReplaceRefused(order.reference, self._clock.now(), reason))
            await self.facts.settled()
            return self._book.now(order)
        changing = connection.broker.replace(order.reference, order.proposed)
        await self._send((order,), changing, ReplaceRefused, why_not)
        return self._book.now(order)

    async def cancel(self, order: Order, *, again: bool = False) -> Order:
        """Ask the broker to cancel. Needs no authority and no state: less risk is always allowed.

        What has not left yet doesn't leave any more. A cancel that overtakes its order on the way, so that the broker
        knows nothing of it, is asked again once the order has arrived. Of what was asked before (``again``) a refusal
        in the same words isn't told once more.
        """
        if not again:
            self._refusals.pop(order.order_id, None)
        connection = self._connections.need(order.connection)
        if self._book.now(order).state not in DONE:
            self._called_off[order.order_id] = False
        if self._is_unsent(self._book.now(order)):
            return self._book.now(order)
        taken = await self._send((order,), connection.broker.cancel(order.reference), None)
        if taken and order.order_id in self._called_off:
            self._called_off[order.order_id] = True
        return self._book.now(order)

    async def unless_killed(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what leads up to a sending; a kill ends it at once, whatever it waits for."""
        return await self._switch.unless_killed(work)

    async def cancel_reference(self, connection: str, reference: OrderRef, *, again: bool = False) -> None:
        """Ask the broker to cancel what has that reference, whether or not we know the order."""
        order = await self._book.of_reference(reference)
        if order is not None:
            await self.cancel(order, again=again)
            return
        with suppress(BrokerUnavailable, TimeoutError, Refused):
            async with asyncio.timeout(_ANSWER_WITHIN):
                await self._connections.need(connection).broker.cancel(reference)

    def is_under_way(self, order: Order) -> bool:
        """Whether something about it is on its way, or about to be: the broker's books can't tell of it yet."""
        return self._under_way[order.order_id] > 0 or self._is_unsent(order)

    def found_sending(self, orders: Iterable[Order]) -> None:
        """Take over orders that another run was sending when it ended: whatever came of that has happened."""
        self._handed.update(order.order_id for order in orders if order.state is OrderState.SENDING)

    def _is_unsent(self, order: Order) -> bool:
        """Whether it is about to be sent, and nothing of it has left."""
        waits_its_turn = order.state is OrderState.SENDING and order.order_id not in self._handed
        return waits_its_turn and self._under_way[order.order_id] == 0

    def _called_off_of(self, orders: Sequence[Order]) -> Refusal | None:
        """Refuse what was cancelled, or has ended in another way, while it waited for its turn to be sent."""
        if any(
            one.order_id in self._called_off or self._book.now(one).state is not OrderState.SENDING for one in orders
        ):
            return refuse("CANCELLED_BEFORE_SENT")
        return None

    async def _submitted(
        self, orders: Sequence[Order], call: Awaitable[None], why_not: Callable[[], Refusal | None]
    ) -> None:
        """Submit orders, and cancel those whose cancel has overtaken them."""
        names = {order.order_id for order in orders}
        self._submitting |= names
        try:
            await self._send(orders, call, Rejected, why_not)
        finally:
            self._submitting -= names
        for order in orders:
            now = self._book.now(order)
            if self._called_off.get(order.order_id) is False and now.state in AT_BROKER:
                await self.cancel(now)

    async def _send(
        self,
        orders: Sequence[Order],
        call: Awaitable[None],
        refused: type[Rejected] | type[ReplaceRefused] | None,
        why_not: Callable[[], Refusal | None] = lambda: None,
    ) -> bool:
        """Do it once, and return whether the broker took it.

        The broker's own refusal is a fact; a new order that is refused with any other code never got there, and no answer
        in time leaves the orders unknown. It is never tried again. ``why_not`` is asked where it has waited for its turn.
        """
        taken = False

        def may_leave() -> None:
            if (refusal := why_not()) is not None:
                raise Refused(refusal)

        token = MAY_LEAVE.set(may_leave)
        on_the_way = [order.order_id for order in orders]
        self._under_way.update(on_the_way)
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                await call
            taken = True
        except Refused as error:
            says = safe(f"{error.refusal.code}: {error.refusal.message}")
            if refused is Rejected and error.refusal.code != "BROKER_REJECTED":
                await self.facts.settled()
                await self._refuse(orders[0], error.refusal, orders)
            elif refused is not None:
                self._say(orders, lambda reference, at: refused(reference, at, says))
            else:
                self._cancel_refused(orders[0], says)
        except (BrokerUnavailable, TimeoutError) as error:
            reason = safe(str(error) or "no answer from the broker")
            self._say(orders, lambda reference, at: LinkLost(reference, at, reason))
        except BaseException:
            # Whatever broke here: the message may have left.
            self._say(orders, lambda reference, at: LinkLost(reference, at, Safe("the sending broke off")))
            raise
        finally:
            MAY_LEAVE.reset(token)
            self._handed.update(one.order_id for one in orders if self._book.now(one).state not in DONE)
            self._under_way.subtract(on_the_way)
        await self.facts.settled()
        return taken

    def _say(self, orders: Sequence[Order], fact: Callable[[OrderRef, datetime], BrokerFact]) -> None:
        for order in orders:
            self.facts.say(fact(order.reference, self._clock.now()))

    def _cancel_refused(self, order: Order, says: Safe) -> None:
        if order.order_id in self._submitting:
            return
        if self._refusals.get(order.order_id) != says:
            self._refusals[order.order_id] = says
            text = safe(f"The cancel of {order.request.words()} was refused. {says}")
            self._publish(Notice(self._clock.now(), text, True))
        self.facts.on_unsure(order.connection)

    async def _refuse(self, order: Order, refusal: Refusal, together: Sequence[Order] = ()) -> Order:
        async with self._book.alone(order.order_id):
            known = [self._book.now(one) for one in together or (order,)]
            before = [one for one in known if one.state is OrderState.SENDING]
            now = self._clock.now()
            after = [
                replace(
                    one,
                    version=one.version + 1,
                    state=OrderState.REFUSED,
                    reason=safe(f"{refusal.code}: {refusal.message}"),
                    changed_at=now,
                    decide_by=None,
                    proposed=None,
                )
                for one in before
            ]
            entries = [order_entry(one, "order.refused", refusal.code) for one in after]
            moves = list(zip(before, after, strict=True))
            with suppress(StoreUnavailable, StoreBusy):
                await self._book.move_all(moves, entries, even_if_not_durable=True)
            for one in before:
                self._called_off.pop(one.order_id, None)
            return self._book.now(order)

    def _forget(self, order: Order) -> None:
        self._handed.discard(order.order_id)
        self._called_off.pop(order.order_id, None)
        self._refusals.pop(order.order_id, None)
        self._refusals.pop(order.order_id, None)
