"""What one currency costs in another: the interbank quote, or the rate by which the broker values the account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Final

from ib_async import AccountValue

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import names
from cockpit.brokers.ibkr.contracts import Contracts
from cockpit.brokers.ibkr.line import CockpitIB, Line
from cockpit.brokers.ibkr.quotes import Quotes
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.model.clock import Clock
from cockpit.model.money import ZERO
from cockpit.model.quotes import DataType, FxRate, Quote
from cockpit.model.refusals import Refused

TAG: Final = "ExchangeRate"
_MOST_HEARD: Final = 200
_DIGITS: Final = Context(prec=8)
_ONE: Final = Decimal(1)
_OF_THE_ACCOUNT: Final = f"{SOURCE}: rate of the account"


def of_quote(base: str, counter: str, quote: Quote, *, inverse: bool) -> FxRate | None:
    """Return a rate from the quote of a pair, turned round where the pair is; None where a side is missing."""
    bid, ask = quote.bid, quote.ask
    if bid is None or ask is None or bid <= ZERO or ask <= ZERO:
        return None
    if inverse:
        bid, ask = _DIGITS.divide(_ONE, ask), _DIGITS.divide(_ONE, bid)
    return FxRate(base, counter, bid, ask, quote.as_of, quote.source, quote.data_type)


@dataclass(frozen=True, slots=True)
class Worth:
    """What the account values one of a currency at, and when that was told."""

    rate: Decimal
    at: datetime


def of_account(base: str, counter: str, rates: dict[str, Worth]) -> FxRate | None:
    """Return a rate from what the account values currencies at, as old as the older; None where it doesn't hold both."""
    one, other = rates.get(base), rates.get(counter)
    if one is None or other is None:
        return None
    rate = _DIGITS.divide(one.rate, other.rate)
    # The account's own currency is always worth one, and isn't told again.
    told = [worth.at for worth in (one, other) if worth.rate != _ONE] or [one.at, other.at]
    return FxRate(base, counter, rate, rate, min(told), _OF_THE_ACCOUNT, DataType.UNKNOWN)


class Rates:
    """Exchange rates as one account sees them."""

    def __init__(self, line: Line, contracts: Contracts, quotes: Quotes, clock: Clock) -> None:
        self._line = line
        self._contracts = contracts
        self._quotes = quotes
        self._clock = clock
        self._ib: CockpitIB | None = None
        self._since = clock.now()
        self._heard: dict[str, datetime] = {}
        """By currency."""
        line.on_up(self._listen)

    async def rate(self, base: str, counter: str) -> FxRate | None:
        """Return what one unit of ``base`` costs in ``counter``; None where neither market nor account tells."""
        if base == counter:
            return FxRate(base, counter, _ONE, _ONE, self._clock.now(), SOURCE, DataType.LIVE)
        refused: Refused | None = None
        for one, other, inverse in ((base, counter, False), (counter, base, True)):
            pair = names.pair(one, other)
            found = await self._contracts.matches(pair) if pair else ()
            if len(found) != 1:
                continue
            try:
                quote = await self._quotes.quote(found[0])
            except Refused as problem:
                refused = problem
                continue
            rate = None if quote is None else of_quote(base, counter, quote, inverse=inverse)
            if rate is not None:
                return rate
        known = self._of_account(base, counter)
        if known is None and refused is not None:
            raise refused
        return known

    def _of_account(self, base: str, counter: str) -> FxRate | None:
        if self._ib is None:
            return None
        rates: dict[str, Worth] = {}
        for value in self._ib.wrapper.accountValues.values():
            if value.tag == TAG and value.account == self._line.account:
                worth = _positive(value)
                if worth is not None:
                    rates[value.currency] = Worth(worth, self._heard.get(value.currency, self._since))
        return of_account(base, counter, rates)

    async def _listen(self) -> None:
        """Note when the account's values come: they bear no time of their own."""
        try:
            ib = self._line.ib
        except BrokerUnavailable:
            return
        if self._ib is not ib:
            self._ib, self._since = ib, self._clock.now()
            self._heard.clear()
            ib.accountValueEvent.connect(lambda value: self._hear(ib, value))

    def _hear(self, ib: CockpitIB, value: AccountValue) -> None:
        if ib is self._ib and value.tag == TAG and (value.currency in self._heard or len(self._heard) < _MOST_HEARD):
            self._heard[value.currency] = self._clock.now()


def _positive(value: AccountValue) -> Decimal | None:
    try:
        found = Decimal(value.value)
    except ArithmeticError:
        return None
    return found if found.is_finite() and found > ZERO else None
