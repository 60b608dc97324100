"""Tells clients that a resource which they watch has changed: once a second at most, and only while they may read it."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Final, Protocol

from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.market import Market
from cockpit.desk.turns import Turns
from cockpit.model.identity import Grant, GrantId, Scope
from cockpit.model.refusals import Refused
from tools.resources import ORDERS, PORTFOLIO, Place, place_of

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 1.0
"""Seconds between two rounds; what changes more than once in between is told once."""
MOST_ASKED: Final = 50
"""Resources of one connection that one round looks at; where more are watched, they take turns."""
_ANSWER_WITHIN: Final = 5.0
_MOST_SILENT: Final = 3
"""Resources without an answer after which a round leaves a connection alone."""


class Streams(Protocol):
    """What the transport knows of who watches what."""

    def watched(self) -> Mapping[GrantId, Collection[str]]: ...

    def stop_watching(self, grant_id: GrantId, uris: Collection[str]) -> None: ...

    def resource_updated(self, grant_id: GrantId, uri: str) -> None: ...


class ResourceUpdates:
    """Compares what is watched with what it was."""

    def __init__(
        self,
        streams: Streams,
        live: Callable[[GrantId], Grant | None],
        connections: Connections,
        book: Book,
        orders_of: Callable[[Grant], str],
    ) -> None:
        """``orders_of`` names the connection that gets a grant's orders."""
        self._streams = streams
        self._live = live
        self._connections = connections
        self._book = book
        self._orders_of = orders_of
        self._seen: dict[tuple[str, str], Hashable] = {}
        self._failing: set[tuple[str, str]] = set()
        self._turns: defaultdict[str, Turns] = defaultdict(lambda: Turns(MOST_ASKED))

    def grant_changed(self, grant_id: GrantId) -> None:
        """End at once what a narrowed grant may not watch any more."""
        self._allowed(grant_id, self._streams.watched().get(grant_id, ()))

    async def watch(self) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Look once at everything that is watched, and tell those who watch what has changed."""
        watchers: defaultdict[tuple[str, str], list[GrantId]] = defaultdict(list)
        by_connection: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for grant_id, uris in self._streams.watched().items():
            grant = self._live(grant_id)
            for name, uri in self._allowed(grant_id, uris):
                assert grant is not None
                watchers[name, uri].append(grant_id)
                by_connection[name][grant.client].add(uri)
        self._seen = {key: value for key, value in self._seen.items() if key in watchers}
        self._failing.intersection_update(watchers)
        await asyncio.gather(*(self._look_at(name, wanted, watchers) for name, wanted in by_connection.items()))

    def _allowed(self, grant_id: GrantId, uris: Collection[str]) -> list[tuple[str, str]]:
        """Return each resource that a grant watches with its connection; what it may not read any more is ended."""
        grant = self._live(grant_id)
        if grant is None:
            return []
        home = self._connections.get(grant.connection)
        scopes: frozenset[Scope] = frozenset() if home is None else grant.scopes & home.allowed
        kept: list[tuple[str, str]] = []
        ended: list[str] = []
        for uri in uris:
            place = place_of(uri)
            if place is None or place.kind.scope not in scopes:
                ended.append(uri)
            else:
                kept.append((self._orders_of(grant) if uri == ORDERS else grant.connection, uri))
        if ended:
            self._streams.stop_watching(grant_id, ended)
        return kept

    async def _look_at(
        self, name: str, wanted: Mapping[str, Collection[str]], watchers: Mapping[tuple[str, str], list[GrantId]]
    ) -> None:
        connection = self._connections.get(name)
        if connection is None:
            return
        resting = set[str]()
        for client, uri in self._turns[name].round({who: sorted(uris) for who, uris in wanted.items()}, resting):
            place = place_of(uri)
            assert place is not None
            try:
                async with asyncio.timeout(_ANSWER_WITHIN):
                    now = await self._state(connection, place)
            except Refused as refused:
                log.debug("%s: %s can't be read: %s", name, uri, refused.refusal.code)
                now = refused.refusal.code
            except TimeoutError:
                log.warning("%s: the broker doesn't answer for %s; who watches it waits", name, uri)
                resting.add(client)
                if len(resting) >= _MOST_SILENT:
                    return
                continue
            except Exception:
                # A client chose the instrument: what the broker's code does with it must not end all other watching.
                if (name, uri) not in self._failing:
                    log.exception("%s: %s can't be looked at", name, uri)
                self._failing.add((name, uri))
                continue
            self._failing.discard((name, uri))
            # Whoever has just begun to watch is told once: it may have read before the first look.
            before, self._seen[name, uri] = self._seen.get((name, uri)), now
            if before != now:
                for grant_id in watchers[name, uri]:
                    self._streams.resource_updated(grant_id, uri)

    async def _state(self, connection: Connection, place: Place) -> Hashable:
        """Return what differs once the resource has changed; its age alone is no change."""
        if place.kind.uri == PORTFOLIO:
            money = await connection.ask(connection.broker.balances())
            held = await connection.ask(connection.broker.positions())
            figures = (money.cash, money.equity, money.buying_power, money.realised, money.fees)
            return figures, tuple((one.symbol, one.quantity, one.mark) for one in held)
        if place.kind.uri == ORDERS:
            return tuple((one.order_id, one.version) for one in self._book.all() if one.connection == connection.name)
        market = Market(connection)
        quote = await market.quote(await market.resolve(place.symbol))
        return quote.bid, quote.ask, quote.last, quote.bid_size, quote.ask_size, quote.data_type
