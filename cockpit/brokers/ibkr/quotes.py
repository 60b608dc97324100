"""The newest quote of a contract: from a stream while its prices move, asked for anew where they stand still.

A stream tells changes alone. What has not changed for some seconds is confirmed by a snapshot, which counts only if it
brought prices of its own; otherwise the last quote is given with its true age, and whoever needs a young one refuses it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from cockpit.brokers.ibkr.answers import refused
from cockpit.brokers.ibkr.contracts import Contracts
from cockpit.brokers.ibkr.farms import Farms
from cockpit.brokers.ibkr.feeds import Feeds, Watch
from cockpit.brokers.ibkr.line import Lane, Line
from cockpit.brokers.ibkr.listing import Listed
from cockpit.brokers.ibkr.ticks import Board
from cockpit.model.clock import Clock
from cockpit.model.quotes import DataType, Quote
from cockpit.model.refusals import Refused

MOST_STREAMS: Final = 40
"""Of the 100 market data lines that an account has by default: charts in TWS and snapshots need some, too."""
FEWEST_STREAMS: Final = 4
FRESH_SECONDS: Final = 3.0
"""How old a price may be before it is confirmed."""
IDLE_SECONDS: Final = 300.0
"""After which a stream that nobody asked is ended."""
_FIRST_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 1.0
"""Between two attempts for one contract: who waited for the first has its answer."""
_TYPES: Final = {"live": 1, "delayed": 3}
_NO_LINE_LEFT: Final = 101


@dataclass(slots=True, eq=False)
class _Stream:
    """One contract that is looked at."""

    watch: Watch | None = None
    confirmed: Board | None = None
    """What a snapshot brought last."""
    asked: float = 0.0
    tried: float = float("-inf")
    """When it was last asked for anew, whatever came of it."""
    doubtful: bool = False
    """Whether it was begun while its data farm was broken: TWS may have told what it remembered."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def newest(self) -> Board | None:
        """Return what was told last."""
        boards = [one for one in (None if self.watch is None else self.watch.board, self.confirmed) if one and one.at]
        return max(boards, key=lambda board: board.at.timestamp() if board.at else 0.0, default=None)


class Quotes:
    """Quotes of one account, over a bounded number of streams: the one that was asked for longest ago ends first."""

    def __init__(self, line: Line, feeds: Feeds, contracts: Contracts, clock: Clock, market_data: str) -> None:
        self._line = line
        self._feeds = feeds
        self._contracts = contracts
        self._clock = clock
        self._asked_type = _TYPES[market_data]
        self._streams: OrderedDict[int, _Stream] = OrderedDict()
        self._most = MOST_STREAMS
        self._sweeping: asyncio.Task[None] | None = None
        self._farms = Farms(line.epoch)
        line.listen(self._farms.take)
        line.on_up(self._prefer)

    async def quote(self, listed: Listed) -> Quote | None:
        """Return the newest quote, or None where nothing is quoted.

        Raises BrokerUnavailable while the line isn't ready, Refused with the broker's words where it gives no prices.
        """
        self._feeds.ready()
        stream = self._streams.setdefault(listed.con_id, _Stream())
        self._streams.move_to_end(listed.con_id)
        stream.asked = self._clock.monotonic()
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep(), name="idle streams of quotes")
        async with stream.turn:
            if stream.watch is None or stream.watch.lost or stream.watch.error is not None:
                await self._begin(stream, listed)
                stream.tried = self._clock.monotonic()
            elif self._may_confirm(stream, listed):
                await self._confirm(stream, listed)
                stream.tried = self._clock.monotonic()
        newest = stream.newest
        found = None if newest is None else newest.quote(listed)
        if found is not None:
            self._note(listed, found)
            if stream.doubtful:
                return replace(found, data_type=DataType.UNKNOWN)
        elif stream.watch is not None and stream.watch.note is not None:
            raise refused(stream.watch.note)
        return found

    def known_type(self, con_id: int) -> DataType:
        """Return which kind of prices came last for a contract."""
        stream = self._streams.get(con_id)
        newest = None if stream is None else stream.newest
        return DataType.UNKNOWN if newest is None else newest.data_type

    def may_be_remembered(self, listed: Listed) -> bool:
        """Whether what is told of a contract now may be what TWS remembers of it: its data farm is broken."""
        return self._farms.spoil(listed)

    async def close(self) -> None:
        """End what runs besides the line."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    async def _prefer(self) -> None:
        """Say which kind of prices is wanted: TWS forgets it with each connection."""
        await self._line.send(Lane.READ, lambda ib: ib.client.reqMarketDataType(self._asked_type))

    async def _begin(self, stream: _Stream, listed: Listed) -> None:
        if stream.watch is not None:
            self._feeds.forget(stream.watch)
            stream.watch = None
        await self._make_room()
        watch = stream.watch = await self._feeds.open(listed.contract(), snapshot=False)
        stream.confirmed, stream.doubtful = None, self._farms.spoil(listed)
        try:
            await self._feeds.settle(watch, _FIRST_SECONDS)
        except Refused:
            self._feeds.forget(watch)
            stream.watch = None
            if watch.error is not None and watch.error.code == _NO_LINE_LEFT:
                # Others use lines of the account, too: fewer are left for us than we thought.
                self._most = max(FEWEST_STREAMS, self._open() - 1)
                await self._make_room()
            raise
        except BaseException:
            stream.watch = None
            await self._feeds.close(watch)
            raise

    async def _confirm(self, stream: _Stream, listed: Listed) -> None:
        try:
            watch = await self._feeds.once(listed.contract(), _AGAIN_SECONDS, lambda asked: asked.board.complete)
        except Refused:
            return
        told = stream.watch is not None and stream.watch.board.complete
        if watch.board.at is not None and (watch.board.complete or not told):
            stream.confirmed, stream.doubtful = watch.board, False

    def _open(self) -> int:
        return sum(1 for one in self._streams.values() if one.watch is not None)

    async def _make_room(self) -> None:
        while self._open() >= self._most:
            idle = ((key, one) for key, one in self._streams.items() if one.watch is not None and not one.turn.locked())
            oldest = next(idle, None)
            if oldest is None:
                return
            await self._end(*oldest)

    async def _sweep(self) -> None:
        """End each stream once nobody has asked for long, whether or not anybody asks for another."""
        while self._streams:
            con_id, oldest = next(iter(self._streams.items()))
            left = oldest.asked + IDLE_SECONDS - self._clock.monotonic()
            if left > 0 or oldest.turn.locked():
                await asyncio.sleep(max(left, _PAUSE_SECONDS))
            else:
                await self._end(con_id, oldest)

    async def _end(self, con_id: int, stream: _Stream) -> None:
        if self._streams.get(con_id) is stream:
            del self._streams[con_id]
        watch, stream.watch = stream.watch, None
        if watch is not None:
            await self._feeds.close(watch)

    def _may_confirm(self, stream: _Stream, listed: Listed) -> bool:
        """Whether to ask anew: not where the price is young, and not of a broken farm, whose prices are remembered ones."""
        if self._farms.spoil(listed) or self._clock.monotonic() - stream.tried < _PAUSE_SECONDS:
            return False
        return stream.doubtful or not self._is_fresh(stream.newest)

    def _is_fresh(self, board: Board | None) -> bool:
        if board is None or board.at is None:
            return False
        return (self._clock.now() - board.at).total_seconds() <= FRESH_SECONDS

    def _note(self, listed: Listed, quote: Quote) -> None:
        price: Decimal | None = quote.mid() or quote.last or quote.bid or quote.ask
        if price is not None:
            self._contracts.saw(listed.con_id, price)
