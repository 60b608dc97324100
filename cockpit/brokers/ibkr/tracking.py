"""What becomes of the orders that bear a reference like ours: each record goes to its order, and what follows is told.

Orders of others are not followed; the books show them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from cockpit.brokers.base import BrokerUnavailable, FactSink
from cockpit.brokers.ibkr import life as lives
from cockpit.brokers.ibkr.identities import Identities
from cockpit.brokers.ibkr.life import Life, OrderRecord, Step
from cockpit.brokers.ibkr.wire import (
    WireCommission,
    WireCompleted,
    WireError,
    WireExecution,
    WireOpen,
    WireRecord,
    WireStatus,
    WireUnread,
)
from cockpit.model.clock import Clock
from cockpit.model.orders import DONE, BrokerOrder, CancelRefused, OrderRef
from cockpit.model.text import Safe, safe

GRACE: Final = 0.25
"""Seconds in which what belongs together comes: a status and the fills and reasons that explain it."""
_ABOUT_ORDERS: Final = frozenset({-1, 3, 4, 5, 11, 59, 101})
"""Messages that may be about orders, and one that couldn't even be told apart."""
_MOST_KEPT: Final = 5000
_MOST_UNCLAIMED: Final = 1000
_MOST_RECORDS: Final = 200
_MOST_NOTICED: Final = 500

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Wait:
    """Somebody who waits for an answer about an order."""

    answers: Callable[[OrderRecord], bool]
    future: asyncio.Future[OrderRecord]


class Tracker:
    """Follows orders, and keeps those about which the books have to be asked."""

    def __init__(
        self,
        client_id: int,
        clock: Clock,
        tell: FactSink,
        doubt: Callable[[], None],
        notice: Callable[[Safe], None],
        name_of: Callable[[int], Awaitable[str]],
        converted: Callable[[Decimal, str, str], Decimal | None],
    ) -> None:
        self.ids: Final = Identities(client_id, self._doubted)
        self._clock = clock
        self._tell = tell
        self._doubt = doubt
        self._notice = notice
        self._name_of = name_of
        self._converted = converted
        self._lives: OrderedDict[OrderRef, Life] = OrderedDict()
        self._alive: set[OrderRef] = set()
        """Orders that may work."""
        self._placed: set[OrderRef] = set()
        """Those of them that were placed over this line, or are about to be."""
        self._early_fees: OrderedDict[str, WireCommission] = OrderedDict()
        self._noticed: OrderedDict[Safe, None] = OrderedDict()
        """What the operator was told: he is told it once."""
        self._unclaimed: OrderedDict[OrderRef, list[OrderRecord]] = OrderedDict()
        self._naming: dict[OrderRef, asyncio.Task[None]] = {}
        self._waits: dict[OrderRef, list[_Wait]] = {}
        self._timers: dict[OrderRef, asyncio.TimerHandle] = {}
        self.in_doubt: set[OrderRef] = set()
        """Orders about which the books have to be asked."""

    def life(self, reference: OrderRef) -> Life | None:
        """Return what is known of an order."""
        return self._lives.get(reference)

    def follow(self, life: Life) -> None:
        """Know an order from now on, or know it otherwise."""
        self._keep(life)

    def placing(self, life: Life) -> None:
        """Know an order that is about to be placed."""
        self._placed.add(life.reference)
        self._keep(life)

    def resting(self) -> int:
        """Count the orders that may have to be cancelled over this line, also those that are about to be placed."""
        numbers = ((one, self.ids.number_of(one)) for one in self._alive)
        here = self.ids.client_id
        return sum(one in self._placed or (number is not None and number[0] == here) for one, number in numbers)

    def forget(self, reference: OrderRef) -> None:
        """Forget an order of which nothing has left."""
        self._lives.pop(reference, None)
        self._over(reference)
        self.ids.forget(reference)

    def give_up(self, reference: OrderRef) -> None:
        """Wait no longer for the answer to a change: what became of it the books will say."""
        life = self._lives.get(reference)
        if life is not None and life.replacing:
            self._keep(lives.unanswered(life))
            self._doubted(reference)

    def cancel_refused(self, reference: OrderRef, why: Safe) -> None:
        """Tell that an order works on although its cancel was asked for."""
        self._tell(CancelRefused(reference, self._clock.now(), why))

    def next_record(
        self, reference: OrderRef, answers: Callable[[OrderRecord], bool] = lambda record: True
    ) -> asyncio.Future[OrderRecord]:
        """Return a future of the next record about an order that ``answers``, or after which the order is over.

        It fails with BrokerUnavailable where the line breaks.
        """
        future: asyncio.Future[OrderRecord] = asyncio.get_running_loop().create_future()
        self._waits[reference] = [*self._waiting(reference), _Wait(answers, future)]
        return future

    def own(self, record: WireRecord) -> WireRecord:
        """Return a record without its reference where that is one of ours that another order bears, too."""
        if not isinstance(record, WireOpen | WireCompleted | WireExecution) or not self.ids.is_twin(record):
            return record
        self._say(
            safe(
                f"Another order at the broker ({record.perm_id}) bears the reference of one of ours "
                f"({record.order_ref}). It is taken for somebody else's and not touched."
            )
        )
        return replace(record, order_ref=Safe(""))

    def take(self, record: WireRecord) -> None:
        """Take one record; never blocks."""
        match record:
            case WireOpen() | WireStatus() | WireExecution() | WireCompleted() | WireError() | WireCommission():
                reference = self.ids.whose(record)
                if reference is not None:
                    self._about(reference, record)
                    self._answer(reference, record)
                elif isinstance(record, WireCommission):
                    self._keep_fee(record)
            case WireUnread() if record.message in _ABOUT_ORDERS:
                self.in_doubt |= {life.reference for life in self._lives.values() if not life.over}
                self._doubt()
            case _:
                pass

    def line_broke(self, why: str) -> None:
        """Forget the numbers of the line, and fail those who wait for an answer over it."""
        self.ids.line_broke()
        self._placed.clear()
        waits, self._waits = self._waits, {}
        for one in (one for each in waits.values() for one in each if not one.future.done()):
            one.future.set_exception(BrokerUnavailable(why))
            one.future.exception()
        for life in [one for one in self._lives.values() if one.replacing]:
            self._keep(lives.unanswered(life))

    def take_doubts(self) -> set[OrderRef]:
        """Return the orders in doubt, which are from now on somebody's to ask about."""
        asked, self.in_doubt = self.in_doubt, set()
        return asked

    def ended(self) -> frozenset[OrderRef]:
        """Return the orders of which the end was told."""
        return frozenset(life.reference for life in self._lives.values() if life.ended)

    def compare(
        self, shown: Mapping[OrderRef, BrokerOrder], asked: Iterable[OrderRef], ended: Iterable[OrderRef] = ()
    ) -> None:
        """Bring orders that were in doubt to what the books say, and those that had ``ended`` before they were read.

        Books that were read before an end still show the order as open: they say nothing against that end.
        """
        before = frozenset(ended)
        open_ = {reference for reference, one in shown.items() if one.state not in DONE}
        for reference in {*asked, *(before & open_)}:
            life = self._lives.get(reference)
            if life is not None and not (life.ended and reference in open_ and reference not in before):
                self._took(lives.compared(life, shown.get(reference), self._clock.now()))

    async def named(self) -> None:
        """Wait until the orders that are known have names."""
        while self._naming:
            await asyncio.wait(tuple(self._naming.values()))

    def close(self) -> None:
        """Stop what is still waited for."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._naming.values():
            task.cancel()

    def _about(self, reference: OrderRef, record: OrderRecord) -> None:
        life = self._lives.get(reference)
        if life is None:
            self._claim(reference, record)
            return
        if isinstance(record, WireCommission):
            told, record = record, self._in_currency(record)
            if told.fee is not None and record.fee is None:
                self._say(_without_rate(life.symbol, reference, told))
        self._took(lives.learn(life, record, self._clock.now()))
        if isinstance(record, WireExecution) and record.exec_id in self._early_fees:
            self._about(reference, self._early_fees.pop(record.exec_id))

    def _waiting(self, reference: OrderRef) -> list[_Wait]:
        return [one for one in self._waits.pop(reference, ()) if not one.future.done()]

    def _answer(self, reference: OrderRef, record: OrderRecord) -> None:
        """Tell those whom a record answers; the others wait on, and miss nothing that comes right behind it."""
        life = self._lives.get(reference)
        over = life is not None and life.over
        still: list[_Wait] = []
        for one in self._waiting(reference):
            if over or one.answers(record):
                one.future.set_result(record)
            else:
                still.append(one)
        if still:
            self._waits[reference] = still

    def _took(self, step: Step) -> None:
        life = step.life
        self._keep(life)
        for fact in step.facts:
            self._tell(fact)
        if step.notice is not None:
            self._say(step.notice)
        if step.look:
            self._doubted(life.reference)
        if life.open_question and life.reference not in self._timers:
            timer = asyncio.get_running_loop().call_later(GRACE, self._settle, life.reference)
            self._timers[life.reference] = timer

    def _say(self, notice: Safe) -> None:
        if notice in self._noticed:
            return
        self._noticed[notice] = None
        if len(self._noticed) > _MOST_NOTICED:
            self._noticed.popitem(last=False)
        self._notice(notice)

    def _doubted(self, reference: OrderRef) -> None:
        self.in_doubt.add(reference)
        self._doubt()

    def _settle(self, reference: OrderRef) -> None:
        self._timers.pop(reference, None)
        life = self._lives.get(reference)
        if life is None or not life.open_question:
            return
        step = lives.settle(life, self._clock.now())
        if step.life != life or step.facts:
            self._took(step)

    def _in_currency(self, record: WireCommission) -> WireCommission:
        """Return a fee in the currency in which its fill was traded: IB may take it in another."""
        currency = self.ids.currency_of(record.exec_id)
        if record.fee is None or not currency or record.currency in {"", currency}:
            return record
        return replace(record, fee=self._converted(record.fee, record.currency, currency), currency=safe(currency))

    def _keep_fee(self, record: WireCommission) -> None:
        """Keep what a fill cost that was not told yet; of fills that aren't ours it is kept until newer ones come."""
        self._early_fees[record.exec_id] = record
        while len(self._early_fees) > _MOST_UNCLAIMED:
            self._early_fees.popitem(last=False)

    def _claim(self, reference: OrderRef, record: OrderRecord) -> None:
        """Keep what comes about an order that another run sent, until its instrument has a name."""
        records = self._unclaimed.setdefault(reference, [])
        if len(records) < _MOST_RECORDS:
            records.append(record)
        while len(self._unclaimed) > _MOST_UNCLAIMED:
            self._unclaimed.popitem(last=False)
        if isinstance(record, WireOpen | WireExecution | WireCompleted) and reference not in self._naming:
            task = asyncio.create_task(self._name(reference, record.contract.con_id), name=f"name {reference}")
            self._naming[reference] = task
            task.add_done_callback(lambda _: self._naming.pop(reference, None))

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

    def _keep(self, life: Life) -> None:
        self._lives[life.reference] = life
        self._lives.move_to_end(life.reference)
        if life.over and not life.revived:
            self._over(life.reference)
        else:
            self._alive.add(life.reference)
        if len(self._lives) > _MOST_KEPT:
            gone = self._lives.pop(next((one for one in self._lives if self._lives[one].over), next(iter(self._lives))))
            self._over(gone.reference)
            self.ids.forget(gone.reference, tuple(fill.execution_id for fill in gone.executions.values()))

    def _over(self, reference: OrderRef) -> None:
        self._alive.discard(reference)
        self._placed.discard(reference)


def _without_rate(symbol: str, reference: OrderRef, told: WireCommission) -> Safe:
    return safe(
        f"A fill of {symbol} ({reference}) cost {told.fee} {told.currency}, for which TWS has told no rate. "
        "The books here leave that fee out."
    )
