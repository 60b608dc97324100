"""The one way by which anything reaches a broker, and the one way by which a broker's facts reach an order."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from cockpit.brokers.base import MAY_LEAVE, BrokerUnavailable, FactSink
from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.gate import Grants
from cockpit.desk.life import applied, charged, corrected, correction
from cockpit.desk.sent import mark_acknowledged
from cockpit.desk.switch import Switch
from cockpit.desk.unsettled import SETTLED_AFTER
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import OPERATORS_GRANT, Scope, effective
from cockpit.model.latches import Latch
from cockpit.model.orders import (
    AT_BROKER,
    DONE,
    Acknowledged,
    BrokerFact,
    Executed,
    Execution,
    FeeTold,
    FoundWorking,
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
from cockpit.model.trading import Mode, TradingState
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write

T = TypeVar("T")

log = logging.getLogger(__name__)

_ANSWER_WITHIN: Final = 15.0
"""Seconds until a broker that doesn't answer has left the order unknown."""
_SETTLE_WITHIN: Final = 2.0
_RETRY_WRITE: Final = 0.5
_READ_AGAIN: Final = 0.05
OURS: Final = "ck:"
"""How the references of all orders begin that a cockpit sent; others are foreign: shown, counted, never touched."""
RESOLVED: Final = frozenset({OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})
"""What the operator may say that became of an unknown order. A fill is only ever the broker's to tell."""


class _Facts:
    """A broker's facts in the order of their arrival, and whether all of them have been applied."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, BrokerFact]] = deque()
        """Each with the connection whose broker says it; empty where it is said here."""
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def put(self, fact: BrokerFact, connection: str = "") -> None:
        """Take a fact; never waits."""
        self._waiting.append((connection, fact))
        self._none.clear()
        self._some.set()

    def put_back(self, connection: str, facts: list[BrokerFact]) -> None:
        """Put facts behind those of other orders, and before what came later about their own."""
        same = [one for one in self._waiting if one[1].reference == facts[0].reference]
        others = [one for one in self._waiting if one[1].reference != facts[0].reference]
        self._waiting = deque((*others, *((connection, fact) for fact in facts), *same))
        self._none.clear()
        self._some.set()

    async def of_one_order(self) -> tuple[str, list[BrokerFact]]:
        """Wait for the next fact and return it with those that the same side said of the same order right behind it."""
        if not self._waiting:
            self._none.set()
            self._some.clear()
        await self._some.wait()
        connection, fact = self._waiting.popleft()
        facts = [fact]
        while self._waiting and (self._waiting[0][0], self._waiting[0][1].reference) == (connection, fact.reference):
            facts.append(self._waiting.popleft()[1])
        return connection, facts

    async def applied(self) -> None:
        """Wait until whoever applies facts asks for more and there is none."""
        await self._none.wait()


class _HeldBack(Refused):
    """It waited for its turn, and may not leave any more."""


class Sender:
    """Sends what is durable already, once, and applies what comes back. Runs as a task of its own."""

    def __init__(
        self,
        grants: Grants,
        connections: Connections,
        switch: Switch,
        book: Book,
        clock: Clock,
        publish: Callable[[Event], None],
    ) -> None:
        self._grants = grants
        self._connections = connections
        self._switch = switch
        self._book = book
        self._clock = clock
        self._publish = publish
        self._facts = _Facts()
        self._under_way: Counter[OrderId] = Counter()
        self._handed: set[OrderId] = set()
        self._submitting: set[OrderId] = set()
        self._called_off: dict[OrderId, bool] = {}
        """Orders whose cancel was asked, and whether the broker has taken the cancel."""
        self._behind = asyncio.Event()
        book.on_ahead = self._behind.set
        for connection in connections:
            connection.unsettled.seconds = clock.monotonic
        self.latched: Callable[[str, str], Sequence[Latch]] = lambda connection, client: ()
        """Returns the latches of a connection and of a client."""
        self.unarmed: Callable[[Connection], Refusal | None] = _unarmed
        """Returns why nothing may be opened on a connection; where money is real, somebody has to say that it may."""
        self.on_unsure: Callable[[str], None] = lambda connection: None
        """Told the connection of an order about which the broker has to be asked."""
        self.on_moved: Callable[[Order, Order], None] = lambda before, after: None
        """Told of an order that a broker's facts have moved, as it was and as it is."""
        self.on_foreign: Callable[[str], None] = lambda connection: None
        """Told the connection on which something happened to an order that no cockpit sent."""

    def sink(self, connection: str = "") -> FactSink:
        """Return where a broker puts its facts; of orders that aren't ours only that something happened is passed on."""

        def take(fact: BrokerFact) -> None:
            if fact.reference.startswith(OURS) or not connection:
                self._facts.put(fact, connection)
            else:
                if isinstance(fact, Executed):
                    self._note_fill(connection, fact.execution)
                self.on_foreign(connection)

        return take

    async def submit(self, order: Order, *, opens: bool = True) -> Order:
        """Send an order that is SENDING and durable. Refused at the last look, it ends REFUSED and nothing left.

        ``opens``: it was judged that it may open or grow a position.
        """
        connection = self._connections.need(order.connection)

        def why_not() -> Refusal | None:
            return self._called_off_of((order,)) or self.last_look(order, connection, opens=opens)

        refusal = why_not()
        if refusal is not None:
            return await self._refuse(order, refusal)
        await self._submitted((order,), connection.broker.submit(order.reference, order.request), why_not)
        return self._now(order)

    async def submit_linked(self, orders: Sequence[Order], *, opens: bool = True) -> Order:
        """Send a group that the broker keeps together, in one message, and return its first order.

        All of it is SENDING and durable; the broker takes all of it or nothing.
        """
        head = orders[0]
        connection = self._connections.need(head.connection)

        def why_not() -> Refusal | None:
            return self._called_off_of(orders) or self.last_look(head, connection, opens=opens)

        refusal = why_not()
        if refusal is not None or head.linkage is None:
            return await self._refuse(head, refusal or refuse("CAPABILITY_UNAVAILABLE"), orders)
        legs = [(one.reference, one.request) for one in orders]
        await self._submitted(orders, connection.broker.submit_linked(head.linkage, legs), why_not)
        return self._now(head)

    async def replace(self, order: Order, *, opens: bool = True) -> Order:
        """Send the change that stands, durable, in ``order.proposed``."""
        connection = self._connections.need(order.connection)
        was_called_off = order.order_id in self._called_off

        def why_not() -> Refusal | None:
            if order.order_id in self._called_off and not was_called_off:
                return refuse("CANCELLED_BEFORE_SENT", "A cancel of the order was asked for meanwhile.")
            return self.last_look(order, connection, opens=opens)

        refusal = why_not()
        if refusal is not None or order.proposed is None:
            reason = safe(refusal.message if refusal else "nothing to change")
            self._facts.put(ReplaceRefused(order.reference, self._clock.now(), reason))
            await self.settled()
            return self._now(order)
        changing = connection.broker.replace(order.reference, order.proposed)
        await self._send((order,), changing, ReplaceRefused, why_not)
        return self._now(order)

    async def cancel(self, order: Order) -> Order:
        """Ask the broker to cancel. Needs no authority and no state: less risk is always allowed.

        What has not left yet doesn't leave any more. A cancel that overtakes its order on the way, so that the broker
        knows nothing of it, is asked again once the order has arrived.
        """
        connection = self._connections.need(order.connection)
        if self._now(order).state not in DONE:
            self._called_off[order.order_id] = False
        if self._is_unsent(self._now(order)):
            return self._now(order)
        taken = await self._send((order,), connection.broker.cancel(order.reference), None)
        if taken and order.order_id in self._called_off:
            self._called_off[order.order_id] = True
        return self._now(order)

    async def unless_killed(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what leads up to a sending; a kill ends it at once, whatever it waits for."""
        return await self._switch.unless_killed(work)

    async def cancel_reference(self, connection: str, reference: OrderRef) -> None:
        """Ask the broker to cancel what has that reference, whether or not we know the order."""
        order = await self._book.of_reference(reference)
        if order is not None:
            await self.cancel(order)
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

    async def learn(self, order: Order, facts: Sequence[BrokerFact]) -> bool:
        """Apply what the broker's books say about an order; False, and nothing, if it has moved since it was compared."""
        async with self._book.alone(order.order_id):
            if self._now(order).version != order.version:
                return False
            await self._move(self._now(order), facts, from_books=True)
        return True

    async def resolve(self, order_id: OrderId, state: OrderState, by: str) -> Order | Refusal:
        """End an unknown order as the operator says, with the fills that are known. The broker's books overrule it."""
        if state not in RESOLVED:
            return refuse("BAD_ARGUMENTS", "An unknown order is resolved to cancelled, rejected or expired.")
        async with self._book.alone(order_id):
            order = self._book.get(order_id)
            if order is None:
                return refuse("ORDER_UNKNOWN", order_id=safe(order_id, 40))
            if order.state is not OrderState.UNKNOWN:
                return refuse("ALREADY_DECIDED", "Only an unknown order is resolved.", state=order.state)
            after = replace(
                order,
                version=order.version + 1,
                state=state,
                reason=safe(f"resolved by {by}: nobody could say what became of it"),
                changed_at=self._clock.now(),
                decide_by=None,
                proposed=None,
            )
            try:
                return await self._book.move(order, after, [order_entry(after, "order.resolved", "", by=by)])
            except (StoreUnavailable, StoreBusy):
                return refuse("AUDIT_UNAVAILABLE")

    async def run(self) -> None:
        """Apply facts as they come, in their order, for ever. What came together becomes durable together."""
        late = asyncio.create_task(self._catch_up(), name="facts not written yet")
        try:
            while True:
                connection, facts = await self._facts.of_one_order()
                try:
                    await self._apply(connection, facts)
                except (StoreUnavailable, StoreBusy):
                    # Which order it is can't be read now. The fact waits; those of other orders go on.
                    self._facts.put_back(connection, facts)
                    await asyncio.sleep(_READ_AGAIN)
                except Exception:  # facts that can't be applied must not stop the ones behind them
                    log.exception("a broker's facts could not be applied: %s", facts)
                    says = safe(f"A broker's message was not understood: {facts[0].reference}")
                    self._publish(Notice(self._clock.now(), says, True))
                    await self._ask_about(facts[0].reference)
        finally:
            late.cancel()
            if self._book.is_ahead:
                with suppress(StoreUnavailable, StoreBusy, TimeoutError):
                    async with asyncio.timeout(_SETTLE_WITHIN):
                        await self._book.write_late()

    def last_look(self, order: Order, connection: Connection, *, opens: bool = True) -> Refusal | None:
        """Look at authority, switch, arming and latches once more. Nothing is awaited until the broker's call.

        What the operator closes by hand has his authority, which no switch and no latch takes; it never opens, and never
        goes to another account.
        """
        if order.grant_id == OPERATORS_GRANT:
            return refuse("POSITION_CHANGED", "By hand positions are only closed.") if opens else _other(connection)
        if self._switch.state in {TradingState.KILLED, TradingState.HALTED}:
            return refuse("KILL_SWITCH" if self._switch.state is TradingState.KILLED else "HALTED")
        if opens and self._switch.state is TradingState.REDUCE_ONLY:
            return refuse("REDUCE_ONLY")
        unfit = _other(connection) or (self.unarmed(connection) if opens else None)
        if unfit is not None:
            return unfit
        latches = self.latched(order.connection, order.client) if opens else ()
        if latches:
            return refuse(latches[0].kind.upper(), latch=latches[0].latch_id)
        grant = self._grants.live(order.grant_id)
        if grant is None:
            return refuse("GRANT_ENDED")
        if Scope.WRITE_ORDERS not in effective(grant, None, connection.allowed):
            return refuse("SCOPE_MISSING", scope=Scope.WRITE_ORDERS)
        if grant.connection != order.connection:
            return refuse("CONNECTION_UNKNOWN", "The client was moved to another connection.")
        return None

    def _is_unsent(self, order: Order) -> bool:
        """Whether it is about to be sent, and nothing of it has left."""
        waits_its_turn = order.state is OrderState.SENDING and order.order_id not in self._handed
        return waits_its_turn and self._under_way[order.order_id] == 0

    def _called_off_of(self, orders: Sequence[Order]) -> Refusal | None:
        """Refuse what was cancelled, or has ended in another way, while it waited for its turn to be sent."""
        if any(one.order_id in self._called_off or self._now(one).state is not OrderState.SENDING for one in orders):
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
            now = self._now(order)
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

        A refusal is a fact; no answer in time leaves the orders unknown. It is never tried again. ``why_not`` is asked
        where it has waited for its turn: what may not leave any more is refused by us, not by the broker.
        """
        taken = False

        def may_leave() -> None:
            if (refusal := why_not()) is not None:
                raise _HeldBack(refusal)

        token = MAY_LEAVE.set(may_leave)
        on_the_way = [order.order_id for order in orders]
        self._under_way.update(on_the_way)
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                await call
            taken = True
        except Refused as error:
            says = safe(f"{error.refusal.code}: {error.refusal.message}")
            if isinstance(error, _HeldBack) and refused is Rejected:
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
            self._handed.update(one.order_id for one in orders if self._now(one).state not in DONE)
            self._under_way.subtract(on_the_way)
        await self.settled()
        return taken

    def _say(self, orders: Sequence[Order], fact: Callable[[OrderRef, datetime], BrokerFact]) -> None:
        for order in orders:
            self._facts.put(fact(order.reference, self._clock.now()))

    def _cancel_refused(self, order: Order, says: Safe) -> None:
        if order.order_id in self._submitting:
            return
        text = safe(f"The cancel of {order.request.words()} was refused. {says}")
        self._publish(Notice(self._clock.now(), text, True))
        self.on_unsure(order.connection)

    async def settled(self) -> None:
        """Wait until the facts that came so far are applied, but no longer than a stuck disk may hold us."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_WITHIN):
                await self._facts.applied()

    async def _refuse(self, order: Order, refusal: Refusal, together: Sequence[Order] = ()) -> Order:
        async with self._book.alone(order.order_id):
            known = [self._now(one) for one in together or (order,)]
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
            return self._now(order)

    async def _ask_about(self, reference: OrderRef) -> None:
        """Have the broker's books say what facts that could not be applied were to say."""
        try:
            order = await self._book.of_reference(reference)
        except Exception:  # what could not be applied may be what can't be read; the facts behind it go on
            log.exception("nobody can say whose facts they were: %s", reference)
            return
        if order is not None:
            self.on_unsure(order.connection)

    async def _apply(self, connection: str, facts: list[BrokerFact]) -> None:
        order = await self._book.of_reference(facts[0].reference)
        if order is None or connection not in {"", order.connection}:
            log.warning("facts about an order that isn't ours: %s", facts[0].reference)
            return
        async with self._book.alone(order.order_id):
            await self._move(self._now(order), facts)

    async def _move(self, before: Order, facts: Sequence[BrokerFact], *, from_books: bool = False) -> None:
        """Bring an order, which the caller holds, on by facts; memory moves even where the disk does not."""
        after, odd = before, False
        executions: dict[str, Execution] = {}
        entries: list[AuditEntry] = []
        writes: list[Write] = []
        corrections: list[Safe] = []
        for fact in facts:
            event, at, detail = f"order.{type(fact).__name__.lower()}", self._clock.now(), dict[str, object]()
            match fact:
                case Executed(execution=told):
                    fill = {**await self._book.executions(before), **executions}.get(told.execution_id)
                    if fill is not None and not told.corrects(fill):
                        continue
                    if fill is None:
                        moved = applied(after, fact, at)
                    else:
                        # What a correction costs is told behind it; until then it costs what the fill did.
                        told = replace(told, fee=told.fee or fill.fee)
                        event, moved = "order.corrected", corrected(after, fill, told, at)
                        corrections.append(correction(after, fill, told))
                        detail["correction"] = corrections[-1]
                    executions[told.execution_id] = told
                case FeeTold():
                    fill = {**await self._book.executions(before), **executions}.get(fact.execution_id)
                    if fill is None or fill.fee == fact.fee:
                        continue
                    executions[fact.execution_id] = replace(fill, fee=fact.fee)
                    moved = charged(after, fact.fee - fill.fee, at)
                case _:
                    moved = applied(after, fact, at)
            if moved is after:
                continue
            odd = odd or (after.state in DONE and not isinstance(fact, FeeTold))
            after = moved
            entries.append(order_entry(after, event, "", **detail))
            if isinstance(fact, Acknowledged | FoundWorking):
                writes.append(mark_acknowledged(after.order_id))
        if after is before:
            return
        for execution in executions.values():
            # From here on the order may count for less; what it has moved must not be missing meanwhile.
            if not from_books or (self._clock.now() - execution.at).total_seconds() < SETTLED_AFTER:
                self._note_fill(after.connection, execution)
        try:
            await self._book.move(
                before, after, entries, executions=executions, writes=writes, even_if_not_durable=True
            )
        except (StoreUnavailable, StoreBusy):
            says = safe(f"{after.request.words()} is {after.state}, but the database can't be written.")
            self._publish(Notice(self._clock.now(), says, True))
        for says in corrections:
            self._publish(Notice(self._clock.now(), says, True))
        self.on_moved(before, after)
        if after.state in DONE:
            self._handed.discard(after.order_id)
            self._called_off.pop(after.order_id, None)
        if odd or after.state is OrderState.UNKNOWN or after.filled > after.request.quantity:
            self.on_unsure(after.connection)

    def _note_fill(self, connection: str, execution: Execution) -> None:
        there = self._connections.get(connection)
        if there is not None:
            there.note_fill(execution)

    async def _catch_up(self) -> None:
        """Write, once it is possible, what could not be written when it happened."""
        while True:
            await self._behind.wait()
            await asyncio.sleep(_RETRY_WRITE)
            with suppress(StoreUnavailable, StoreBusy):
                await self._book.write_late()
            if not self._book.is_ahead:
                self._behind.clear()

    def _now(self, order: Order) -> Order:
        return self._book.get(order.order_id) or order


def _other(connection: Connection) -> Refusal | None:
    """Refuse what would go to another account, or to money of another kind, than the settings say."""
    status, settings = connection.broker.status(), connection.settings
    if status.mode is not settings.mode:
        return refuse("MODE_MISMATCH", connection=connection.name)
    if settings.account and status.account and status.account != settings.account:
        return refuse("ACCOUNT_NOT_ALLOWED", "The broker reports another account than the settings name.")
    return None


def _unarmed(connection: Connection) -> Refusal | None:
    """Refuse what opens wherever money is real."""
    return None if connection.settings.mode is Mode.PAPER else refuse("LIVE_DISABLED", connection=connection.name)


def order_entry(order: Order, event: str, code: str, **detail: object) -> AuditEntry:
    """Return the audit's record of what became of an order."""
    return AuditEntry(
        order.changed_at,
        "order",
        client=order.client,
        tool=event,
        outcome=order.state,
        code=code,
        symbol=order.request.symbol,
        order_id=order.order_id,
        grant_id=order.grant_id,
        detail={
            "order": order.request.words(),
            "version": order.version,
            "fingerprint": order.request.fingerprint(),
            "reference": order.reference,
            "filled": str(order.filled),
            "reason": order.reason,
            **detail,
        },
    )
