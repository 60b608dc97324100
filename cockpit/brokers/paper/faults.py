"""Why the broker doesn't take an order, or leaves one as it is: each reason a code and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from cockpit.brokers.paper.book import STOPS, PaperOrder, State
from cockpit.brokers.paper.margin import Terms, Wish, affordable, deliverable, uncovered
from cockpit.brokers.paper.matching import AT_ONCE
from cockpit.brokers.paper.rules import Rules
from cockpit.model.money import ZERO, is_multiple, plain
from cockpit.model.orders import NEEDS_LIMIT, NEEDS_STOP, Linkage, OrderRequest, OrderType, Side

MOST: Final = Decimal(1_000_000_000)
"""Above any quantity and any price here: within it, sums and products of money are exact."""
_WHOLE: Final = Decimal(100)
_OTHER: Final = "LINKED: another order of the group can't be taken"


def order_fault(rules: Rules, state: State, request: OrderRequest) -> str | None:
    """Say why a single order isn't taken, or None."""
    return _book_fault(rules, state, (request,)) or _carry_fault(rules, state, _wish(request))


def linked_faults(
    rules: Rules, state: State, linkage: Linkage, requests: Sequence[OrderRequest]
) -> tuple[str, ...] | None:
    """Say of each order of a group why it isn't taken, or None where all of them are."""
    own = [_book_fault(rules, state, (request,)) for request in requests]
    if any(own):
        return tuple(fault or _OTHER for fault in own)
    together = (
        _book_fault(rules, state, requests)
        or (_bracket_fault(requests) if linkage is Linkage.BRACKET else _pair_fault(requests))
        or _carry_fault(rules, state, *_wishes(linkage, requests))
    )
    return None if together is None else (together,) * len(requests)


def replace_fault(rules: Rules, state: State, order: PaperOrder, wanted: OrderRequest) -> str | None:
    """Say why an order is left as it is, or None."""
    old = order.request
    if _fixed(wanted) != _fixed(old):
        return "ORDER_TYPE_NOT_ALLOWED: only quantity and prices of an order can be changed"
    fault = shape_fault(rules.terms[old.symbol], wanted)
    if fault is not None:
        return fault
    if wanted.quantity <= order.filled:
        return f"BAD_QUANTITY: {plain(order.filled)} are filled already"
    if order.held and wanted.quantity != old.quantity:
        return "BAD_QUANTITY: the quantity of an exit follows what its entry fills"
    if order.armed and stop_terms(wanted) != stop_terms(old):
        return "ORDER_BUSY: the market has touched the stop already"
    if wanted.quantity > old.quantity:
        return _carry_fault(rules, state, Wish(old.symbol, old.side, wanted.quantity - old.quantity))
    return None


def shape_fault(terms: Terms, request: OrderRequest) -> str | None:
    """Say what is wrong with an order's own figures, or None."""
    quantity, kind = request.quantity, request.order_type
    if not quantity.is_finite() or not ZERO < quantity <= MOST or not is_multiple(quantity, terms.lot):
        return f"BAD_QUANTITY: the quantity must be a positive multiple of {plain(terms.lot)}"
    if (request.limit_price is not None) is not (kind in NEEDS_LIMIT):
        return "ORDER_TYPE_NOT_ALLOWED: limit orders have a limit price, the others none"
    trails = [each for each in (request.trail_amount, request.trail_percent) if each is not None]
    if len(trails) != (kind is OrderType.TRAILING_STOP):
        return "ORDER_TYPE_NOT_ALLOWED: a trailing stop has one distance, the others none"
    if request.stop_price is None if kind in NEEDS_STOP else request.stop_price is not None and kind not in STOPS:
        return "ORDER_TYPE_NOT_ALLOWED: stop orders have a stop price, the others none"
    if kind in STOPS and request.time_in_force in AT_ONCE:
        return "ORDER_TYPE_NOT_ALLOWED: IOC and FOK are for market and limit orders"
    for price in (request.limit_price, request.stop_price, request.trail_amount):
        if price is not None and not _on_grid(price, terms.tick):
            return f"BAD_TICK: prices must be positive multiples of {plain(terms.tick)}"
    percent = request.trail_percent
    if percent is not None and not (percent.is_finite() and ZERO < percent < _WHOLE):
        return "BAD_TICK: a trailing distance is more than 0 and less than 100 percent"
    return None


def stop_terms(request: OrderRequest) -> tuple[Decimal | None, ...]:
    """Return what decides where an order's stop stands."""
    return request.stop_price, request.trail_amount, request.trail_percent


def _on_grid(price: Decimal, tick: Decimal) -> bool:
    return price.is_finite() and ZERO < price <= MOST and is_multiple(price, tick)


def _fixed(request: OrderRequest) -> tuple[object, ...]:
    return request.symbol, request.side, request.order_type, request.time_in_force, request.outside_hours


def _book_fault(rules: Rules, state: State, requests: Sequence[OrderRequest]) -> str | None:
    """Say why the book can't hold orders, or None."""
    if len(state.open) + len(requests) > rules.max_open:
        return f"BUSY: {rules.max_open} orders may be open at a time"
    for request in requests:
        terms, shown = rules.terms.get(request.symbol), state.shown.get(request.symbol)
        if terms is None:
            return f"INSTRUMENT_UNRESOLVED: nothing of the symbol {request.symbol} is listed"
        if shown is None or shown.gone:
            return "MARKET_DATA_MISSING: there is no quote"
        fault = shape_fault(terms, request)
        if fault is not None:
            return fault
    return None


def _bracket_fault(requests: Sequence[OrderRequest]) -> str | None:
    entry, target, stop = requests
    if any(exit_.side is entry.side or exit_.quantity != entry.quantity for exit_ in (target, stop)):
        return "BAD_ARGUMENTS: the exits of a bracket close what its entry opens"
    if target.order_type is not OrderType.LIMIT or stop.order_type not in STOPS:
        return "ORDER_TYPE_NOT_ALLOWED: a bracket's target is a limit order, its stop a stop order"
    prices = [stop.stop_price, entry.limit_price or entry.stop_price, target.limit_price]
    known = [price for price in prices if price is not None]
    if known != sorted(set(known), reverse=entry.side is Side.SELL):
        return "BAD_ARGUMENTS: a bracket's entry lies between its stop and its target"
    return _group_fault(requests, requests[1:])


def _pair_fault(requests: Sequence[OrderRequest]) -> str | None:
    if len({request.quantity for request in requests}) > 1:
        return "BAD_ARGUMENTS: both orders of a pair have the same quantity"
    if any(request.order_type is OrderType.MARKET for request in requests):
        return "ORDER_TYPE_NOT_ALLOWED: the orders of a pair wait for a price"
    return _group_fault(requests, requests)


def _group_fault(requests: Sequence[OrderRequest], waiting: Sequence[OrderRequest]) -> str | None:
    if len({request.symbol for request in requests}) > 1:
        return "BAD_ARGUMENTS: linked orders are for one instrument"
    if any(request.time_in_force in AT_ONCE for request in waiting):
        return "ORDER_TYPE_NOT_ALLOWED: linked orders that wait are DAY or GTC"
    return None


def _wishes(linkage: Linkage, requests: Sequence[OrderRequest]) -> tuple[Wish, ...]:
    """Return what a group may add at worst: a bracket's entry, and of a pair one order on each side."""
    if linkage is Linkage.BRACKET:
        return (_wish(requests[0]),)
    return tuple({request.side: _wish(request) for request in requests}.values())


def _wish(request: OrderRequest) -> Wish:
    return Wish(request.symbol, request.side, request.quantity)


def _carry_fault(rules: Rules, state: State, *wishes: Wish) -> str | None:
    for wish in wishes:
        if wish.side is Side.SELL and not rules.terms[wish.symbol].shortable and not deliverable(state, wish):
            return f"SHORT_NOT_ALLOWED: {wish.symbol} can't be sold short"
    if any(wish.side is Side.SELL for wish in wishes):
        bare = uncovered(state, rules.terms, *wishes)
        if bare:
            return f"SHORT_NOT_ALLOWED: nothing would cover the calls that are sold on {', '.join(sorted(bare))}"
    if not affordable(state, rules.terms, *wishes):
        return "BUYING_POWER: the account's equity doesn't cover the margin"
    return None
