"""One account's line to TWS or IB Gateway: connects, watches, reconnects, names the cause, and carries every message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from cockpit.brokers.base import BrokerUnavailable, LinkSink
from cockpit.brokers.ibkr.accounts import WrongAccount, chosen
from cockpit.brokers.ibkr.backoff import LONGEST, Backoff, jittered
from cockpit.brokers.ibkr.budget import Budget, Lane
from cockpit.brokers.ibkr.causes import (
    CUT,
    CUT_SILENTLY,
    FARM_DOWN,
    FARM_UP,
    READ_ONLY_NOTE,
    RESTORED,
    RESTORED_WITHOUT_DATA,
    farm_of,
    masked,
)
from cockpit.brokers.ibkr.flights import Told
from cockpit.brokers.ibkr.panic import PanicLine
from cockpit.brokers.ibkr.session import OPEN_ORDERS, Lost, Session, not_ready
from cockpit.brokers.ibkr.tap import CockpitIB
from cockpit.brokers.ibkr.turns import NotSent, Turns
from cockpit.brokers.ibkr.wire import WireError, WireLink, WireMarket, WireRecord
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refused
from cockpit.model.text import Safe, safe
from cockpit.model.trading import Link, Mode
from cockpit.settings.ibkr import IbkrSettings

__all__ = ["OPEN_ORDERS", "CockpitIB", "Lane", "Line", "ReadOnlyApi", "Told"]

BRING_UP_SECONDS: Final = 60.0
"""For all that has to be asked after a connection is made, before it is ready."""
COMPLETED_ORDERS: Final = "completedOrders"
POSITIONS: Final = "positions"
ACCOUNT_VALUES: Final = "accountValues"
"""Keys of requests that bear no number: ib_async has one place for the answer of each."""
_ABOUT_ORDERS: Final = frozenset({OPEN_ORDERS, COMPLETED_ORDERS})
_MOST_FARMS: Final = 50

_LOG: Final = logging.getLogger(__name__)
_T = TypeVar("_T")


class ReadOnlyApi(BrokerUnavailable):
    """The API is Read-Only, so it answers nothing about orders. Work of ``on_up`` that ends with it keeps the line."""


class Line:
    """One account's connections to TWS or IB Gateway.

    ``link`` is READY only while the account answers, is the one of the settings, and all work of ``on_up`` is done.
    DEGRADED means that TWS itself lost Interactive Brokers. What is asked or sent otherwise fails at once, with nothing
    sent. Nothing is ever sent twice.
    """

    def __init__(
        self,
        settings: IbkrSettings,
        account: str,
        clock: Clock,
        *,
        mode: Mode = Mode.PAPER,
        backoff: Backoff | None = None,
    ) -> None:
        self._settings = settings
        self._wanted = account
        self._mode = mode
        self._clock = clock
        self._backoff = backoff or jittered(Random())  # noqa: S311 - spreads attempts, guards nothing
        self._turns = Turns(Budget(), lambda: asyncio.get_running_loop().time())
        self._panic = PanicLine(settings, clock, self._backoff, self._account_of)
        self._session: Session | None = None
        self._cut_by = 0
        """The code that said that TWS lost Interactive Brokers; 0 while it hasn't."""
        self._restored: asyncio.Queue[bool] = asyncio.Queue()
        self._sinks: list[Callable[[WireRecord], None]] = []
        self._market_sinks: list[Callable[[WireMarket], None]] = []
        self._link_sinks: list[LinkSink] = []
        self._works: list[Callable[[], Awaitable[None]]] = []
        self._farms_down: set[Safe] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self.link = Link.CONNECTING
        self.note = safe("not connected yet")
        self.since = clock.now()
        self.accounts: tuple[str, ...] = ()
        self.account = account
        """The account in use: that of the settings, or the only one that was reported."""
        self.epoch = 0
        """Counts connections: what is remembered by order or request number belongs to one of them."""
        self.streams = 0
        """Counts what voids subscriptions: connections, and code 1101 within one."""
        self.server_version = 0

    async def __aenter__(self) -> Self:
        self._tasks = {
            asyncio.create_task(self._stay_up(), name="line to Interactive Brokers"),
            asyncio.create_task(self._keep_panic_line(), name="second line to Interactive Brokers"),
        }
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.connect_seconds):
                await self.wait_for(Link.READY, Link.DOWN)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.link, self.note = Link.DOWN, safe("closed")

    @property
    def ib(self) -> CockpitIB:
        """Return the connection of this epoch. Raises BrokerUnavailable where there is none."""
        return self._connected().ib

    @property
    def latency_ms(self) -> float | None:
        """Return how long TWS took for its last answer to a probe."""
        return self._session.latency_ms if self._session else None

    @property
    def read_only(self) -> bool:
        """Whether the API refuses orders, as its own settings say."""
        return self._session is not None and self._session.read_only.is_set()

    @property
    def farms_down(self) -> tuple[Safe, ...]:
        """Return the data farms that TWS says are broken: prices may be missing, and books incomplete."""
        return tuple(sorted(self._farms_down))

    @property
    def panic_ready(self) -> bool:
        """Whether the second connection stands."""
        return self._panic.up

    def listen(self, sink: Callable[[WireRecord], None]) -> None:
        """Add somebody who is told every record in the order of arrival; must never block."""
        self._sinks.append(sink)

    def listen_market(self, sink: Callable[[WireMarket], None]) -> None:
        """Add somebody who is told every price; must never block."""
        self._market_sinks.append(sink)

    def on_link(self, sink: LinkSink) -> None:
        """Add somebody who is told how the line is, and why."""
        self._link_sinks.append(sink)

    def on_up(self, work: Callable[[], Awaitable[None]]) -> None:
        """Add work that is done, in order of adding, after each connection and after 1101 and 1102, before READY.

        Where ``streams`` changed since the last time, subscriptions have to be made anew. Work that raises
        BrokerUnavailable, Refused or Told ends the connection, with its words as the note.
        """
        self._works.append(work)

    async def wait_for(self, *links: Link) -> None:
        """Wait until the line is in one of these states."""
        while self.link not in links:
            self._changed.clear()
            await self._changed.wait()

    async def read(
        self,
        key: str,
        call: Callable[[CockpitIB], Awaitable[_T]],
        *,
        within: float | None = None,
        messages: int = 1,
        shared: bool = False,
        lane: Lane = Lane.READ,
    ) -> _T:
        """Ask and return the answer; one request of a key at a time ("" for any number).

        A request that has not left yet is joined by whoever comes with its key, one that has left only where
        ``shared``. Raises BrokerUnavailable where the line is down or the time (``request_seconds``) is over, Told where
        an error came instead of data, Refused where the question itself can't be sent.
        """
        if self.link is Link.DEGRADED:
            raise BrokerUnavailable(str(self.note))
        if key in _ABOUT_ORDERS and self.read_only:
            raise ReadOnlyApi(READ_ONLY_NOTE)
        flights = self._connected().flights
        seconds = self._settings.request_seconds if within is None else within
        return await flights.read(key, call, within=seconds, messages=messages, shared=shared, lane=lane)

    async def send(self, lane: Lane, call: Callable[[CockpitIB], _T], *, messages: int = 1) -> _T:
        """Wait for the lane's turn, then run ``call``; all that it sends leaves at once, or nothing where it raises.

        Raises Refused (BROKER_NOT_READY) where nothing has left. What has left may still be lost with the line.
        """
        self._may_send(lane)
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                permit = await self._turns.take(lane, messages)
        except NotSent as problem:
            raise not_ready(str(problem)) from None
        except TimeoutError:
            raise not_ready("there was no turn for it in time") from None
        return self._may_send(lane).send(permit, call)

    async def panic(self, call: Callable[[CockpitIB], _T], *, messages: int = 1) -> _T:
        """Send over the second connection, or, where that is down, ahead of all else over the first.

        Both have numbers of orders of their own: what is meant for all of them is a global cancel.
        """
        sent = await self._panic.send(call, messages)
        return sent[0] if sent is not None else await self.send(Lane.CANCEL, call, messages=messages)

    @property
    def _stands(self) -> bool:
        """Whether TWS has Interactive Brokers, and nothing is to be brought up to date after it hadn't."""
        return not self._cut_by and self._restored.empty()

    def _connected(self) -> Session:
        if self._session is None:
            raise BrokerUnavailable(str(self.note))
        return self._session

    def _may_send(self, lane: Lane) -> Session:
        session = self._session
        if session is None or (lane is Lane.ORDER and self.link is not Link.READY):
            raise not_ready(str(self.note))
        if lane is Lane.ORDER and session.read_only.is_set():
            raise not_ready(READ_ONLY_NOTE)
        return session

    def _account_of(self, reported: tuple[str, ...]) -> str:
        return chosen(reported, self._wanted, self._mode)

    async def _keep_panic_line(self) -> None:
        await self.wait_for(Link.READY)
        await self._panic.run()

    async def _stay_up(self) -> None:
        failed = 0
        while True:
            note, pause, self._cut_by = "", 0.0, 0
            session = Session(
                self._settings, self._settings.client_id, self._clock, self._turns, self._publish, self._publish_market
            )
            try:
                await session.dial()
                await self._bring_up(session)
                failed = 0
                await self._watch(session)
            except Lost as lost:
                note = lost.note
            except WrongAccount as wrong:
                # Somebody has to change the settings or the login: there is no hurry.
                note, pause = str(wrong), LONGEST
            except Exception:  # noqa: BLE001 - the outermost edge of the line: it has to go on whatever its listeners do
                _LOG.exception("the line to Interactive Brokers failed")
                note = "something went wrong here; the host's log has the details"
            finally:
                self._session = None
                session.close()
                self._turns.abandon("the line broke")
            self._tell(Link.DOWN, note)
            failed += 1
            await asyncio.sleep(pause or self._backoff(failed))

    async def _bring_up(self, session: Session) -> None:
        self.epoch += 1
        self.streams += 1
        self._restored = asyncio.Queue()
        self._farms_down.clear()
        self.accounts, self.server_version = session.accounts, session.server_version
        self.account = self._account_of(session.accounts)
        self._session = session
        self._tell(Link.CONNECTING, f"synchronising account {masked(self.account)}")
        await self._reconcile(session)

    async def _synchronise(self, session: Session) -> None:
        """Subscribe to positions and account, and find out whether orders can be seen at all."""
        await session.probe()
        await self.read(POSITIONS, lambda ib: ib.reqPositionsAsync())
        await self.read(ACCOUNT_VALUES, lambda ib: ib.reqAccountUpdatesAsync(self.account))
        await session.look_at_orders(self._settings.request_seconds)

    async def _reconcile(self, session: Session) -> None:
        """Bring everything up to date; if TWS loses Interactive Brokers meanwhile, it is done again later."""
        for work in (partial(self._synchronise, session), *self._works):
            if self._stands:
                await self._while_up(session, work())
        if self._stands:
            version = f"TWS wire {self.server_version}"
            self._tell(Link.READY, f"{version}; {READ_ONLY_NOTE}" if session.read_only.is_set() else version)

    async def _watch(self, session: Session) -> None:
        """Try the line in regular intervals, and bring everything up to date after TWS found its way back."""
        while True:
            restored = asyncio.ensure_future(self._restored.get())
            try:
                await asyncio.wait(
                    {restored, session.lost},
                    timeout=self._settings.probe_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                restored.cancel()
            if session.lost.done():
                raise session.lost.result()
            if not restored.done():
                await session.probe()
                continue
            without_data = restored.result()
            while not self._restored.empty():
                without_data |= self._restored.get_nowait()
            if without_data:
                self.streams += 1
            await self._reconcile(session)

    async def _while_up(self, session: Session, work: Awaitable[None]) -> None:
        """Do work on a connection. Raises Lost where that breaks, or the work fails or takes too long."""
        doing = asyncio.ensure_future(work)
        try:
            async with asyncio.timeout(BRING_UP_SECONDS):
                await asyncio.wait({doing, session.lost}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise Lost(f"what it is asked at first was not answered within {BRING_UP_SECONDS:g} s") from None
        finally:
            if not doing.done():
                doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
        if session.lost.done():
            raise session.lost.result()
        match doing.exception():
            case None | ReadOnlyApi():
                pass
            case BrokerUnavailable() if not self._stands:
                pass
            case BrokerUnavailable() | Told() as problem:
                raise Lost(str(problem))
            case Refused() as refused:
                raise Lost(refused.refusal.message)
            case BaseException() as other:
                raise other

    def _publish(self, record: WireRecord) -> None:
        for sink in self._sinks:
            _tell_sink(sink, record)
        if isinstance(record, WireError):
            self._look_at(record)

    def _publish_market(self, record: WireMarket) -> None:
        for sink in self._market_sinks:
            _tell_sink(sink, record)

    def _look_at(self, error: WireError) -> None:
        if error.code in CUT:
            self._cut_by = error.code
            if self._session is not None:
                self._tell(Link.DEGRADED, f"TWS has lost Interactive Brokers ({error.code}: {masked(error.text)})")
        elif error.code in {RESTORED, RESTORED_WITHOUT_DATA}:
            self._is_restored(error.code == RESTORED_WITHOUT_DATA)
        elif error.code in FARM_DOWN and len(self._farms_down) < _MOST_FARMS:
            self._farms_down.add(farm_of(error.text))
        elif error.code in FARM_UP:
            self._farms_down.discard(farm_of(error.text))
            if self._cut_by == CUT_SILENTLY:
                # No 1101 or 1102 is promised after it; that a farm answers says that the way is open again.
                self._is_restored(without_data=True)

    def _is_restored(self, without_data: bool) -> None:
        self._cut_by = 0
        self._restored.put_nowait(without_data)
        if self._session is not None:
            self._tell(Link.CONNECTING, "TWS found its way back to Interactive Brokers; synchronising")

    def _tell(self, link: Link, note: str) -> None:
        said = safe(note, 300)
        if (link, said) == (self.link, self.note):
            return
        self.link, self.note, self.since = link, said, self._clock.now()
        level = logging.WARNING if link in {Link.DOWN, Link.DEGRADED} else logging.INFO
        _LOG.log(level, "line to %s:%d is %s: %s", self._settings.host, self._settings.port, link, said)
        self._changed.set()
        for sink in self._sinks:
            _tell_sink(sink, WireLink(self.since, link, said, self.epoch, self.streams))
        for tell in self._link_sinks:
            tell(link, said)


def _tell_sink(sink: Callable[[Any], None], record: object) -> None:
    try:
        sink(record)
    except Exception:  # noqa: BLE001 - a listener's mistake must not keep the others from what came
        _LOG.exception("a listener failed on %s", type(record).__name__)
