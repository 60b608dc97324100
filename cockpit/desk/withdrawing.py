"""How everything that we have at the brokers is taken off their books, in a bounded time and whatever else is stuck."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cockpit.brokers.base import LinkSink
from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.reconciling import OURS
from cockpit.desk.sending import Sender, order_entry
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import OPERATORS_GRANT
from cockpit.model.orders import AT_BROKER, DONE, BrokerOrder, Order, OrderRef
from cockpit.model.refusals import Refused
from cockpit.model.text import safe
from cockpit.model.trading import Link
from cockpit.store.writes import StoreBusy, StoreUnavailable

WITHIN: Final = 10.0
"""Seconds after which whoever asked is told what may still work."""
_LOOK_EVERY: Final = 0.2
_BOOKS_WITHIN: Final = 2.0
_ASK_AGAIN: Final = 2.0
"""Seconds after which an order that still rests is cancelled once more: its cancel may have been lost."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What came of it."""

    cancelled: int
    """Orders that worked and do so no more."""
    left: tuple[str, ...]
    """What may still work, in words, each with its id."""


class Withdrawing:
    """Cancels without locks and without the database: it works when nothing else does."""

    def __init__(self, book: Book, sender: Sender, connections: Connections, clock: Clock) -> None:
        self._book = book
        self._sender = sender
        self._connections = connections
        self._clock = clock
        self._cancels: set[asyncio.Task[object]] = set()
        self._before: dict[str, frozenset[OrderRef]] = {}
        """What was open when all of a connection was last withdrawn: what the operator sent since then is meant."""
        self._up_since: dict[str, float] = {}
        self._running: Counter[str] = Counter()

    async def withdraw(self, by: str, within: float = WITHIN) -> Withdrawn:
        """Cancel all that is ours, and look at the brokers until nothing rests or the time is over.

        What the operator closes by hand after he asked for it is meant, and stays.
        """
        ours = [order for order in self._book.open() if order.state in AT_BROKER]
        before = frozenset(order.reference for order in self._book.open())
        left = await asyncio.gather(*(self._withdraw(one, before, by, within) for one in self._connections))
        gone = sum(1 for order in ours if (self._book.get(order.order_id) or order).state in DONE)
        return Withdrawn(gone, tuple(words for each in left for words in each))

    def link_sink(
        self, connection: Connection, killed: Callable[[], bool], publish: Callable[[Event], None]
    ) -> LinkSink:
        """Return where a broker says how its line is: what a kill could not take off while it was down, it does then."""

        def told(link: Link, _: str) -> None:
            if link is not Link.READY or not killed():
                return
            self._up_since[connection.name] = self._clock.monotonic()
            if not self._running[connection.name]:
                task = asyncio.create_task(self._once_up(connection, killed, publish))
                self._cancels.add(task)
                task.add_done_callback(self._cancels.discard)

        return told

    async def _once_up(
        self, connection: Connection, killed: Callable[[], bool], publish: Callable[[Event], None]
    ) -> None:
        before = self._before.get(connection.name)
        if before is None:
            before = frozenset(order.reference for order in self._book.open())
        try:
            left = await self._withdraw(connection, before, "kill", WITHIN, killed)
        except (StoreUnavailable, StoreBusy) as problem:
            _LOG.warning("%s: what a kill withdrew could not all be written: %s", connection.name, problem)
            return
        if left and killed():
            says = f"{connection.name}: KILLED, and its line is up again, but {len(left)} may still work: "
            publish(Notice(self._clock.now(), safe(says + ", ".join(left[:5]), 400), True))

    async def _withdraw(
        self,
        connection: Connection,
        before: frozenset[OrderRef],
        by: str,
        within: float,
        wanted: Callable[[], bool] = lambda: True,
    ) -> tuple[str, ...]:
        self._before[connection.name] = before
        self._running[connection.name] += 1
        try:
            return await self._until_gone(connection, before, by, within, wanted)
        finally:
            self._running[connection.name] -= 1

    async def _until_gone(
        self,
        connection: Connection,
        before: frozenset[OrderRef],
        by: str,
        within: float,
        wanted: Callable[[], bool],
    ) -> tuple[str, ...]:
        asked: dict[OrderRef, float] = {}
        ends = self._clock.monotonic() + within
        known, _ = self._known(connection, before)
        self._cancel(connection, known, asked, by)
        while True:
            resting = await self._resting(connection)
            known, meant = self._known(connection, before)
            if resting is not None:
                resting = [one for one in resting if one.reference not in meant]
            now = self._clock.monotonic()
            if resting is not None:
                again = [one for one in resting if now - asked.get(one.reference, now - _ASK_AGAIN) >= _ASK_AGAIN]
                self._cancel(connection, again, asked, by)
                if not resting and not any(map(self._sender.is_under_way, known)):
                    await self._sender.settled()
                    return ()
            if now >= max(ends, self._up_since.get(connection.name, -within) + within) or not wanted():
                return tuple(map(_words, known if resting is None else resting))
            await asyncio.sleep(_LOOK_EVERY)

    def _known(self, connection: Connection, before: frozenset[OrderRef]) -> tuple[list[Order], frozenset[OrderRef]]:
        """Return our orders at a broker, and the references of those besides that the operator has sent since."""
        ours = self._book.at_broker(connection.name)
        meant = frozenset(one.reference for one in ours if one.grant_id == OPERATORS_GRANT) - before
        return [one for one in ours if one.reference not in meant], meant

    async def _resting(self, connection: Connection) -> list[BrokerOrder] | None:
        """Return what of ours the broker's books show as open; None where they can't be read now."""
        try:
            async with asyncio.timeout(_BOOKS_WITHIN):
                shown = await connection.ask(connection.broker.orders())
        except (Refused, TimeoutError):
            return None
        return [one for one in shown if one.reference.startswith(OURS) and one.state not in DONE]

    def _cancel(
        self, connection: Connection, orders: Iterable[Order | BrokerOrder], asked: dict[OrderRef, float], by: str
    ) -> None:
        for order in orders:
            asked[order.reference] = self._clock.monotonic()
            if isinstance(order, Order):
                self._book.note(order_entry(order, "order.cancel_asked", "", by=by))
            task = asyncio.create_task(self._sender.cancel_reference(connection.name, order.reference))
            self._cancels.add(task)
            task.add_done_callback(self._cancels.discard)


def _words(order: Order | BrokerOrder) -> str:
    name = order.order_id if isinstance(order, Order) else order.reference
    return f"{name} ({order.request.words()})"
