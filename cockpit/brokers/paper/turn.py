"""One event's work on an account: a working copy that collects changes and facts, and becomes the next state."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.paper.book import Holding, PaperOrder, Shown, State, Touch
from cockpit.brokers.paper.rules import Rules
from cockpit.model.money import ZERO
from cockpit.model.orders import (
    BrokerFact,
    Cancelled,
    Executed,
    Execution,
    Expired,
    OrderRef,
    OrderState,
    Side,
)
from cockpit.model.text import safe

COST_STEP: Final = Decimal("0.000001")
"""To which the cost is rounded that leaves with a part of a position; what stays takes up the difference."""


class Turn:
    """The account while one event is applied. The state that it started from never changes."""

    __slots__ = (
        "_cash",
        "_changed",
        "_ended",
        "_facts",
        "_fees",
        "_holdings",
        "_realised",
        "_started",
        "at",
        "number",
        "open",
        "rules",
        "shown",
    )

    def __init__(self, rules: Rules, state: State, at: datetime) -> None:
        self.rules = rules
        self.at = at
        self.number = state.number + 1
        self.open = dict(state.open)
        self.shown = dict(state.shown)
        self._started = state
        self._cash, self._realised, self._fees = state.cash, state.realised, state.fees
        self._holdings: dict[str, Holding] | None = None
        self._ended: dict[OrderRef, PaperOrder] = {}
        self._changed: dict[OrderRef, PaperOrder] = {}
        self._facts: list[BrokerFact] = []

    @property
    def facts(self) -> tuple[BrokerFact, ...]:
        """What was said, in order."""
        return tuple(self._facts)

    @property
    def changed(self) -> tuple[PaperOrder, ...]:
        """Every order that was touched, as it is now."""
        return tuple(self._changed.values())

    def state(self) -> State:
        """Return the account after the event."""
        before = self._started
        return State(
            opening_cash=before.opening_cash,
            cash=self._cash,
            realised=self._realised,
            fees=self._fees,
            number=self.number,
            holdings=before.holdings if self._holdings is None else self._holdings,
            open=self.open,
            ended={**before.ended, **self._ended} if self._ended else before.ended,
            shown=self.shown,
        )

    def say(self, fact: BrokerFact) -> None:
        """Add a fact to what the broker says."""
        self._facts.append(fact)

    def show(self, touch: Touch, *, gone: bool = False) -> None:
        """Set the quote, with all of its liquidity; or mark the last one as all that is left."""
        self.shown[touch.symbol] = Shown(touch, gone=gone)

    def available(self, symbol: str, side: Side) -> Decimal:
        """Return the whole lots that an order of that side still finds at the touch."""
        left, lot = self.shown[symbol].left(side), self.rules.terms[symbol].lot
        return max(ZERO, left - left % lot)

    def put(self, order: PaperOrder) -> None:
        """Take an order into the book, in place of one of the same reference."""
        self.open[order.reference] = self._changed[order.reference] = order

    def hold(self, symbol: str, quantity: Decimal, cost: Decimal) -> None:
        """Set a position as a split leaves it; the cost that goes with it is paid out."""
        holdings = dict(self._started.holdings)
        held = holdings.pop(symbol)
        if quantity:
            holdings[symbol] = Holding(quantity, cost)
        self._cash += held.cost - cost
        self._holdings = holdings

    def settle(self, symbol: str, price: Decimal) -> None:
        """Pay out what is held of an instrument that has ended, without a fee, and forget its quote."""
        self.shown.pop(symbol, None)
        held = self._started.holdings.get(symbol)
        if held is not None:
            unit = price * self.rules.terms[symbol].multiplier
            self._cash += held.quantity * unit
            self._realised += self._move(symbol, -held.quantity, unit)

    def end(self, order: PaperOrder, state: OrderState, reason: str = "") -> None:
        """Take an order out of the book for good."""
        order = replace(order, state=state, reason=safe(reason))
        self.open.pop(order.reference, None)
        self._ended[order.reference] = self._changed[order.reference] = order

    def cancel(self, order: PaperOrder, reason: str) -> None:
        """End an order unfilled, or filled in part, and say so."""
        self.say(Cancelled(order.reference, self.at, safe(reason)))
        self.end(order, OrderState.CANCELLED, reason)

    def expire(self, order: PaperOrder) -> None:
        """End an order whose time is over, and say so."""
        self.say(Expired(order.reference, self.at))
        self.end(order, OrderState.EXPIRED, "the day is over")

    def fill(self, order: PaperOrder, quantity: Decimal, price: Decimal) -> PaperOrder:
        """Trade a part of an order: quote, order, position and money move together."""
        side, symbol = order.request.side, order.request.symbol
        unit = price * self.rules.terms[symbol].multiplier
        worth = quantity * unit
        filled, value = order.filled + quantity, order.value + worth
        fee = self.rules.fees.next(order.fee, filled, value)
        self._take(symbol, side, quantity)
        self._cash -= side.sign * worth + fee
        self._fees += fee
        self._realised += self._move(symbol, side.sign * quantity, unit)
        execution = Execution(
            execution_id=f"{order.reference}.{len(order.executions) + 1}",
            reference=order.reference,
            symbol=symbol,
            side=side,
            quantity=quantity,
            price=price,
            fee=fee,
            at=self.at,
        )
        order = replace(
            order,
            state=OrderState.PARTLY_FILLED,
            executions=(*order.executions, execution),
            filled=filled,
            value=value,
            fee=order.fee + fee,
        )
        self.say(Executed(order.reference, self.at, execution))
        if order.left > ZERO:
            self.put(order)
        else:
            self.end(order, OrderState.FILLED)
        return order

    def _take(self, symbol: str, side: Side, quantity: Decimal) -> None:
        shown = self.shown[symbol]
        if side is Side.BUY:
            self.shown[symbol] = Shown(shown.touch, shown.bought + quantity, shown.sold)
        else:
            self.shown[symbol] = Shown(shown.touch, shown.bought, shown.sold + quantity)

    def _move(self, symbol: str, quantity: Decimal, unit: Decimal) -> Decimal:
        """Change a position by a signed quantity at the money one unit is worth; return the profit that this settles.

        Profit is what came in less the cost that left, so that cash and cost always add up to what was put in, what
        was settled and what was paid in fees, however the removed cost was rounded.
        """
        if self._holdings is None:
            self._holdings = dict(self._started.holdings)
        held = self._holdings.get(symbol, Holding(ZERO, ZERO))
        now = held.quantity + quantity
        if held.quantity * quantity >= ZERO:
            self._holdings[symbol] = Holding(now, held.cost + quantity * unit)
            return ZERO
        if held.quantity * now > ZERO:
            removed = (held.cost * -quantity / held.quantity).quantize(COST_STEP)
            self._holdings[symbol] = Holding(now, held.cost - removed)
            return -quantity * unit - removed
        if now:
            self._holdings[symbol] = Holding(now, now * unit)
        else:
            del self._holdings[symbol]
        return held.quantity * unit - held.cost
