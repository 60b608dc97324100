"""What an account must keep for options that it has sold, and which sales nothing covers.

Long options are paid in full and need nothing more. For sold ones the account keeps the most that all options on an
underlying, with the shares that are held of it, could come to lose at an expiry: of a vertical spread its width, of an
iron condor that of its wider side, of a put alone its strike, of a call against shares nothing. A sold call that
neither shares nor another call covers could lose without bound: it is naked, and not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Final

from cockpit.model.money import ZERO
from cockpit.model.options import OptionContract, Right


@dataclass(frozen=True, slots=True)
class Written:
    """A position in one option: sold below zero."""

    option: OptionContract
    units: Decimal
    """Contracts times their multiplier."""


Account = tuple[Sequence[Written], Mapping[str, Decimal]]
"""What is held of options, and of their underlyings by symbol."""

NOTHING: Final[Account] = ((), {})


def secured(positions: Iterable[Written], shares: Mapping[str, Decimal]) -> Decimal:
    """Return what must be kept for them; of what is naked, as if the underlying rose to the highest strike."""
    return sum(
        (_most_lost(own, _held(shares, underlying)) for underlying, own in _by_underlying(positions)),
        ZERO,
    )


def naked(positions: Sequence[Written], shares: Mapping[str, Decimal], before: Account = NOTHING) -> frozenset[str]:
    """Return the underlyings on which calls are sold that nothing covers until they expire, more of them than before."""
    now: Account = (positions, shares)
    ends = {(one.option.underlying, one.option.expiry) for one in (*positions, *before[0]) if _is_call(one)}
    return frozenset(
        underlying for underlying, until in ends if _bare(now, underlying, until) > _bare(before, underlying, until)
    )


def _by_underlying(positions: Iterable[Written]) -> Iterable[tuple[str, list[Written]]]:
    ordered = sorted((one for one in positions if one.units), key=lambda one: one.option.underlying)
    for underlying, own in groupby(ordered, key=lambda one: one.option.underlying):
        yield underlying, list(own)


def _at_expiries(own: Sequence[Written]) -> Iterable[list[Written]]:
    """Return what is left at each expiry: what expires before covers nothing, what expires later still does."""
    for expiry in sorted({one.option.expiry for one in own}):
        yield [one for one in own if one.option.expiry >= expiry]


def _most_lost(own: Sequence[Written], shares: Decimal) -> Decimal:
    return max((_worst(left, shares) for left in _at_expiries(own)), default=ZERO)


def _worst(left: Sequence[Written], shares: Decimal) -> Decimal:
    """Return the most that is lost at any price: between strikes the payoff is straight, so only they are looked at."""
    prices = {ZERO, *(one.option.strike for one in left)}
    payoffs = [
        shares * price + sum((one.units * one.option.intrinsic(price) for one in left), ZERO) for price in prices
    ]
    return max(ZERO, -min(payoffs))


def _bare(account: Account, underlying: str, until: date) -> Decimal:
    """Return the units of calls on an underlying, sold until that day or longer, that nothing covers as long."""
    calls = (
        one.units
        for one in account[0]
        if _is_call(one) and one.option.underlying == underlying and one.option.expiry >= until
    )
    return max(ZERO, -sum(calls, ZERO) - _held(account[1], underlying))


def _is_call(one: Written) -> bool:
    return one.option.right is Right.CALL


def _held(shares: Mapping[str, Decimal], underlying: str) -> Decimal:
    """Return the shares that cover; a short position of shares covers nothing."""
    return max(ZERO, shares.get(underlying, ZERO))
