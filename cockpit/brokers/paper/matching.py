"""How orders meet a price: who is reached, in which order, and at what each is filled.

A taker gets the touch up to what it shows; the rest of a market order is filled some ticks beyond. A limit order that
the market comes to gets its limit; one that the market stood within all along, such as the rest of a taker, gets the
worse of the two quotes. A stop takes once the side it would trade at touches it, so a gap beyond it is filled at the
market. Inside a recorded bar prices move without gaps: a stop or a limit that is passed is filled where it stood.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from cockpit.brokers.paper.book import PaperOrder, Touch
from cockpit.brokers.paper.linking import cancel, trade
from cockpit.brokers.paper.margin import Terms
from cockpit.brokers.paper.turn import Turn
from cockpit.model.money import ZERO
from cockpit.model.orders import OrderRequest, OrderType, Side, TimeInForce

AT_ONCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_PERCENT: Final = Decimal(100)


def arrive(turn: Turn, order: PaperOrder, *, session: bool) -> None:
    """Let an order that is new, or newly priced, meet the quote as it stands."""
    shown = turn.shown[order.request.symbol]
    if _can_trade(order, session) and not shown.gone:
        if order.waits_for_stop:
            _follow(turn, order, shown.touch, passing=False)
        elif _crosses(order.request, shown.touch.price(order.request.side)):
            _take(turn, order, shown.touch, shown.touch.price(order.request.side))
    rest = turn.open.get(order.reference)
    if rest is not None and rest.request.time_in_force in AT_ONCE:
        cancel(turn, rest, f"{rest.request.time_in_force.upper()}: the rest found nothing to trade with")


def meet(turn: Turn, touch: Touch, before: Touch | None, *, session: bool) -> None:
    """Let everything that rests meet a new quote, after the one before: limits by price and age, then stops by age."""
    resting = [
        order for order in turn.open.values() if order.request.symbol == touch.symbol and _can_trade(order, session)
    ]
    reached = [
        order
        for order in resting
        if not order.waits_for_stop and _crosses(order.request, touch.price(order.request.side))
    ]
    for order in sorted(reached, key=_priority):
        now = turn.open.get(order.reference)  # a fill before it may have cancelled or shrunk it
        if now is not None:
            _rest(turn, now, touch, before)
    for order in resting:
        now = turn.open.get(order.reference)
        if now is not None and now.waits_for_stop:
            _follow(turn, now, touch, passing=True)


def _can_trade(order: PaperOrder, session: bool) -> bool:
    return not order.held and (session or order.request.outside_hours)


def _crosses(request: OrderRequest, price: Decimal) -> bool:
    return request.limit_price is None or request.side.sign * price <= request.side.sign * request.limit_price


def _priority(order: PaperOrder) -> tuple[bool, Decimal, int]:
    """Return the place in the queue: market orders, then the better price first, then the older order."""
    limit = order.request.limit_price
    return limit is not None, -order.request.side.sign * (limit or ZERO), order.rank


def _rest(turn: Turn, order: PaperOrder, touch: Touch, before: Touch | None) -> None:
    limit, side = order.request.limit_price, order.request.side
    if limit is None:
        _take(turn, order, touch, touch.price(side))
        return
    quantity = min(order.left, turn.available(touch.symbol, side))
    if quantity > ZERO:
        trade(turn, order, quantity, _resting_price(touch, before, side, limit))


def _resting_price(touch: Touch, before: Touch | None, side: Side, limit: Decimal) -> Decimal:
    price = touch.price(side)
    if touch.low is None:
        came_from = limit if before is None else before.price(side)
    else:
        came_from = touch.came_from
    if came_from is None:
        return price
    worst = max if side is Side.BUY else min
    better = min if side is Side.BUY else max
    return better(limit, worst(came_from, price))


def _follow(turn: Turn, order: PaperOrder, touch: Touch, *, passing: bool) -> None:
    """Move a trailing stop with the quote, and let a stop that is touched trade."""
    request, side = order.request, order.request.side
    price = touch.price(side)
    trigger = _trigger(turn.rules.terms[request.symbol], order, price)
    if side.sign * price < side.sign * trigger:
        if trigger != order.trigger:
            turn.put(replace(order, trigger=trigger))
        return
    order = replace(order, trigger=trigger, armed=True)
    turn.put(order)
    if passing and touch.came_from is not None and side.sign * touch.came_from < side.sign * trigger:
        price = trigger
    if _crosses(request, price):
        _take(turn, order, touch, price)


def _trigger(terms: Terms, order: PaperOrder, price: Decimal) -> Decimal:
    """Return where a stop stands at this price: a trailing one only ever moves towards the market's better side."""
    request, side = order.request, order.request.side
    if request.order_type is not OrderType.TRAILING_STOP:
        return request.stop_price or ZERO
    if request.trail_percent is not None:
        away = price * request.trail_percent / _PERCENT
    else:
        away = request.trail_amount or ZERO
    # on the tick, and never nearer than asked
    rounding = ROUND_CEILING if side is Side.BUY else ROUND_FLOOR
    ticks = ((price + side.sign * away) / terms.tick).to_integral_value(rounding)
    fresh = max(terms.tick, ticks * terms.tick)
    nearer = min if side is Side.BUY else max
    return nearer([fresh, *(stop for stop in (order.trigger or request.stop_price,) if stop is not None)])


def _take(turn: Turn, order: PaperOrder, touch: Touch, price: Decimal) -> None:
    """Trade at once: what is shown at the price, and of a market order the rest some ticks beyond."""
    request, side = order.request, order.request.side
    market = request.limit_price is None
    quantity = min(order.left, turn.available(request.symbol, side))
    if quantity < order.left and request.time_in_force is TimeInForce.FOK and not market:
        return
    if quantity > ZERO:
        order = trade(turn, order, quantity, price)
    if market and order.left > ZERO:
        trade(turn, order, order.left, _slipped(turn, touch, side, price))


def _slipped(turn: Turn, touch: Touch, side: Side, price: Decimal) -> Decimal:
    tick = turn.rules.terms[touch.symbol].tick
    beyond = max(tick, price + side.sign * turn.rules.slip_ticks * tick)
    if touch.low is None or touch.high is None:
        return beyond
    return min(max(beyond, touch.low), touch.high)
