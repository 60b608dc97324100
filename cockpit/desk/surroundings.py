"""What stands around an order that is judged: everything else that may still move the account, whoever sent it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.desk.groups import AT_THE_BROKER, EXITS, Wanted
from cockpit.desk.rates import Rate
from cockpit.desk.risk import Activity, Exposure, Linked, Seen
from cockpit.desk.tally import alike
from cockpit.desk.unsettled import is_fill
from cockpit.model.accounts import Position
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.orders import (
    AT_BROKER,
    OPEN,
    BrokerOrder,
    Linkage,
    Order,
    OrderId,
    OrderRef,
    OrderRequest,
    OrderState,
    Role,
    Side,
)
from cockpit.model.text import Safe

_NOT_YET_COUNTED: Final = frozenset({OrderState.SENDING, OrderState.UNKNOWN})
"""States in which a broker's buying power may not know the order."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the judged order is within its group."""

    linkage: Linkage | None = None
    role: Role = Role.SINGLE
    others: frozenset[OrderId] = frozenset()
    """The other orders of the group."""

    def goes_with(self, other: Order) -> bool:
        """Whether the broker keeps the two together: they never trade with each other."""
        return self.linkage in AT_THE_BROKER and other.order_id in self.others

    def is_alternative(self, other: Order) -> bool:
        """Whether only one of the two can fill: target and stop of a bracket, the orders of a pair."""
        return self.goes_with(other) and Role.ENTRY not in {self.role, other.role}

    def is_entry(self, other: Order) -> bool:
        """Whether the judged order closes what the other one opens."""
        return self.goes_with(other) and self.role in EXITS and other.role is Role.ENTRY


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another order that may still fill."""

    order: Order
    may_fill: Decimal
    """Quantity that it may add, given the others of its own group."""
    unit: Decimal | None = None
    """Worst-case value of one, in the account's currency; None where that isn't known."""

    @property
    def is_counted(self) -> bool:
        """Whether the broker's buying power knows it as it is; it may not know a change that is under way."""
        return self.order.state not in _NOT_YET_COUNTED and len(self.order.terms) == 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is held, and all that may change it besides the judged order."""

    held: Mapping[str, Decimal]
    """Signed quantity by symbol."""
    neighbours: tuple[Neighbour, ...]
    place: Place = Place()

    def position(self, symbol: str) -> Decimal:
        """Return what is held; an exit is judged as if all of its entry had filled."""
        entries = (one for one in self.neighbours if self.place.is_entry(one.order))
        filled = (one.order.request.side.sign * one.may_fill for one in entries)
        return self.held.get(symbol, ZERO) + sum(filled, ZERO)

    def committed(self, symbol: str, side: Side) -> Decimal:
        """Return the quantity that others of that side may still fill."""
        found = (one for one in self.rivals() if one.order.request.symbol == symbol and one.order.request.side is side)
        return sum((one.may_fill for one in found), ZERO)

    def entry(self) -> Order | None:
        """Return the order that opens what the judged one closes, where it may still fill."""
        return next((one.order for one in self.neighbours if self.place.is_entry(one.order)), None)

    def resting(self) -> tuple[Order, ...]:
        """Return the orders with which the judged one might trade."""
        return tuple(
            one.order for one in self.neighbours if not self.place.goes_with(one.order) and not is_fill(one.order)
        )

    def in_flight(self, *, counted: bool) -> Decimal | None:
        """Return the worst-case value that may be opened and that the broker's buying power doesn't count yet.

        ``counted``: whether it counts the orders that work. What closes a position opens nothing; the orders that the
        broker counts already close first, then those of which one is worth least.
        """
        total, closable = ZERO, dict[tuple[str, Side], Decimal]()
        rivals = [one for one in self.neighbours if not self.place.is_alternative(one.order)]

        def place(one: Neighbour) -> tuple[bool, bool, Decimal]:
            return not (counted and one.is_counted), one.unit is None, one.unit or ZERO

        for one in sorted(rivals, key=place):
            symbol, side = one.order.request.symbol, one.order.request.side
            free = closable.get((symbol, side), max(ZERO, -self.held.get(symbol, ZERO) * side.sign))
            closable[symbol, side] = max(ZERO, free - one.may_fill)
            opens = max(ZERO, one.may_fill - free)
            if (counted and one.is_counted) or opens == ZERO:
                continue
            if one.unit is None:
                return None
            total += opens * one.unit
        return total

    def elsewhere(self, symbol: str, positions: Iterable[Position], rates: Mapping[str, Rate]) -> tuple[Exposure, ...]:
        """Return what is held of other symbols and what may still come of their orders, in the account's currency.

        ``rates`` are those into it, by currency; what is held in one without a rate has no value.
        """
        found = {
            one.symbol: _exposure(one, rates.get(one.currency))
            for one in positions
            if one.symbol != symbol and one.quantity
        }
        for one in self.rivals():
            name = one.order.request.symbol
            if name == symbol or one.may_fill == ZERO:
                continue
            known = found.get(name, Exposure(name, ZERO))
            if one.unit is None:
                found[name] = replace(known, value=None, least=None)
            elif one.order.request.side is Side.BUY:
                found[name] = replace(known, buys=known.buys + one.may_fill * one.unit)
            else:
                found[name] = replace(known, sells=known.sells + one.may_fill * one.unit)
        return tuple(found.values())

    def rivals(self) -> list[Neighbour]:
        """Return what fills besides the judged order, not instead of it and not before it."""
        return [
            one
            for one in self.neighbours
            if not self.place.is_alternative(one.order) and not self.place.is_entry(one.order)
        ]


def _exposure(position: Position, rate: Rate | None) -> Exposure:
    if position.market_value is None or rate is None:
        return Exposure(position.symbol, None)
    value = position.market_value
    return Exposure(position.symbol, rate.highest(value), least=rate.lowest(value))


def own_price(order: Order) -> Decimal | None:
    """Return the highest price that an order itself names, or the one at which it was asked for."""
    prices = [one.limit_price or one.stop_price or order.asked_at_price for one in order.terms]
    known = [price for price in prices if price is not None]
    return max(known) if len(known) == len(prices) else None


def given_back(order: Order, held: Decimal, instrument: Instrument, rate: Decimal) -> Decimal:
    """Return the buying power that a broker keeps for an order which is about to be other than it is.

    ``rate`` is what one unit of the instrument's currency is in the account's at least.
    """
    if not Neighbour(order, ZERO).is_counted or order.state not in AT_BROKER:
        return ZERO
    closable = max(ZERO, -held * order.request.side.sign)
    return max(ZERO, order.left - closable) * (own_price(order) or ZERO) * instrument.multiplier * rate


def provisional(
    connection: str, client: str, wanted: Wanted, place: int, request: OrderRequest, unit: Decimal | None, now: datetime
) -> Order:
    """Return an order of a group that nobody has stored as if it were being sent: those behind it count it like any."""
    name = f"{place} of the same group"
    return Order(
        OrderId(name), OrderRef(name), 1, ClientName(client), GrantId(""), connection, request, OrderState.SENDING,
        ZERO, None, ZERO, Safe(""), (), now, now, linkage=wanted.linkage, role=wanted.legs[place].role, unit_worth=unit,
    )  # fmt: skip


def of_others(connection: str, theirs: BrokerOrder, now: datetime) -> Order:
    """Return an order that no cockpit sent as one of ours: it moves the account like any."""
    filled = sum((one.quantity for one in theirs.executions), ZERO)
    state = OrderState.PARTLY_FILLED if filled else OrderState.WORKING
    return Order(
        OrderId(theirs.reference), theirs.reference, 1, ClientName(""), GrantId(""), connection, theirs.request, state,
        filled, None, ZERO, theirs.reason, (), now, now,
    )  # fmt: skip


def linked_now(order: Order, group: Sequence[Order]) -> Linked | None:
    """Return what an order is within its group, as the group stands now."""
    if order.linkage is None:
        return None
    others = tuple((one.role, one.request) for one in group if one.order_id != order.order_id and one.state in OPEN)
    return Linked(order.linkage, order.role, others)


def entry_again(entry: Order, held: Decimal, role: Role, exit_: OrderRequest, seen: Seen) -> Seen:
    """Return what is seen around the entry of an exit, as if the exit were changed already."""
    others = () if seen.linked is None else seen.linked.others
    exits = ((role, exit_), *((of, one) for of, one in others if of in EXITS))
    linked = Linked(Linkage.BRACKET, Role.ENTRY, exits)
    return replace(seen, linked=linked, position=held, brought=ZERO, filled=entry.filled, before=None)


def with_group(activity: Activity, client: str, request: OrderRequest, earlier: Sequence[Order]) -> Activity:
    """Count orders of the same group that would be sent before. The parts of a split order are one order, not alike."""
    worth = sum((one.may_fill * (one.unit_worth or ZERO) for one in earlier), ZERO)
    again = sum(
        1
        for one in earlier
        if one.linkage is not Linkage.SPLIT and alike(client, one.request) == alike(client, request)
    )
    return replace(
        activity,
        client_orders=activity.client_orders + len(earlier),
        connection_orders=activity.connection_orders + len(earlier),
        client_notional=activity.client_notional + worth,
        connection_notional=activity.connection_notional + worth,
        identical=activity.identical + again,
    )
