"""The paper broker: one account over invented or recorded prices, whose every change is durable before it is told."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Final, Self, TypeVar

from cockpit.brokers.base import BrokerStatus, BrokerUnavailable, Capabilities, Estimate, FactSink
from cockpit.brokers.paper import statement
from cockpit.brokers.paper.account import Account
from cockpit.brokers.paper.engine import ROLES
from cockpit.brokers.paper.events import Cancel, Replace, Submit, SubmitLinked
from cockpit.brokers.paper.offers import OFFERED, InventedOffers
from cockpit.brokers.paper.prices import Prices, SeededPrices
from cockpit.model.accounts import Balances, Position
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument
from cockpit.model.orders import (
    BrokerFact,
    BrokerOrder,
    Execution,
    Linkage,
    OrderRef,
    OrderRequest,
    OrderType,
    TimeInForce,
)
from cockpit.model.quotes import Bars, DataType, Interval, MarketClock, Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.model.trading import Link, Mode
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable

MOST_BARS: Final = 1000

_Read = TypeVar("_Read")
_LOG: Final = logging.getLogger(__name__)
_REFERENCE: Final = re.compile(r"[!-~]{1,64}")
_PATIENCE: Final = 10.0
"""Seconds after which an answer is given up."""


class PaperBroker(InventedOffers):
    """One simulated account, by the name of its connection.

    While it is entered, a task of its own looks at the market every ``tick_seconds`` for what rests in the book.
    Nothing is matched while it is away: afterwards it goes on from the market as it is then.
    """

    books_complete: bool = True
    """What was taken is in the journal before anyone is told, and the newest thousand orders are always shown."""

    def __init__(
        self, name: str, settings: ConnectionSettings, store: Store, clock: Clock, *, tick_seconds: float = 0.5
    ) -> None:
        self.can: Capabilities = Capabilities(
            frozenset(OrderType),
            frozenset(TimeInForce),
            frozenset(ROLES),
            short_selling=True,
            features=frozenset() if settings.replay else OFFERED,
        )
        self.account: Final = f"SIM-{name.replace('_', '-')}"
        self._name = name
        self._settings = settings
        self._store = store
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._sink: FactSink | None = None
        self._listened = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._since = clock.now()

    async def __aenter__(self) -> Self:
        try:
            self._books = await Account.opened(self._name, self._settings, self._store, self._clock, self._tell)
        except (StoreUnavailable, StoreBusy) as error:
            raise BrokerUnavailable(f"the paper account can't be read: {error}") from error
        self._since = self._clock.now()
        self._watching = asyncio.create_task(self._watch(), name=f"market of {self.account}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait((watching, *self._under_way))

    def listen(self, sink: FactSink) -> None:
        """Set where facts go. The market is not watched before."""
        self._sink = sink
        self._listened.set()

    def status(self) -> BrokerStatus:
        """Say that it is a simulation, and whether it can take orders: it can while its journal can be written."""
        ready = self._watching is not None and self._store.writable
        return BrokerStatus(
            kind="paper",
            account=self.account,
            mode=Mode.PAPER,
            link=Link.READY if ready else Link.DOWN,
            latency_ms=None,
            note=self._books.prices.note if ready else "The paper account's journal can't be written.",
            since=self._since,
        )

    async def find(self, symbol: str) -> Sequence[Instrument]:
        """Return the listed instrument or option of exactly that symbol, or nothing."""
        prices = self._books.prices
        found = prices.instrument(symbol)
        if found is None and isinstance(prices, SeededPrices):
            found = prices.option(symbol, self._clock.now())
        return () if found is None else (found,)

    async def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return listed instruments whose symbol or name contains the text, best first."""
        return self._books.prices.search(text, limit)

    async def quote(self, instrument: Instrument) -> Quote | None:
        """Return the quote of this second; None where the source has none, as after the end of a recording."""
        return self._books.prices.quote(instrument.symbol, self._clock.now())

    async def bars(self, instrument: Instrument, interval: Interval, count: int, end: datetime | None) -> Bars:
        """Return up to ``count`` (at most 1000) finished bars that opened before ``end``, oldest first."""
        now = self._clock.now()
        bars = await self._books.prices.bars(instrument.symbol, interval, min(count, MOST_BARS), end, now)
        return Bars(instrument.symbol, interval, bars, self._books.prices.source, DataType.SIMULATED)

    async def clock(self) -> MarketClock:
        """Return the hours that the connection's market keeps."""
        return self._books.hours.clock(self._clock.now(), self._books.prices.source)

    async def balances(self) -> Balances:
        """Return the account's money, its positions valued at the middle of this second's quotes."""
        now = self._clock.now()
        return statement.balances(
            self._books.valued(), self._books.rules.terms, self.account, now, self._books.prices.source
        )

    async def positions(self) -> Sequence[Position]:
        """Return what is held, by symbol, valued at the middle of this second's quotes."""
        now = self._clock.now()
        return statement.positions(self._books.valued(), self._books.rules.terms, now, self._books.prices.source)

    async def estimate(self, request: OrderRequest) -> Estimate | None:
        """Return fee and margin of an order as if it filled now; None where it would be rejected for its figures."""
        state = self._books.valued(request.symbol)
        return statement.estimate(state, self._books.rules, request, self._books.prices.source)

    async def submit(self, reference: OrderRef, request: OrderRequest) -> None:
        """Take an order. The same reference with the same order again changes nothing; with another it is refused."""
        _check(reference)
        await self._alone(lambda: self._books.act(lambda now: Submit(now, reference, request), {request.symbol}))

    async def submit_linked(self, linkage: Linkage, legs: Sequence[tuple[OrderRef, OrderRequest]]) -> None:
        """Take a bracket or a pair: all orders are taken or all rejected, and one record of the journal holds them."""
        for reference, _ in legs:
            _check(reference)
        group = tuple(legs)
        symbols = {request.symbol for _, request in group}
        await self._alone(lambda: self._books.act(lambda now: SubmitLinked(now, linkage, group), symbols))

    async def replace(self, reference: OrderRef, request: OrderRequest) -> None:
        """Give a working order a new quantity or new prices. A reference that is unknown is refused."""
        await self._alone(lambda: self._books.act(lambda now: Replace(now, reference, request), {request.symbol}))

    async def cancel(self, reference: OrderRef) -> None:
        """Withdraw the rest of an order; nothing happens to one that has ended. An unknown reference is refused."""
        await self._alone(lambda: self._books.act(lambda now: Cancel(now, reference), None))

    async def orders(self) -> Sequence[BrokerOrder]:
        """Return the newest thousand ended orders or more, in the order of their ends, then the open ones by age.

        What was asked for before is waited for: an order that isn't shown was not taken, and will not be.
        """
        await self._settled()
        state = self._books.state
        return tuple(order.told() for orders in (state.ended, state.open) for order in orders.values())

    async def executions(self, since: datetime) -> Sequence[Execution]:
        """Return every fill since then, oldest first, from the journal; what is under way is waited for."""
        await self._settled()
        return await self._read(self._books.journal.executions(since))

    async def history(self, since: datetime, count: int) -> Sequence[tuple[datetime, Decimal]]:
        """Return up to ``count`` recorded worths of the account since then, the newest, oldest first.

        Recorded at each fill and at the first look of each hour, at the middle of the quotes of that moment.
        """
        await self._settled()
        return tuple((each.at, each.equity) for each in await self._read(self._books.journal.points(since, count)))

    async def tick(self) -> None:
        """Look at the market for what rests in the book, and record the hour; called by its own task, and by tests."""
        if self._books.has_to_look:
            await self._alone(self._books.look)

    @property
    def _source(self) -> Prices:
        return self._books.prices

    def _tell(self, fact: BrokerFact) -> None:
        if self._sink is not None:
            self._sink(fact)

    async def _settled(self) -> None:
        if self._under_way:
            _, late = await asyncio.wait(tuple(self._under_way), timeout=_PATIENCE)
            if late:
                raise BrokerUnavailable("the paper account's journal didn't answer in time")

    async def _read(self, reading: Awaitable[_Read]) -> _Read:
        try:
            return await reading
        except (StoreUnavailable, StoreBusy) as error:
            raise BrokerUnavailable(f"the paper account can't be read: {error}") from error

    async def _watch(self) -> None:
        await self._listened.wait()
        while True:
            try:
                await self.tick()
            except BrokerUnavailable as error:
                _LOG.warning("%s: the market moved, but nothing could be matched: %s", self.account, error)
            except Exception:  # noqa: BLE001 - the outermost edge of this task; what rests must not stop being watched
                _LOG.exception("%s: watching the market failed; it goes on", self.account)
            await asyncio.sleep(self._tick_seconds)

    async def _alone(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do one thing after the other, and each to its end even if its caller goes away.

        Between the commit and the telling no caller may leave, or memory and journal would part.
        """
        if self._watching is None:
            raise BrokerUnavailable("the paper broker is not running")
        task = asyncio.create_task(self._in_turn(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.shield(task)
        except TimeoutError as error:
            raise BrokerUnavailable("the paper account's journal didn't answer in time") from error

    async def _in_turn(self, work: Callable[[], Awaitable[None]]) -> None:
        async with self._one_at_a_time:
            await work()


def _check(reference: OrderRef) -> None:
    if not _REFERENCE.fullmatch(reference):
        raise Refused(refuse("BAD_ARGUMENTS", "An order's reference is 1 to 64 printable ASCII characters."))
