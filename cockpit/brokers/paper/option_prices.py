"""What options of the invented market cost: Black and Scholes on its spot, by a rule that anyone can compute again.

The volatility of an underlying is one figure for all strikes and expiries: its daily volatility times the root of 365,
for the invented market never rests. The rate is 4 % a year, no dividends are paid. Bid and ask lie 0.75 % and at least
a tick around the value, and never below one and two ticks: what is worthless can still be closed.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import sqrt
from typing import Final

from cockpit.brokers.paper.instruments import LISTINGS
from cockpit.brokers.paper.market import Market
from cockpit.brokers.paper.option_listing import TICK, contract, expires_at, instrument, listed, series, strikes
from cockpit.model.black_scholes import DAYS_A_YEAR, Assumptions, price, values
from cockpit.model.chains import ChainRow, Greeks, OptionChain, OptionLine, OptionSeries
from cockpit.model.options import OptionContract, Right
from cockpit.model.quotes import DataType, Quote
from cockpit.model.text import safe

RATE: Final = 0.04
MODEL: Final = "Black-Scholes-Merton"
_BASIS_POINT: Final = 0.0001
_HALF_SPREAD: Final = Decimal("0.0075")
_SECONDS_A_YEAR: Final = DAYS_A_YEAR * 86_400
_SHARES_A_CONTRACT_SHOWN: Final = 10
"""Shares of the underlying's quoted size for which one contract is shown."""


def volatility(underlying: str) -> float:
    """Return the annual volatility that all options on it are priced with."""
    return LISTINGS[underlying].daily_volatility * _BASIS_POINT * sqrt(DAYS_A_YEAR)


class OptionPrices:
    """Options on one invented market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.source: Final = safe(f"{market.source} {MODEL}")

    def quote(self, symbol: str, at: datetime) -> Quote | None:
        """Return bid and ask of an option in the second that holds ``at``; None where it isn't listed then."""
        option = listed(symbol, at)
        spot = None if option is None else self._market.quote(option.underlying, at)
        return None if option is None or spot is None else self._quote(option, spot)

    def greeks(self, symbol: str, at: datetime) -> Greeks | None:
        """Return the model's values of an option that is listed."""
        option = listed(symbol, at)
        spot = None if option is None else self._market.quote(option.underlying, at)
        return None if option is None or spot is None else self._greeks(option, spot)

    def settled(self, symbol: str, now: datetime) -> Decimal | None:
        """Return what one unit of an option that has expired came to; None for what has not.

        Its intrinsic value at the underlying's last price of the second in which it expired.
        """
        option = contract(symbol)
        ended = None if option is None else expires_at(option)
        if option is None or ended is None or now < ended:
            return None
        quote = self._market.quote(option.underlying, ended)
        return None if quote is None or quote.last is None else option.intrinsic(quote.last)

    def chain(self, of: OptionSeries, count: int, at: datetime) -> OptionChain | None:
        """Return the ``count`` strikes of a series nearest to the money."""
        spot = self._market.quote(of.underlying, at)
        middle = None if spot is None else spot.mid()
        every = strikes(of.underlying)
        if spot is None or middle is None or not every:
            return None
        nearest = sorted(every, key=lambda strike: (abs(strike - middle), strike))[: max(1, count)]
        return OptionChain(
            series=of,
            spot=middle,
            at_the_money=nearest[0],
            rows=tuple(self._row(of, strike, spot) for strike in sorted(nearest)),
            strikes=every,
            as_of=spot.as_of,
            source=self.source,
            data_type=DataType.SIMULATED,
        )

    def series(self, underlying: str, now: datetime) -> tuple[OptionSeries, ...]:
        """Return what has not expired, soonest first."""
        return series(underlying, now)

    def _row(self, of: OptionSeries, strike: Decimal, spot: Quote) -> ChainRow:
        call, put = (self._line(OptionContract(of.underlying, of.expiry, right, strike), spot) for right in Right)
        return ChainRow(strike, call, put)

    def _line(self, option: OptionContract, spot: Quote) -> OptionLine:
        return OptionLine(instrument(option), self._quote(option, spot), self._greeks(option, spot))

    def _quote(self, option: OptionContract, spot: Quote) -> Quote | None:
        given = _assumptions(option, spot)
        if given is None or spot.bid_size is None or spot.ask_size is None:
            return None
        worth = Decimal(price(option.right, given))
        half = max(TICK, worth * _HALF_SPREAD)
        bid = max(TICK, ((worth - half) / TICK).to_integral_value(ROUND_FLOOR) * TICK)
        ask = max(bid + TICK, ((worth + half) / TICK).to_integral_value(ROUND_CEILING) * TICK)
        return Quote(
            symbol=option.symbol,
            bid=bid,
            ask=ask,
            bid_size=1 + spot.bid_size // _SHARES_A_CONTRACT_SHOWN,
            ask_size=1 + spot.ask_size // _SHARES_A_CONTRACT_SHOWN,
            last=None,
            as_of=spot.as_of,
            source=self.source,
            data_type=DataType.SIMULATED,
        )

    def _greeks(self, option: OptionContract, spot: Quote) -> Greeks | None:
        given = _assumptions(option, spot)
        if given is None:
            return None
        found = values(option.right, given)
        return Greeks(
            price=found.price,
            delta=found.delta,
            gamma=found.gamma,
            theta=found.theta,
            vega=found.vega,
            rho=found.rho,
            volatility=given.volatility,
            spot=given.spot,
            rate=given.rate,
            yields=given.yields,
            years=given.years,
            model=MODEL,
            as_of=spot.as_of,
            source=self.source,
            data_type=DataType.SIMULATED,
        )


def _assumptions(option: OptionContract, spot: Quote) -> Assumptions | None:
    """Return what the model is given in the second of the underlying's quote."""
    middle, ends = spot.mid(), expires_at(option)
    if middle is None or ends is None:
        return None
    years = max(0.0, (ends - spot.as_of).total_seconds()) / _SECONDS_A_YEAR
    return Assumptions(float(middle), float(option.strike), years, RATE, volatility(option.underlying))
