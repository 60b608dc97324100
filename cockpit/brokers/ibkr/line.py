"""One account's line to TWS or IB Gateway: what is asked and sent goes through here, in turn, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from random import Random
from types import TracebackType
from typing import Final, Self, TypeVar

from cockpit.brokers.base import FOR_SENDING, BrokerUnavailable, LinkSink
from cockpit.brokers.ibkr.accounts import chosen, unshared
from cockpit.brokers.ibkr.backoff import Backoff, jittered
from cockpit.brokers.ibkr.budget import Budget, Lane
from cockpit.brokers.ibkr.causes import READ_ONLY_NOTE
from cockpit.brokers.ibkr.flights import Told
from cockpit.brokers.ibkr.session import OPEN_ORDERS, Session, not_ready
from cockpit.brokers.ibkr.standing import Standing
from cockpit.brokers.ibkr.tap import CockpitIB
from cockpit.brokers.ibkr.turns import NotSent, Turns
from cockpit.brokers.ibkr.upkeep import ACCOUNT_VALUES, POSITIONS, ReadOnlyApi, Upkeep
from cockpit.brokers.ibkr.wire import WireMarket, WireRecord
from cockpit.model.clock import Clock
from cockpit.model.text import Safe
from cockpit.model.trading import Link, Mode
from cockpit.settings.ibkr import IbkrSettings

__all__ = [
    "ACCOUNT_VALUES",
    "COMPLETED_ORDERS",
    "OPEN_ORDERS",
    "POSITIONS",
    "CockpitIB",
    "Lane",
    "Line",
    "ReadOnlyApi",
    "Told",
]

COMPLETED_ORDERS: Final = "completedOrders"
"""Key of the request for ended orders; ib_async has one place for its answer."""
_ABOUT_ORDERS: Final = frozenset({OPEN_ORDERS, COMPLETED_ORDERS})

_T = TypeVar("_T")


class Line:
    """One account's connection to TWS or IB Gateway.

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
        wait = backoff or jittered(Random())  # noqa: S311 - spreads attempts, guards nothing
        self._settings = settings
        self._wanted = account
        self._mode = mode
        self._turns = Turns(Budget(), lambda: asyncio.get_running_loop().time())
        self._standing = Standing(clock, f"{settings.host}:{settings.port}")
        self._upkeep = Upkeep(settings, clock, self._turns, wait, self._standing, self._account_of)
        self._task: asyncio.Task[None] | None = None
        self.claim: Callable[[str], str] = lambda account: ""
        """Takes an account for this line; returns the name of the connection that has it already, else ""."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._upkeep.run(), name="line to Interactive Brokers")
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.connect_seconds):
                await self.wait_for(Link.READY, Link.DOWN)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._standing.close()

    @property
    def link(self) -> Link:
        """Return how the line is."""
        return self._standing.link

    @property
    def note(self) -> Safe:
        """Return why it is so."""
        return self._standing.note

    @property
    def since(self) -> datetime:
        """Return since when."""
        return self._standing.since

    @property
    def epoch(self) -> int:
        """Count connections: what is remembered by order or request number belongs to one of them."""
        return self._standing.epoch

    @property
    def streams(self) -> int:
        """Count what voids subscriptions: connections, and code 1101 within one."""
        return self._standing.streams

    @property
    def accounts(self) -> tuple[str, ...]:
        """Return the accounts that TWS reported."""
        return self._upkeep.accounts

    @property
    def account(self) -> str:
        """Return the account in use: that of the settings, or the only one that was reported."""
        return self._upkeep.account or self._wanted

    @property
    def server_version(self) -> int:
        """Return the version of the wire that both sides agreed on."""
        return self._upkeep.server_version

    @property
    def ib(self) -> CockpitIB:
        """Return the connection of this epoch. Raises BrokerUnavailable where there is none."""
        return self._connected().ib

    @property
    def latency_ms(self) -> float | None:
        """Return how long TWS took for its last answer to a probe."""
        session = self._upkeep.session
        return session.latency_ms if session else None

    @property
    def read_only(self) -> bool:
        """Whether the API refuses orders, as its own settings say."""
        session = self._upkeep.session
        return session is not None and session.read_only.is_set()

    @property
    def farms_down(self) -> tuple[Safe, ...]:
        """Return the data farms that TWS says are broken: prices may be missing, and books incomplete."""
        return self._upkeep.weather.farms_down

    def listen(self, sink: Callable[[WireRecord], None]) -> None:
        """Add somebody who is told every record in the order of arrival; must never block."""
        self._standing.sinks.append(sink)

    def listen_market(self, sink: Callable[[WireMarket], None]) -> None:
        """Add somebody who is told every price; must never block."""
        self._standing.market_sinks.append(sink)

    def on_link(self, sink: LinkSink) -> None:
        """Add somebody who is told how the line is, and why."""
        self._standing.link_sinks.append(sink)

    def on_up(self, work: Callable[[], Awaitable[None]]) -> None:
        """Add work that is done, in order of adding, after each connection and after 1101 and 1102, before READY.

        Where ``streams`` changed since the last time, subscriptions have to be made anew. Work that raises
        BrokerUnavailable, Refused or Told ends the connection, with its words as the note.
        """
        self._upkeep.works.append(work)

    def keep_places(self, resting: Callable[[], int]) -> None:
        """Set who counts the orders that may have to be cancelled over this line: each has a place kept for its cancel."""
        self._turns.resting = resting

    async def wait_for(self, *links: Link) -> None:
        """Wait until the line is in one of these states."""
        await self._standing.wait_for(*links)

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
        lane = _ahead(lane)
        flights = self._connected().flights
        seconds = self._settings.request_seconds if within is None else within
        return await flights.read(key, call, within=seconds, messages=messages, shared=shared, lane=lane)

    async def send(self, lane: Lane, call: Callable[[CockpitIB], _T], *, messages: int = 1) -> _T:
        """Wait for the lane's turn, then run ``call``; all that it sends leaves at once, or nothing where it raises.

        Raises Refused (BROKER_NOT_READY) where nothing has left. What has left may still be lost with the line.
        """
        session = self._may_send(lane)
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                permit = await self._turns.take(_ahead(lane), messages)
        except NotSent as problem:
            raise not_ready(str(problem)) from None
        except TimeoutError:
            raise not_ready("there was no turn for it in time") from None
        if self._may_send(lane) is not session:
            raise not_ready("the line broke")
        return session.send(permit, call)

    def _connected(self) -> Session:
        if self._upkeep.session is None:
            raise BrokerUnavailable(str(self.note))
        return self._upkeep.session

    def _may_send(self, lane: Lane) -> Session:
        session = self._upkeep.session
        if session is None or (lane is Lane.ORDER and self.link is not Link.READY):
            raise not_ready(str(self.note))
        if lane is Lane.ORDER and session.read_only.is_set():
            raise not_ready(READ_ONLY_NOTE)
        return session

    def _account_of(self, reported: tuple[str, ...]) -> str:
        account = chosen(reported, self._wanted, self._mode)
        return unshared(account, self.claim(account))


def _ahead(lane: Lane) -> Lane:
    """Return the lane of what is asked now: what decides on an order doesn't wait behind what clients read."""
    return min(lane, Lane.ORDER) if FOR_SENDING.get() else lane
