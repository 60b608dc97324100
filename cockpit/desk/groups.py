"""Orders that are asked for, decided on and sent together: how they are made, and what they may come to at worst."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from cockpit.brokers.base import Capabilities
from cockpit.desk.approvals import lowers_risk
from cockpit.model.checks import CheckResult
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import AT_BROKER, Linkage, Order, OrderRequest, OrderType, Role, Side, TimeInForce
from cockpit.model.refusals import Refusal, refuse

MOST_LEGS: Final = 10
"""Orders of a basket."""
MOST_PARTS: Final = 20
"""Parts of a split order."""

AT_THE_BROKER: Final = frozenset({Linkage.BRACKET, Linkage.OCO})
"""Linkages that the broker itself has to keep; the others end with the decision."""
_RESTS: Final = frozenset({TimeInForce.DAY, TimeInForce.GTC})
EXITS: Final = frozenset({Role.TARGET, Role.STOP})
"""Roles that only close what an entry opened."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One order of a group."""

    request: OrderRequest
    role: Role
    expected_position: Decimal | None = None
    """What is held while the order is made from it; None where it wasn't made from a position."""
    to_target: bool = False
    """It brings what is held to a target, which no other order may move meanwhile."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client wants decided with one decision: one order, or several with what holds them together."""

    linkage: Linkage | None
    legs: tuple[Leg, ...]
    previewed_at: Decimal | None = None
    """The touch at the preview that is placed with it."""

    @classmethod
    def alone(
        cls, request: OrderRequest, expected_position: Decimal | None = None, *, to_target: bool = False
    ) -> Wanted:
        """Return a single order."""
        return cls(None, (Leg(request, Role.SINGLE, expected_position, to_target),))

    def fingerprint(self) -> str:
        """Return one canonical hash: that of the request for an order alone, else over everything in the group."""
        if self.linkage is None:
            return self.legs[0].request.fingerprint()
        parts = [self.linkage.value]
        for leg in self.legs:
            expected = "" if leg.expected_position is None else plain(leg.expected_position)
            parts += [leg.role, leg.request.fingerprint(), expected]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    def words(self) -> str:
        """Say it the way a trader does."""
        said = "; ".join(leg.request.words() for leg in self.legs)
        return said if self.linkage is None else f"{self.linkage.upper()} {said}"


def wanted_of(orders: Sequence[Order]) -> Wanted:
    """Return what a waiting group, or an order alone, asks for."""
    return Wanted(
        orders[0].linkage if len(orders) > 1 else None,
        tuple(Leg(one.request, one.role, one.expected_position, one.to_target) for one in orders),
    )


def bracket(
    entry: OrderRequest, take_profit_price: Decimal, stop_loss_price: Decimal, stop_loss_limit_price: Decimal | None
) -> Wanted:
    """Return an entry with its two exits. Exits stay until cancelled: they may not end with the day of the entry."""
    exits = replace(
        entry,
        side=entry.side.opposite,
        time_in_force=TimeInForce.GTC,
        limit_price=None,
        stop_price=None,
        trail_amount=None,
        trail_percent=None,
    )
    target = replace(exits, order_type=OrderType.LIMIT, limit_price=take_profit_price)
    kind = OrderType.STOP if stop_loss_limit_price is None else OrderType.STOP_LIMIT
    stop = replace(exits, order_type=kind, stop_price=stop_loss_price, limit_price=stop_loss_limit_price)
    return Wanted(Linkage.BRACKET, (Leg(entry, Role.ENTRY), Leg(target, Role.TARGET), Leg(stop, Role.STOP)))


def oco(first: OrderRequest, second: OrderRequest) -> Wanted:
    """Return two orders of which a fill of one cancels the other."""
    return Wanted(Linkage.OCO, (Leg(first, Role.LEG), Leg(second, Role.LEG)))


def basket(legs: Sequence[Leg]) -> Wanted:
    """Return independent orders that are decided on together."""
    return Wanted(Linkage.BASKET, tuple(replace(leg, role=Role.LEG) for leg in legs))


def split(request: OrderRequest, part: Decimal) -> Wanted | Refusal:
    """Return one order in parts of at most ``part``, the last one smaller."""
    whole, rest = divmod(request.quantity, part)
    sizes = [part] * min(int(whole), MOST_PARTS + 1) + ([rest] if rest else [])
    if not 2 <= len(sizes) <= MOST_PARTS:
        return refuse(
            "BAD_QUANTITY", f"A split order has 2 to {MOST_PARTS} parts.", part=part, quantity=request.quantity
        )
    return Wanted(Linkage.SPLIT, tuple(Leg(replace(request, quantity=size), Role.LEG) for size in sizes))


def whole_of(wanted: Wanted) -> OrderRequest | None:
    """Return the order that the parts of a split come to; limits of one order hold for it too."""
    if wanted.linkage is not Linkage.SPLIT:
        return None
    return replace(wanted.legs[0].request, quantity=sum((leg.request.quantity for leg in wanted.legs), ZERO))


def inconsistency(wanted: Wanted, touch: Decimal | None) -> Refusal | None:
    """Refuse linked orders whose terms don't fit each other. ``touch`` is what a market entry would pay now."""
    if wanted.linkage is Linkage.BRACKET:
        return _bracket_fault(wanted, touch)
    if wanted.linkage is Linkage.OCO:
        return _oco_fault(wanted.legs[0].request, wanted.legs[1].request)
    return None


def lacking(can: Capabilities, wanted: Wanted) -> Refusal | None:
    """Refuse what the broker can't do, before anything is stored."""
    if wanted.linkage in AT_THE_BROKER and wanted.linkage not in can.linkages:
        return refuse("CAPABILITY_UNAVAILABLE", linkage=wanted.linkage)
    for leg in wanted.legs:
        if leg.request.order_type not in can.order_types:
            return refuse("CAPABILITY_UNAVAILABLE", order_type=leg.request.order_type)
    return None


def edited(wanted: Wanted, quantity: Decimal | None, limit: Decimal | None) -> Wanted | Refusal:
    """Return it with the operator's edit, which may only lower the risk.

    The quantity of linked orders is one; a limit is the entry's. Baskets and splits are taken as they are.
    """
    if quantity is None and limit is None:
        return wanted
    if wanted.linkage in {Linkage.BASKET, Linkage.SPLIT} or (wanted.linkage is Linkage.OCO and limit is not None):
        return refuse("EDIT_ADDS_RISK", "These orders are approved or rejected as they are.")
    first = wanted.legs[0].request
    if limit is not None and first.limit_price is None:
        return refuse("EDIT_ADDS_RISK", "An order without a limit has none to edit.")
    legs: list[Leg] = []
    for place, leg in enumerate(wanted.legs):
        before = leg.request
        after = replace(
            before,
            quantity=before.quantity if quantity is None else quantity,
            limit_price=before.limit_price if limit is None or place else limit,
        )
        if not lowers_risk(before, after):
            return refuse("EDIT_ADDS_RISK")
        legs.append(replace(leg, request=after))
    return replace(wanted, legs=tuple(legs))


def may_still_fill(order: Order, group: Sequence[Order]) -> Decimal:
    """Return the quantity that an order at the broker may add to the account's, given the others of its group.

    Of two orders that cancel each other only the larger counts. Exits of a bracket count once their entry has
    filled, and no more than it has.
    """
    if order.linkage not in AT_THE_BROKER or order.role is Role.ENTRY:
        return order.may_fill
    rivals = [
        one
        for one in group
        if one.role is not Role.ENTRY and one.request.side is order.request.side and one.state in AT_BROKER
    ]
    if any((one.may_fill, one.order_id) > (order.may_fill, order.order_id) for one in rivals):
        return ZERO
    entry = next((one for one in group if one.role is Role.ENTRY), None)
    return order.may_fill if entry is None or order.role is Role.LEG else min(order.may_fill, entry.filled)


def worth(orders: Sequence[Order]) -> Decimal | None:
    """Return what waiting orders come to at worst in the account's currency, as they were judged when asked for."""
    values: list[Decimal] = []
    for one in orders:
        if one.unit_worth is None:
            return None
        values.append(one.unit_worth * (one.proposed or one.request).quantity)
    if orders[0].linkage is Linkage.BRACKET:
        return values[0]
    return max(values) if orders[0].linkage is Linkage.OCO else sum(values, ZERO)


def position_change(orders: Sequence[Order], symbol: str) -> Decimal:
    """Return by how much a position moves once these are filled; of linked orders only the first moves it."""
    counted = orders[:1] if orders[0].linkage in AT_THE_BROKER else orders
    changes = (
        (one.proposed or one.request).side.sign * ((one.proposed or one.request).quantity - one.filled)
        for one in counted
        if one.request.symbol == symbol
    )
    return sum(changes, ZERO)


def told_together(wanted: Wanted, checks: Sequence[Sequence[CheckResult]]) -> tuple[CheckResult, ...]:
    """Return the checks of the first order and what failed of the others, each said with its order."""
    told = list(checks[0])
    for leg, of_leg in zip(wanted.legs[1:], checks[1:], strict=True):
        told.extend(replace(one, message=f"{leg.request.words()}: {one.message}") for one in of_leg if not one.ok)
    return tuple(told)


def _bracket_fault(wanted: Wanted, touch: Decimal | None) -> Refusal | None:
    entry, target, stop = (leg.request for leg in wanted.legs)
    at = entry.stop_price or entry.limit_price or touch
    if entry.order_type not in {OrderType.MARKET, OrderType.LIMIT, OrderType.STOP}:
        return refuse("BRACKET_INCONSISTENT", "The entry of a bracket is a market, limit or stop order.")
    if at is None or target.limit_price is None or stop.stop_price is None:
        return None
    prices = {"entry": at, "take_profit_price": target.limit_price, "stop_loss_price": stop.stop_price}
    sign = entry.side.sign
    if not stop.stop_price * sign < at * sign < target.limit_price * sign:
        order = "stop loss < entry < take profit" if entry.side is Side.BUY else "take profit < entry < stop loss"
        return refuse("BRACKET_INCONSISTENT", f"The prices of this bracket must be {order}.", **prices)
    if stop.limit_price is not None and (stop.stop_price - stop.limit_price) * sign < 0:
        return refuse(
            "BRACKET_INCONSISTENT", "The stop loss would never fill: its limit lies before its stop.", **prices
        )
    return None


def _oco_fault(first: OrderRequest, second: OrderRequest) -> Refusal | None:
    if first.symbol != second.symbol or first.quantity != second.quantity:
        return refuse("BRACKET_INCONSISTENT", "Two orders that cancel each other have one symbol and one quantity.")
    for one in (first, second):
        if one.order_type is OrderType.MARKET or one.time_in_force not in _RESTS:
            return refuse("BRACKET_INCONSISTENT", "Orders that cancel each other have to rest: no market, ioc or fok.")
    if first == second:
        return refuse("BRACKET_INCONSISTENT", "The two orders are the same.")
    return None
