"""Quotes of the gateway: streams and snapshots, live, delayed or refused, and tick by tick."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.gateway import depth, history, ticks
from tests.gateway.contracts import one_of
from tests.gateway.rights import Feed
from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out, contract_in
from tests.gateway.world import Listing

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway

LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4
SAID: Final = {
    101: "Max number of tickers has been reached",
    102: "Duplicate ticker ID.",
    354: "Requested market data is not subscribed.Check API status by selecting the Account menu then under Management choose "
    "Market Data Subscription Manager and/or availability of delayed data.",
    10089: "Requested market data requires additional subscription for API. See link in 'Market Data Connections' dialog for more "
    "details. Delayed market data is available.",
    10090: "Part of requested market data is not subscribed. Subscription-independent ticks are still active.",
    10167: "Requested market data is not subscribed. Displaying delayed market data.",
    10168: "Requested market data is not subscribed. Delayed market data is not enabled.",
    10186: "Requested market data is not subscribed. Delayed market data is not available.",
    10190: "Max number of tick-by-tick requests has been reached.",
    10197: "No market data during competing live session",
}
_WARNINGS: Final = frozenset({10090, 10167})
_MOST_TICK_BY_TICK: Final = 5
_BY_TICK: Final = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}


@dataclass(frozen=True, slots=True)
class Stream:
    """One request for quotes that stays open."""

    request_id: str
    listing: Listing
    type_: int
    """Market data type: 1 to 4."""
    generic: frozenset[str] = frozenset()
    silent: bool = False


@dataclass
class Watching:
    """What one session looks at."""

    asked_type: int = LIVE
    streams: dict[str, Stream] = field(default_factory=dict)
    by_tick: dict[str, tuple[Listing, int]] = field(default_factory=dict)


@dataclass
class Board:
    """Whether the gateway listens to the world's prices yet."""

    listening: bool = False


def lose_data(gateway: FakeGateway) -> None:
    """Forget every stream and book of every session, as after 1101: clients have to ask again."""
    depth.lose_books(gateway)
    history.lose_bars(gateway)
    for session in gateway.sessions:
        watching = session.of(Watching)
        watching.streams.clear()
        watching.by_tick.clear()


def retype(gateway: FakeGateway, name: str | int, type_: int) -> None:
    """Change the market data type of the streams on one contract while they run, as at the close of a market."""
    con_id = gateway.world.one(name).con_id
    for session in gateway.ready_sessions():
        watching = session.of(Watching)
        for one in tuple(watching.streams.values()):
            if one.listing.con_id == con_id:
                changed = Stream(one.request_id, one.listing, type_, one.generic, one.silent)
                watching.streams[one.request_id] = changed
                session.send(Out.marketDataType, 1, one.request_id, type_)
                _tell(session, changed)


def compete(gateway: FakeGateway) -> None:
    """Take the live data away from every stream, as when another session of the same user wants it: 10197."""
    for session in gateway.ready_sessions():
        streams = session.of(Watching).streams
        for one in tuple(streams.values()):
            streams[one.request_id] = Stream(one.request_id, one.listing, one.type_, one.generic, silent=True)
            _refuse(session, one.request_id, 10197)


def break_farm(gateway: FakeGateway, farm: str = "usfarm") -> None:
    """Break the line to a market data farm: 2103 is told to everybody, and streams get nothing any more."""
    gateway.world.rights.stale = True
    gateway.broadcast_error(2103, f"Market data farm connection is broken:{farm}")


def mend_farm(gateway: FakeGateway, farm: str = "usfarm") -> None:
    """Mend it: 2104 is told to everybody, and every stream gets what the market says now."""
    gateway.world.rights.stale = False
    gateway.broadcast_error(2104, f"Market data farm connection is OK:{farm}")
    for session in gateway.ready_sessions():
        for stream in session.of(Watching).streams.values():
            if not stream.silent:
                _tell(session, stream)


@handles(In.reqMarketDataType)
def market_data_type(session: Session, fields: list[str]) -> None:
    """Remember what the client prefers; it holds for what it asks from now on."""
    session.of(Watching).asked_type = int(fields[2])


@handles(In.reqMktData)
def quotes(session: Session, fields: list[str]) -> None:
    """Answer a request for quotes: a type message, ticks, and at a snapshot its end."""
    request_id, asked = fields[2], contract_in(fields, 3)
    generic, snapshot = frozenset(filter(None, fields[16].split(","))), fields[17] == "1"
    watching, rights = session.of(Watching), session.gateway.world.rights
    listing = one_of(session, request_id, asked)
    if listing is None:
        return
    if request_id in watching.streams:
        _refuse(session, request_id, 102)
        return
    unknown = sorted(one for one in generic if one.partition(":")[0] not in ticks.GENERIC)
    if unknown or (snapshot and generic):
        cause = f"Incorrect generic tick list of {','.join(unknown)}." if unknown else _SNAPSHOT_ALONE
        session.error(request_id, 321, f"Error validating request.-'bS' : cause - {cause}")
        return
    if not snapshot and len(watching.streams) >= rights.lines:
        _refuse(session, request_id, 101)
        return
    feed = rights.feed_of(listing.con_id)
    code = rights.refusals.get(listing.con_id) or _refusal(feed, watching.asked_type)
    if code is not None:
        _refuse(session, request_id, code)
        if code not in _WARNINGS:
            return
    silent = feed in {Feed.SILENT, Feed.HANGING} or not session.gateway.linked
    stream = Stream(request_id, listing, _type(feed, watching.asked_type), generic, silent)
    if not snapshot:
        watching.streams[request_id] = stream
        _listen(session.gateway)
    if not silent:
        if rights.typed:
            session.send(Out.marketDataType, 1, request_id, stream.type_)
        session.send(Out.tickReqParams, request_id, listing.tick, "9c0001", 3)
        _tell(session, stream)
    if snapshot and feed is not Feed.HANGING and session.gateway.linked:
        seconds = rights.snapshot_waits if silent or _incomplete(session, stream) else 0.0
        if seconds:
            session.later(seconds, lambda: session.send(Out.tickSnapshotEnd, 1, request_id))
        else:
            session.send(Out.tickSnapshotEnd, 1, request_id)


_SNAPSHOT_ALONE: Final = "Snapshot market data subscription is not applicable to generic ticks"


@handles(In.cancelMktData)
def cancel_quotes(session: Session, fields: list[str]) -> None:
    """End a stream; 300 when there is none."""
    if session.of(Watching).streams.pop(fields[2], None) is None:
        session.error(fields[2], 300, f"Can't find EId with tickerId:{fields[2]}")


@handles(In.reqTickByTickData)
def tick_by_tick(session: Session, fields: list[str]) -> None:
    """Answer with one tick at once and one more at each price that follows."""
    request_id, asked, kind = fields[1], contract_in(fields, 2), fields[14]
    watching = session.of(Watching)
    listing = one_of(session, request_id, asked)
    if listing is None:
        return
    if kind not in _BY_TICK:
        session.error(request_id, 321, f"Error validating request.-'cX' : cause - Tick type {kind} is not known")
        return
    feed = session.gateway.world.rights.feed_of(listing.con_id)
    if feed not in {Feed.LIVE, Feed.FROZEN, Feed.PARTLY}:
        _refuse(session, request_id, 10189, "Failed to request tick-by-tick data:No market data permissions.")
        return
    if len(watching.by_tick) >= _MOST_TICK_BY_TICK:
        _refuse(session, request_id, 10190)
        return
    watching.by_tick[request_id] = (listing, _BY_TICK[kind])
    _listen(session.gateway)
    _tell_tick(session, request_id, listing, _BY_TICK[kind])


@handles(In.cancelTickByTickData)
def cancel_tick_by_tick(session: Session, fields: list[str]) -> None:
    """End it; 300 when there is none."""
    if session.of(Watching).by_tick.pop(fields[1], None) is None:
        session.error(fields[1], 300, f"Can't find EId with tickerId:{fields[1]}")


def _listen(gateway: FakeGateway) -> None:
    board = gateway.of(Board)
    if board.listening:
        return
    board.listening = True

    def moved(listing: Listing) -> None:
        if not gateway.linked or gateway.world.rights.stale:
            return
        for session in gateway.ready_sessions():
            watching = session.of(Watching)
            for stream in watching.streams.values():
                if stream.listing.con_id == listing.con_id and not stream.silent:
                    _tell(session, stream)
            for request_id, (one, kind) in watching.by_tick.items():
                if one.con_id == listing.con_id:
                    _tell_tick(session, request_id, one, kind)

    gateway.world.on_price(moved)


def _tell(session: Session, stream: Stream) -> None:
    for message in _messages(session, stream):
        session.send(*message)


def _messages(session: Session, stream: Stream) -> Iterator[ticks.Message]:
    world, listing, delayed = session.gateway.world, stream.listing, stream.type_ >= DELAYED
    price, at = world.price(listing.con_id), int(world.now().timestamp())
    yield from ticks.prices(stream.request_id, listing, price, delayed=delayed, at=at)
    if listing.kind == "OPT":
        yield from ticks.computations(stream.request_id, world, listing, price, delayed=delayed)
    if stream.generic:
        yield from ticks.generics(stream.request_id, world, listing, price, stream.generic, at)


def _tell_tick(session: Session, request_id: str, listing: Listing, kind: int) -> None:
    price, at = session.gateway.world.price(listing.con_id), int(session.gateway.world.now().timestamp())
    start = (Out.tickByTick, request_id, kind, at)
    if kind in {1, 2} and price.last is not None:
        session.send(*start, price.last, price.last_size, 0, listing.primary, "")
    elif kind == 3:
        session.send(*start, price.bid or 0, price.ask or 0, price.bid_size, price.ask_size, 0)
    elif kind == 4 and price.middle is not None:
        session.send(*start, price.middle)


def _incomplete(session: Session, stream: Stream) -> bool:
    price = session.gateway.world.price(stream.listing.con_id)
    return None in (price.bid, price.ask, price.last, price.close)


def _refusal(feed: Feed, asked: int) -> int | None:
    """Return the error or warning that a feed brings to who asked for that type of data."""
    delayed = asked >= DELAYED
    match feed:
        case Feed.DELAYED | Feed.DELAYED_FROZEN:
            return 10167 if delayed else 10089
        case Feed.NONE:
            return 10186 if delayed else 354
        case Feed.COMPETING:
            return 10197
        case Feed.PARTLY:
            return 10090
        case _:
            return None


def _type(feed: Feed, asked: int) -> int:
    match feed:
        case Feed.DELAYED:
            return DELAYED
        case Feed.DELAYED_FROZEN:
            return DELAYED_FROZEN if asked == DELAYED_FROZEN else DELAYED
        case Feed.FROZEN if asked in {FROZEN, DELAYED_FROZEN}:
            return FROZEN
        case _:
            return LIVE


def _refuse(session: Session, request_id: str, code: int, said: str = "") -> None:
    session.error(request_id, code, said or SAID[code])
