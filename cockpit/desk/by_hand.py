"""What the operator trades by hand: orders that close what is held, never more, and need nobody's approval but his."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Final

from cockpit.brokers.base import FOR_SENDING
from cockpit.desk.approvals import drift, drift_limit
from cockpit.desk.book import Book
from cockpit.desk.closing import Closing, How, closes
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.decisions import Decisions
from cockpit.desk.drafts import Asker, new_orders
from cockpit.desk.entries import order_entry
from cockpit.desk.groups import lacking
from cockpit.desk.market import Market
from cockpit.desk.observer import Observer
from cockpit.desk.risk import AROUND_THE_CLOCK, is_priced, warnings_of
from cockpit.desk.sending import Sender
from cockpit.desk.sent import insert_sent
from cockpit.desk.switch import Switch
from cockpit.desk.together import JudgedTogether, judge_together
from cockpit.desk.undisturbed import Undisturbed
from cockpit.model.accounts import Position
from cockpit.model.checks import CheckResult
from cockpit.model.clock import Clock
from cockpit.model.identity import OPERATOR, OPERATORS_GRANT
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import DONE, Order, OrderId, OrderRequest, OrderState, OrderType, TimeInForce
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe
from cockpit.model.trading import TradingState
from cockpit.store.writes import StoreBusy, StoreUnavailable

log = logging.getLogger(__name__)

_GONE_WITHIN: Final = 5.0
"""Seconds that cancelled orders may take to leave the broker's books before positions are closed all the same."""


@dataclass(frozen=True, slots=True)
class Close:
    """A position that the operator wants to close, or a part of it."""

    connection: str
    symbol: str
    quantity: Decimal | None = None
    """None for all that no open order closes already."""
    limit: Decimal | None = None
    """None, and not at the touch: at market."""
    at_touch: bool = False
    """With the price at which it trades now as its limit."""
    or_at_touch: bool = False
    """At market, but at the touch while the market is closed: a market order would wait until it opens."""


@dataclass(frozen=True, slots=True)
class Closure:
    """What closing would send, as it is seen now, with what was found of it."""

    request: OrderRequest
    position: Position
    others: Decimal
    """Quantity of the position that open orders may close."""
    together: JudgedTogether

    @property
    def seen(self) -> str:
        """What a close is bound to: what is held, what others may close of it, and the price at which it trades.

        A price that can't be trusted stands behind a ``~`` instead of an ``@``.
        """
        held = f"{plain(self.position.quantity)}/{plain(self.others)}"
        return held if self.touch is None else f"{held}{'@' if self.is_priced else '~'}{plain(self.touch)}"

    @property
    def is_priced(self) -> bool:
        """Whether the price at which it would trade is young, and live where the money is real."""
        head = self.together.head
        return is_priced(self.request, head.seen, head.policy)

    @property
    def only_closes(self) -> bool:
        """Whether no part of it can open or grow a position, whatever else fills."""
        return self.together.head.seen.closes_by_hand(self.request)

    def warnings(self) -> tuple[CheckResult, ...]:
        """Return what would hold a client from this and leaves the decision to the operator."""
        head = self.together.head
        return warnings_of(self.request, head.seen, head.policy)

    @property
    def touch(self) -> Decimal | None:
        """Price at which it would trade now."""
        return self.together.head.seen.touch(self.request.side)

    @property
    def held_after(self) -> Decimal:
        """What is held once this order has filled, and nothing else."""
        return self.position.quantity + self.request.side.sign * self.request.quantity

    @property
    def odd(self) -> Decimal:
        """What of it nothing closes because it is less than a lot."""
        left = abs(self.position.quantity) - self.others - self.request.quantity
        return left if ZERO < left < self.lot else ZERO

    @property
    def lot(self) -> Decimal:
        """Smallest quantity that trades."""
        return self.together.head.seen.instrument.lot

    def about(self) -> Decimal | None:
        """Return about how much it comes to, in the account's currency; None where no price is known."""
        price, unit = self._price(), self._unit()
        return None if price is None or unit is None else price * unit * self.request.quantity

    def realises(self) -> Decimal | None:
        """Return about the profit that it realises, before fees; None where no price or no cost is known."""
        price, unit = self._price(), self._unit()
        if price is None or unit is None or self.position.average_price == ZERO:
            return None
        return (price - self.position.average_price) * unit * self.request.quantity * -self.request.side.sign

    def _price(self) -> Decimal | None:
        return self.request.limit_price or self.touch

    def _unit(self) -> Decimal | None:
        seen = self.together.head.seen
        return None if seen.to_account is None else seen.instrument.multiplier * seen.to_account


@dataclass(frozen=True, slots=True)
class _LookedAt:
    """What a look was told as ``seen``."""

    held: str
    others: str
    touch: Decimal | None
    """None where no price was known."""
    priced: bool
    """Whether that price was one to trust."""


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
        looked_at, killed = _looked_at(seen) if seen else None, self._killed
        bounded = wanted.limit is not None or whatever_price
        if wanted.at_touch and looked_at is not None and looked_at.touch is not None:
            wanted = replace(wanted, limit=looked_at.touch, at_touch=False)
        async with self._observer.turn(connection, OPERATOR):
            closure = await self._looked(wanted, told)
            refusal = None if looked_at is None else _changed(closure, looked_at)
            refusal = refusal or closure.together.refusal()
            if looked_at is None and not bounded:
                refusal = refusal or _unpriced(closure)
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
                    left += [(symbol, _odd(closure))] if closure.odd else []
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


def _looked_at(seen: str) -> _LookedAt:
    """Read what a look was told as ``seen``. Raises Refused."""
    priced = "@" in seen
    quantities, _, price = seen.partition("@" if priced else "~")
    held, _, others = quantities.partition("/")
    try:
        touch = Decimal(price) if price else None
    except InvalidOperation:
        touch = ZERO
    if touch is not None and (not touch.is_finite() or touch <= ZERO):
        raise Refused(refuse("POSITION_CHANGED", "No look ever said that; nothing was sent.", looked_at=seen))
    return _LookedAt(held, others, touch, priced)


def _changed(closure: Closure, looked_at: _LookedAt) -> Refusal | None:
    """Say what isn't as it was when the operator looked; None where all is."""
    now, closed = plain(closure.position.quantity), plain(closure.others)
    if now != looked_at.held:
        says = f"Held is {now} now, not {looked_at.held}; nothing was sent."
        return refuse("POSITION_CHANGED", says, now=closure.seen)
    if closed != looked_at.others:
        says = f"Open orders may close {closed} of it now, not {looked_at.others}; nothing was sent."
        return refuse("POSITION_CHANGED", says, now=closure.seen)
    if closure.request.limit_price is not None or not looked_at.priced:
        return None
    if not closure.is_priced:
        return refuse("PRICE_MOVED", "No price can be trusted now, as one could then; nothing was sent. Look again.")
    head = closure.together.head
    limit = drift_limit(head.seen.instrument, head.policy)
    moved = drift(closure.request.side, looked_at.touch, closure.touch)
    if moved is None or moved <= limit:
        return None
    says = f"It trades at {plain(closure.touch or ZERO)} now, not {plain(looked_at.touch or ZERO)}; nothing was sent."
    return refuse("PRICE_MOVED", f"{says} Look again.", moved=f"{moved * 100:.2f} %", limit=f"{limit * 100:.2f} %")


def _unpriced(closure: Closure) -> Refusal | None:
    """Refuse what nobody has looked at where its price can't be trusted."""
    if closure.is_priced:
        return None
    first = closure.warnings()[0]
    says = f"{first.message} Look at it first: what you confirm then is sent without a price to trust."
    return refuse(first.code, says, look="position")


async def _is_open(market: Market, instrument: Instrument) -> bool | None:
    """Return whether an instrument is in its regular session; None where nobody says."""
    if instrument.kind in AROUND_THE_CLOCK:
        return True
    try:
        return (await market.clock(instrument)).is_open
    except Refused:
        return None


def _odd(closure: Closure) -> Refusal:
    says = f"{plain(closure.odd)} is left, less than the lot of {plain(closure.lot)}; only the broker can close that."
    return refuse("BAD_QUANTITY", says)


def _not_ours(order: Order) -> Refusal:
    says = f"{order.request.words()}, {order.name}, works on; only its broker's own programs can cancel it."
    return refuse("ORDERS_IN_THE_WAY", says)
