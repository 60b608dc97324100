"""What can be read by its address instead of by a tool: the portfolio, the orders, and quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from cockpit.desk.gate import Served
from cockpit.model.identity import Scope
from cockpit.model.instruments import SYMBOL_PATTERN
from tools.account import AccountArguments
from tools.market import QuoteArguments, get_quote
from tools.orders import ListArguments, list_orders
from tools.portfolio import get_portfolio
from tools.registry import Call

PORTFOLIO: Final = "cockpit://portfolio"
ORDERS: Final = "cockpit://orders"
QUOTES: Final = "cockpit://quotes/"
QUOTE_TEMPLATE: Final = "cockpit://quotes/{symbol}"
_SYMBOL: Final = re.compile(SYMBOL_PATTERN)
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource."""

    uri: str
    """Its address, or the template of its addresses."""
    name: str
    title: str
    description: str
    scope: Scope


KINDS: Final = (
    Kind(
        PORTFOLIO,
        "portfolio",
        "Portfolio",
        "Equity, cash, buying power, positions and exposure of your account, as get_portfolio tells them.",
        Scope.READ_ACCOUNT,
    ),
    Kind(
        ORDERS,
        "orders",
        "Orders",
        "The newest orders of your connection, as list_orders tells them; pending means that nothing was sent.",
        Scope.READ_ORDERS,
    ),
    Kind(
        QUOTE_TEMPLATE,
        "quote",
        "Quote",
        "Best bid and ask of one instrument with source, data type and age, as get_quote tells them.",
        Scope.READ_MARKET,
    ),
)
_PORTFOLIO, _ORDERS, _QUOTE = KINDS


@dataclass(frozen=True, slots=True)
class Place:
    """What one address stands for."""

    kind: Kind
    symbol: str = ""
    """Of a quote, in upper case."""

    async def read(self, call: Call) -> Served[Any]:
        """Give what the tool of the same kind gives."""
        if self.kind is _PORTFOLIO:
            return await get_portfolio(call, AccountArguments())
        if self.kind is _ORDERS:
            return await list_orders(call, ListArguments.model_validate({}))
        return await get_quote(call, QuoteArguments(symbol=self.symbol))


def place_of(uri: str) -> Place | None:
    """Return what an address stands for; None where there is nothing of that address."""
    if len(uri) > _LONGEST:
        return None
    if uri in {PORTFOLIO, ORDERS}:
        return Place(_PORTFOLIO if uri == PORTFOLIO else _ORDERS)
    if not uri.startswith(QUOTES):
        return None
    symbol = unquote(uri.removeprefix(QUOTES)).upper()
    return Place(_QUOTE, symbol) if _SYMBOL.fullmatch(symbol) else None
