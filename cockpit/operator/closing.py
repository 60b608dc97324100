"""The operator's own hand on positions: look at one, close it or a part of it, or flatten a whole connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cockpit.desk.by_hand import Flattened
from cockpit.desk.closure import Close, Closure
from cockpit.desk.connections import Connection
from cockpit.model.checks import Applies
from cockpit.model.clock import Clock
from cockpit.model.money import cents, plain
from cockpit.model.orders import Order, OrderState
from cockpit.model.refusals import REFUSALS, Refusal, Refused, refuse
from cockpit.model.text import safe
from cockpit.operator import listing
from cockpit.operator.act import Answer, Done
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.terms import connection_for
from cockpit.operator.wire import decimal

TOUCH: Final = "touch"
"""As a limit: the price at which it trades now, or at which it traded when the close was looked at."""

_NOT_CLOSED: Final = {
    OrderState.REJECTED: "BROKER_REJECTED",
    OrderState.REFUSED: "CANCELLED_BEFORE_SENT",
    OrderState.CANCELLED: "NOT_FLAT",
    OrderState.EXPIRED: "NOT_FLAT",
    OrderState.UNKNOWN: "NOT_FLAT",
}
"""What a close is refused with that came to nothing, or of which nobody knows what it came to."""


_OF_A_PRICE: Final = frozenset(
    {"MARKET_DATA_STALE", "MARKET_DATA_NOT_LIVE", "SPREAD_TOO_WIDE", "PRICE_COLLAR", "MARKETABLE_THROUGH"}
)


class ClosingActs:
    """The acts about positions. What is sent only closes, so neither switch nor latch stands in its way."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms
        self._by_hand = rooms.by_hand

    async def look(self, given: dict[str, str], by: str) -> Answer:
        """Show a position, what closing it would send, and every check; nothing changes."""
        wanted = await self._wanted(given)
        if isinstance(wanted, Refusal):
            return wanted
        closure = await self._by_hand.look(wanted)
        return Done(_sentence(wanted, closure), _facts(wanted, closure, self._rooms.clock))

    async def close(self, given: dict[str, str], by: str) -> Answer:
        """Send what closes a position, if it still is as it was looked at."""
        wanted = await self._wanted(given)
        if isinstance(wanted, Refusal):
            return wanted
        order = await self._by_hand.close(wanted, given.get("seen", ""), by)
        says = listing.order_says(order)
        if (code := _not_closed(order)) is not None:
            return refuse(code, f"{says}.", order_id=order.order_id, state=order.state, filled=plain(order.filled))
        return Done(says, listing.order_json(order))

    async def flatten(self, given: dict[str, str], by: str) -> Answer:
        """Cancel what is open on a connection and close all that it holds."""
        name = connection_for(self._rooms, given.get("connection"))
        if isinstance(name, Refusal):
            return name
        done = await self._by_hand.flatten(name, by)
        ended = f"{done.ended} open orders ended. " if done.ended else ""
        blind = f" {_untrusted(done.unpriced)}." if done.unpriced else ""
        closed = [listing.order_says(order) for order in done.orders if order.state is OrderState.FILLED]
        if not done.is_flat:
            return _not_flat(name, done, [*closed, *([f"{done.ended} open orders ended"] if done.ended else ())])
        data = {
            "connection": name,
            "ended": done.ended,
            "orders": [listing.order_json(order) for order in done.orders],
            "unpriced": list(done.unpriced),
        }
        return Done(f"{name}: {ended}{'; '.join(closed) or 'Nothing was held'}.{blind}", data)

    async def _wanted(self, given: dict[str, str]) -> Close | Refusal:
        text = given.get("limit", "").lower()
        limit = None
        if text and text != TOUCH:
            try:
                limit = decimal(text)
            except ValueError as error:
                return refuse("BAD_ACT_ARGUMENTS", f"limit must be {TOUCH}, or {error}.", argument="limit")
        quantity = given.get("quantity")
        name = await self._holder(given["symbol"], given.get("connection"))
        if isinstance(name, Refusal):
            return name
        return Close(
            name, given["symbol"].upper(), None if quantity is None else decimal(quantity), limit, text == TOUCH
        )

    async def _holder(self, symbol: str, named: str | None) -> str | Refusal:
        """Return the connection that is named, else the only one, else the only one that holds the symbol."""
        found = connection_for(self._rooms, named)
        if not isinstance(found, Refusal) or named is not None:
            return found
        holders = [one.name for one in self._rooms.connections if await _may_hold(one, symbol.upper())]
        return holders[0] if len(holders) == 1 else found


async def _may_hold(connection: Connection, symbol: str) -> bool:
    """Whether a connection holds a symbol, or may: its broker doesn't say."""
    try:
        positions = await connection.ask(connection.broker.positions())
    except Refused:
        return True
    return any(one.symbol == symbol and one.quantity for one in positions)


def _not_closed(order: Order) -> str | None:
    """Return the code for a close that came to nothing; one that was refused before it left says its own."""
    refused = order.reason.partition(":")[0] if order.state is OrderState.REFUSED else ""
    return refused if refused in REFUSALS else _NOT_CLOSED.get(order.state)


def _not_flat(name: str, done: Flattened, went_well: Sequence[str]) -> Refusal:
    """Say what is held or open still, and only then what went well: a long sentence may be cut."""
    unfilled = [order for order in done.orders if order.state is not OrderState.FILLED]
    parts = [f"{safe(symbol, 40)}: {why.code}: {why.message.rstrip('.')}" for symbol, why in done.left]
    parts += [f"{listing.order_says(order)} [{order.order_id}]" for order in unfilled]
    parts += [f"still open: {listing.order_says(order)} [{order.order_id}]" for order in done.open]
    parts += [_untrusted(done.unpriced)] if done.unpriced else []
    parts += [] if done.others_told else ["Nobody told what others have open in the account"]
    says = f"{name} is not flat. {'; '.join((*parts, *went_well))}."
    return refuse(
        "NOT_FLAT",
        says,
        connection=name,
        sent=len(done.orders),
        left=", ".join(dict.fromkeys(safe(symbol, 40) for symbol, _ in done.left)) or None,
        not_filled=", ".join(order.order_id for order in unfilled) or None,
        open=", ".join(order.order_id for order in done.open) or None,
    )


def _untrusted(symbols: Sequence[str]) -> str:
    return f"Sent without a price to trust: {', '.join(safe(symbol, 40) for symbol in symbols)}"


def _warning(closure: Closure) -> str:
    """Say loudly what leaves the decision to the operator; empty where there is nothing."""
    warnings = closure.warnings()
    if any(one.code == "MARKET_DATA_MISSING" for one in warnings):
        # Of a price that isn't there, what else isn't known goes without saying.
        warnings = tuple(one for one in warnings if one.code not in _OF_A_PRICE)
    told = "; ".join(f"{one.code}: {one.message.rstrip('.')}" for one in warnings)
    if not told:
        return ""
    return f"{'WARNING' if closure.is_priced else 'NO PRICE TO TRUST'}: {told}."


def _sentence(wanted: Close, closure: Closure) -> str:
    refusal = closure.together.refusal()
    sends = f"{closure.request.words()} on {wanted.connection}"
    if refusal is not None:
        return f"Closing would be refused, {refusal.code}: {refusal.message} It would send {sends}."
    warning = _warning(closure)
    odd = f": {plain(closure.odd)} is less than the lot of {plain(closure.lot)}" if closure.odd else ""
    return f"{f'{warning} ' if warning else ''}Closing sends {sends} and leaves {plain(closure.held_after)}{odd}."


def _facts(wanted: Close, closure: Closure, clock: Clock) -> dict[str, object]:
    seen, request, position = closure.together.head.seen, closure.request, closure.position
    quote, refusal = seen.quote, closure.together.refusal()
    checks = closure.together.checks()
    about, realises = closure.about(), closure.realises()
    return {
        "connection": wanted.connection,
        "symbol": request.symbol,
        "order": request.words(),
        "side": request.side,
        "quantity": plain(request.quantity),
        "order_type": request.order_type,
        "limit_price": None if request.limit_price is None else plain(request.limit_price),
        "held": plain(position.quantity),
        "held_after": plain(closure.held_after),
        "closed_by_others": plain(closure.others),
        "average_price": plain(position.average_price),
        "about": None if about is None else cents(about),
        "realises": None if realises is None else cents(realises),
        "currency": "" if seen.balances is None else seen.balances.currency,
        "bid": None if quote is None or quote.bid is None else plain(quote.bid),
        "ask": None if quote is None or quote.ask is None else plain(quote.ask),
        "data_type": None if quote is None else quote.data_type,
        "source": None if quote is None else safe(quote.source, 40),
        "age_ms": None if quote is None else round(quote.age_ms(clock.now())),
        "passed": sum(1 for one in checks if one.ok and one.applies is Applies.YES),
        "warning": _warning(closure),
        "refused": "" if refusal is None else f"{refusal.code}: {refusal.message}",
        "seen": closure.seen,
    }
