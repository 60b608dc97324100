"""One contract that exists behind the gateway, and what the market says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from tests.gateway.hours import Venue

ZERO: Final = Decimal(0)
_ANY_STRIKE: Final = frozenset({"", "0", "0.0"})
_EXACT: Final = ("symbol", "currency", "primaryExchange", "localSymbol", "tradingClass", "multiplier")


@dataclass(frozen=True, slots=True)
class Listing:
    """One contract that exists, as contract details tell it."""

    con_id: int
    symbol: str
    kind: str
    """Security type: STK, OPT, CASH or FUT."""
    currency: str
    name: str
    venue: Venue
    exchanges: tuple[str, ...] = ("SMART", "NASDAQ", "NYSE", "ARCA")
    primary: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    tick: Decimal = Decimal("0.01")
    """Smallest step at any price; where the market rule says more, larger steps hold at higher prices."""
    rule: int = 26
    """Market rule id of every exchange it trades on."""
    least: Decimal = Decimal(1)
    """Smallest quantity, and the step of quantities."""
    round_lot: Decimal = Decimal(100)
    multiplier: str = ""
    expiry: date | None = None
    strike: Decimal = ZERO
    right: str = ""
    under: int = 0
    """Contract id of the underlying."""
    stock_type: str = ""
    """COMMON, ETF, PREFERRED ... for stocks."""
    isin: str = ""
    industry: tuple[str, str, str] = ("", "", "")
    order_types: str = "ACTIVETIM,ADJUST,ALERT,DAY,GTC,IOC,LMT,MKT,OCA,STP,STPLMT,TRAIL,WHATIF"

    @property
    def exchange(self) -> str:
        """Where it is traded when nobody says where."""
        return self.exchanges[0]

    @property
    def expires(self) -> str:
        """Last trading day as TWS writes it, empty where there is none."""
        return "" if self.expiry is None else f"{self.expiry:%Y%m%d}"

    @property
    def spelled(self) -> dict[str, str]:
        """The contract's fields by the wire's names."""
        return {
            "conId": str(self.con_id),
            "symbol": self.symbol,
            "secType": self.kind,
            "expiry": self.expires,
            "strike": str(self.strike),
            "right": self.right,
            "multiplier": self.multiplier,
            "exchange": self.exchange,
            "primaryExchange": self.primary,
            "currency": self.currency,
            "localSymbol": self.local_symbol or self.symbol,
            "tradingClass": self.trading_class or self.symbol,
        }

    def answers(self, asked: Mapping[str, str]) -> bool:
        """Tell whether a contract as it was asked for may mean this one."""
        if int(asked.get("conId") or 0) not in (0, self.con_id):
            return False
        if asked.get("exchange", "") not in ("", *self.exchanges):
            return False
        if int(asked.get("conId") or 0):
            return True
        if asked.get("secType", "") != self.kind or asked.get("symbol") not in ("", None, self.symbol):
            return False
        own = self.spelled
        return (
            bool(asked.get("symbol") or asked.get("localSymbol"))
            and all(asked.get(one, "") in ("", own[one]) for one in _EXACT)
            and own["expiry"].startswith(asked.get("expiry", "")[:8])
            and (asked.get("strike", "") in _ANY_STRIKE or Decimal(asked["strike"]) == self.strike)
            and asked.get("right", "").upper()[:1] in ("", "?", self.right)
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What the market says of one contract. A side that nobody quotes is None."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    bid_size: Decimal = Decimal(300)
    ask_size: Decimal = Decimal(400)
    last_size: Decimal = Decimal(100)
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    """Of the day before."""
    volume: Decimal = Decimal(1_200_000)
    halted: bool = False

    @property
    def middle(self) -> Decimal | None:
        """The middle of bid and ask, or the last trade, or the close."""
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return self.last if self.last is not None else self.close
