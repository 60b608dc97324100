"""Fills that a broker's positions may not show yet: until they do, what they moved counts as if it could still move.

A broker tells fills and positions by different ways, and positions may come later. Without this a position that was sold
would seem to be held for a moment, and what only closes could open the opposite one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from typing import Final

from cockpit.model.accounts import Position
from cockpit.model.clock import SystemClock
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.money import ZERO
from cockpit.model.orders import (
    Execution,
    Order,
    OrderId,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    TimeInForce,
)
from cockpit.model.text import Safe

SETTLED_AFTER: Final = 60.0
"""Seconds after which a fill is taken to be in the positions, whatever they say: others move them too."""
_FILL: Final = "fill:"
_MOST_KNOWN: Final = 1000


@dataclass(frozen=True, slots=True)
class _Fill:
    """A fill, and when it was noted by the clock that never jumps."""

    execution: Execution
    at: float

    @property
    def moves(self) -> Decimal:
        return self.execution.side.sign * self.execution.quantity


@dataclass(frozen=True, slots=True)
class _Symbol:
    """What is not settled of one instrument."""

    base: Decimal | None
    """What was held before these fills, as the broker told it; None where it never did."""
    fills: tuple[_Fill, ...]

    def settled(self, held: Decimal) -> int:
        """Return how many of the fills are certainly in what is held: the fewest that explain it."""
        if self.base is None:
            return 0
        steps = accumulate((one.moves for one in self.fills), initial=self.base)
        return next((count for count, after in enumerate(steps) if after == held), 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was not settled as positions were asked for."""

    number: int
    symbols: Mapping[str, _Symbol]


@dataclass(slots=True)
class Unsettled:
    """The fills of one account, whoever's, until its positions show them."""

    seconds: Callable[[], float] = SystemClock.monotonic
    _symbols: dict[str, _Symbol] = field(default_factory=dict)
    _told: dict[str, Decimal] | None = None
    """What was held by symbol as it was told last."""
    _asked: int = 0
    _answered: int = 0
    _known: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def note(self, execution: Execution) -> None:
        """Take note of a fill, before anybody takes its order for ended. The same one again changes nothing."""
        if execution.execution_id in self._known:
            return
        self._known[execution.execution_id] = None
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        symbol, fill = execution.symbol, _Fill(execution, self.seconds())
        known = self._symbols.get(symbol)
        if known is None:
            known = _Symbol(None if self._told is None else self._told.get(symbol, ZERO), ())
        young = tuple(one for one in known.fills if self._is_young(one))
        base = known.base if len(young) == len(known.fills) else None
        self._symbols[symbol] = _Symbol(base, (*young, fill))

    def asking(self) -> Asked:
        """Take note that positions are about to be asked for."""
        self._asked += 1
        return Asked(self._asked, dict(self._symbols))

    def answered(self, asked: Asked, positions: Sequence[Position], connection: str) -> tuple[Order, ...]:
        """Return the fills that this answer may not show, as orders that may still fill."""
        held = {one.symbol: one.quantity for one in positions}
        left: list[_Fill] = []
        for symbol in {*asked.symbols, *self._symbols}:
            now = self._symbols.get(symbol)
            before = asked.symbols.get(symbol) or now or _Symbol(None, ())
            new = () if now is None else tuple(one for one in now.fills if one not in before.fills)
            both = _Symbol(before.base, (*before.fills, *new))
            quantity = held.get(symbol, ZERO)
            count = both.settled(quantity)
            left += (one for one in both.fills[count:] if self._is_young(one))
            if now is not None:
                self._settle(symbol, now, both.fills[:count], quantity)
        if asked.number > self._answered:
            self._answered, self._told = asked.number, held
        return tuple(_order(one.execution, connection) for one in left)

    def orders(self, connection: str) -> tuple[Order, ...]:
        """Return the fills that no answer has shown yet, as orders that may still fill."""
        fills = (one for symbol in self._symbols.values() for one in symbol.fills if self._is_young(one))
        return tuple(_order(one.execution, connection) for one in fills)

    def _settle(self, symbol: str, now: _Symbol, shown: Sequence[_Fill], held: Decimal) -> None:
        left = tuple(one for one in now.fills if one not in shown and self._is_young(one))
        if not left:
            del self._symbols[symbol]
        elif len(left) < len(now.fills):
            self._symbols[symbol] = _Symbol(held if shown else None, left)

    def _is_young(self, fill: _Fill) -> bool:
        return self.seconds() - fill.at < SETTLED_AFTER


def is_fill(order: Order) -> bool:
    """Whether it is no order, but a fill that positions may not show yet."""
    return order.reference.startswith(_FILL)


def _order(execution: Execution, connection: str) -> Order:
    name = f"{_FILL}{execution.execution_id}"
    request = OrderRequest(
        execution.symbol, execution.side, execution.quantity, OrderType.MARKET, None, TimeInForce.DAY
    )
    return Order(
        OrderId(name), OrderRef(name), 1, ClientName(""), GrantId(""), connection, request, OrderState.WORKING,
        ZERO, None, ZERO, Safe(""), (), execution.at, execution.at, asked_at_price=execution.price,
    )  # fmt: skip
