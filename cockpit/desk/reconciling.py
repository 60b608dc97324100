"""When and how our orders are compared with the brokers' books, and what is believed of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeVar

from cockpit.brokers.base import HasOpenOrders, LinkSink
from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.facts import OURS
from cockpit.desk.reconcile import missed, said_filled, shown_fills
from cockpit.desk.sending import Sender
from cockpit.desk.sent import SELECT_SENT, Sent, sent_of
from cockpit.model.clock import Clock
from cockpit.model.events import Event, LinkChanged, Notice
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import (
    AT_BROKER,
    DONE,
    BrokerOrder,
    Execution,
    LinkLost,
    Order,
    OrderId,
    OrderRef,
    OrderState,
)
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe, counted, safe
from cockpit.model.trading import Link, Mode
from cockpit.store.writes import StoreBusy, StoreUnavailable

T = TypeVar("T")

log = logging.getLogger(__name__)

APART: Final = 5.0
"""Seconds between two looks that must both miss an order before it is believed that the broker never had it."""
EVERY: Final = 60.0
"""Seconds after which what others do in an account is looked for again: exposure counts it as it was found last."""
FOREIGN_APART: Final = 2.0
"""Seconds between two looks that a broker's word of such orders brings about, however often it says so."""

_ANSWER_WITHIN: Final = 15.0
_LOOKS: Final = 3
"""How often the books are read again because orders moved meanwhile."""
_DEBOUNCE: Final = 0.2
_LONG: Final = 300
_PAUSES: Final = (APART + 0.1, 10.0, 20.0, 40.0, 60.0)
"""Seconds to the next look while orders are unsure; the last one repeats."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What one comparison with a broker's books came to."""

    connection: str
    unknown: tuple[OrderId, ...]
    """Orders of which nobody can say what became."""
    foreign: tuple[BrokerOrder, ...]
    """Open orders in the account that no cockpit sent."""
    problem: str = ""
    """Code of the refusal where the books could not be read."""


@dataclass(slots=True)
class _Line:
    """What is remembered of one connection between comparisons."""

    absent_since: dict[OrderId, float] = field(default_factory=dict)
    """When the books first lacked an order, by the clock that never jumps."""
    told: dict[OrderId, Safe] = field(default_factory=dict)
    """What was said of orders that are unknown."""
    foreign: tuple[BrokerOrder, ...] = ()
    unplaced: tuple[BrokerOrder, ...] = ()
    """Open orders with references like ours that aren't known as this connection's: another cockpit's, or a lost one's,
    or of a connection that had the account before."""
    checked: set[OrderRef] = field(default_factory=set)
    """References that were looked for in our database: each is told at most once."""
    looks: int = 0
    regular: float | None = None
    """When it is compared next for its own sake; None for a broker without a line, which nobody else can reach."""
    short: dict[OrderId, Safe] = field(default_factory=dict)
    """What there is to say of orders of which the broker has filled more than all fills that it ever told."""
    beyond: dict[OrderId, Decimal] = field(default_factory=dict)
    """Orders that filled more than they asked for, and how much."""
    begun: float | None = None
    """When it was compared last."""
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)


class Reconciler:
    """Compares at the start, after each reconnection, every minute, on demand, and while an order is unsure. Sends nothing."""

    def __init__(
        self, book: Book, sender: Sender, connections: Connections, clock: Clock, publish: Callable[[Event], None]
    ) -> None:
        self._book = book
        self._sender = sender
        self._connections = connections
        self._clock = clock
        self._publish = publish
        self._lines = {connection.name: _Line() for connection in connections}
        self._due: dict[str, float] = {}
        self._wake = asyncio.Event()
        sender.found_sending(book.open())
        sender.facts.on_unsure, sender.facts.on_foreign = self.look_soon, self._foreign_moved

    def foreign(self, connection: str) -> tuple[BrokerOrder, ...]:
        """Return the open orders of others that the last comparison found."""
        return self._lines[connection].foreign

    def not_ours(self, connection: str) -> tuple[BrokerOrder, ...]:
        """Return all open orders in the account that are not known as this connection's, as last compared."""
        return self._lines[connection].foreign + self._lines[connection].unplaced

    async def look_at_open(self, connection: Connection) -> None:
        """Where money is real, take note of what others have open in the account now; nothing of it is forgotten here.

        Raises Refused where the broker doesn't tell.
        """
        broker, line = connection.broker, self._lines[connection.name]
        if connection.settings.mode is not Mode.LIVE or not isinstance(broker, HasOpenOrders):
            return
        opened = await _in_time(connection, broker.open_orders())
        theirs = {one.reference: one for one in opened if not one.reference.startswith(OURS)}
        known = {one.reference: one for one in line.foreign}
        if known.keys() != theirs.keys():
            self._foreign_moved(connection.name)
        line.foreign = tuple((known | theirs).values())

    def look_soon(self, connection: str) -> None:
        """Have a connection compared as soon as what came with the same trouble has come."""
        self._plan(connection, _DEBOUNCE)

    def _foreign_moved(self, connection: str) -> None:
        """Have a connection compared because something happened there that no cockpit asked for."""
        begun, now = self._lines[connection].begun, self._clock.monotonic()
        self._plan(connection, _DEBOUNCE if begun is None else max(_DEBOUNCE, begun + FOREIGN_APART - now))

    def link_sink(self, connection: str) -> LinkSink:
        """Return where a connection's broker says how its line is. From now on it is compared regularly."""
        self._lines[connection].regular = self._clock.monotonic() + EVERY
        self._wake.set()

        def told(link: Link, note: str) -> None:
            self._publish(LinkChanged(self._clock.now(), connection, link, safe(note)))
            # What was missing over one line is looked for twice over the next one.
            self._lines[connection].absent_since.clear()
            if link is Link.READY:
                self._lines[connection].looks = 0
                self._due.pop(connection, None)
                self.look_soon(connection)

        return told

    async def reconcile(self, connection: str | None = None) -> tuple[Compared, ...]:
        """Bring every order that a broker may have to what its books say; of one connection, or of all."""
        chosen = [one for one in self._connections if connection in {None, one.name}]
        return tuple(await asyncio.gather(*(self._reconcile(one) for one in chosen)))

    async def run(self) -> None:
        """Compare when it is due, for ever."""
        while True:
            self._wake.clear()
            now = self._clock.monotonic()
            for name in [name for name, due in self._due.items() if due <= now] + self._regularly_due(now):
                self._due.pop(name, None)
                try:
                    await self.reconcile(name)
                except (StoreUnavailable, StoreBusy) as error:
                    log.warning("%s: orders could not be compared: %s", name, error)
                    self._plan(name, _PAUSES[0])
            regular = (line.regular for line in self._lines.values() if line.regular is not None)
            pause = min((*self._due.values(), *regular), default=now + 3600) - self._clock.monotonic()
            try:
                async with asyncio.timeout(max(0.0, pause)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _regularly_due(self, now: float) -> list[str]:
        """Return the connections whose time has come and whose line is up; one that comes up is compared anyway."""
        found: list[str] = []
        for connection in self._connections:
            line = self._lines[connection.name]
            if line.regular is None or line.regular > now:
                continue
            line.regular = now + EVERY
            if connection.broker.status().link is Link.READY and connection.name not in self._due:
                found.append(connection.name)
        return found

    def _plan(self, connection: str, seconds: float) -> None:
        due = self._clock.monotonic() + seconds
        self._due[connection] = min(due, self._due.get(connection, due))
        self._wake.set()

    async def _reconcile(self, connection: Connection) -> Compared:
        line = self._lines[connection.name]
        async with line.alone:
            problem = ""
            line.begun = self._clock.monotonic()
            line.regular = None if line.regular is None else line.begun + EVERY
            try:
                await self._compare(connection, line)
                connection.heard.compared_at = self._clock.now()
            except Refused as refused:
                problem = refused.refusal.code
                await self._lose(connection, problem)
            unknown = self._tell_unknown(connection, line)
            if unknown or (problem and self._book.at_broker(connection.name)):
                self._plan(connection.name, _PAUSES[min(line.looks, len(_PAUSES) - 1)])
                line.looks += 1
            else:
                line.looks = 0
            return Compared(connection.name, unknown, line.foreign, problem)

    async def _compare(self, connection: Connection, line: _Line) -> None:
        """Read the books until no order moved between the reading and the applying of what they say."""
        left: Collection[OrderId] | None = None
        for _ in range(_LOOKS):
            before = {order.reference: order for order in self._known(connection)}
            theirs = {one.reference: one for one in await self._books(connection)}
            await self._sender.facts.settled()
            moved: set[OrderId] = set()
            held: Mapping[str, Decimal] | None = None
            for order in before.values():
                if left is not None and order.order_id not in left:
                    continue
                shown = theirs.get(order.reference)
                believed = False
                if shown is not None:
                    line.absent_since.pop(order.order_id, None)
                elif order.state in {OrderState.SENDING, OrderState.UNKNOWN}:
                    held = await self._held(connection) if held is None else held
                    believed = await self._never_taken(connection, line, order, held)
                self._tell_beyond(connection, line, order)
                seen = await self._book.executions(order)
                if shown is not None:
                    self._tell_short(connection, line, order, seen, shown)
                facts = missed(order, seen, shown, believed, self._clock.now())
                if facts and not await self._sender.facts.learn(order, facts):
                    moved.add(order.order_id)
            if left is None:
                await self._tell_foreign(connection, line, theirs)
            if not moved:
                return
            left = moved

    async def _books(self, connection: Connection) -> Sequence[BrokerOrder]:
        return await _in_time(connection, connection.broker.orders())

    async def _held(self, connection: Connection) -> Mapping[str, Decimal]:
        return {one.symbol: one.quantity for one in await _in_time(connection, connection.broker.positions())}

    async def _never_taken(
        self, connection: Connection, line: _Line, order: Order, held: Mapping[str, Decimal]
    ) -> bool:
        """Whether the books' silence about an order may be believed.

        It may where they are complete. Else the line must be ready and all behind it known to answer, a second look at
        least five seconds after the first must miss the order too, on the trading day on which it was sent, and the
        account must hold what it held before it was sent and what our other fills since then explain. An order that
        the broker once acknowledged was taken, whatever is shown.
        """
        sent = await self._sent(order)
        if order.filled > ZERO or (sent is not None and sent.acknowledged):
            return False
        if connection.broker.books_complete:
            return True
        status = connection.broker.status()
        if status.link is not Link.READY or not status.whole:
            line.absent_since.pop(order.order_id, None)
            return False
        now = self._clock.monotonic()
        first = line.absent_since.setdefault(order.order_id, now)
        if now - first < APART or sent is None or _day(sent.at) != _day(self._clock.now()):
            return False
        return held.get(order.request.symbol, ZERO) == sent.held + await self._filled_since(order, sent.at)

    async def _sent(self, order: Order) -> Sent | None:
        rows = await self._book.rows(SELECT_SENT, (order.order_id,))
        return sent_of(rows[0]) if rows else None

    async def _filled_since(self, order: Order, at: datetime) -> Decimal:
        total = ZERO
        for other in tuple(self._book.all()):
            if other.connection != order.connection or other.request.symbol != order.request.symbol:
                continue
            fills = (await self._book.executions(other)).values() if other.filled > ZERO else ()
            total += sum((one.side.sign * one.quantity for one in fills if one.at >= at), ZERO)
        return total

    def _known(self, connection: Connection) -> list[Order]:
        """Return the orders that the broker may have or have had, but for those that are on their way this instant."""
        return [
            order
            for order in tuple(self._book.all())
            if order.connection == connection.name
            and (order.state in AT_BROKER or (order.state in DONE and order.state is not OrderState.REFUSED))
            and not self._sender.is_under_way(order)
        ]

    async def _lose(self, connection: Connection, problem: str) -> None:
        """Without books an order that was being sent is unknown: it may have arrived."""
        ours = self._book.at_broker(connection.name)
        if not ours:
            return
        says = safe(f"{connection.name}: orders could not be compared: {problem}")
        self._publish(Notice(self._clock.now(), says, True))
        for order in ours:
            if order.state is OrderState.SENDING and not self._sender.is_under_way(order):
                lost = LinkLost(order.reference, self._clock.now(), Safe("The broker's books could not be read."))
                await self._sender.facts.learn(order, [lost])

    def _tell_beyond(self, connection: Connection, line: _Line, order: Order) -> None:
        """Tell once of an order that filled beyond its quantity: either is wrong, the broker or what is known here."""
        if order.filled <= order.request.quantity or line.beyond.get(order.order_id) == order.filled:
            return
        line.beyond[order.order_id] = order.filled
        says = safe(
            f"{connection.name}: {plain(order.filled)} filled of {order.request.words()} ({order.order_id}), more than "
            "it asked for. Look at the broker for what is held."
        )
        self._publish(Notice(self._clock.now(), says, True))

    def _tell_short(
        self, connection: Connection, line: _Line, order: Order, seen: Mapping[str, Execution], shown: BrokerOrder
    ) -> None:
        """Have it said once that the broker filled more of an order than it shows fills, and what can be done.

        Of an order that has ended here nothing moves any more, but what is held did. Any other becomes unknown.
        """
        known, filled = shown_fills(order, seen, shown), max(said_filled(shown), shown.filled or ZERO)
        if filled <= known:
            line.short.pop(order.order_id, None)
            return
        if order.state in DONE:
            what = f"It is {order.state} here. Look at the broker for what is held."
        elif shown.state in DONE:
            what = f"It is {shown.state} there. Look at the broker for what is held, then resolve it."
        else:
            what = "It works on there; cancel it unless it is wanted."
        says = safe(
            f"{connection.name}: the broker filled {plain(filled)} of {order.request.words()} ({order.order_id}) and "
            f"shows fills of {plain(known)}. {what}",
            _LONG,
        )
        if order.state in DONE and line.short.get(order.order_id) != says:
            self._publish(Notice(self._clock.now(), says, True))
        line.short[order.order_id] = says

    def _tell_unknown(self, connection: Connection, line: _Line) -> tuple[OrderId, ...]:
        """Tell once of each order that is unknown, and again where there is something else to say of it."""
        unknown = [order for order in self._book.at_broker(connection.name) if order.state is OrderState.UNKNOWN]
        says = {
            order.order_id: line.short.get(order.order_id)
            or safe(
                f"{connection.name}: nobody can say what became of {order.request.words()} ({order.order_id}). "
                "Nothing is sent again; look at the broker, then reconcile or resolve it."
            )
            for order in unknown
        }
        for order_id, text in says.items():
            if line.told.get(order_id) != text:
                self._publish(Notice(self._clock.now(), text, True))
        line.told = says
        return tuple(order.order_id for order in unknown)

    async def _tell_foreign(self, connection: Connection, line: _Line, theirs: Mapping[OrderRef, BrokerOrder]) -> None:
        foreign = tuple(one for one in theirs.values() if not one.reference.startswith(OURS) and one.state not in DONE)
        if {one.reference for one in foreign} != {one.reference for one in line.foreign}:
            found = f"{counted(len(foreign), 'open order')} in the account not sent from here"
            says = safe(f"{connection.name}: {found}.")
            self._publish(Notice(self._clock.now(), says, False))
        line.foreign = foreign
        ours = [one for one in theirs.values() if one.reference.startswith(OURS) and one.state not in DONE]
        line.unplaced = tuple([one for one in ours if not await self._is_of(connection, one.reference)])
        for reference in theirs.keys() - line.checked:
            if reference.startswith(OURS) and await self._book.of_reference(reference) is None:
                order = theirs[reference]
                says = safe(
                    f"{connection.name}: the broker has {order.request.words()} ({reference}, {order.state}) of which "
                    "this database knows nothing."
                )
                self._publish(Notice(self._clock.now(), says, True))
            line.checked.add(reference)

    async def _is_of(self, connection: Connection, reference: OrderRef) -> bool:
        """Whether an order is known, and counted, as one of this connection; an account may have had another before."""
        order = await self._book.of_reference(reference)
        return order is not None and order.connection == connection.name


async def _in_time(connection: Connection, answer: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            return await connection.ask(answer)
    except TimeoutError as error:
        raise Refused(refuse("BROKER_NOT_READY", connection=connection.name)) from error


def _day(at: datetime) -> object:
    return at.astimezone(UTC).date()
