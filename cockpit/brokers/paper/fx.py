"""Invented exchange rates: each currency moves against the dollar like an instrument, and crosses go by way of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Final

from cockpit.brokers.paper.instruments import CURRENCY, EXCHANGE, Listing
from cockpit.brokers.paper.market import Market, second_of, time_of
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.quotes import DataType, FxRate
from cockpit.model.text import safe

_DIGITS: Final = Context(prec=8)
"""Significant digits of a rate."""


def _rate(code: str, price: str, tick: str, volatility: int) -> tuple[str, Listing]:
    step = Decimal(tick)
    instrument = Instrument(
        code, safe(f"{code} in {CURRENCY}, simulated"), InstrumentKind.FX, EXCHANGE, CURRENCY, step, Decimal(1),
        simulated=True,
    )  # fmt: skip
    return code, Listing(instrument, int(Decimal(price) / step), volatility, 1, 1, shortable=False, margin=Decimal(1))


_LISTINGS: Final = MappingProxyType(
    dict(
        (
            _rate("EUR", "1.0900", "0.00001", 45),
            _rate("GBP", "1.2700", "0.00001", 50),
            _rate("CHF", "1.1300", "0.00001", 45),
            _rate("JPY", "0.0066", "0.0000001", 55),
            _rate("CAD", "0.7300", "0.00001", 40),
            _rate("AUD", "0.6600", "0.00001", 60),
        )
    )
)
CURRENCIES: Final = (CURRENCY, *_LISTINGS)


class Rates:
    """The rates of one seed."""

    def __init__(self, seed: str) -> None:
        self._market = Market(seed, _LISTINGS)
        self._source = safe(f"{self._market.source} exchange rates")

    def rate(self, base: str, counter: str, at: datetime) -> FxRate | None:
        """Return what one unit of ``base`` costs in ``counter`` in the second that holds ``at``; None where unknown."""
        one, other = self._in_dollars(base, at), self._in_dollars(counter, at)
        if one is None or other is None:
            return None
        same = base == counter
        return FxRate(
            base=base,
            counter=counter,
            bid=Decimal(1) if same else _DIGITS.divide(one[0], other[1]),
            ask=Decimal(1) if same else _DIGITS.divide(one[1], other[0]),
            as_of=time_of(second_of(at)),
            source=self._source,
            data_type=DataType.SIMULATED,
        )

    def _in_dollars(self, code: str, at: datetime) -> tuple[Decimal, Decimal] | None:
        if code == CURRENCY:
            return Decimal(1), Decimal(1)
        quote = self._market.quote(code, at)
        return None if quote is None or quote.bid is None or quote.ask is None else (quote.bid, quote.ask)
