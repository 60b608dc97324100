"""How long a gtc order may rest: one that may open a position is cancelled once its days are over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.closing import Closing
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.deadlines import Deadlines
from cockpit.desk.groups import EXITS
from cockpit.desk.observer import Observer
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.orders import AT_BROKER, RESTING, Order, OrderId, Role, TimeInForce
from cockpit.model.refusals import Refusal, Refused
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable

_LOOK_EVERY: Final = 30.0
_ASK_AGAIN: Final = 600.0
"""Seconds after which an order that still rests is cancelled once more: its cancel may have been lost."""


class Resting:
    """Ends what rests too long. What only closes a position is left, because without it the position is bare."""

    def __init__(
        self,
        book: Book,
        observer: Observer,
        closing: Closing,
        connections: Connections,
        cancel: Callable[[OrderId, str], Awaitable[Order | Refusal]],
        clock: Clock,
        publish: Callable[[Event], None],
    ) -> None:
        self._book = book
        self._observer = observer
        self._closing = closing
        self._connections = connections
        self._cancel = cancel
        self._clock = clock
        self._publish = publish
        self._deadlines = Deadlines(clock)
        self._asked: dict[OrderId, float] = {}
        self._told: set[OrderId] = set()

    async def end_overdue(self) -> tuple[OrderId, ...]:
        """Cancel the orders whose days are over, and return which; a broker that doesn't answer is asked next time."""
        resting = [
            one
            for one in self._book.open()
            if one.request.time_in_force is TimeInForce.GTC and one.state in RESTING and not self._goes_with_entry(one)
        ]
        ended: list[OrderId] = []
        for order in resting:
            connection = self._connections.get(order.connection)
            if connection is None or not self._is_over(order, connection) or not self._is_time(order.order_id):
                continue
            try:
                closes = await self._closing.closes(order, connection, self._may_fill(order))
            except Refused:
                continue
            if closes:
                self._tell(order)
                continue
            self._asked[order.order_id] = self._clock.monotonic()
            days = self._observer.policy(connection, order.client).gtc_days
            with suppress(StoreUnavailable, StoreBusy):
                await self._cancel(order.order_id, f"the limit gtc_days of {days}")
            ended.append(order.order_id)
        self._forget_but({one.order_id for one in resting})
        return tuple(ended)

    async def run(self) -> None:
        """End what rests too long, for ever."""
        while True:
            await self.end_overdue()
            await asyncio.sleep(_LOOK_EVERY)

    def _is_over(self, order: Order, connection: Connection) -> bool:
        days = self._observer.policy(connection, order.client).gtc_days
        return self._deadlines.over(order.order_id, order.made_at, order.made_at + timedelta(days=days))

    def _is_time(self, order_id: OrderId) -> bool:
        asked = self._asked.get(order_id)
        return asked is None or self._clock.monotonic() - asked >= _ASK_AGAIN

    def _goes_with_entry(self, order: Order) -> bool:
        """Whether an exit's bracket has an entry at the broker, with which it ends."""
        entry = self._entry_of(order)
        return entry is not None and entry.state in AT_BROKER

    def _may_fill(self, order: Order) -> Decimal:
        """Return what may still fill: of an exit no more than its entry has."""
        entry = self._entry_of(order)
        return order.left if entry is None else min(order.left, entry.filled)

    def _entry_of(self, order: Order) -> Order | None:
        group = self._book.known_of_group(order.group_id) if order.role in EXITS else ()
        return next((one for one in group if one.role is Role.ENTRY), None)

    def _tell(self, order: Order) -> None:
        if order.order_id in self._told:
            return
        self._told.add(order.order_id)
        says = f"{order.order_id} ({order.request.words()}) rests longer than gtc_days; it is left, as it only closes."
        self._publish(Notice(self._clock.now(), safe(says), False))

    def _forget_but(self, resting: set[OrderId]) -> None:
        self._deadlines.keep(resting)
        self._asked = {order_id: at for order_id, at in self._asked.items() if order_id in resting}
        self._told &= resting
