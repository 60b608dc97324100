"""How contracts of Interactive Brokers are named here, and what a name asks for. Pure text.

``ALFA`` is the stock or fund in the connection's home currency, or the future of that local symbol. ``ALFA:IBIS`` is
the one whose primary exchange that is, ``ALFA:IBIS/EUR`` the one in that currency there. ``EUR.USD`` is a currency pair,
``ALFA261218C00410000`` an option (OSI). ``IB:265598`` names a contract by IB's own number, where nothing else does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from cockpit.model.options import STRIKE_STEP, OptionContract, Right, read_option

MOST_LENGTH: Final = 32
_TICKER: Final = r"[A-Z0-9](?:[A-Z0-9.\- ]{0,18}[A-Z0-9.\-])?"
_PLAIN: Final = re.compile(_TICKER)
_PLACED: Final = re.compile(rf"({_TICKER}):([A-Z][A-Z0-9.]{{0,15}})(?:/([A-Z]{{3}}))?")
_PAIR: Final = re.compile(r"([A-Z]{3})\.([A-Z]{3})")
_NUMBERED: Final = re.compile(r"IB:([1-9][0-9]{0,9})")
_FUTURE: Final = re.compile(r"[A-Z0-9.]{1,6}[FGHJKMNQUVXZ][0-9]{1,2}|[A-Z0-9.]{1,6} [A-Z0-9 ]{4,14}")
"""Local symbols of futures: root, month and year, such as ESZ6, or in words as on some exchanges."""
_SEARCHED: Final = re.compile(r"[A-Za-z0-9.&'\-/ ]{1,64}")

COINS: Final = frozenset({"PAXOS", "ZEROHASH"})
"""Where IB trades coins."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A ticker alone."""

    ticker: str

    @property
    def may_be_future(self) -> bool:
        """Whether a future's local symbol can look like that."""
        return _FUTURE.fullmatch(self.ticker) is not None


@dataclass(frozen=True, slots=True)
class Placed:
    """A ticker at its primary exchange, and the currency where it was said."""

    ticker: str
    exchange: str
    currency: str = ""

    @property
    def may_be_future(self) -> bool:
        """Whether a future's local symbol can look like that."""
        return not self.currency and _FUTURE.fullmatch(self.ticker) is not None


@dataclass(frozen=True, slots=True)
class Pair:
    """One currency in another."""

    base: str
    counter: str


@dataclass(frozen=True, slots=True)
class Numbered:
    """IB's own number of a contract (conId)."""

    con_id: int


Asked = Plain | Placed | Pair | Numbered | OptionContract


def read(symbol: str) -> Asked | None:
    """Return what a symbol asks for, or None for what can't name anything."""
    if len(symbol) > MOST_LENGTH:
        return None
    option = read_option(symbol)
    if option is not None:
        return option
    if found := _PAIR.fullmatch(symbol):
        return Pair(found[1], found[2])
    if found := _NUMBERED.fullmatch(symbol):
        return Numbered(int(found[1]))
    if found := _PLACED.fullmatch(symbol):
        return Placed(found[1], found[2], found[3] or "")
    return Plain(symbol) if _PLAIN.fullmatch(symbol) else None


def numbered(con_id: int) -> str:
    """Return the name that every contract has."""
    return f"IB:{con_id}"


def placed(ticker: str, exchange: str, currency: str, home: str) -> str | None:
    """Return the name of a listing by its primary exchange, or None where its parts don't make one."""
    text = f"{ticker}:{exchange}" if currency == home else f"{ticker}:{exchange}/{currency}"
    return text if isinstance(read(text), Placed) else None


def plain(ticker: str) -> str | None:
    """Return a ticker as a name, or None where it would be read as something else."""
    return ticker if isinstance(read(ticker), Plain) else None


def pair(base: str, counter: str) -> str | None:
    """Return the name of a currency pair."""
    text = f"{base}.{counter}"
    return text if isinstance(read(text), Pair) else None


def option(trading_class: str, expires: str, right: str, strike: Decimal) -> OptionContract | None:
    """Return the terms of an option as its symbol can say them, or None where it can't.

    Its root is the trading class: that of adjusted contracts differs from the stock, which then doesn't cover them.
    """
    try:
        expiry = date(int(expires[:4]), int(expires[4:6]), int(expires[6:8]))
    except ValueError:
        return None
    if right[:1] not in ("C", "P") or strike % STRIKE_STEP:
        return None
    side = Right.CALL if right.startswith("C") else Right.PUT
    found = OptionContract(trading_class.replace(" ", ""), expiry, side, strike)
    return found if read_option(found.symbol) == found else None


def padded(option: OptionContract) -> str:
    """Return an option's symbol with its root padded to six characters, as IB writes local symbols."""
    return f"{option.underlying:<6}{option.symbol[len(option.underlying) :]}"


def searchable(text: str) -> str | None:
    """Return a text to search for, in one space each, or None where it holds what no name holds."""
    tidy = " ".join(text.replace(":", " ").replace("_", " ").split())
    return tidy if _SEARCHED.fullmatch(tidy) else None
