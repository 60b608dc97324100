"""How everything that we have at the brokers is taken off their books, in a bounded time and whatever else is stuck.

And what turns up there afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, Final

from cockpit.brokers.base import FOR_SENDING, HasOpenOrders, LinkSink
from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.entries import order_entry
from cockpit.desk.facts import OURS
from cockpit.desk.sending import Sender
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import OPERATORS_GRANT
from cockpit.model.orders import AT_BROKER, DONE, RESTING, BrokerOrder, Order, OrderRef, OrderState
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

_UNFILLED: Final = frozenset({OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})
"""Ends that the broker may turn out to know nothing of."""
_KILL: Final = "kill"
"""By whom it is asked for after a kill."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What came of it."""

    cancelled: int
    """Orders that worked and do so no more."""
    left: tuple[str, ...]
    """What may still work, in words, each with its id."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """That the cancel of an order was asked for."""

    at: float
    works: bool
    """It was known to work then."""


_NEVER: Final = _Asked(-inf, False)


class Withdrawing:
    """Cancels without locks and without the database: it works when nothing else does."""

    def __init__(
        self,
        book: Book,
        sender: Sender,
        connections: Connections,
        clock: Clock,
        publish: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._book = book
        self._sender = sender
        self._connections = connections
        self._clock = clock
        self._publish = publish
        self._tasks: set[asyncio.Task[object]] = set()
        self._asked: dict[OrderRef, _Asked] = {}
        self._anew: dict[str, float] = {}
        """When there was last a reason to begin anew on a connection."""
        self._after: set[str] = set()
        """Connections on which what rests after a kill is being seen off."""
        self.killed_at: Callable[[], datetime | None] = lambda: None
        """When the kill came that is in force and cancels: what turns up later is taken off too. What the operator
        sent since then is meant."""

    def withdraw(self, by: str, within: float = WITHIN) -> Coroutine[Any, Any, Withdrawn]:
        """Ask at once for the cancel of all that is ours. What is returned sees it off until the time is over.

        What the operator closes by hand after the kill is meant, and stays.
        """
        self._asked.clear()
        ours = [order for order in self._book.open() if order.state in AT_BROKER]
        for connection in self._connections:
            self._ask(connection, self._ours(connection), by)
        return self._seen_off(ours, by, self._clock.monotonic() + within)

    async def go_on(self) -> None:
        """Take off after a start what a kill before it left, and tell the operator what may still work."""
        for connection in self._connections:
            self._ask(connection, self._ours(connection), "start")
        begun = [connection for connection in self._connections if self._begin_anew(connection)]
        await asyncio.gather(*map(self._after_a_kill, begun))

    def link_sink(self, connection: Connection) -> LinkSink:
        """Return where a broker says how its line is: what a kill could not take off while it was down, it does then."""

        def told(link: Link, _: str) -> None:
            if link is Link.READY and self._is_killed():
                ours = self._ours(connection)
                for order in ours:
                    # What was asked for over a line that broke may never have left.
                    self._asked.pop(order.reference, None)
                self._ask(connection, ours, _KILL)
                self._look_anew(connection)

        return told

    def moved(self, before: Order, after: Order) -> None:
        """Tell of an order that is at the broker after it was taken for ended; a kill takes it off again.

        So it does with one of which nobody knew that it works. Each is cancelled once each time that it turns up.
        """
        if before.state in DONE:
            self._asked.pop(after.reference, None)
        revived = before.state in _UNFILLED and after.state not in _UNFILLED
        works = after.state in RESTING and before.state not in RESTING
        goes = works and self._is_killed() and self._take_off(after)
        if not revived and not goes:
            return
        says = (
            f"{after.connection}: {after.request.words()} ({after.order_id}), which was taken for {before.state}, is at "
            f"the broker after all and {after.state} now."
        )
        if works:
            says += " KILLED: it is being cancelled." if goes else " Cancel it unless it is wanted."
        self._publish(Notice(self._clock.now(), safe(says, 400), True))

    def _take_off(self, order: Order) -> bool:
        """Have an order cancelled that turned up; False where it is meant, or its cancel is on its way already."""
        asked = self._asked.get(order.reference)
        on_its_way = asked is not None and (asked.works or self._sender.is_under_way(order))
        if on_its_way or self._is_meant(order):
            return False
        connection = self._connections.need(order.connection)
        self._asked.pop(order.reference, None)
        self._ask(connection, [order], _KILL)
        self._look_anew(connection)
        return True

    def _look_anew(self, connection: Connection) -> None:
        """See off what rests on a connection, beginning now, whether or not that is being done already."""
        if self._begin_anew(connection):
            self._start(self._after_a_kill(connection))

    def _begin_anew(self, connection: Connection) -> bool:
        """Note a reason to look at a connection; return whether nobody is there yet who does."""
        self._anew[connection.name] = self._clock.monotonic()
        alone = connection.name not in self._after
        self._after.add(connection.name)
        return alone

    async def _after_a_kill(self, connection: Connection) -> None:
        """See off what rests, telling what may still work; once more for each reason to begin anew meanwhile."""
        name, began = connection.name, -inf
        try:
            while self._is_killed() and began != self._anew[name]:
                began = self._anew[name]
                left = await self._until_gone(connection, _KILL, began + WITHIN, self._is_killed)
                if left and self._is_killed():
                    says = f"{name}: KILLED, but {len(left)} may still work: "
                    self._publish(Notice(self._clock.now(), safe(says + ", ".join(left[:5]), 400), True))
        except (StoreUnavailable, StoreBusy) as problem:
            _LOG.warning("%s: what a kill withdrew could not all be written: %s", name, problem)
        finally:
            self._after.discard(name)

    def _is_killed(self) -> bool:
        return self.killed_at() is not None

    async def _seen_off(self, ours: list[Order], by: str, ends: float) -> Withdrawn:
        left = await asyncio.gather(*(self._until_gone(one, by, ends, lambda: True) for one in self._connections))
        gone = sum(1 for order in ours if (self._book.get(order.order_id) or order).state in DONE)
        return Withdrawn(gone, tuple(words for each in left for words in each))

    async def _until_gone(
        self, connection: Connection, by: str, ends: float, wanted: Callable[[], bool]
    ) -> tuple[str, ...]:
        """Look at a connection, and ask again for what still rests, until nothing does; return what may still work."""
        FOR_SENDING.set(True)  # in the task of this look alone
        name = connection.name
        while True:
            began = self._anew.get(name)
            resting = await self._resting(connection)
            ours = self._ours(connection)
            self._ask(connection, ours if resting is None else resting, by)
            still = began == self._anew.get(name) and not any(map(self._sender.is_under_way, ours))
            if resting is not None and not resting and still:
                if ours:
                    # That they are gone was not told; with the ended orders it is.
                    await self._shown(connection, connection.broker.orders())
                await self._sender.facts.settled()
                return ()
            if self._clock.monotonic() >= ends or not wanted():
                return tuple(map(_words, ours if resting is None else resting))
            await asyncio.sleep(_LOOK_EVERY)

    def _ours(self, connection: Connection) -> list[Order]:
        """Return our orders that a broker may have, but for those that are meant."""
        return [one for one in self._book.at_broker(connection.name) if not self._is_meant(one)]

    def _is_meant(self, order: Order) -> bool:
        killed_at = self.killed_at()
        return order.grant_id == OPERATORS_GRANT and killed_at is not None and order.made_at > killed_at

    async def _resting(self, connection: Connection) -> list[BrokerOrder] | None:
        """Return what of ours the broker's books show as open and isn't meant; None where they can't be read now."""
        broker = connection.broker
        # What ended or filled may not be told although what is open is.
        shown = await self._shown(
            connection, broker.open_orders() if isinstance(broker, HasOpenOrders) else broker.orders()
        )
        if shown is None:
            return None
        # Another connection may show the same account.
        meant = {one.reference for one in self._book.open() if self._is_meant(one)}
        ours = (one for one in shown if one.reference.startswith(OURS) and one.reference not in meant)
        return [one for one in ours if one.state not in DONE]

    async def _shown(
        self, connection: Connection, answer: Awaitable[Sequence[BrokerOrder]]
    ) -> Sequence[BrokerOrder] | None:
        """Return what a broker's books show; None where that doesn't come in time."""
        try:
            async with asyncio.timeout(_BOOKS_WITHIN):
                return await connection.ask(answer)
        except (Refused, TimeoutError):
            return None

    def _ask(self, connection: Connection, orders: Iterable[Order | BrokerOrder], by: str) -> None:
        """Ask for the cancel of orders, but for those of which it was asked just now."""
        now = self._clock.monotonic()
        due = [one for one in orders if now - self._asked.get(one.reference, _NEVER).at >= _ASK_AGAIN]
        for order in due:
            again = order.reference in self._asked
            self._asked[order.reference] = _Asked(now, order.state in RESTING)
            if isinstance(order, Order) and not again:
                self._book.note(order_entry(order, "order.cancel_asked", "", by=by))
            self._start(self._sender.cancel_reference(connection.name, order.reference, again=again))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _words(order: Order | BrokerOrder) -> str:
    name = order.order_id if isinstance(order, Order) else order.reference
    return f"{name} ({order.request.words()})"
