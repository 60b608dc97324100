"""What the broker's books show: open orders, ended ones and fills, read together and told as ours.

Open orders are of every client and of hands in TWS; ended ones and fills reach back to about the beginning of the day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from ib_async.objects import ExecutionFilter

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import terms
from cockpit.brokers.ibkr.flights import Told
from cockpit.brokers.ibkr.identities import reference_of
from cockpit.brokers.ibkr.line import COMPLETED_ORDERS, OPEN_ORDERS, Lane, Line
from cockpit.brokers.ibkr.statuses import end_of, execution_of, expired, revision_of, stem_of
from cockpit.brokers.ibkr.wire import (
    WireCommission,
    WireCompleted,
    WireContract,
    WireExecution,
    WireOpen,
    WireRecord,
    WireStatus,
)
from cockpit.model.money import ZERO
from cockpit.model.orders import DONE, BrokerOrder, Execution, OrderRef, OrderState
from cockpit.model.text import Safe, safe

_SIDE_BY_SIDE: Final = 8
FEES_WITHIN: Final = 0.25
"""Seconds in which the fees of fills come."""
FILLS_WITHIN: Final = 0.25
"""Seconds in which fills come that a status told of before."""
MOST_FILLS: Final = 20_000
"""Fills that are remembered, the newest; IB itself forgets them after a day."""


@dataclass(slots=True, eq=False)
class _Pages:
    """What came while the books were being read."""

    opened: dict[OrderRef, WireOpen] = field(default_factory=dict)
    statuses: dict[int, WireStatus] = field(default_factory=dict)
    completed: dict[OrderRef, WireCompleted] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """The books at one moment."""

    orders: dict[OrderRef, BrokerOrder]
    ended_told: bool
    """Whether orders that have ended were told; else an order that isn't shown may have ended in any way."""
    fills_told: bool
    """Whether all fills were told; else those are missing that nobody told before."""


class Books:
    """Reads the books; whoever asks while they are being read is answered by the next reading, together."""

    def __init__(
        self,
        line: Line,
        name_of: Callable[[int], Awaitable[str]],
        symbol_of: Callable[[OrderRef], str | None],
        converted: Callable[[Decimal, str, str], Decimal | None],
    ) -> None:
        self._line = line
        self._name_of = name_of
        self._symbol_of = symbol_of
        self._converted = converted
        self._written: list[_Pages] = []
        self._fills: dict[str, WireExecution] = {}
        self._fees: dict[str, WireCommission] = {}
        self._fee_told = asyncio.Event()
        self._fill_told = asyncio.Event()
        self._without_fee: set[str] = set()
        """Fills whose fees were waited for in vain."""
        self._without_fills: dict[int, Decimal] = {}
        """What orders are said to have filled, by their permanent numbers, whose fills were waited for in vain."""
        self._reading: asyncio.Task[Shown] | None = None
        self._next: asyncio.Task[Shown] | None = None

    def take(self, record: WireRecord) -> None:
        """Note what the books are made of; never blocks."""
        match record:
            case WireExecution() if self._is_ours(record.account):
                stem = stem_of(record.exec_id)
                known = self._fills.get(stem)
                if known is None or revision_of(known.exec_id) < revision_of(record.exec_id):
                    self._fills[stem] = record
                self._fill_told.set()
                while len(self._fills) > MOST_FILLS:
                    gone = self._fills.pop(next(iter(self._fills)))
                    self._fees.pop(gone.exec_id, None)
            case WireCommission() if record.fee is not None:
                self._fees[record.exec_id] = record
                self._fee_told.set()
                if len(self._fees) > 2 * MOST_FILLS:
                    del self._fees[next(iter(self._fees))]
            case WireOpen() if self._is_ours(record.terms.account):
                reference = reference_of(record.order_ref, record.perm_id)
                if reference is not None:
                    for pages in self._written:
                        pages.opened[reference] = record
                        pages.statuses.pop(record.perm_id, None)
            case WireStatus():
                for pages in self._written:
                    pages.statuses[record.perm_id] = record
            case WireCompleted() if self._is_ours(record.terms.account):
                reference = reference_of(record.order_ref, record.perm_id)
                if reference is not None:
                    for pages in self._written:
                        pages.completed[reference] = record
            case _:
                pass

    async def read(self) -> Shown:
        """Return what the books show; they are read after this was called. Raises BrokerUnavailable."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._reading), name="books")
            self._next.add_done_callback(_seen)
        return await asyncio.shield(self._next)

    async def opened(self) -> tuple[BrokerOrder, ...]:
        """Return the open orders alone, by one message after this was called. Raises BrokerUnavailable, Told."""
        pages = _Pages()
        self._written.append(pages)
        try:
            await self._line.read(OPEN_ORDERS, lambda ib: ib.reqAllOpenOrdersAsync())
        finally:
            self._written.remove(pages)
        shown = await self._shown(pages, ended_told=False, fills_told=False)
        return tuple(one for one in shown.orders.values() if one.state not in DONE)

    async def fills(self, since: datetime) -> tuple[Execution, ...]:
        """Return the fills since then, oldest first. Raises BrokerUnavailable where not all are told."""
        shown = await self.read()
        if not shown.fills_told:
            raise BrokerUnavailable("the broker didn't tell all fills in time")
        found = [await self._fill(one) for one in tuple(self._fills.values()) if one.at >= since]
        return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.at, one.execution_id)))

    async def _after(self, before: asyncio.Task[Shown] | None) -> Shown:
        if before is not None and not before.done():
            await asyncio.wait({before})
        # Whoever comes from here on may have caused what is no longer seen by this reading.
        self._reading, self._next = self._next, None
        return await self._read()

    async def _read(self) -> Shown:
        account = self._line.account
        pages = _Pages()
        self._written.append(pages)
        try:
            filter_ = ExecutionFilter(acctCode=account)
            opened, ended, fills = await asyncio.gather(
                # Ahead of reads: what became of orders can't wait for somebody's chart.
                self._line.read(OPEN_ORDERS, lambda ib: ib.reqAllOpenOrdersAsync(), lane=Lane.ORDER),
                self._line.read(
                    COMPLETED_ORDERS, lambda ib: ib.reqCompletedOrdersAsync(apiOnly=False), lane=Lane.ORDER
                ),
                self._line.read("", lambda ib: ib.reqExecutionsAsync(filter_), lane=Lane.ORDER),
                return_exceptions=True,
            )
        finally:
            self._written.remove(pages)
        for problem in (opened, ended, fills):
            # TWS sometimes ends neither of the other two lists.
            if isinstance(problem, BaseException) and (
                problem is opened or not isinstance(problem, BrokerUnavailable | Told)
            ):
                raise problem
        await self._fills_of_all(pages)
        await self._fees_of_all()
        return await self._shown(
            pages, ended_told=not isinstance(ended, BaseException), fills_told=not isinstance(fills, BaseException)
        )

    async def _shown(self, pages: _Pages, *, ended_told: bool, fills_told: bool) -> Shown:
        contracts = [one.contract.con_id for one in (*pages.opened.values(), *pages.completed.values())]
        await one_by_few(self._name_of, {*contracts, *(one.contract.con_id for one in self._fills.values())})
        fills: dict[OrderRef, list[WireExecution]] = {}
        for one in self._fills.values():
            reference = reference_of(one.order_ref, one.perm_id)
            if reference is not None:
                fills.setdefault(reference, []).append(one)
        orders: dict[OrderRef, BrokerOrder] = {}
        for reference, opened in pages.opened.items():
            status = pages.statuses.get(opened.perm_id)
            word, why = (opened.status, Safe("")) if status is None else (status.status, status.why_held)
            shown = await self._order(
                reference, opened.contract, opened.terms, fills.get(reference, []), word, why, opened.warning
            )
            orders[reference] = shown if status is None else replace(shown, filled=status.filled)
        for reference, done in pages.completed.items():
            shown = await self._order(
                reference, done.contract, done.terms, fills.get(reference, []), done.status, "", done.completed_status
            )
            orders[reference] = replace(shown, filled=done.filled)
        return Shown(orders, ended_told, fills_told)

    async def _order(
        self,
        reference: OrderRef,
        contract: WireContract,
        told: terms.WireTerms,
        fills: list[WireExecution],
        status: str,
        why_held: str,
        words: str,
    ) -> BrokerOrder:
        read = terms.read(await self._symbol(reference, contract), told)
        executions = [await self._fill(one) for one in sorted(fills, key=lambda one: (one.at, one.exec_id))]
        known = tuple(one for one in executions if one is not None)
        reason = safe("; ".join(one for one in (words, read.beyond) if one))
        return BrokerOrder(reference, read.request, _state(status, why_held, words, known), known, reason)

    async def _fill(self, one: WireExecution) -> Execution | None:
        reference = reference_of(one.order_ref, one.perm_id)
        if reference is None:
            return None
        symbol = await self._symbol(reference, one.contract)
        return execution_of(one, reference, symbol, self._fee(one))

    def _fee(self, one: WireExecution) -> Decimal:
        told = self._fees.get(one.exec_id)
        if told is None or told.fee is None:
            return ZERO
        fee = self._converted(told.fee, told.currency or one.contract.currency, one.contract.currency)
        # As one that is not told yet; whoever follows the order says that it can't be told.
        return ZERO if fee is None else fee

    async def _fills_of_all(self, pages: _Pages) -> None:
        """Wait for fills that are said to have been made while the books were read: TWS may tell them behind that."""
        mine = {one.perm_id for one in pages.opened.values()}
        claimed = {number: one.filled or ZERO for number, one in pages.statuses.items() if number in mine}
        claimed |= {one.perm_id: one.filled or ZERO for one in pages.completed.values()}

        def lacking() -> dict[int, Decimal]:
            made = dict.fromkeys(claimed, ZERO)
            for one in self._fills.values():
                if one.perm_id in made:
                    made[one.perm_id] += one.quantity or ZERO
            return {
                number: filled
                for number, filled in claimed.items()
                if made[number] < filled and self._without_fills.get(number) != filled
            }

        with suppress(TimeoutError):
            async with asyncio.timeout(FILLS_WITHIN):
                while lacking():
                    self._fill_told.clear()
                    await self._fill_told.wait()
        self._without_fills = {one: filled for one, filled in self._without_fills.items() if one in claimed} | lacking()

    async def _fees_of_all(self) -> None:
        """Wait for what the fills cost: TWS tells it behind them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FEES_WITHIN):
                while self._lacking():
                    self._fee_told.clear()
                    await self._fee_told.wait()
        self._without_fee |= self._lacking()

    def _lacking(self) -> Set[str]:
        return {one.exec_id for one in self._fills.values()} - self._fees.keys() - self._without_fee

    async def _symbol(self, reference: OrderRef, contract: WireContract) -> str:
        return self._symbol_of(reference) or await self._name_of(contract.con_id)

    def _is_ours(self, account: str) -> bool:
        return account in {"", self._line.account}


async def one_by_few(ask: Callable[[int], Awaitable[object]], numbers: Iterable[int]) -> None:
    """Ask about many, a few at a time, so that what is remembered of them is there at once when it is needed."""
    turns = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(number: int) -> None:
        async with turns:
            await ask(number)

    await asyncio.gather(*(one(number) for number in numbers))


def _state(status: str, why_held: str, words: str, fills: tuple[Execution, ...]) -> OrderState:
    match end_of(status, why_held):
        case "Filled":
            return OrderState.FILLED
        case "Cancelled":
            return OrderState.EXPIRED if expired(words) else OrderState.CANCELLED
        case "Inactive":
            return OrderState.REJECTED
        case _:
            return OrderState.PARTLY_FILLED if fills else OrderState.WORKING


def _seen(task: asyncio.Task[Shown]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
