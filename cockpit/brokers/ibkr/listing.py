"""One contract as Interactive Brokers describes it, read from its contract details (IN message 10). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from ib_async import Contract, ContractDetails

from cockpit.brokers.ibkr import names
from cockpit.brokers.ibkr.floats import exact
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.money import ZERO, plain
from cockpit.model.text import safe

_ONE: Final = Decimal(1)
_SMALLEST: Final = Decimal("0.00000001")
_KINDS: Final = {
    "STK": InstrumentKind.STOCK,
    "OPT": InstrumentKind.OPTION,
    "FUT": InstrumentKind.FUTURE,
    "CASH": InstrumentKind.FX,
    "CRYPTO": InstrumentKind.CRYPTO,
}
_FRACTIONS: Final = frozenset({"CASH", "CRYPTO"})
"""What is traded in fractions of one through the API; of stocks IB refuses them (10243, 10318)."""
SMART: Final = "SMART"


@dataclass(frozen=True, slots=True)
class Step:
    """From which price on a price step holds (market rules, IN message 93)."""

    above: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Listed:
    """One contract of a kind that is traded here, with what requests, orders and hours need of it."""

    instrument: Instrument
    con_id: int
    sec_type: str
    ticker: str
    local_symbol: str
    trading_class: str
    exchange: str
    """Where orders and requests are sent: SMART wherever IB routes it."""
    primary: str
    currency: str
    expires: str
    """Last trading day as YYYYMMDD; empty where there is none."""
    strike: Decimal
    right: str
    multiplier: str
    """As IB writes it; empty for one."""
    magnifier: Decimal
    """By how much prices are larger than money: 100 where prices are in pence."""
    under_id: int
    zone: str
    trading_hours: str
    liquid_hours: str
    rule: int
    """Number of the market rule that holds where it is sent; 0 where none is given."""
    steps: tuple[Step, ...] = ()

    def contract(self) -> Contract:
        """Return it as a contract for a request: a new one each time, since requests change what they are given."""
        return Contract(
            secType=self.sec_type,
            conId=self.con_id,
            symbol=self.ticker,
            lastTradeDateOrContractMonth=self.expires,
            strike=float(self.strike),
            right=self.right,
            multiplier=self.multiplier,
            exchange=self.exchange,
            primaryExchange=self.primary if self.sec_type == "STK" else "",
            currency=self.currency,
            localSymbol=self.local_symbol,
            tradingClass=self.trading_class,
        )

    def step_at(self, price: Decimal | None) -> Decimal:
        """Return the price step that holds at a price; IB's smallest one where the price isn't known."""
        if price is None:
            return self.instrument.tick
        return next((one.size for one in reversed(self.steps) if abs(price) >= one.above), self.instrument.tick)

    @property
    def finest(self) -> Decimal:
        """Return the smallest step that holds at any price."""
        return min([self.instrument.tick, *(one.size for one in self.steps)])

    def named(self, symbol: str) -> Listed:
        """Return it under another name."""
        return replace(self, instrument=replace(self.instrument, symbol=symbol))

    def stepped(self, steps: tuple[Step, ...]) -> Listed:
        """Return it with the steps of its market rule."""
        return replace(self, steps=steps)

    def seen_at(self, price: Decimal | None) -> Instrument:
        """Return the instrument with the step that holds around a price."""
        step = self.step_at(price)
        return self.instrument if step == self.instrument.tick else replace(self.instrument, tick=step)


def read_listed(details: ContractDetails) -> Listed | None:
    """Return what the details say under the name that it always has, or None for what can't be traded here.

    The name is IB's number until somebody finds a better one.
    """
    contract = details.contract
    if contract is None or contract.conId <= 0 or contract.secType not in _KINDS:
        return None
    kind = _KINDS[contract.secType]
    if kind is InstrumentKind.STOCK and details.stockType == "ETF":
        kind = InstrumentKind.ETF
    exchanges = details.validExchanges.split(",")
    exchange = SMART if SMART in exchanges else contract.exchange or contract.primaryExchange
    strike = exact(contract.strike) or ZERO
    option = None
    if kind is InstrumentKind.OPTION:
        option = names.option(
            contract.tradingClass or contract.symbol, contract.lastTradeDateOrContractMonth, contract.right, strike
        )
    magnifier = Decimal(max(1, details.priceMagnifier))
    instrument = Instrument(
        symbol=names.numbered(contract.conId),
        name=safe(_title(details, kind)),
        kind=kind,
        exchange=safe(contract.primaryExchange or exchange, 20),
        currency=safe(contract.currency, 8),
        tick=_positive(details.minTick) or Decimal("0.01"),
        lot=_lot(details, contract.secType),
        multiplier=(_number(contract.multiplier) or _ONE) / magnifier,
        option=option,
    )
    return Listed(
        instrument=instrument,
        con_id=contract.conId,
        sec_type=contract.secType,
        ticker=contract.symbol,
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
        exchange=exchange,
        primary=contract.primaryExchange,
        currency=contract.currency,
        expires=contract.lastTradeDateOrContractMonth[:8],
        strike=strike,
        right=contract.right[:1],
        multiplier=contract.multiplier,
        magnifier=magnifier,
        under_id=details.underConId,
        zone=details.timeZoneId,
        trading_hours=details.tradingHours,
        liquid_hours=details.liquidHours,
        rule=_rule(details, exchange),
    )


def _title(details: ContractDetails, kind: InstrumentKind) -> str:
    contract = details.contract
    assert contract is not None
    if kind is InstrumentKind.OPTION:
        right = "call" if contract.right.startswith("C") else "put"
        strike = plain(exact(contract.strike) or ZERO)
        return f"{contract.symbol} {contract.lastTradeDateOrContractMonth[:8]} {strike} {right}"
    if kind is InstrumentKind.FUTURE:
        return f"{details.longName or contract.symbol} {details.contractMonth}".strip()
    return _mended(details.longName) or contract.localSymbol or contract.symbol


def _mended(name: str) -> str:
    """Return a name whose letters beyond ASCII ib_async 2.1.0 has read as Latin-1 instead of UTF-8."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeError:
        return name


def _lot(details: ContractDetails, sec_type: str) -> Decimal:
    step = _positive(details.sizeIncrement) or _positive(details.minSize) or _ONE
    return step if sec_type in _FRACTIONS else max(_ONE, step)


def _rule(details: ContractDetails, exchange: str) -> int:
    """Return the market rule of an exchange: the two lists stand side by side."""
    for where, number in zip(details.validExchanges.split(","), details.marketRuleIds.split(","), strict=False):
        if where == exchange and number.isascii() and number.isdigit():
            return int(number)
    return 0


def _positive(value: float) -> Decimal | None:
    found = exact(value)
    return None if found is None or found < _SMALLEST else found


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text) if text else None
    except ArithmeticError:
        return None
    return None if found is None or not found.is_finite() or found <= ZERO else found
