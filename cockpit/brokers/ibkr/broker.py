"""The broker: one account at Interactive Brokers, with its orders and its money, over one line to TWS or IB Gateway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from cockpit.brokers.base import BrokerStatus, BrokerUnavailable, Capabilities, Estimate, FactSink, LinkSink
from cockpit.brokers.ibkr import terms
from cockpit.brokers.ibkr.account import Account, Recording
from cockpit.brokers.ibkr.accounts import mode_of
from cockpit.brokers.ibkr.agreement import Agreement
from cockpit.brokers.ibkr.backoff import Backoff
from cockpit.brokers.ibkr.books import Books, Shown
from cockpit.brokers.ibkr.causes import READ_ONLY_NOTE
from cockpit.brokers.ibkr.flights import Told
from cockpit.brokers.ibkr.identities import account_of
from cockpit.brokers.ibkr.line import Line
from cockpit.brokers.ibkr.listing import Listed
from cockpit.brokers.ibkr.market import MarketData, whose_hours
from cockpit.brokers.ibkr.names import numbered
from cockpit.brokers.ibkr.placing import Placing
from cockpit.brokers.ibkr.tracking import Tracker
from cockpit.brokers.ibkr.visiting import VISITED, Visits
from cockpit.brokers.ibkr.wire import WireCommission, WireExecution, WireLink, WireRecord, WireUnread
from cockpit.model.accounts import Balances, Position
from cockpit.model.clock import Clock
from cockpit.model.orders import DONE, BrokerFact, BrokerOrder, Execution, Linkage, Order, OrderRef, OrderRequest
from cockpit.model.refusals import Refused
from cockpit.model.text import Safe, safe
from cockpit.model.trading import Link
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store

DEBOUNCE: Final = 1.0
"""Seconds between a doubt and the look at the books: trouble seldom comes alone."""
_LOOK_AGAIN: Final = 5.0
_DESCRIBES_AGAIN: Final = 30.0
"""Seconds after IB was silent about a contract for which nobody waits for one that is held and not known."""
_RECORD_EVERY: Final = 3600.0
_MOST_UNHEARD: Final = 10_000
_MOST_NAMED: Final = 4
_UNREAD: Final = Safe(
    "TWS told something that could not be read. Until the next connection its silence about an order proves nothing."
)

_LOG: Final = logging.getLogger(__name__)
_T = TypeVar("_T")


class IbkrBroker(MarketData):
    """One account, by the name of its connection."""

    books_complete: bool = False
    """TWS keeps ended orders and fills of the day alone, and may be without its servers: silence proves nothing."""

    def __init__(
        self,
        name: str,
        settings: ConnectionSettings,
        store: Store,
        clock: Clock,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        line = Line(settings.ibkr, settings.account, clock, mode=settings.mode, backoff=backoff)
        super().__init__(
            line, settings.ibkr, clock, hours_of=whose_hours(settings.ibkr.hours_of, settings.policy.allowed_symbols)
        )
        self.can: Capabilities = Capabilities(
            frozenset(terms.ORDER_TYPES),
            frozenset(terms.LIVES),
            frozenset({Linkage.BRACKET, Linkage.OCO}),
            short_selling=True,
            features=self.features,
        )
        self._name = name
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._sink: FactSink | None = None
        self._unheard: list[BrokerFact] = []
        self._notice_sink: Callable[[Safe], None] | None = None
        self._unheard_notices: list[Safe] = []
        self._looking: asyncio.Task[None] | None = None
        self._epoch = 0
        self._account = Account(line, self._held_of, clock, self.contracts.home)
        self._account.market_rate = self.fx_rate
        self._tracker = Tracker(
            settings.ibkr.client_id,
            clock,
            self._tell,
            self._look_soon,
            self._notice,
            self._name_of,
            self._account.converted,
        )
        line.keep_places(self._tracker.resting)
        self._order_books = Books(line, self._name_of, self._symbol_of, self._account.converted)
        self._placing = Placing(
            line,
            self._tracker,
            Visits(settings.ibkr, clock, lambda: line.account, self._start, self._tracker.take),
            self.contracts,
            settings.ibkr.request_seconds,
            self._read_books,
            self._start,
            self._notice,
        )
        self._recording = Recording(name, store)
        self._agreement = Agreement(self._notice)
        self._describes_from = 0.0
        """From when contracts that are held are asked for again, by the clock that never jumps."""
        self._unread_in = 0
        """The epoch in which something could last not be read of orders, or of what is held."""
        line.listen(self._take)
        line.on_up(self._come_up)

    async def __aenter__(self) -> Self:
        await self._line.__aenter__()
        self._start(self._record())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end_tasks()
        await self._line.__aexit__(kind, error, trace)
        # Only now can nobody begin anything any more.
        await self._end_tasks()
        await self.close_data()
        self._tracker.line_broke("the connection was closed")
        self._tracker.close()
        self._agreement.close()

    def listen(self, sink: FactSink) -> None:
        """Set where facts go; what came before is told first."""
        self._sink = sink
        unheard, self._unheard = self._unheard, []
        for fact in unheard:
            sink(fact)

    def on_account(self, claim: Callable[[str], str]) -> None:
        """Set who is asked before the account that TWS reports is used."""
        self._line.claim = claim

    def on_link(self, sink: LinkSink) -> None:
        """Set who is told how the line is."""
        self._line.on_link(sink)

    def on_notice(self, sink: Callable[[Safe], None]) -> None:
        """Set who is told what the operator has to know; what came before is told first."""
        self._notice_sink = sink
        unheard, self._unheard_notices = self._unheard_notices, []
        for text in unheard:
            sink(text)

    def know_groups(self, groups: Sequence[Sequence[Order]], cancel_asked: Collection[OrderRef]) -> None:
        """Take over the groups of an earlier run: they are judged as soon as the books have been read."""
        self._placing.groups.know(groups, cancel_asked)

    def status(self) -> BrokerStatus:
        """Say which account answers, whether its money is real by its own number, and how the line is."""
        line = self._line
        return BrokerStatus(
            kind="ibkr",
            account=line.account,
            mode=mode_of(line.account) if line.account else self._settings.mode,
            link=line.link,
            latency_ms=line.latency_ms,
            note=line.note,
            since=line.since,
            whole=not line.farms_down and self._unread_in != line.epoch,
            unsure_positions=self._agreement.unsure,
            no_orders=READ_ONLY_NOTE if line.read_only else "",
        )

    async def balances(self) -> Balances:
        """Return the account's money in its base currency, as TWS tells it; its profit and loss are after fees."""
        return await self._answer(self._account.balances())

    async def positions(self) -> Sequence[Position]:
        """Return what is held, by name, valued as TWS values it."""
        return await self._answer(self._account.positions())

    async def estimate(self, request: OrderRequest) -> Estimate | None:
        """Return what TWS says that the order would cost; Refused with its words where it would not take it."""
        listed = await self.contracts.listed(request.symbol)
        order = terms.order_of(OrderRef(""), request, self._line.account)
        return await self._answer(self._account.estimate(listed.contract(), order))

    async def submit(self, reference: OrderRef, request: OrderRequest) -> None:
        """Place an order. The same reference with the same order again changes nothing; with another it is refused."""
        await self._placing.submit(reference, request)

    async def submit_linked(self, linkage: Linkage, legs: Sequence[tuple[OrderRef, OrderRequest]]) -> None:
        """Place a bracket or a pair, whose messages leave together; where one is rejected the others are cancelled."""
        await self._placing.submit_linked(linkage, legs)

    async def replace(self, reference: OrderRef, request: OrderRequest) -> None:
        """Change a working order. One that has ended, here or at the broker, is refused before anything is sent."""
        await self._placing.replace(reference, request)

    async def cancel(self, reference: OrderRef) -> None:
        """Withdraw the rest of an order, before all else that waits; nothing happens to one that has ended."""
        await self._placing.cancel(reference)

    async def orders(self) -> Sequence[BrokerOrder]:
        """Return the open orders of the account, whoever placed them, and those that ended today."""
        shown = await self._read_books()
        if not shown.ended_told:
            raise BrokerUnavailable("the broker didn't tell in time which orders have ended")
        if not shown.fills_told:
            raise BrokerUnavailable("the broker didn't tell all fills in time")
        return tuple(shown.orders.values())

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Return the open orders of the account alone, whoever placed them, as TWS tells them now."""
        return await self._answer(self._order_books.opened())

    async def executions(self, since: datetime) -> Sequence[Execution]:
        """Return the fills since then, oldest first; IB keeps those of the day, and this host those it has seen."""
        return await self._answer(self._order_books.fills(since))

    async def history(self, since: datetime, count: int) -> Sequence[tuple[datetime, Decimal]]:
        """Return the account's worth as this host recorded it every hour while it was connected: TWS has no history."""
        return await self._recording.since(self._line.account, since, count)

    def _take(self, record: WireRecord) -> None:
        if isinstance(record, WireLink) and (record.epoch != self._epoch or record.link is Link.DOWN):
            self._epoch = record.epoch
            self._tracker.line_broke(record.note or "the line broke")
        if account_of(record) not in {"", self._line.account}:
            return
        record = self._tracker.own(record)
        if isinstance(record, WireExecution | WireCommission):
            self._account.traded()
        if isinstance(record, WireUnread) and self._unread_in != self._epoch:
            self._unread_in = self._epoch
            self._notice(_UNREAD)
        self._agreement.take(record)
        self._order_books.take(record)
        self._tracker.take(record)

    def _tell(self, fact: BrokerFact) -> None:
        self._placing.groups.told(fact)
        if self._sink is not None:
            self._sink(fact)
        elif len(self._unheard) < _MOST_UNHEARD:
            self._unheard.append(fact)

    def _notice(self, text: Safe) -> None:
        _LOG.warning("%s: %s", self._name, text)
        if self._notice_sink is not None:
            self._notice_sink(text)
        elif len(self._unheard_notices) < _MOST_UNHEARD:
            self._unheard_notices.append(text)

    async def _listed_of(self, con_id: int) -> Listed | None:
        """Return the contract of a number; None for one that IB doesn't describe, which must not hide the others."""
        try:
            return await self.contracts.by_id(con_id)
        except Refused:
            return None

    async def _held_of(self, con_id: int) -> Listed | None:
        """Return the contract of what is held; None too where IB is silent about it, which must not hide the others."""
        known = self.contracts.known(con_id)
        if known is not None or self._clock.monotonic() < self._describes_from:
            return known
        try:
            return await self._listed_of(con_id)
        except BrokerUnavailable:
            if self._line.link is not Link.READY:
                raise
            self._describes_from = self._clock.monotonic() + _DESCRIBES_AGAIN
            return None

    async def _name_of(self, con_id: int) -> str:
        listed = await self._listed_of(con_id)
        return numbered(con_id) if listed is None else listed.instrument.symbol

    def _symbol_of(self, reference: OrderRef) -> str | None:
        life = self._tracker.life(reference)
        return None if life is None else life.symbol

    async def _come_up(self) -> None:
        """Find out what became of every order while nobody listened."""
        await self._account.watch()
        if self._line.read_only:
            return
        shown, ids = await self._read_books(), self._tracker.ids
        self._placing.groups.look_at_found()
        others: dict[int, list[BrokerOrder]] = {}
        for one in shown.orders.values():
            number = ids.number_of(one.reference)
            if one.state not in DONE and number is not None and number[0] != ids.client_id:
                others.setdefault(number[0], []).append(one)
        for client_id, orders in sorted(others.items()):
            named = ", ".join(f"{one.request.symbol} {one.reference}" for one in orders[:_MOST_NAMED])
            more = len(orders) - _MOST_NAMED
            # TWS tells of them where it is asked, and changes them for nobody but that client.
            how = (
                "it can be cancelled, not changed, and its fills are seen once a minute"
                if client_id in VISITED
                else "not even a kill takes them off; cancel them in TWS"
            )
            self._notice(
                safe(
                    f"What was sent under client number {client_id} works on; {how}: "
                    f"{named}{f' and {more} more' if more > 0 else ''}.",
                    300,
                )
            )

    async def _read_books(self) -> Shown:
        asked, ended = self._tracker.take_doubts(), self._tracker.ended()
        try:
            shown = await self._answer(self._order_books.read())
            await self._tracker.named()
        except BaseException:
            self._tracker.in_doubt |= asked
            raise
        self._tracker.compare(shown.orders, asked, ended)
        return shown

    def _look_soon(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = self._start(self._look())

    async def _look(self) -> None:
        """Ask the books about what is in doubt; while the line is down, its next coming up asks."""
        await asyncio.sleep(DEBOUNCE)
        while self._tracker.in_doubt and self._line.link is Link.READY:
            try:
                await self._read_books()
            except BrokerUnavailable as problem:
                _LOG.warning("%s: the books could not be read: %s", self._name, problem)
                await asyncio.sleep(_LOOK_AGAIN)

    async def _record(self) -> None:
        while True:
            await self._line.wait_for(Link.READY)
            equity = self._account.equity()
            if equity is not None:
                await self._recording.note(self._line.account, self._clock.now(), equity)
            await asyncio.sleep(_RECORD_EVERY)

    async def _answer(self, answer: Awaitable[_T]) -> _T:
        try:
            return await answer
        except Told as told:
            raise BrokerUnavailable(f"the broker answered {told}") from told

    async def _end_tasks(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"ibkr {self._name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
