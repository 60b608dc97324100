"""How much of an account its positions and open orders take, and what is left for new ones.

Counted for the worst case of each instrument: that all buy orders are filled and no sell order, or the other way
round. Positions are valued at the middle of the quote. Options are counted by underlying, as `cockpit.model.written` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from cockpit.brokers.paper.book import State
from cockpit.model.money import ZERO
from cockpit.model.options import OptionContract
from cockpit.model.orders import OrderRef, Side
from cockpit.model.written import Written, naked, secured

STANDARD: Final = Decimal("0.5")
"""Share of a position's value that must be covered by equity when it is opened, long or short (Regulation T)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which an instrument is traded here."""

    tick: Decimal
    lot: Decimal
    multiplier: Decimal = Decimal(1)
    shortable: bool = True
    margin: Decimal = STANDARD
    option: OptionContract | None = None
    """The contract, where it is an option."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an order would add to the open ones."""

    symbol: str
    side: Side
    quantity: Decimal


def equity(state: State, terms: Mapping[str, Terms]) -> Decimal:
    """Return cash and the value of all positions."""
    return state.cash + sum(
        (
            held.quantity * state.shown[symbol].touch.mid * terms[symbol].multiplier
            for symbol, held in state.holdings.items()
        ),
        ZERO,
    )


def unrealised(state: State, terms: Mapping[str, Terms]) -> Decimal:
    """Return what closing all positions at the middle would gain, before fees."""
    return equity(state, terms) - state.cash - sum((held.cost for held in state.holdings.values()), ZERO)


def required(state: State, terms: Mapping[str, Terms], *wishes: Wish) -> Decimal:
    """Return the equity that the worst case of positions, open orders and the wishes takes."""
    buys, sells = _with(state, wishes)
    need = ZERO
    for symbol in state.holdings.keys() | buys.keys() | sells.keys():
        quantity, term = _quantity(state, symbol), terms[symbol]
        longest, shortest = quantity + buys.get(symbol, ZERO), quantity - sells.get(symbol, ZERO)
        worst = max(abs(longest), abs(shortest)) if term.option is None else max(ZERO, longest)
        need += worst * state.shown[symbol].touch.mid * term.multiplier * term.margin
    return need + secured(*_sold(state, terms, sells))


def uncovered(state: State, terms: Mapping[str, Terms], *wishes: Wish) -> frozenset[str]:
    """Return the underlyings on which the wishes leave more sold calls that nothing covers, if all sales fill."""
    before = _sold(state, terms, _open(state)[1])
    return naked(*_sold(state, terms, _with(state, wishes)[1]), before)


def _with(state: State, wishes: Iterable[Wish]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    buys, sells = _open(state)
    for wish in wishes:
        side = buys if wish.side is Side.BUY else sells
        side[wish.symbol] = side.get(wish.symbol, ZERO) + wish.quantity
    return buys, sells


def _sold(
    state: State, terms: Mapping[str, Terms], sells: Mapping[str, Decimal]
) -> tuple[list[Written], dict[str, Decimal]]:
    """Return the options, and what else is held, if all that is to be sold were sold and nothing bought."""
    written, shares = [], {}
    for symbol in state.holdings.keys() | sells.keys():
        left, term = _quantity(state, symbol) - sells.get(symbol, ZERO), terms[symbol]
        if term.option is None:
            shares[symbol] = left
        else:
            written.append(Written(term.option, left * term.multiplier))
    return (written, shares) if written else ([], {})


def _quantity(state: State, symbol: str) -> Decimal:
    held = state.holdings.get(symbol)
    return ZERO if held is None else held.quantity


def buying_power(state: State, terms: Mapping[str, Terms]) -> Decimal:
    """Return the value at the middle up to which an order that opens a position of standard margin is taken."""
    return available(state, terms) / STANDARD


def available(state: State, terms: Mapping[str, Terms]) -> Decimal:
    """Return the equity that nothing ties up yet."""
    return max(ZERO, equity(state, terms) - required(state, terms))


def affordable(state: State, terms: Mapping[str, Terms], *wishes: Wish) -> bool:
    """Whether the account can carry the wishes: they add nothing to the worst case, or equity covers it."""
    need = required(state, terms, *wishes)
    return need <= equity(state, terms) or need <= required(state, terms)


def deliverable(state: State, wish: Wish) -> bool:
    """Whether a sale, with those already open, sells no more than is held."""
    _, sells = _open(state)
    return _quantity(state, wish.symbol) - sells.get(wish.symbol, ZERO) >= wish.quantity


def _open(state: State) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return the quantities that may still be bought and sold, by symbol.

    Of a pair only one order is filled, so on each side the larger one counts. A bracket's exits close what its entry
    has filled; while they are held they count for that alone.
    """
    sides: dict[Side, dict[str, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
    pairs: dict[tuple[OrderRef, Side], tuple[str, Decimal]] = {}
    for order in state.open.values():
        side, symbol, quantity = order.request.side, order.request.symbol, order.left
        if order.group is None:
            sides[side][symbol] = sides[side].get(symbol, ZERO) + quantity
            continue
        if order.held:
            quantity = state.open[order.group].filled
        _, larger = pairs.get((order.group, side), (symbol, ZERO))
        pairs[order.group, side] = symbol, max(larger, quantity)
    for (_, side), (symbol, quantity) in pairs.items():
        sides[side][symbol] = sides[side].get(symbol, ZERO) + quantity
    return sides[Side.BUY], sides[Side.SELL]
