"""Orders that are made from what is held: they close it, or bring it to a target, and never overshoot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.connections import Connection
from cockpit.desk.groups import Leg, Wanted, basket, may_still_fill
from cockpit.desk.market import Market
from cockpit.desk.unsettled import is_fill
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.orders import AT_BROKER, Order, OrderRequest, OrderState, OrderType, Role, Side, TimeInForce
from cockpit.model.refusals import Refused, refuse

_NOT_SHOWN: Final = "The broker's positions don't show the newest fills yet; ask again in a moment."
MOST_CLOSED: Final = 50
"""Positions that one call closes."""


@dataclass(frozen=True, slots=True)
class How:
    """How such an order is to trade."""

    order_type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    outside_hours: bool = False
    """Whether a limit may fill outside the regular session too."""


class Closing:
    """Makes orders from positions, with what open orders of the same instrument may still do in mind."""

    def __init__(self, book: Book, foreign: Callable[[str], Sequence[Order]] = lambda connection: ()) -> None:
        self._book = book
        self.foreign = foreign
        """Returns the open orders in a connection's account that this cockpit doesn't know: they close it like any."""

    async def to_target(self, connection: Connection, symbol: str, target: Decimal, how: How) -> Wanted:
        """Return the order that brings what is held to ``target`` (below zero is short)."""
        symbol = (await Market(connection).resolve(symbol)).symbol
        open_orders = self._open(connection, symbol)
        if open_orders and all(is_fill(one) for one in open_orders):
            raise Refused(refuse("ORDERS_IN_THE_WAY", _NOT_SHOWN, symbol=symbol))
        if open_orders:
            raise Refused(refuse("ORDERS_IN_THE_WAY", symbol=symbol, orders=_names(open_orders)))
        held = (await _held(connection)).get(symbol, ZERO)
        if held == target:
            raise Refused(refuse("NOTHING_TO_CHANGE", "That is what is held already.", held=held))
        side = Side.BUY if target > held else Side.SELL
        return Wanted.alone(_order(symbol, side, abs(target - held), how), held, to_target=True)

    async def of_position(self, connection: Connection, symbol: str, quantity: Decimal | None, how: How) -> Wanted:
        """Return the order that closes a position, or ``quantity`` of it."""
        instrument = await Market(connection).resolve(symbol)
        held = (await _held(connection)).get(instrument.symbol, ZERO)
        return self.of_held(connection, instrument, held, quantity, how)

    def of_held(
        self,
        connection: Connection,
        instrument: Instrument,
        held: Decimal,
        quantity: Decimal | None,
        how: How,
        *,
        by_operator: bool = False,
    ) -> Wanted:
        """Return the order that closes what is ``held``, but for a part of a lot, or ``quantity`` of it.

        ``by_operator``: he closes by hand, so what waits for his approval doesn't stand in his way.
        """
        symbol, lot = instrument.symbol, instrument.lot
        leg = self._closing(connection, instrument, held, quantity, how, by_operator=by_operator)
        if leg is not None and quantity in {None, leg.request.quantity}:
            return Wanted.alone(leg.request, held)
        if not held:
            raise Refused(refuse("NOTHING_HELD", symbol=symbol))
        if leg is None and self._left(connection, symbol, held, but_waiting=by_operator) > ZERO:
            raise Refused(refuse("BAD_QUANTITY", f"What is left to close is less than the lot of {lot}.", held=held))
        closing = self._that_close(connection, symbol, held, but_waiting=by_operator)
        rivals = [one for one in closing if not is_fill(one)]
        if leg is None and not rivals:
            raise Refused(refuse("ORDERS_IN_THE_WAY", _NOT_SHOWN, held=held))
        names, flatten = _names(rivals), ", or flatten" if all(one.client for one in rivals) else ""
        mend = f" To close more of it, cancel {names} first{flatten}." if by_operator and rivals else ""
        if leg is None:
            raise Refused(refuse("ORDERS_IN_THE_WAY", f"Open orders close it already.{mend}", orders=names))
        most = leg.request.quantity
        raise Refused(refuse("BAD_QUANTITY", f"At most {most} can be closed.{mend}", held=held, closable=most))

    async def of_all(self, connection: Connection, order_type: OrderType) -> Wanted:
        """Return the orders that close every position: market orders, or limits at the touch.

        What was sold is bought back first: what covers it may not go before it.
        """
        market, legs = Market(connection), list[Leg]()
        for symbol, held in sorted((await _held(connection)).items(), key=lambda one: (one[1] > ZERO, one[0])):
            price, instrument = None, await market.resolve(symbol)
            if order_type is OrderType.LIMIT:
                touch = (await market.quote(instrument)).touch(closes(held))
                if touch is None:
                    raise Refused(refuse("MARKET_DATA_MISSING", symbol=symbol))
                price = touch
            leg = self._closing(connection, instrument, held, None, How(order_type, price, TimeInForce.DAY))
            if leg is not None:
                legs.append(leg)
        if not legs:
            raise Refused(refuse("NOTHING_HELD"))
        if len(legs) > MOST_CLOSED:
            raise Refused(refuse("BUSY", "Too many positions for one call; close them by name.", positions=len(legs)))
        return Wanted.alone(legs[0].request, legs[0].expected_position) if len(legs) == 1 else basket(legs)

    async def closes(self, order: Order, connection: Connection, quantity: Decimal) -> bool:
        """Whether that quantity of an order only closes what is held, whatever else fills that waits or works."""
        request = order.request
        held = (await _held(connection)).get(request.symbol, ZERO)
        return held != ZERO and request.side is closes(held) and quantity <= self._free(connection, held, order)

    async def need_within(self, order: Order, connection: Connection, request: OrderRequest) -> None:
        """Raise Refused where a change makes an order that was made from what is held larger than closes it."""
        if order.expected_position is None or request.quantity <= order.request.quantity:
            return
        if not await self.closes(order, connection, request.quantity - order.filled):
            says = "It was made from what is held; so much of it, with what else is open, would open a position."
            raise Refused(refuse("BAD_QUANTITY", says, asked=request.quantity))

    def _free(self, connection: Connection, held: Decimal, order: Order) -> Decimal:
        """Return what of a position no other order than this one, and those of its group, may close."""
        rivals = (
            one
            for one in self._open(connection, order.request.symbol)
            if one.request.side is order.request.side
            and one.order_id != order.order_id
            and (order.group_id is None or one.group_id != order.group_id)
        )
        return abs(held) - sum((self._may_fill(one) for one in rivals), ZERO)

    def _closing(
        self,
        connection: Connection,
        instrument: Instrument,
        held: Decimal,
        quantity: Decimal | None,
        how: How,
        *,
        by_operator: bool = False,
    ) -> Leg | None:
        free = self._left(connection, instrument.symbol, held, but_waiting=by_operator)
        amount = free - free % instrument.lot if quantity is None else min(free, quantity)
        if amount <= ZERO:
            return None
        return Leg(_order(instrument.symbol, closes(held), amount, how), Role.LEG, held)

    def _left(self, connection: Connection, symbol: str, held: Decimal, *, but_waiting: bool) -> Decimal:
        """Return what of a position no open order closes."""
        return abs(held) - self.closed_by_others(connection, symbol, held, but_waiting=but_waiting)

    def closed_by_others(
        self, connection: Connection, symbol: str, held: Decimal, *, but_waiting: bool = False
    ) -> Decimal:
        """Return how much of a position the open orders of its symbol may close, those that wait left out or not."""
        closing = self._that_close(connection, symbol, held, but_waiting=but_waiting)
        return sum((self._may_fill(one) for one in closing), ZERO)

    def _that_close(self, connection: Connection, symbol: str, held: Decimal, *, but_waiting: bool) -> list[Order]:
        side = closes(held)
        return [
            one
            for one in self._open(connection, symbol)
            if one.request.side is side and not (but_waiting and one.state is OrderState.PENDING)
        ]

    def _open(self, connection: Connection, symbol: str) -> list[Order]:
        ours = (one for one in self._book.open() if one.connection == connection.name)
        return [
            one
            for one in (*ours, *self.foreign(connection.name), *connection.unsettled.orders(connection.name))
            if one.request.symbol == symbol and one.state in {*AT_BROKER, OrderState.PENDING}
        ]

    def _may_fill(self, order: Order) -> Decimal:
        if order.state is OrderState.PENDING:
            return ZERO if order.role in {Role.TARGET, Role.STOP} else order.left
        return may_still_fill(order, self._book.known_of_group(order.group_id))


async def _held(connection: Connection) -> dict[str, Decimal]:
    positions, _ = await connection.positions()
    return {one.symbol: one.quantity for one in positions if one.quantity}


def closes(held: Decimal) -> Side:
    """Return the side that closes what is held."""
    return Side.SELL if held > ZERO else Side.BUY


def _order(symbol: str, side: Side, quantity: Decimal, how: How) -> OrderRequest:
    return OrderRequest(
        symbol, side, quantity, how.order_type, how.limit_price, how.time_in_force, outside_hours=how.outside_hours
    )


def _names(orders: list[Order]) -> str:
    return ", ".join(one.name for one in [one for one in orders if not is_fill(one)][:10]) or "none"
