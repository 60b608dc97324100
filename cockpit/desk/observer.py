"""What is known about an order's market and account at this instant: gathered once, judged by pure checks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from cockpit.desk.book import Book
from cockpit.desk.connections import Connection
from cockpit.desk.groups import ALONE, EXITS, Beside, may_still_fill
from cockpit.desk.market import Market
from cockpit.desk.risk import Seen, evaluate, worst_notional
from cockpit.desk.switch import Switch
from cockpit.model.checks import CheckResult
from cockpit.model.clock import Clock
from cockpit.model.money import ZERO
from cockpit.model.orders import AT_BROKER, Order, OrderId, OrderRequest, OrderState, Side
from cockpit.model.refusals import Refused

_NOT_YET_COUNTED = frozenset({OrderState.SENDING, OrderState.UNKNOWN})
"""States in which a broker's buying power may not know the order."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An order with what was seen and found."""

    request: OrderRequest
    seen: Seen
    checks: tuple[CheckResult, ...]
    notional: Decimal | None


class Observer:
    """Looks at market, account and our own orders, and runs the checks on what it saw."""

    def __init__(self, book: Book, switch: Switch, clock: Clock) -> None:
        self._book = book
        self._switch = switch
        self._clock = clock

    async def judge(
        self,
        connection: Connection,
        request: OrderRequest,
        *,
        but: OrderId | None = None,
        beside: Beside = ALONE,
    ) -> Judged:
        """Gather fresh facts and run every check. ``but`` is an order that must not count against itself.

        ``beside`` are orders that would be sent with it and count as if they had been.

        What the broker doesn't answer is missing to the checks, which refuse for it.
        """
        market = Market(connection)
        instrument = await market.resolve(request.symbol)
        seen = _on_top(await self._see(connection, market, instrument.symbol, but), beside)
        policy = connection.settings.policy
        return Judged(request, seen, evaluate(request, seen, policy), worst_notional(request, seen, policy))

    async def _see(self, connection: Connection, market: Market, symbol: str, but: OrderId | None) -> Seen:
        instrument = await market.resolve(symbol)
        try:
            quote = await market.quote(instrument)
        except Refused:
            quote = None
        try:
            balances = await connection.ask(connection.broker.balances())
            positions = await connection.ask(connection.broker.positions())
        except Refused:
            balances, positions = None, ()
        status = connection.broker.status()
        held = sum((one.quantity for one in positions if one.symbol == symbol), ZERO)
        buys = sells = in_flight = ZERO
        for order in self._book.open():
            if order.connection != connection.name or order.state not in AT_BROKER:
                continue
            if order.order_id == but:
                # The broker's buying power is already without this order, which is about to be other than it is.
                if order.state not in _NOT_YET_COUNTED:
                    in_flight -= _value(order, ZERO) * instrument.multiplier
                continue
            if order.state in _NOT_YET_COUNTED and order.role not in EXITS:
                in_flight += _value(order, connection.settings.policy.price_collar) * instrument.multiplier
            if order.request.symbol == symbol:
                still = may_still_fill(order, self._book.known_of_group(order.group_id))
                if order.request.side is Side.BUY:
                    buys += still
                else:
                    sells += still
        return Seen(
            self._clock.now(),
            self._switch.state,
            connection.settings.mode,
            status.mode,
            status.link,
            connection.settings.trade,
            connection.broker.can,
            instrument,
            quote,
            balances,
            held,
            buys,
            sells,
            in_flight,
        )


def _on_top(seen: Seen, beside: Beside) -> Seen:
    if beside is ALONE:
        return seen
    symbol = seen.instrument.symbol
    return replace(
        seen,
        position=seen.position + beside.position(symbol),
        committed_buy=seen.committed_buy + beside.committed(symbol, Side.BUY),
        committed_sell=seen.committed_sell + beside.committed(symbol, Side.SELL),
        in_flight=seen.in_flight + beside.value(),
    )


def _value(order: Order, collar: Decimal) -> Decimal:
    price = order.request.limit_price or order.asked_at_price or ZERO
    return order.left * price * (1 + collar)
