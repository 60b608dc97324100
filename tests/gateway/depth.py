"""Order books of the gateway: levels of a venue, of its market makers, or of all venues together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tests.gateway.contracts import one_of
from tests.gateway.rights import Feed
from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out, contract_in
from tests.gateway.world import Listing, World

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway

INSERT, UPDATE, DELETE = 0, 1, 2
ASK, BID = 0, 1
_MAKERS: Final = ("NSDQ", "ARCA", "BATS")
_BY_MAKER: Final = frozenset({"NASDAQ", "ISLAND", "IBIS"})
"""Venues that name who stands behind a level; the others only tell price and size."""
_NO_BOOKS: Final = "Deep market data is not supported for this combination of security type/exchange"
_RESET: Final = "Market depth data has been RESET. Please empty deep book contents before applying any new entries."


@dataclass(frozen=True, slots=True)
class Level:
    """One row of a book, the best of its side at position 0."""

    position: int
    maker: str
    side: int
    price: Decimal
    size: Decimal


@dataclass
class _Open:
    listing: Listing
    exchange: str
    rows: int
    smart: bool
    told: dict[tuple[int, int], Level] = field(default_factory=dict)


@dataclass
class Books:
    """Order books that one session has open."""

    open: dict[str, _Open] = field(default_factory=dict)


@dataclass
class _Board:
    listening: bool = False


def reset(gateway: FakeGateway, name: str | int, *, refill: bool = True) -> None:
    """Send 317 to every open book of a contract; what was told before must be forgotten. Then tell it anew."""
    con_id = gateway.world.one(name).con_id
    for session in gateway.ready_sessions():
        for request_id, book in session.of(Books).open.items():
            if book.listing.con_id == con_id:
                session.error(request_id, 317, _RESET)
                book.told.clear()
                if refill:
                    _tell(session, request_id, book)


def levels(world: World, listing: Listing, exchange: str, rows: int, *, smart: bool) -> Iterator[Level]:
    """Give the book: each level one step behind the one before; with all venues together several share a price."""
    price = world.price(listing.con_id)
    for side, touch, size, sign in ((BID, price.bid, price.bid_size, -1), (ASK, price.ask, price.ask_size, 1)):
        if touch is None:
            continue
        step = world.step(listing, touch)
        for position in range(rows):
            depth = position // 2 if smart else position
            maker = _MAKERS[position % len(_MAKERS)] if smart else exchange if exchange in _BY_MAKER else ""
            yield Level(position, maker, side, touch + sign * depth * step, size * (position + 1))


@handles(In.reqMktDepth)
def depth(session: Session, fields: list[str]) -> None:
    """Answer with the whole book, and with what changes of it from then on."""
    request_id, asked = fields[2], contract_in(fields, 3)
    rows, smart = int(fields[15]), fields[16] == "1"
    books, rights = session.of(Books), session.gateway.world.rights
    listing = one_of(session, request_id, asked)
    if listing is None:
        return
    exchange = asked["exchange"] or listing.exchange
    if not rights.depth or listing.kind == "OPT" or (exchange == "SMART" and not smart) or rows < 1:
        session.error(request_id, 10092, _NO_BOOKS)
        return
    if len(books.open) >= rights.depths:
        session.error(request_id, 309, f"Max number ({rights.depths}) of market depth requests has been reached")
        return
    feed = rights.feed_of(listing.con_id)
    if feed not in {Feed.LIVE, Feed.FROZEN, Feed.SILENT, Feed.HANGING}:
        session.error(request_id, 354, "Requested market data is not subscribed.")
        return
    books.open[request_id] = _Open(listing, exchange, min(rows, 10), smart)
    _listen(session.gateway)
    if feed in {Feed.LIVE, Feed.FROZEN} and session.gateway.linked:
        _tell(session, request_id, books.open[request_id])


@handles(In.cancelMktDepth)
def cancel_depth(session: Session, fields: list[str]) -> None:
    """Close a book; 310 when there is none."""
    if session.of(Books).open.pop(fields[2], None) is None:
        session.error(fields[2], 310, f"Can't find the subscribed market depth with tickerId:{fields[2]}")


@handles(In.reqMktDepthExchanges)
def venues(session: Session, _: list[str]) -> None:
    """Answer with the venues that have books, and of which kind."""
    known = (
        *("NASDAQ", "STK", "NASDAQ", "Deep2", 1),
        *("ARCA", "STK", "", "Deep", 1),
        *("IBIS", "STK", "IBIS", "Deep2", 2),
    )
    session.send(Out.mktDepthExchanges, 3, *known)


def lose_books(gateway: FakeGateway) -> None:
    """Forget every book of every session, as after 1101."""
    for session in gateway.sessions:
        session.of(Books).open.clear()


def _listen(gateway: FakeGateway) -> None:
    board = gateway.of(_Board)
    if board.listening:
        return
    board.listening = True

    def moved(listing: Listing) -> None:
        told = gateway.linked and not gateway.world.rights.stale
        for session in gateway.ready_sessions() if told else ():
            for request_id, book in session.of(Books).open.items():
                if book.listing.con_id == listing.con_id:
                    _tell(session, request_id, book)

    gateway.world.on_price(moved)


def _tell(session: Session, request_id: str, book: _Open) -> None:
    world = session.gateway.world
    now = {
        (one.side, one.position): one for one in levels(world, book.listing, book.exchange, book.rows, smart=book.smart)
    }
    for key in sorted(book.told.keys() - now.keys(), reverse=True):
        _send(session, request_id, book, DELETE, book.told.pop(key))
    for key, level in now.items():
        if book.told.get(key) != level:
            _send(session, request_id, book, UPDATE if key in book.told else INSERT, level)
            book.told[key] = level


def _send(session: Session, request_id: str, book: _Open, operation: int, level: Level) -> None:
    told = (operation, level.side, level.price, level.size)
    if book.smart or level.maker:
        session.send(Out.updateMktDepthL2, 1, request_id, level.position, level.maker, *told, book.smart)
    else:
        session.send(Out.updateMktDepth, 1, request_id, level.position, *told)
