"""Takes off orders that were sent under another client number: TWS lets only the client that placed an order cancel it.

A visit is a short session of its own under that number. Nothing leaves over it but the question for its open orders and
the cancels of those that were wanted; nothing is placed or changed there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.budget import Budget, Lane
from cockpit.brokers.ibkr.causes import READ_ONLY_NOTE, masked
from cockpit.brokers.ibkr.flights import Told
from cockpit.brokers.ibkr.life import OrderRecord
from cockpit.brokers.ibkr.session import Lost, Session, not_ready
from cockpit.brokers.ibkr.statuses import CANCELLED, FILLED, LIVE, end_of
from cockpit.brokers.ibkr.turns import NotSent, Turns
from cockpit.brokers.ibkr.wire import WireCompleted, WireError, WireOpen, WireRecord, WireStatus
from cockpit.model.clock import Clock
from cockpit.model.orders import OrderRef
from cockpit.model.refusals import Refused, refuse
from cockpit.settings.ibkr import IbkrSettings

VISITED: Final = range(1, 2_147_483_647)
"""Client numbers that may be visited. 0 is none of them: to it TWS gives what is placed by hand."""
LINGER: Final = 0.25
"""Seconds that a visit goes on after its last answer: TWS may refuse a number that it has let go of only just now."""
_BEING_CANCELLED: Final = "PendingCancel"
_IN_USE: Final = 326


@dataclass(slots=True, eq=False)
class _Wanted:
    """One order whose cancel is wanted."""

    reference: OrderRef
    perm_id: int
    answer: asyncio.Future[OrderRecord]
    waiting: int = 0
    sent: bool = False


class Visits:
    """The visits of one account, at most one under each client number at a time."""

    def __init__(
        self,
        settings: IbkrSettings,
        clock: Clock,
        account: Callable[[], str],
        start: Callable[[Coroutine[Any, Any, None]], object],
        hear: Callable[[WireRecord], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._account = account
        self._start = start
        self._hear = hear
        self._visits: dict[int, _Visit] = {}

    async def cancel(self, client_id: int, reference: OrderRef, perm_id: int) -> OrderRecord:
        """Ask under its own client number for an order to be withdrawn, and return what TWS says to that.

        Raises Refused where nothing was sent, BrokerUnavailable where TWS may have it and hasn't said so.
        """
        if client_id not in VISITED or not perm_id:
            says = f"The order belongs to client number {client_id}, which can't be used from here; cancel it in TWS."
            raise Refused(refuse("NOT_YOUR_ORDER", says, client_id=client_id))
        visit = self._visits.get(client_id)
        if visit is None:
            visit = _Visit(self._settings, client_id, self._clock, self._account(), self._hear)
            self._visits[client_id] = visit
            self._start(visit.run(lambda: self._over(client_id, visit)))
        return await visit.cancel(reference, perm_id)

    def _over(self, client_id: int, visit: _Visit) -> None:
        if self._visits.get(client_id) is visit:
            del self._visits[client_id]


class _Visit:
    """One session under another client number."""

    def __init__(
        self,
        settings: IbkrSettings,
        client_id: int,
        clock: Clock,
        account: str,
        hear: Callable[[WireRecord], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._client_id = client_id
        self._account = account
        self._hear = hear
        self._turns = Turns(Budget(), loop.time)
        self._session = Session(settings, client_id, clock, self._turns, self._take)
        self._wanted: dict[OrderRef, _Wanted] = {}
        self._shown: dict[int, WireOpen] = {}
        """The client's own open orders by their permanent numbers, as this very session told them."""
        self._open: set[int] = set()
        """Those of them that were told since they were last asked for."""
        self._moved = asyncio.Event()
        self._in_use = False

    async def cancel(self, reference: OrderRef, perm_id: int) -> OrderRecord:
        """Want an order's cancel; whoever wants the same one meanwhile waits for the same answer."""
        one = self._wanted.get(reference)
        if one is None or one.answer.done():
            one = _Wanted(reference, perm_id, asyncio.get_running_loop().create_future())
            self._wanted[reference] = one
            self._moved.set()
        one.waiting += 1
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                return await asyncio.shield(one.answer)
        except TimeoutError:
            if one.sent:
                raise BrokerUnavailable(
                    f"no answer to the cancel within {self._settings.request_seconds:g} s"
                ) from None
            raise not_ready(f"client number {self._client_id} had no turn in time") from None
        finally:
            one.waiting -= 1
            if not one.waiting:
                # Nobody waits for it any more: what has not left yet must not leave later.
                one.answer.cancel()
                self._moved.set()

    async def run(self, over: Callable[[], None]) -> None:
        """Go there, do what is wanted, and be ``over`` once nothing is wanted any more."""
        session, why = self._session, "the visit broke off"
        serving: asyncio.Task[None] | None = None
        try:
            await session.dial()
            serving = asyncio.create_task(self._serve(over), name=f"visit {self._client_id}")
            await asyncio.wait({serving, session.lost}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                raise session.lost.result()
            serving.result()
        except Lost as lost:
            why = lost.note
        finally:
            over()
            if serving is not None:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
            session.close()
            for one in self._wanted.values():
                self._fail(one, why)

    async def _serve(self, over: Callable[[], None]) -> None:
        if self._account not in self._session.accounts:
            raise Lost(f"TWS doesn't tell account {masked(self._account)}")
        while True:
            self._moved.clear()
            waiting = [one for one in self._wanted.values() if not one.answer.done()]
            unsent = [one for one in waiting if not one.sent]
            if unsent:
                await self._send(unsent)
                continue
            try:
                async with asyncio.timeout(None if waiting else LINGER):
                    await self._moved.wait()
            except TimeoutError:
                if not self._moved.is_set():
                    # At once, so that whoever comes next finds the number free.
                    over()
                    self._session.close()
                    return

    async def _send(self, wanted: list[_Wanted]) -> None:
        """Cancel what this session itself tells as its client's own open orders, by the numbers that it tells."""
        self._open.clear()
        try:
            await self._session.look_at_orders(self._settings.request_seconds, own=True)
        except (BrokerUnavailable, Told) as problem:
            raise Lost(f"its open orders were not told ({problem})") from None
        if self._session.read_only.is_set():
            raise Lost(READ_ONLY_NOTE)
        for one in wanted:
            try:
                permit = await self._turns.take(Lane.CANCEL, 1)
            except NotSent as problem:
                raise Lost(str(problem)) from None
            shown = self._shown[one.perm_id] if one.perm_id in self._open else None
            if one.answer.done():
                continue
            if shown is None or shown.order_ref != one.reference:
                says = f"TWS doesn't tell it as an open order of client number {self._client_id}; nothing was sent."
                one.answer.set_exception(Refused(refuse("ORDER_UNKNOWN", says, client_id=self._client_id)))
            elif end_of(shown.status) in {CANCELLED, FILLED} or shown.status == _BEING_CANCELLED:
                one.answer.set_result(shown)
            else:
                one.sent = True
                try:
                    self._session.send(permit, lambda ib, number=shown.order_id: ib.client.cancelOrder(number))
                except Refused as refused:
                    one.sent = False
                    one.answer.set_exception(refused)

    def _take(self, record: WireRecord) -> None:
        one: _Wanted | None = None
        match record:
            case WireOpen() if record.client_id == self._client_id and record.terms.account in {"", self._account}:
                self._shown[record.perm_id] = record
                self._open.add(record.perm_id)
                one = self._of(record.perm_id)
            case WireStatus() if record.perm_id in self._shown:
                self._shown[record.perm_id] = replace(self._shown[record.perm_id], status=record.status)
                one = self._of(record.perm_id)
                if one is not None:
                    self._hear(record)
            case WireError(code=code) if code == _IN_USE:
                self._in_use = True
            case WireError() if record.about > 0:
                numbers = (shown.perm_id for shown in self._shown.values() if shown.order_id == record.about)
                one = self._of(next(numbers, 0))
            case _:
                return
        if one is not None and one.sent and not one.answer.done() and answers_a_cancel(record):
            one.answer.set_result(record)
            self._moved.set()

    def _of(self, perm_id: int) -> _Wanted | None:
        return next((one for one in self._wanted.values() if one.perm_id == perm_id), None)

    def _fail(self, one: _Wanted, why: str) -> None:
        if one.answer.done():
            return
        if one.sent:
            one.answer.set_exception(BrokerUnavailable(why))
        elif self._in_use:
            says = f"another program uses client number {self._client_id}, whose order it is; end it, or cancel in TWS"
            one.answer.set_exception(not_ready(says))
        else:
            says = f"client number {self._client_id}, whose order it is, can't be used: {why}"
            one.answer.set_exception(not_ready(says))


def answers_a_cancel(record: WireRecord) -> bool:
    """Whether a record about an order says what became of its cancel."""
    match record:
        case WireStatus() | WireOpen():
            return record.status not in LIVE
        case WireError() | WireCompleted():
            return True
        case _:
            return False
