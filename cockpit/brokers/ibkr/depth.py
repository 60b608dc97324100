"""The book of a contract beyond its touch: opened, looked at once it stands still, and closed again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from ib_async import DOMLevel

from cockpit.brokers.ibkr.answers import NOT_SUBSCRIBED, is_denied, refused
from cockpit.brokers.ibkr.feeds import Feeds, Watch, changes, check
from cockpit.brokers.ibkr.floats import exact, on_step, price, size
from cockpit.brokers.ibkr.line import CockpitIB, Lane, Line
from cockpit.brokers.ibkr.listing import SMART, Listed
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.model.clock import Clock
from cockpit.model.money import ZERO
from cockpit.model.quotes import Depth, DepthLevel
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe

MOST_LEVELS: Final = 20
"""Prices that a side may show, and rows that are asked for: several rows may have one price."""
_CUT_ROWS: Final = 10
"""Rows after which TWS may end a side: of its last price the next row may tell more."""
MOST_AT_ONCE: Final = 3
"""Books that an account may have open by default."""
_TURN_SECONDS: Final = 6.0
_FIRST_SECONDS: Final = 4.0
_STILL_SECONDS: Final = 0.25
_LONGEST_SECONDS: Final = 1.5
_NO_BOOK: Final = frozenset({10092, 200})
_TOO_MANY: Final = 309


def levels(rows: Iterable[DOMLevel], most: int, listed: Listed, *, falling: bool) -> tuple[DepthLevel, ...]:
    """Return the best prices of one side, each with all that is offered there by whomever.

    Where rows name makers or venues, the last price of a side that may be cut off is left out, unless it is the only one.
    """
    found: dict[Decimal, Decimal] = {}
    told = list(rows)
    for row in told:
        at = exact(row.price) if listed.sec_type == "FUT" else price(row.price)
        many = size(row.size)
        if at is not None and many:
            at = on_step(at, listed.finest)
            found[at] = found.get(at, ZERO) + many
    best = sorted(found, reverse=falling)
    if len(told) >= _CUT_ROWS and len(best) > 1 and any(row.marketMaker for row in told):
        best.pop()
    return tuple(DepthLevel(at, found[at]) for at in best[:most])


class Books:
    """Order books of one account, few at once."""

    def __init__(self, line: Line, feeds: Feeds, clock: Clock) -> None:
        self._line = line
        self._feeds = feeds
        self._clock = clock
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)

    async def depth(self, listed: Listed, most: int) -> Depth | None:
        """Return up to ``most`` (at most 20) prices a side; None where the venue has no book of it.

        Raises Refused with BUSY where others look at books already, and with IB's words where it gives none.
        """
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise Refused(refuse("BUSY", "As many order books are open as may be.")) from None
        try:
            return await self._look(listed, max(1, min(most, MOST_LEVELS)))
        finally:
            self._turns.release()

    async def _look(self, listed: Listed, most: int) -> Depth | None:
        smart = listed.exchange == SMART
        self._feeds.ready()

        def start(ib: CockpitIB) -> Watch:
            contract = listed.contract()
            watch = self._feeds.begin(ib, contract)
            ib.client.reqMktDepth(watch.request_id, contract, MOST_LEVELS, smart, None)
            return watch

        watch = await self._line.send(Lane.READ, start)
        try:
            await self._settle(watch)
            bids = levels(watch.ticker.domBids, most, listed, falling=True)
            asks = levels(watch.ticker.domAsks, most, listed, falling=False)
            if watch.error is not None and not bids and not asks:
                return self._none(watch)
            if not bids and not asks:
                return None
            return Depth(
                symbol=listed.instrument.symbol,
                bids=bids,
                asks=asks,
                as_of=self._clock.now(),
                source=SOURCE,
                data_type=watch.board.data_type,
                note=_note(watch, smart),
            )
        finally:
            await self._close(watch, smart)

    async def _settle(self, watch: Watch) -> None:
        """Wait for the first rows, and then until none comes for a moment."""
        loop = asyncio.get_running_loop()
        until, longest = loop.time() + _FIRST_SECONDS, 0.0
        while watch.error is None:
            watch.changed.clear()
            check(watch)
            there = bool(watch.ticker.domBids or watch.ticker.domAsks)
            longest = longest or (loop.time() + _LONGEST_SECONDS if there else 0.0)
            limit = min(longest, loop.time() + _STILL_SECONDS) if there else until
            if not await changes(watch, limit):
                return

    def _none(self, watch: Watch) -> None:
        told = watch.error
        assert told is not None
        if told.code == _TOO_MANY:
            raise Refused(refuse("BUSY", "As many order books are open as may be.", broker=told.text))
        if told.code in _NO_BOOK:
            raise refused(told, message="The broker has no book of it.")
        # Books are never delayed, whatever IB's words about quotes say.
        raise refused(told, message=NOT_SUBSCRIBED if is_denied(told) else None)

    async def _close(self, watch: Watch, smart: bool) -> None:
        gone = watch.lost or watch.error is not None
        self._feeds.forget(watch)
        if gone:
            return

        def stop(ib: CockpitIB) -> None:
            if ib is watch.ib:
                ib.client.cancelMktDepth(watch.request_id, smart)

        try:
            await self._line.send(Lane.READ, stop)
        except Refused:
            return


def _note(watch: Watch, smart: bool) -> str:
    said = "Added up over all venues that the account may see, as far as the broker tells them." if smart else ""
    if watch.note is not None:
        said = f"{said} {watch.note.text}".strip()
    return safe(said)
