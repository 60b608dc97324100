"""What a paper account holds, in the words of the model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.paper.book import State
from cockpit.brokers.paper.instruments import CURRENCY
from cockpit.brokers.paper.margin import Terms, buying_power, equity, unrealised
from cockpit.model.accounts import Balances, Position

_AVERAGE_STEP: Final = Decimal("0.000001")


def balances(state: State, terms: Mapping[str, Terms], account: str, now: datetime, source: str) -> Balances:
    """Return the account's money; positions are valued at the middle of the quotes that the state shows."""
    return Balances(
        account=account,
        currency=CURRENCY,
        cash=state.cash,
        equity=equity(state, terms),
        buying_power=buying_power(state, terms),
        realised=state.realised,
        unrealised=unrealised(state, terms),
        fees=state.fees,
        as_of=now,
        source=source,
    )


def positions(state: State, terms: Mapping[str, Terms], now: datetime, source: str) -> tuple[Position, ...]:
    """Return what is held, by symbol, valued likewise."""
    return tuple(_position(state, terms[symbol], symbol, now, source) for symbol in sorted(state.holdings))


def _position(state: State, terms: Terms, symbol: str, now: datetime, source: str) -> Position:
    held, mark = state.holdings[symbol], state.shown[symbol].touch.mid
    value = held.quantity * mark * terms.multiplier
    return Position(
        symbol=symbol,
        quantity=held.quantity,
        average_price=(held.cost / held.quantity / terms.multiplier).quantize(_AVERAGE_STEP),
        mark=mark,
        market_value=value,
        unrealised=value - held.cost,
        currency=CURRENCY,
        as_of=now,
        source=source,
    )
