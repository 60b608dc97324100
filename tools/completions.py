"""What may stand where a client is typing an argument: symbols and orders of its own connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from cockpit.model.identity import Scope
from cockpit.model.orders import OrderType, Side
from tools.registry import Call

MOST: Final = 100
"""Values of one answer; the protocol allows no more."""
_LONGEST: Final = 64


async def _symbols(call: Call, typed: str) -> Sequence[str]:
    """Return symbols that begin with what is typed, then those of instruments that hold it in symbol or name."""
    wanted = typed.strip().upper()
    if not wanted:
        if Scope.READ_ACCOUNT not in call.admitted.scopes:
            return ()
        held = await call.connection.ask(call.connection.broker.positions())
        return [one.symbol for one in held if one.quantity][:MOST]
    found = [one.symbol for one in await call.market.search(wanted, MOST)]
    return sorted(found, key=lambda symbol: not symbol.startswith(wanted))[:MOST]


async def _orders(call: Call, typed: str) -> Sequence[str]:
    """Return ids of the connection's orders, the newest first."""
    orders = await call.orders.list(call.admitted, MOST, only_open=False, only_mine=False)
    return [one.order_id for one in orders if one.order_id.startswith(typed.strip())]


async def _sides(call: Call, typed: str) -> Sequence[str]:
    return [side for side in Side if side.startswith(typed.strip().lower())]


async def _order_types(call: Call, typed: str) -> Sequence[str]:
    can = call.connection.broker.can.order_types
    return [one for one in _TICKET_TYPES if one in can and one.startswith(typed.strip().lower())]


_TICKET_TYPES: Final = (OrderType.MARKET, OrderType.LIMIT)
"""Types that the one prompt with an order takes."""
Completer = Callable[[Call, str], Awaitable[Sequence[str]]]
COMPLETERS: Final[Mapping[str, tuple[Scope | None, Completer]]] = {
    "symbol": (Scope.READ_MARKET, _symbols),
    "order_id": (Scope.READ_ORDERS, _orders),
    "side": (None, _sides),
    "order_type": (None, _order_types),
}
"""By the argument's name: the scope that it takes, and who completes it."""


def may_complete(typed: str) -> bool:
    """Whether what is typed is short enough to be the beginning of anything."""
    return len(typed) <= _LONGEST
