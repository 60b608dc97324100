"""Our order as Interactive Brokers writes it, and theirs read back into ours.

Numbers leave as they are, on the tick and the lot, never as floating point. What is read of orders that others placed
may say more than our own kind of order can: it is shown as what may happen at worst, with words for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ib_async.order import Order

from cockpit.brokers.ibkr.wire import WireTerms
from cockpit.model.money import ZERO, is_multiple, plain
from cockpit.model.orders import OrderRef, OrderRequest, OrderType, Side, TimeInForce
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe, safe

ORDER_TYPES: Final[Mapping[OrderType, str]] = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
    OrderType.TRAILING_STOP: "TRAIL",
}
LIVES: Final[Mapping[TimeInForce, str]] = {
    TimeInForce.DAY: "DAY",
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}
FIRST_FILL_CANCELS: Final = 1
"""ocaType: once one order of the group fills, the others are cancelled, and only one is at an exchange at a time."""

_TYPE_OF: Final = {theirs: ours for ours, theirs in ORDER_TYPES.items()}
_LIFE_OF: Final = {theirs: ours for ours, theirs in LIVES.items()}
_SELLS: Final = frozenset({"SELL", "SSHORT", "SLONG"})


@dataclass(frozen=True, slots=True)
class Read:
    """An order's terms as far as ours can say them."""

    request: OrderRequest
    beyond: Safe
    """What they can't say, in words; empty for an order like ours."""


def check(request: OrderRequest, lot: Decimal, step_at: Callable[[Decimal], Decimal]) -> Refusal | None:
    """Refuse quantities that aren't on the lot and prices that aren't on the tick; nothing is rounded.

    ``step_at`` returns the tick that holds at a price.
    """
    if request.quantity <= ZERO or not is_multiple(request.quantity, lot):
        return refuse("BAD_QUANTITY", lot=plain(lot))
    for price in (request.limit_price, request.stop_price, request.trail_amount):
        if price is not None and (price <= ZERO or not is_multiple(price, step_at(price))):
            return refuse("BAD_TICK", tick=plain(step_at(price)), price=plain(price))
    return None


def order_of(reference: OrderRef, request: OrderRequest, account: str) -> Order:
    """Return the order to be placed. Raises Refused where its prices don't fit its type."""
    order = Order(
        account=account,
        orderRef=reference,
        action="BUY" if request.side is Side.BUY else "SELL",
        totalQuantity=_number(request.quantity),
        orderType=ORDER_TYPES[request.order_type],
        tif=LIVES[request.time_in_force],
        outsideRth=request.outside_hours,
        transmit=True,
    )
    prices = (request.limit_price, request.stop_price, request.trail_amount, request.trail_percent)
    match request.order_type, *prices:
        case OrderType.MARKET, None, None, None, None:
            pass
        case OrderType.LIMIT, Decimal() as limit, None, None, None:
            order.lmtPrice = _number(limit)
        case OrderType.STOP, None, Decimal() as stop, None, None:
            order.auxPrice = _number(stop)
        case OrderType.STOP_LIMIT, Decimal() as limit, Decimal() as stop, None, None:
            order.lmtPrice, order.auxPrice = _number(limit), _number(stop)
        case OrderType.TRAILING_STOP, None, None, Decimal() as amount, None:
            order.auxPrice = _number(amount)
        case OrderType.TRAILING_STOP, None, None, None, Decimal() as percent:
            order.trailingPercent = _number(percent)
        case _:
            raise Refused(refuse("ORDER_TYPE_NOT_ALLOWED", "The order's prices don't fit its type."))
    return order


def as_pair(orders: tuple[Order, ...], group: str) -> None:
    """Tie orders together so that a fill of one cancels the others."""
    for order in orders:
        order.ocaGroup, order.ocaType = group, FIRST_FILL_CANCELS


def as_bracket(orders: tuple[Order, ...], parent_id: int) -> None:
    """Attach all but the first to it. Only the last one transmits, and it transmits all: there is no half bracket."""
    for order in orders[1:]:
        order.parentId = parent_id
    for order in orders[:-1]:
        order.transmit = False


def read(symbol: str, terms: WireTerms) -> Read:
    """Read an order's terms back."""
    kind = _TYPE_OF.get(terms.order_type)
    life = _LIFE_OF.get(terms.time_in_force)
    limit, aux, percent = (_set(one) for one in (terms.limit, terms.aux, terms.trailing_percent))
    request = OrderRequest(
        symbol,
        Side.SELL if terms.action in _SELLS else Side.BUY,
        ZERO if terms.quantity is None else tidy(terms.quantity),
        kind or OrderType.MARKET,
        limit if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} else None,
        life or (TimeInForce.GTC if terms.time_in_force == "GTD" else TimeInForce.DAY),
        stop_price=aux if kind in {OrderType.STOP, OrderType.STOP_LIMIT} else None,
        trail_amount=aux if kind is OrderType.TRAILING_STOP and percent is None else None,
        trail_percent=percent if kind is OrderType.TRAILING_STOP else None,
        outside_hours=terms.outside_hours,
    )
    return Read(request, _beyond(terms, kind, life))


def tidy(number: Decimal) -> Decimal:
    """Return a number without the zeros that floating point leaves behind: 2 for 2.0."""
    return Decimal(plain(number))


def _beyond(terms: WireTerms, kind: OrderType | None, life: TimeInForce | None) -> Safe:
    said: list[str] = []
    if kind is None:
        said.append(f"its type is {terms.order_type or 'not told'}, shown as a market order")
    if life is None and terms.time_in_force:
        said.append(f"it lives {terms.time_in_force} {terms.good_till}".rstrip())
    if not _set(terms.quantity):
        said.append("its quantity is not told")
    if terms.good_after:
        said.append(f"it works from {terms.good_after}")
    return safe("; ".join(said))


def _set(number: Decimal | None) -> Decimal | None:
    """Return a price of the wire; 0 stands for none there."""
    return tidy(number) if number is not None and number > ZERO else None


def _number(number: Decimal) -> Any:
    """Return a number as its field takes it: ib_async's types say floating point, its wire takes both."""
    return tidy(number)
