"""What a paper account holds, in the words of the model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.base import Estimate
from cockpit.brokers.paper.book import State
from cockpit.brokers.paper.faults import shape_fault
from cockpit.brokers.paper.instruments import CURRENCY
from cockpit.brokers.paper.margin import Terms, Wish, available, buying_power, equity, required, unrealised
from cockpit.brokers.paper.rules import Rules
from cockpit.model.accounts import Balances, Position
from cockpit.model.orders import OrderRequest, Side

_AVERAGE_STEP: Final = Decimal("0.000001")


def balances(state: State, terms: Mapping[str, Terms], account: str, now: datetime, source: str) -> Balances:
    """Return the account's money; positions are valued at the middle of the quotes that the state shows.

    Where one has no price any more, it is valued at its last, and the whole is as old as that.
    """
    last = [state.shown[symbol].touch.at for symbol in state.holdings if state.shown[symbol].gone]
    return Balances(
        account=account,
        currency=CURRENCY,
        cash=state.cash,
        equity=equity(state, terms),
        buying_power=buying_power(state, terms),
        realised=state.realised,
        unrealised=unrealised(state, terms),
        fees=state.fees,
        as_of=min([now, *last]),
        source=source,
        available=available(state, terms),
    )


def positions(state: State, terms: Mapping[str, Terms], now: datetime, source: str) -> tuple[Position, ...]:
    """Return what is held, by symbol, valued likewise."""
    return tuple(_position(state, terms[symbol], symbol, now, source) for symbol in sorted(state.holdings))


def estimate(state: State, rules: Rules, request: OrderRequest, source: str) -> Estimate | None:
    """Return fee and further margin of an order as if it filled now; None where it could not be taken as it is."""
    terms, shown = rules.terms.get(request.symbol), state.shown.get(request.symbol)
    if terms is None or shown is None or shown.gone or shape_fault(terms, request) is not None:
        return None
    side, price = request.side, shown.touch.price(request.side)
    if request.stop_price is not None:
        price = max(price, request.stop_price) if side is Side.BUY else min(price, request.stop_price)
    if request.limit_price is not None:
        price = min(price, request.limit_price) if side is Side.BUY else max(price, request.limit_price)
    wish = Wish(request.symbol, side, request.quantity)
    return Estimate(
        fee=rules.fees.due(request.quantity, request.quantity * price * terms.multiplier),
        margin=required(state, rules.terms, wish) - required(state, rules.terms),
        currency=CURRENCY,
        source=source,
    )


def _position(state: State, terms: Terms, symbol: str, now: datetime, source: str) -> Position:
    held, shown = state.holdings[symbol], state.shown[symbol]
    mark = None if shown.gone else shown.touch.mid
    value = None if mark is None else held.quantity * mark * terms.multiplier
    return Position(
        symbol=symbol,
        quantity=held.quantity,
        average_price=(held.cost / held.quantity / terms.multiplier).quantize(_AVERAGE_STEP),
        mark=mark,
        market_value=value,
        unrealised=None if value is None else value - held.cost,
        currency=CURRENCY,
        as_of=now,
        source=source,
    )
