"""How orders that are decided on together are put into words: in a row, in a sentence, and within their group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from cockpit.model.money import plain
from cockpit.model.orders import Linkage, Order, OrderRequest, OrderType, Role, TimeInForce
from cockpit.model.text import counted
from tui.words import amount, order_sentence, price

_KIND: Final = {
    Linkage.BRACKET: "bracket",
    Linkage.OCO: "OCO pair",
    Linkage.BASKET: "basket",
    Linkage.SPLIT: "split order",
}


def kind_of(linkage: Linkage | None) -> str:
    """Name a group inside a sentence: ``bracket``, ``OCO pair``."""
    return _KIND[linkage] if linkage is not None else "group"


def part_words(order: Order) -> str:
    """Say what an order is within its group, or nothing where it stands alone: ``stop of a bracket``."""
    if order.linkage is None:
        return ""
    article = "an" if order.linkage is Linkage.OCO else "a"
    return f"{order.role} of {article} {kind_of(order.linkage)}"


def group_shape(legs: Sequence[Order]) -> str:
    """Say a group in a row of its own, as short as it can be told apart: ``BUY 10 ALFA MKT ▲ 480 ▼ 440``."""
    head = legs[0].request
    match legs[0].linkage:
        case Linkage.BRACKET:
            target, stop = _of_role(legs, Role.TARGET), _of_role(legs, Role.STOP)
            return " ".join([_short(head), *_exits(head, target, stop)])
        case Linkage.OCO if all(_alike(one.request, head) for one in legs):
            prices = " or ".join(_price(one.request) for one in legs)
            return f"{head.side.upper()} {amount(head.quantity)} {head.symbol} {prices}"
        case Linkage.OCO:
            return " or ".join(_short(one.request) for one in legs)
        case Linkage.SPLIT:
            return f"{_short(_whole(legs))} in {len(legs)}"
    said = [f"{one.request.side.upper()} {amount(one.request.quantity)} {one.request.symbol}" for one in legs]
    return f"{len(legs)}: {', '.join(said)}"


def group_sentence(legs: Sequence[Order]) -> str:
    """Say a whole group inside a question; nothing of it is left out."""
    head = legs[0].request
    match legs[0].linkage:
        case Linkage.BRACKET:
            target, stop = _of_role(legs, Role.TARGET), _of_role(legs, Role.STOP)
            exits = [f"target {price(target.limit_price)}"] if target is not None else []
            if stop is not None:
                at = f"stop {price(stop.stop_price)}"
                exits.append(at if stop.limit_price is None else f"{at} limit {price(stop.limit_price)}")
            return ", ".join([order_sentence(head), *exits])
        case Linkage.OCO:
            return " or ".join(order_sentence(one.request) for one in legs)
        case Linkage.SPLIT:
            sizes = " + ".join(amount(one.request.quantity) for one in legs)
            return f"{order_sentence(_whole(legs))} in {counted(len(legs), 'part')}, {sizes}"
    return "; ".join(order_sentence(one.request) for one in legs)


def _short(request: OrderRequest) -> str:
    said = [request.side.upper(), amount(request.quantity), request.symbol, _price(request)]
    if request.time_in_force is not TimeInForce.DAY:
        said.append(request.time_in_force.upper())
    return " ".join(said)


def _price(request: OrderRequest) -> str:
    if request.order_type is OrderType.MARKET:
        return "MKT"
    said: list[str] = []
    if request.stop_price is not None:
        said.append(f"STP {plain(request.stop_price)}")
    if request.trail_amount is not None:
        said.append(f"TRAIL {plain(request.trail_amount)}")
    if request.trail_percent is not None:
        said.append(f"TRAIL {plain(request.trail_percent)}%")
    if request.limit_price is not None:
        said.append(f"LMT {plain(request.limit_price)}")
    return " ".join(said)


def _exits(entry: OrderRequest, target: OrderRequest | None, stop: OrderRequest | None) -> list[str]:
    """Target, then stop, each with an arrow that says on which side of the entry it lies."""
    up, down = ("▲", "▼") if entry.side.sign > 0 else ("▼", "▲")
    said: list[str] = []
    if target is not None and target.limit_price is not None:
        said.append(f"{up} {plain(target.limit_price)}")
    if stop is not None and stop.stop_price is not None:
        said.append(f"{down} {plain(stop.stop_price)}")
    return said


def _of_role(legs: Sequence[Order], role: Role) -> OrderRequest | None:
    return next((one.request for one in legs if one.role is role), None)


def _alike(one: OrderRequest, other: OrderRequest) -> bool:
    return (one.side, one.quantity, one.symbol) == (other.side, other.quantity, other.symbol)


def _whole(legs: Sequence[Order]) -> OrderRequest:
    return replace(legs[0].request, quantity=sum((one.request.quantity for one in legs), Decimal(0)))
