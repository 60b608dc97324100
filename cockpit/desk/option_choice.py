"""Which option somebody means: expiry or its place in the row, strike or its distance from the money; never a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from cockpit.desk.market import Market
from cockpit.desk.offers import Offers
from cockpit.model.chains import OptionChain, OptionSeries
from cockpit.model.instruments import Instrument
from cockpit.model.money import plain
from cockpit.model.options import OptionContract, Right
from cockpit.model.refusals import Refused, refuse

MONEYNESS: Final = re.compile(r"(atm)|(itm|otm)([1-9][0-9]?)")
"""At the money, or so many listed strikes in or out of it."""
_CANDIDATES: Final = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """Which option is meant on an underlying and a series."""

    right: Right
    strike: Decimal | None = None
    moneyness: str = ""
    """Instead of a strike: what `MONEYNESS` matches."""


@dataclass(frozen=True, slots=True)
class Board:
    """One series with what is needed to choose from it."""

    underlying: Instrument
    series: OptionSeries
    chain: OptionChain
    """Its rows may be few; its strikes are all that are listed."""


async def board(
    market: Market, offers: Offers, symbol: str, expiry: date | None, offset: int | None, strikes: int = 1
) -> Board:
    """Return the series that is meant: by its day, or by its place among those listed, 0 for the soonest."""
    underlying = await market.resolve(symbol)
    listed = await offers.option_series(underlying)
    series = pick_series(listed, expiry, offset)
    return Board(underlying, series, await offers.option_chain(underlying, series.expiry, strikes))


def pick_series(listed: Sequence[OptionSeries], expiry: date | None, offset: int | None) -> OptionSeries:
    """Return the series of that expiry or place; INSTRUMENT_UNRESOLVED names the expiries there are."""
    for place, one in enumerate(listed):
        if one.expiry == expiry or (expiry is None and place == offset):
            return one
    found = ", ".join(one.expiry.isoformat() for one in listed)
    asked = f"number {offset}" if expiry is None else expiry
    raise Refused(refuse("INSTRUMENT_UNRESOLVED", "No such expiry is listed.", expiry=asked, candidates=found))


def pick_strike(chain: OptionChain, wish: Wish) -> Decimal:
    """Return the listed strike that is meant; INSTRUMENT_UNRESOLVED names the options nearest to it."""
    if wish.strike is not None:
        if wish.strike in chain.strikes:
            return wish.strike
        nearest = sorted(chain.strikes, key=lambda listed: abs(listed - (wish.strike or listed)))[:_CANDIDATES]
        raise _unresolved(chain, wish.right, f"strike {plain(wish.strike)}", sorted(nearest))
    found = MONEYNESS.fullmatch(wish.moneyness)
    if found is None:
        raise Refused(refuse("BAD_ARGUMENTS", "Give a strike, or atm, itm1 to itm99 or otm1 to otm99."))
    away = int(found[3] or 0) * (-1 if found[2] == "itm" else 1) * wish.right.sign
    place = chain.strikes.index(chain.at_the_money) + away
    if 0 <= place < len(chain.strikes):
        return chain.strikes[place]
    ends = [chain.strikes[0], chain.strikes[-1]]
    raise _unresolved(chain, wish.right, wish.moneyness, ends)


async def resolve(market: Market, on: Board, wish: Wish) -> Instrument:
    """Return the one option that is meant, as the broker lists it."""
    return await market.resolve(_contract(on.chain, wish.right, pick_strike(on.chain, wish)).symbol)


def _contract(chain: OptionChain, right: Right, strike: Decimal) -> OptionContract:
    return OptionContract(chain.series.underlying, chain.series.expiry, right, strike)


def _unresolved(chain: OptionChain, right: Right, asked: str, strikes: Sequence[Decimal]) -> Refused:
    candidates = ", ".join(_contract(chain, right, strike).symbol for strike in strikes)
    return Refused(
        refuse("INSTRUMENT_UNRESOLVED", "No option of that strike is listed.", asked=asked, candidates=candidates)
    )
