"""Which record is about which order: by its orderRef, else by the broker's permanent number, else by its number of this line.

Numbers of one line are forgotten with it: after a restart TWS may give them out once more. Orders of others are not
followed.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from cockpit.brokers.base import BrokerUnavailable, FactSink
from cockpit.brokers.ibkr import life as lives
from cockpit.brokers.ibkr.life import Life, OrderRecord, Step
from cockpit.brokers.ibkr.wire import (
    WireCommission,
    WireCompleted,
    WireError,
    WireExecution,
    WireLink,
    WireOpen,
    WireRecord,
    WireStatus,
    WireUnread,
)
from cockpit.model.clock import Clock
from cockpit.model.orders import BrokerOrder, OrderRef
from cockpit.model.text import Safe, safe

GRACE: Final = 0.25
"""Seconds in which what belongs together comes: a status and the fills and reasons that explain it."""
OURS: Final = re.compile(r"ck:[!-~]{1,61}")
"""References of orders that a cockpit sent."""
_ABOUT_ORDERS: Final = frozenset({-1, 3, 4, 5, 11, 59, 101})
"""Messages that may be about orders, and one that couldn't even be told apart."""
_MOST_KEPT: Final = 5000
_MOST_UNCLAIMED: Final = 1000
_MOST_RECORDS: Final = 200
_MOST_NOTICED: Final = 500

_LOG: Final = logging.getLogger(__name__)


def reference_of(order_ref: str, perm_id: int) -> OrderRef | None:
    """Return by what an order is known here: its own reference where it is like ours, else its permanent number."""
    if OURS.fullmatch(order_ref):
        return OrderRef(order_ref)
    return OrderRef(f"ib:{perm_id}") if perm_id else None


@dataclass(frozen=True, slots=True)
class Links:
    """What an order is tied to."""

    parent_id: int = 0
    group: str = ""
    """Its OCA group: TWS also gives one to what hangs from an order that has filled."""
    group_type: int = 0


class Tracker:
    """Follows the orders that bear a reference like ours, and tells what became of them."""

    def __init__(
        self,
        clock: Clock,
        tell: FactSink,
        doubt: Callable[[], None],
        notice: Callable[[Safe], None],
        name_of: Callable[[int], Awaitable[str]],
        converted: Callable[[Decimal, str, str], Decimal],
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._doubt = doubt
        self._notice = notice
        self._name_of = name_of
        self._converted = converted
        self._lives: OrderedDict[OrderRef, Life] = OrderedDict()
        self._by_perm: dict[int, OrderRef] = {}
        self._perm_of: dict[OrderRef, int] = {}
        self._by_number: dict[tuple[int, int], OrderRef] = {}
        self._number_of: dict[OrderRef, tuple[int, int]] = {}
        self._by_fill: dict[str, tuple[OrderRef, str]] = {}
        """Whose fill it is, and the currency in which it was traded."""
        self._early_fees: OrderedDict[str, WireCommission] = OrderedDict()
        self._links: dict[OrderRef, Links] = {}
        self._noticed: OrderedDict[Safe, None] = OrderedDict()
        """What the operator was told: he is told it once."""
        self._unclaimed: OrderedDict[OrderRef, list[OrderRecord]] = OrderedDict()
        self._naming: set[asyncio.Task[None]] = set()
        self._waits: dict[OrderRef, list[asyncio.Future[OrderRecord]]] = {}
        self._timers: dict[OrderRef, asyncio.TimerHandle] = {}
        self.in_doubt: set[OrderRef] = set()
        """Orders about which the books have to be asked."""
        self.elsewhere: set[int] = set()
        """Numbers that orders of other clients have, too."""
        self.client_id = 0
        """The number of this line's client: errors bear numbers of its orders alone."""

    def life(self, reference: OrderRef) -> Life | None:
        """Return what is known of an order."""
        return self._lives.get(reference)

    def number_of(self, reference: OrderRef) -> tuple[int, int] | None:
        """Return the client and the number under which this line knows an order."""
        return self._number_of.get(reference)

    def follow(self, life: Life) -> None:
        """Know an order from now on, or know it otherwise."""
        self._keep(life)

    def numbered(self, reference: OrderRef, order_id: int, links: Links) -> None:
        """Know the number with which an order is being sent, and what it is tied to, before anything about it can come."""
        self._number(reference, self.client_id, order_id)
        self._links[reference] = links

    def links_of(self, reference: OrderRef) -> Links:
        """Return what an order is tied to: a change has to repeat it."""
        return self._links.get(reference, Links())

    def forget(self, reference: OrderRef) -> None:
        """Forget an order of which nothing has left."""
        self._lives.pop(reference, None)
        self._links.pop(reference, None)
        number = self._number_of.pop(reference, None)
        if number is not None:
            self._by_number.pop(number, None)

    def next_record(self, reference: OrderRef) -> asyncio.Future[OrderRecord]:
        """Return a future of the next record about an order; it fails with BrokerUnavailable where the line breaks."""
        future: asyncio.Future[OrderRecord] = asyncio.get_running_loop().create_future()
        self._waits.setdefault(reference, []).append(future)
        return future

    def take(self, record: WireRecord) -> None:
        """Take one record; never blocks."""
        match record:
            case WireLink():
                pass
            case WireOpen() | WireStatus() | WireExecution() | WireCompleted() | WireError() | WireCommission():
                reference = self._whose(record)
                if reference is not None:
                    self._about(reference, record)
            case WireUnread() if record.message in _ABOUT_ORDERS:
                self.in_doubt |= {life.reference for life in self._lives.values() if not life.over}
                self._doubt()
            case _:
                pass

    def line_broke(self, why: str) -> None:
        """Forget the numbers of the line, and fail those who wait for an answer over it."""
        self._by_number.clear()
        self._number_of.clear()
        self.elsewhere.clear()
        waits, self._waits = self._waits, {}
        for future in (one for futures in waits.values() for one in futures if not one.done()):
            future.set_exception(BrokerUnavailable(why))
            future.exception()
        for life in [one for one in self._lives.values() if one.replacing]:
            self._keep(lives.unanswered(life))

    def take_doubts(self) -> set[OrderRef]:
        """Return the orders in doubt, which are from now on somebody's to ask about."""
        asked, self.in_doubt = self.in_doubt, set()
        return asked

    def compare(self, shown: Mapping[OrderRef, BrokerOrder], asked: Iterable[OrderRef]) -> None:
        """Bring orders that were in doubt to what the books say."""
        for reference in asked:
            life = self._lives.get(reference)
            if life is not None:
                self._took(lives.compared(life, shown.get(reference), self._clock.now()))

    def close(self) -> None:
        """Stop what is still waited for."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._naming:
            task.cancel()

    def _whose(self, record: OrderRecord) -> OrderRef | None:
        match record:
            case WireOpen():
                if record.client_id != self.client_id:
                    self.elsewhere.add(record.order_id)
                reference = reference_of(record.order_ref, record.perm_id)
                if reference is not None and OURS.fullmatch(reference):
                    self._number(reference, record.client_id, record.order_id)
                    self._permanent(reference, record.perm_id)
                    shown = record.terms
                    self._links[reference] = Links(shown.parent_id, shown.oca_group, shown.oca_type)
                return reference
            case WireCompleted():
                reference = reference_of(record.order_ref, record.perm_id)
                if reference is not None:
                    self._permanent(reference, record.perm_id)
                return reference
            case WireExecution():
                reference = reference_of(record.order_ref, record.perm_id)
                if reference is not None and OURS.fullmatch(reference):
                    self._permanent(reference, record.perm_id)
                    self._by_fill[record.exec_id] = reference, record.contract.currency
                return reference
            case WireCommission():
                known = self._by_fill.get(record.exec_id)
                return self._keep_fee(record) if known is None else known[0]
            case WireStatus():
                return self._of_status(record)
            case WireError():
                return self._by_number.get((self.client_id, record.about)) if record.about > 0 else None

    def _in_currency(self, record: WireCommission) -> WireCommission:
        """Return a fee in the currency in which its fill was traded: IB may take it in another."""
        _, currency = self._by_fill.get(record.exec_id, ("", ""))
        if record.fee is None or not currency or record.currency in {"", currency}:
            return record
        return replace(record, fee=self._converted(record.fee, record.currency, currency), currency=safe(currency))

    def _keep_fee(self, record: WireCommission) -> None:
        """Keep what a fill cost that was not told yet; of fills that aren't ours it is kept until newer ones come."""
        self._early_fees[record.exec_id] = record
        while len(self._early_fees) > _MOST_UNCLAIMED:
            self._early_fees.popitem(last=False)

    def _of_status(self, record: WireStatus) -> OrderRef | None:
        known = self._by_perm.get(record.perm_id) if record.perm_id else None
        if known is not None:
            return known
        numbered = self._by_number.get((record.client_id, record.order_id))
        if numbered is None:
            return None
        if record.perm_id and self._perm_of.get(numbered, record.perm_id) != record.perm_id:
            # The number was given out twice: whose status it is, the books will say.
            self.in_doubt.add(numbered)
            self._doubt()
            return None
        self._permanent(numbered, record.perm_id)
        return numbered

    def _about(self, reference: OrderRef, record: OrderRecord) -> None:
        if not OURS.fullmatch(reference):
            return
        life = self._lives.get(reference)
        if life is None:
            self._claim(reference, record)
            return
        if isinstance(record, WireCommission):
            record = self._in_currency(record)
        self._took(lives.learn(life, record, self._clock.now()))
        if isinstance(record, WireExecution) and record.exec_id in self._early_fees:
            self._about(reference, self._early_fees.pop(record.exec_id))
        self._answer(reference, record)

    def _answer(self, reference: OrderRef, record: OrderRecord) -> None:
        for future in self._waits.pop(reference, ()):
            if not future.done():
                future.set_result(record)

    def _took(self, step: Step) -> None:
        life = step.life
        self._keep(life)
        for fact in step.facts:
            self._tell(fact)
        if step.notice is not None and step.notice not in self._noticed:
            self._noticed[step.notice] = None
            if len(self._noticed) > _MOST_NOTICED:
                self._noticed.popitem(last=False)
            self._notice(step.notice)
        if step.look:
            self.in_doubt.add(life.reference)
            self._doubt()
        if life.open_question and life.reference not in self._timers:
            timer = asyncio.get_running_loop().call_later(GRACE, self._settle, life.reference)
            self._timers[life.reference] = timer

    def _settle(self, reference: OrderRef) -> None:
        self._timers.pop(reference, None)
        life = self._lives.get(reference)
        if life is None or not life.open_question:
            return
        step = lives.settle(life, self._clock.now())
        if step.life != life or step.facts:
            self._took(step)

    def _claim(self, reference: OrderRef, record: OrderRecord) -> None:
        """Keep what comes about an order that another run sent, until its instrument has a name."""
        records = self._unclaimed.setdefault(reference, [])
        if len(records) < _MOST_RECORDS:
            records.append(record)
        while len(self._unclaimed) > _MOST_UNCLAIMED:
            self._unclaimed.popitem(last=False)
        if isinstance(record, WireOpen | WireExecution | WireCompleted) and not any(
            task.get_name() == reference for task in self._naming
        ):
            task = asyncio.create_task(self._name(reference, record.contract.con_id), name=reference)
            self._naming.add(task)
            task.add_done_callback(self._naming.discard)

    async def _name(self, reference: OrderRef, con_id: int) -> None:
        try:
            symbol = await self._name_of(con_id)
        except BrokerUnavailable as problem:
            _LOG.warning("the instrument of an order could not be named: %s", problem)
            return
        records = self._unclaimed.pop(reference, [])
        if reference not in self._lives:
            self._keep(Life(reference, symbol))
        for record in records:
            self._about(reference, record)

    async def named(self) -> None:
        """Wait until the orders that are known have names."""
        while self._naming:
            await asyncio.wait(tuple(self._naming))

    def _keep(self, life: Life) -> None:
        self._lives[life.reference] = life
        self._lives.move_to_end(life.reference)
        if len(self._lives) > _MOST_KEPT:
            self._drop(next((one for one in self._lives if self._lives[one].over), next(iter(self._lives))))

    def _drop(self, reference: OrderRef) -> None:
        life = self._lives.pop(reference)
        for fill in life.executions.values():
            self._by_fill.pop(fill.execution_id, None)
        self._links.pop(reference, None)
        self._by_perm.pop(self._perm_of.pop(reference, 0), None)
        self._by_number.pop(self._number_of.pop(reference, (0, 0)), None)

    def _number(self, reference: OrderRef, client_id: int, order_id: int) -> None:
        if order_id > 0:
            self._by_number[client_id, order_id] = reference
            self._number_of[reference] = client_id, order_id

    def _permanent(self, reference: OrderRef, perm_id: int) -> None:
        if perm_id:
            self._by_perm[perm_id] = reference
            self._perm_of[reference] = perm_id
