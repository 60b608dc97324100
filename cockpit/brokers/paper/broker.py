"""The paper broker: one account over the invented market, whose every change is durable before it is told."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Final, Self, TypeVar

from cockpit.brokers.base import BrokerStatus, BrokerUnavailable, Capabilities, Estimate, FactSink
from cockpit.brokers.paper import statement
from cockpit.brokers.paper.book import Shown, State, Touch
from cockpit.brokers.paper.engine import ROLES, apply, last_midnight, outlived
from cockpit.brokers.paper.events import Cancel, DayEnded, PaperEvent, Quoted, Replace, Submit, SubmitLinked
from cockpit.brokers.paper.instruments import LISTINGS, search
from cockpit.brokers.paper.journal import Applied, Journal, Point
from cockpit.brokers.paper.margin import equity
from cockpit.brokers.paper.market import Market, second_of
from cockpit.brokers.paper.rules import paper_rules
from cockpit.model.accounts import Balances, Position
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument
from cockpit.model.orders import (
    BrokerOrder,
    Executed,
    Execution,
    Linkage,
    OrderRef,
    OrderRequest,
    OrderType,
    TimeInForce,
)
from cockpit.model.quotes import Bar, Bars, DataType, Interval, MarketClock, Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.model.trading import Link, Mode
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable, WriteConflict

MOST_BARS: Final = 1000

_Read = TypeVar("_Read")
_LOG: Final = logging.getLogger(__name__)
_REFERENCE: Final = re.compile(r"[!-~]{1,64}")
_SLICE: Final = 25
"""Bars computed before others get their turn: some 2 ms of work."""
_PATIENCE: Final = 10.0
"""Seconds after which an answer is given up."""
_NOTE: Final = "Simulated: invented instruments, prices and fills; no order leaves this host."


class PaperBroker:
    """One simulated account, by the name of its connection.

    While it is entered, a task of its own looks at the market every ``tick_seconds`` for what rests in the book.
    Nothing is matched while it is away: afterwards it goes on from the market as it is then.
    """

    can: Capabilities = Capabilities(frozenset(OrderType), frozenset(TimeInForce), frozenset(ROLES), short_selling=True)
    books_complete: bool = True
    """What was taken is in the journal before anyone is told, and the newest thousand orders are always shown."""

    def __init__(
        self, name: str, settings: ConnectionSettings, store: Store, clock: Clock, *, tick_seconds: float = 0.5
    ) -> None:
        self.account: Final = f"SIM-{name.replace('_', '-')}"
        self._cash = settings.cash
        self._store = store
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._market = Market(settings.seed)
        self._rules = paper_rules()
        self._journal = Journal(store, name, self._rules)
        self._state = State.opened(settings.cash)
        self._sink: FactSink | None = None
        self._listened = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._since = clock.now()
        self._recorded = _hour_of(self._since)
        """The hour whose worth is recorded."""

    async def __aenter__(self) -> Self:
        try:
            self._state = await self._journal.load(self._cash, self._clock.now())
            self._recorded = _hour_of(await self._journal.last_point())
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
            note=_NOTE if ready else "The paper account's journal can't be written.",
            since=self._since,
        )

    async def find(self, symbol: str) -> Sequence[Instrument]:
        """Return the listed instrument of exactly that symbol, or nothing."""
        listing = LISTINGS.get(symbol)
        return () if listing is None else (listing.instrument,)

    async def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return listed instruments whose symbol or name contains the text, best first."""
        return search(text, limit)

    async def quote(self, instrument: Instrument) -> Quote | None:
        """Return the quote of this second."""
        return self._market.quote(instrument.symbol, self._clock.now())

    async def bars(self, instrument: Instrument, interval: Interval, count: int, end: datetime | None) -> Bars:
        """Return up to ``count`` (at most 1000) finished bars that opened before ``end``, oldest first.

        The invented market began in 1970.
        """
        now, length = second_of(self._clock.now()), interval.seconds
        beyond = now // length
        if end is not None:
            beyond = min(beyond, -(-second_of(end) // length))
        numbers = range(max(0, beyond - min(count, MOST_BARS)), beyond)
        bars: list[Bar] = []
        if instrument.symbol in LISTINGS:
            for start in range(0, len(numbers), _SLICE):
                bars.extend(
                    self._market.bar(instrument.symbol, interval, number) for number in numbers[start : start + _SLICE]
                )
                await asyncio.sleep(0)
        return Bars(instrument.symbol, interval, tuple(bars), self._market.source, DataType.SIMULATED)

    async def clock(self) -> MarketClock:
        """Say that the invented market never closes."""
        return MarketClock(
            now=self._clock.now(),
            is_open=True,
            opens_at=None,
            closes_at=None,
            source=self._market.source,
            note="The simulated market never closes; DAY orders end at midnight UTC.",
        )

    async def balances(self) -> Balances:
        """Return the account's money, its positions valued at the middle of this second's quotes."""
        now = self._clock.now()
        return statement.balances(
            self._valued(now, self._state), self._rules.terms, self.account, now, self._market.source
        )

    async def positions(self) -> Sequence[Position]:
        """Return what is held, by symbol, valued at the middle of this second's quotes."""
        now = self._clock.now()
        return statement.positions(self._valued(now, self._state), self._rules.terms, now, self._market.source)

    async def estimate(self, request: OrderRequest) -> Estimate | None:
        """Return fee and margin of an order as if it filled now; None where it would be rejected for its figures."""
        state = self._valued(self._clock.now(), self._state, request.symbol)
        return statement.estimate(state, self._rules, request, self._market.source)

    async def submit(self, reference: OrderRef, request: OrderRequest) -> None:
        """Take an order. The same reference with the same order again changes nothing; with another it is refused."""
        _check(reference)
        await self._alone(lambda: self._act(lambda now: Submit(now, reference, request), {request.symbol}))

    async def submit_linked(self, linkage: Linkage, legs: Sequence[tuple[OrderRef, OrderRequest]]) -> None:
        """Take a bracket or a pair: all orders are taken or all rejected, and one record of the journal holds them."""
        for reference, _ in legs:
            _check(reference)
        group = tuple(legs)
        symbols = {request.symbol for _, request in group}
        await self._alone(lambda: self._act(lambda now: SubmitLinked(now, linkage, group), symbols))

    async def replace(self, reference: OrderRef, request: OrderRequest) -> None:
        """Give a working order a new quantity or new prices. A reference that is unknown is refused."""
        await self._alone(lambda: self._act(lambda now: Replace(now, reference, request), {request.symbol}))

    async def cancel(self, reference: OrderRef) -> None:
        """Withdraw the rest of an order; nothing happens to one that has ended. An unknown reference is refused."""
        await self._alone(lambda: self._act(lambda now: Cancel(now, reference), None))

    async def orders(self) -> Sequence[BrokerOrder]:
        """Return the newest thousand ended orders or more, in the order of their ends, then the open ones by age.

        What was asked for before is waited for: an order that isn't shown was not taken, and will not be.
        """
        await self._settled()
        state = self._state
        return tuple(order.told() for orders in (state.ended, state.open) for order in orders.values())

    async def executions(self, since: datetime) -> Sequence[Execution]:
        """Return every fill since then, oldest first, from the journal; what is under way is waited for."""
        await self._settled()
        return await self._read(self._journal.executions(since))

    async def history(self, since: datetime, count: int) -> Sequence[tuple[datetime, Decimal]]:
        """Return up to ``count`` recorded worths of the account since then, the newest, oldest first.

        Recorded at each fill and at the first look of each hour, at the middle of the quotes of that moment.
        """
        await self._settled()
        return tuple((each.at, each.equity) for each in await self._read(self._journal.points(since, count)))

    async def tick(self) -> None:
        """Look at the market for what rests in the book, and record the hour; called by its own task, and by tests."""
        if self._state.open or _hour_of(self._clock.now()) != self._recorded:
            await self._alone(self._look)

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

    async def _look(self) -> None:
        now = self._clock.now()
        hour = _hour_of(now)
        applied = _that_matter(self._meanwhile(now, {order.request.symbol for order in self._state.open.values()}))
        state = applied[-1].step.state if applied else self._state
        points = () if hour == self._recorded else self._worth(self._valued(now, state), now)
        await self._commit(applied, points)
        self._recorded = hour

    async def _act(self, ask: Callable[[datetime], PaperEvent], symbols: set[str] | None) -> None:
        """Apply one request to the account as of now; a request without symbols needs no quotes."""
        now = self._clock.now()
        applied = self._meanwhile(now, set() if symbols is None else self._concerned() | symbols)
        event = ask(now)
        step = apply(self._rules, applied[-1].step.state if applied else self._state, event)
        if step.facts or step.changed:
            applied.append(Applied(event, step))
        else:
            applied = _that_matter(applied)
        try:
            await self._commit(applied)
        except WriteConflict as error:
            raise Refused(refuse("IDEMPOTENCY_CONFLICT", "An older order has that reference.")) from error
        if step.refusal is not None:
            raise Refused(step.refusal)

    def _meanwhile(self, now: datetime, symbols: Iterable[str]) -> list[Applied]:
        """Return what time has brought since the state was made: the end of a day, and new quotes.

        Days end first, so that no quote of today fills an order of yesterday.
        """
        state, applied = self._state, list[Applied]()
        if outlived(state, last_midnight(now)):
            ended = DayEnded(now)
            applied.append(Applied(ended, apply(self._rules, state, ended)))
            state = applied[-1].step.state
        quoted = Quoted(now, self._touches(state, now, symbols))
        if quoted.touches:
            applied.append(Applied(quoted, apply(self._rules, state, quoted)))
        return applied

    async def _commit(self, applied: Sequence[Applied], points: Sequence[Point] = ()) -> None:
        """Make it durable, then move, then tell; where it can't be made durable, nothing has happened."""
        worth = [point for each in applied if _fills(each) for point in self._worth(each.step.state, each.event.at)]
        if not applied and not points:
            return
        try:
            self._state = await self._journal.write(self._state, applied, [*worth, *points])
        except (StoreUnavailable, StoreBusy) as error:
            raise BrokerUnavailable(f"the paper account's journal can't be written: {error}") from error
        if self._sink is not None:
            for each in applied:
                for fact in each.step.facts:
                    self._sink(fact)

    def _worth(self, state: State, at: datetime) -> tuple[Point, ...]:
        """Return what the account is worth; nothing where a position has no price now."""
        if any(state.shown[symbol].gone for symbol in state.holdings):
            return ()
        return (Point(at, equity(state, self._rules.terms)),)

    def _concerned(self) -> set[str]:
        """Return the symbols whose prices decide what the account can carry."""
        return {*self._state.holdings, *(order.request.symbol for order in self._state.open.values())}

    def _touches(self, state: State, now: datetime, symbols: Iterable[str]) -> tuple[Touch, ...]:
        """Return the quotes of this second that the state has not seen."""
        touches: list[Touch] = []
        for symbol in sorted(symbols):
            quote = self._market.quote(symbol, now)
            touch = None if quote is None else Touch.of(quote)
            seen = state.shown.get(symbol)
            if touch is not None and (seen is None or seen.touch != touch):
                touches.append(touch)
        return tuple(touches)

    def _valued(self, now: datetime, state: State, *further: str) -> State:
        """Return an account with the prices of this second, and nothing matched against them."""
        fresh = {touch.symbol: Shown(touch) for touch in self._touches(state, now, self._concerned().union(further))}
        return replace(state, shown={**state.shown, **fresh})


def _check(reference: OrderRef) -> None:
    if not _REFERENCE.fullmatch(reference):
        raise Refused(refuse("BAD_ARGUMENTS", "An order's reference is 1 to 64 printable ASCII characters."))


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _that_matter(applied: Sequence[Applied]) -> list[Applied]:
    """Return the events that changed an order: a quote that met nothing needs no record."""
    return [each for each in applied if each.step.facts or each.step.changed]


def _fills(applied: Applied) -> bool:
    return any(isinstance(fact, Executed) for fact in applied.step.facts)
