"""Requests for prices, each with what came for it alone: ib_async keeps one ticker a contract, and old prices in it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ib_async import Contract, Ticker

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.answers import refused
from cockpit.brokers.ibkr.flights import Told
from cockpit.brokers.ibkr.line import CockpitIB, Lane, Line
from cockpit.brokers.ibkr.ticks import Board
from cockpit.brokers.ibkr.wire import WireError, WireLink, WireMarket, WireRecord
from cockpit.model.refusals import Refused
from cockpit.model.trading import Link

_GOES_ON: Final = frozenset({10090, 10167})
"""Errors after which prices come all the same: a part is missing, or they are delayed."""
_GRACE: Final = 0.6
"""Seconds after the first price within which the rest of it is waited for."""
_END_SECONDS: Final = 0.3
"""For the end of a snapshot after all that it should bring."""
_MOST_ENDED: Final = 400


@dataclass(slots=True, eq=False)
class Watch:
    """One request for prices."""

    request_id: int
    ib: CockpitIB | None
    """The connection it was sent over; None once that is lost, so that nothing keeps it."""
    ticker: Ticker
    """Where ib_async puts what isn't published: model values and books."""
    board: Board = field(default_factory=Board)
    error: Told | None = None
    note: Told | None = None
    """An error after which it went on."""
    lost: bool = False
    """Whether the line broke, so that nothing more comes."""
    ended: bool = False
    """Whether a snapshot is over."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Feeds:
    """Opens and closes requests for prices, and gives each what came for it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._watches: dict[int, Watch] = {}
        self._ended: deque[Watch] = deque()
        self._streams = line.streams
        line.listen(self._on_record)
        line.listen_market(self._on_market)
        line.on_up(self._renew)

    def ready(self) -> None:
        """Raise BrokerUnavailable unless prices can be trusted now: not while TWS itself has lost its servers."""
        if self._line.link is not Link.READY:
            raise BrokerUnavailable(str(self._line.note))
        self._look_at(self._line.streams)

    async def open(self, contract: Contract, *, snapshot: bool, generic: str = "") -> Watch:
        """Ask for prices. A snapshot ends by itself; a stream has to be closed."""

        def start(ib: CockpitIB) -> Watch:
            watch = self.begin(ib, contract)
            if snapshot:
                over = ib.wrapper.startReq(watch.request_id)
                over.add_done_callback(lambda done: _over(watch, done))
            ib.client.reqMktData(watch.request_id, contract, generic, snapshot, False, [])
            return watch

        self.ready()
        return await self._line.send(Lane.READ, start)

    def begin(self, ib: CockpitIB, contract: Contract) -> Watch:
        """Make a request's number, under which all that comes for it is kept apart."""
        request_id = ib.client.getReqId()
        ticker = Ticker(contract=contract, defaults=ib.wrapper.defaults)
        ib.wrapper.reqId2Ticker[request_id] = ticker
        watch = Watch(request_id, ib, ticker)
        ticker.updateEvent.connect(lambda _: watch.changed.set())
        self._watches[request_id] = watch
        return watch

    async def once(self, contract: Contract, within: float, enough: Callable[[Watch], bool]) -> Watch:
        """Ask for a snapshot, and return what came until it was enough, the snapshot over, or the time.

        Raises Refused with the broker's words where it refuses, BrokerUnavailable where the line breaks.
        """
        watch = await self.open(contract, snapshot=True)
        try:
            await until(watch, within, lambda: watch.ended or enough(watch))
            # It ends by itself with its last price, or after 11 seconds where one is missing, and takes a line till then.
            await until(watch, _END_SECONDS, lambda: watch.ended or watch.error is not None)
        finally:
            await self.close(watch)
        return watch

    async def close(self, watch: Watch) -> None:
        """End a request for prices; nothing where it is over already."""
        gone = watch.lost or watch.ended or watch.error is not None
        self.forget(watch)
        if gone:
            return

        def stop(ib: CockpitIB) -> None:
            if ib is watch.ib:
                ib.client.cancelMktData(watch.request_id)

        try:
            await self._line.send(Lane.READ, stop)
        except Refused:
            return

    def forget(self, watch: Watch) -> None:
        """Take note that nobody looks at it any more; what still comes for it is passed over."""
        if self._watches.pop(watch.request_id, None) is None:
            return
        # ib_async complains of each tick of a request that it doesn't know, so it keeps the last ones for a while.
        self._ended.append(watch)
        self._trim(_MOST_ENDED)

    async def settle(self, watch: Watch, within: float) -> None:
        """Wait until both sides were told, the snapshot is over, or the time is.

        Raises Refused with the broker's words where it refuses, BrokerUnavailable where the line breaks.
        """
        loop = asyncio.get_running_loop()
        until, since = loop.time() + within, None
        while True:
            watch.changed.clear()
            check(watch)
            if watch.board.complete or watch.ended:
                return
            if watch.board.at is not None:
                since = loop.time() if since is None else since
            limit = until if since is None else min(until, since + _GRACE)
            if not await changes(watch, limit):
                return

    def _on_market(self, record: WireMarket) -> None:
        watch = self._watches.get(record.request_id)
        if watch is not None:
            watch.board.take(record)
            watch.changed.set()

    def _on_record(self, record: WireRecord) -> None:
        if isinstance(record, WireLink):
            self._look_at(record.streams, down=record.link is Link.DOWN)
        elif isinstance(record, WireError) and record.about in self._watches:
            watch = self._watches[record.about]
            told = Told(record.code, record.text)
            if record.code in _GOES_ON or 2100 <= record.code < 2200:
                watch.note = told
            else:
                watch.error = told
            watch.changed.set()

    async def _renew(self) -> None:
        self._look_at(self._line.streams)

    def _look_at(self, streams: int, *, down: bool = False) -> None:
        """Lose all that was opened before the line broke, or before TWS said that subscriptions are lost (1101)."""
        if streams == self._streams and not down:
            return
        self._streams = streams
        for watch in tuple(self._watches.values()):
            watch.lost = True
            watch.changed.set()
            self.forget(watch)
        self._trim(0)

    def _trim(self, most: int) -> None:
        while len(self._ended) > most:
            old = self._ended.popleft()
            if old.ib is not None:
                old.ib.wrapper.reqId2Ticker.pop(old.request_id, None)
                old.ib = None


async def until(watch: Watch, within: float, over: Callable[[], bool]) -> None:
    """Wait until it is over, or for that long at most. Raises what ends the request."""
    limit = asyncio.get_running_loop().time() + within
    while True:
        watch.changed.clear()
        check(watch)
        if over() or not await changes(watch, limit):
            return


async def changes(watch: Watch, until: float) -> bool:
    """Wait for something to come, until then at most; whether something came. Clear ``changed`` before looking."""
    try:
        async with asyncio.timeout_at(until):
            await watch.changed.wait()
    except TimeoutError:
        return False
    return True


def check(watch: Watch) -> None:
    """Raise what has ended the request."""
    if watch.lost:
        raise BrokerUnavailable("the line broke while prices were asked for")
    if watch.error is not None:
        raise refused(watch.error)


def _over(watch: Watch, done: asyncio.Future[object]) -> None:
    if not done.cancelled() and done.exception() is None:
        watch.ended = True
        watch.changed.set()
