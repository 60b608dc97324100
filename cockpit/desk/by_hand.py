"""What the operator trades by hand: orders that close what is held, never more, and need nobody's approval but his."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from cockpit.brokers.base import FOR_SENDING
from cockpit.desk.book import Book
from cockpit.desk.closing import Closing, How, closes
from cockpit.desk.closure import Close, Closure, changed, looked_at_of, odd_lot, unpriced
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.decisions import Decisions
from cockpit.desk.drafts import Asker, new_orders
from cockpit.desk.entries import order_entry
from cockpit.desk.groups import lacking
from cockpit.desk.market import Market
from cockpit.desk.observer import Observer
from cockpit.desk.risk import AROUND_THE_CLOCK
from cockpit.desk.sending import Sender
from cockpit.desk.sent import insert_sent
from cockpit.desk.switch import Switch
from cockpit.desk.together import judge_together
from cockpit.desk.undisturbed import Undisturbed
from cockpit.model.clock import Clock
from cockpit.model.identity import OPERATOR, OPERATORS_GRANT
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.orders import DONE, Order, OrderId, OrderState, OrderType, TimeInForce
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe
from cockpit.model.trading import TradingState
from cockpit.store.writes import StoreBusy, StoreUnavailable

log = logging.getLogger(__name__)

_GONE_WITHIN: Final = 5.0
"""Seconds that cancelled orders may take to leave the broker's books before positions are closed all the same."""


@dataclass(frozen=True, slots=True)
class Flattened:
    """What became of closing everything on a connection."""

    ended: int
    """Open orders that were cancelled first."""
    orders: tuple[Order, ...]
    """What was sent, as it stands now."""
    left: tuple[tuple[str, Refusal], ...]
    """Symbols of what is not flat though nothing was sent for it, and why."""
    open: tuple[Order, ...] = ()
    """Other orders that may fill still: their cancel came to nothing, or somebody sent them meanwhile."""
    unpriced: tuple[str, ...] = ()
    """Symbols of what was sent though no price of it could be trusted."""
    others_told: bool = True
    """Whether the broker said what others have open in the account; else nobody knows of these."""

    @property
    def is_flat(self) -> bool:
        """Whether all that was held is closed, and nothing is open that could hold something again."""
        closed = all(one.state is OrderState.FILLED for one in self.orders)
        return self.others_told and not self.left and not self.open and closed


class ByHand:
    """The operator's own orders. They take the one way to the broker, and pass every state of the switch: they only close."""

    def __init__(
        self,
        book: Book,
        observer: Observer,
        sender: Sender,
        closing: Closing,
        decisions: Decisions,
        connections: Connections,
        undisturbed: Undisturbed,
        switch: Switch,
        clock: Clock,
        randomness: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._book = book
        self._observer = observer
        self._sender = sender
        self._closing = closing
        self._decisions = decisions
        self._connections = connections
        self._undisturbed = undisturbed
        self._switch = switch
        self._clock = clock
        self._randomness = randomness

    async def look(self, wanted: Close) -> Closure:
        """Price and check what closing would send; nothing changes. Raises Refused."""
        return await self._looked(wanted)

    async def close(self, wanted: Close, seen: str, by: str) -> Order:
        """Send an order that closes a position. Raises Refused.

        ``seen`` is that of the look that was confirmed, or empty; where the position, or what open orders may close of
        it, isn't as it was then, nothing is sent. So two of one confirmation never both leave. A limit at the touch is
        at the one that was shown; at market nothing is sent where it has moved too far against the order since.

        Without a price that can be trusted it goes too, where the look said so, or a limit that is named bounds it.
        """
        order, _ = await self._undisturbed.do(self._close(wanted, seen, by))
        return order

    async def flatten(self, connection: str, by: str) -> Flattened:
        """Cancel every open order of a connection, then close each of its positions at market. Raises Refused.

        At whatever price: also where none is known that can be trusted. While a market is closed, at the touch.
        """
        return await self._undisturbed.do(self._flatten(connection, by))

    async def _looked(self, wanted: Close, told: bool | None = None) -> Closure:
        return await self._switch.unless_killed(self._closure(wanted, told))

    async def _closure(self, wanted: Close, told: bool | None) -> Closure:
        """``told`` is whether the broker told just now what others have open; None where it is asked here."""
        FOR_SENDING.set(True)  # here and below, in the task of this act alone
        connection = self._connections.need(wanted.connection)
        market = Market(connection)
        instrument = await market.resolve(wanted.symbol)
        told = await self._observer.tells_open(connection) if told is None else told
        positions, _ = await connection.positions()
        position = next((one for one in positions if one.symbol == instrument.symbol and one.quantity), None)
        if position is None:
            raise Refused(refuse("NOTHING_HELD", symbol=instrument.symbol, connection=connection.name))
        price, is_open = wanted.limit, await _is_open(market, instrument)
        if wanted.at_touch or (wanted.or_at_touch and is_open is False):
            price = (await market.quote(instrument)).touch(closes(position.quantity))
            if price is None:
                says = f"There is no price to take as the limit: name one{'' if is_open is False else ', or close at market'}."
                raise Refused(refuse("MARKET_DATA_MISSING", says, symbol=instrument.symbol))
        how = How(OrderType.MARKET, None, TimeInForce.DAY)
        if price is not None:
            # What bounds itself may fill at any time; the limits of clients don't hold him to the regular session.
            how = How(OrderType.LIMIT, price, TimeInForce.DAY, outside_hours=is_open is False)
        symbol, held = instrument.symbol, position.quantity
        asked = self._closing.of_held(connection, instrument, held, wanted.quantity, how, by_operator=True)
        others = self._closing.closed_by_others(connection, symbol, held, but_waiting=True)
        refusal = lacking(connection.broker.can, asked)
        if refusal is not None:
            raise Refused(refusal)
        together = await judge_together(self._observer, connection, asked, by_operator=True, told=told)
        return Closure(together.head.request, position, others, together)

    async def _close(
        self, wanted: Close, seen: str, by: str, *, whatever_price: bool = False, told: bool | None = None
    ) -> tuple[Order, Closure]:
        """Send it, and return it with what was seen."""
        FOR_SENDING.set(True)
        connection = self._connections.need(wanted.connection)
        looked_at, killed = looked_at_of(seen) if seen else None, self._killed
        bounded = wanted.limit is not None or whatever_price
        if wanted.at_touch and looked_at is not None and looked_at.touch is not None:
            wanted = replace(wanted, limit=looked_at.touch, at_touch=False)
        async with self._observer.turn(connection, OPERATOR):
            closure = await self._looked(wanted, told)
            refusal = None if looked_at is None else changed(closure, looked_at)
            refusal = refusal or closure.together.refusal()
            if looked_at is None and not bounded:
                refusal = refusal or unpriced(closure)
            if refusal is not None:
                raise Refused(refusal)
            order = self._made(connection, closure)
            held_before = insert_sent(order.order_id, closure.together.head.seen.now, closure.position.quantity)
            entry = order_entry(
                order, "order.closed_by_hand", "", by=by, seen=seen, held=str(closure.position.quantity),
                priced=closure.is_priced,
            )  # fmt: skip
            await self._book.add(order, [held_before], [entry])
        if self._killed and not killed:
            # The kill came while it was written: whoever pressed it saw no such order.
            await self._sender.cancel(order)
        return await self._sender.submit(order, opens=not closure.only_closes), closure

    def _made(self, connection: Connection, closure: Closure) -> Order:
        asker = Asker(OPERATOR, OPERATORS_GRANT, connection.name)
        (order,) = new_orders(asker, closure.together, self._clock.now(), self._randomness(10))
        return replace(order, state=OrderState.SENDING, decide_by=None, reason=Safe(""))

    async def _flatten(self, name: str, by: str) -> Flattened:
        FOR_SENDING.set(True)
        connection = self._connections.need(name)
        killed, told, sent, left = self._killed, True, list[Order](), list[tuple[str, Refusal]]()
        unpriced = list[str]()
        ended = await self._cancel_open(name, by)
        try:
            positions, _ = await connection.positions()
        except Refused as refused:
            positions, left = (), [("what is held", refused.refusal)]
        # What was sold is bought back first, and has to be there: what covers it may not go before it.
        for is_long in (False, True):
            for symbol in sorted(one.symbol for one in positions if one.quantity and (one.quantity > ZERO) is is_long):
                if self._killed and not killed:
                    left.append((symbol, refuse("KILL_SWITCH", "It was killed meanwhile; ask again.")))
                    continue
                # One that doesn't tell once isn't waited for again before each of the others.
                told = told and await self._observer.tells_open(connection)
                try:
                    order, closure = await self._close(
                        Close(name, symbol, or_at_touch=True), "", by, whatever_price=True, told=told
                    )
                    sent.append(order)
                    unpriced += [] if closure.is_priced else [symbol]
                    left += [(symbol, odd_lot(closure))] if closure.odd else []
                except Refused as refused:
                    left.append((symbol, refused.refusal))
                except (StoreUnavailable, StoreBusy):
                    left.append((symbol, refuse("AUDIT_UNAVAILABLE")))
            await asyncio.gather(*(self._has_ended(order.order_id) for order in sent))
        left += [(one.request.symbol, _not_ours(one)) for one in self._closing.foreign(name)]
        now = tuple(self._book.now(one) for one in sent)
        names = {one.order_id for one in sent}
        still = tuple(one for one in self._book.at_broker(name) if one.order_id not in names)
        return Flattened(ended, now, tuple(left), still, tuple(unpriced), told)

    async def _cancel_open(self, connection: str, by: str) -> int:
        """Cancel what is open, wait a little until it has gone, and return how many have."""
        asked = [one.order_id for one in self._book.open_on(connection)]
        found = await asyncio.gather(*(self._cancel(order_id, by) for order_id in asked), return_exceptions=True)
        for order_id, one in zip(asked, found, strict=True):
            if isinstance(one, BaseException):
                log.error("the cancel of %s broke off", order_id, exc_info=one)
        return sum(one is True for one in found)

    async def _cancel(self, order_id: OrderId, by: str) -> bool:
        await self._decisions.cancel(order_id, by)
        return await self._has_ended(order_id)

    async def _has_ended(self, order_id: OrderId) -> bool:
        """Wait a little until an order has ended; False where it hasn't."""
        try:
            async with asyncio.timeout(_GONE_WITHIN):
                while (order := self._book.get(order_id)) is not None and order.state not in DONE:
                    await asyncio.shield(self._book.changed(order_id))
        except TimeoutError:
            return False
        return True

    @property
    def _killed(self) -> bool:
        return self._switch.state is TradingState.KILLED


async def _is_open(market: Market, instrument: Instrument) -> bool | None:
    """Return whether an instrument is in its regular session; None where nobody says."""
    if instrument.kind in AROUND_THE_CLOCK:
        return True
    try:
        return (await market.clock(instrument)).is_open
    except Refused:
        return None


def _not_ours(order: Order) -> Refusal:
    says = f"{order.request.words()}, {order.name}, works on; only its broker's own programs can cancel it."
    return refuse("ORDERS_IN_THE_WAY", says)
