"""Named option strategies: which legs each has, and what they may gain and lose when they expire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from cockpit.model.money import ZERO
from cockpit.model.options import OptionContract, Right
from cockpit.model.orders import Side


class Strategy(StrEnum):
    """The names by which traders know them. Those that would sell calls which nothing covers are not among them."""

    BULL_CALL_SPREAD = "bull_call_spread"
    BEAR_CALL_SPREAD = "bear_call_spread"
    BULL_PUT_SPREAD = "bull_put_spread"
    BEAR_PUT_SPREAD = "bear_put_spread"
    STRADDLE = "straddle"
    STRANGLE = "strangle"
    IRON_CONDOR = "iron_condor"
    IRON_BUTTERFLY = "iron_butterfly"
    CALL_BUTTERFLY = "call_butterfly"
    PUT_BUTTERFLY = "put_butterfly"
    COVERED_CALL = "covered_call"
    CASH_SECURED_PUT = "cash_secured_put"
    PROTECTIVE_PUT = "protective_put"
    COLLAR = "collar"


@dataclass(frozen=True, slots=True)
class Slot:
    """One option of a strategy."""

    side: Side
    right: Right
    place: int
    """Which of the strikes, that are given in rising order, from 0."""
    ratio: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How a strategy is made."""

    slots: tuple[Slot, ...]
    """Bought ones first: what is sold is covered by them."""
    strikes: int
    shares: bool = False
    """Whether it goes with a contract's worth of the underlying, held or bought with it."""

    def right_of(self, place: int) -> Right:
        """Return the kind of the option whose strike that is; where there are both, the call."""
        rights = {slot.right for slot in self.slots if slot.place == place}
        return Right.CALL if Right.CALL in rights else Right.PUT


_BUY, _SELL, _CALL, _PUT = Side.BUY, Side.SELL, Right.CALL, Right.PUT


def _plan(*slots: Slot, shares: bool = False) -> Plan:
    return Plan(slots, len({slot.place for slot in slots}), shares)


PLANS: Final[Mapping[Strategy, Plan]] = MappingProxyType(
    {
        Strategy.BULL_CALL_SPREAD: _plan(Slot(_BUY, _CALL, 0), Slot(_SELL, _CALL, 1)),
        Strategy.BEAR_CALL_SPREAD: _plan(Slot(_BUY, _CALL, 1), Slot(_SELL, _CALL, 0)),
        Strategy.BULL_PUT_SPREAD: _plan(Slot(_BUY, _PUT, 0), Slot(_SELL, _PUT, 1)),
        Strategy.BEAR_PUT_SPREAD: _plan(Slot(_BUY, _PUT, 1), Slot(_SELL, _PUT, 0)),
        Strategy.STRADDLE: _plan(Slot(_BUY, _CALL, 0), Slot(_BUY, _PUT, 0)),
        Strategy.STRANGLE: _plan(Slot(_BUY, _PUT, 0), Slot(_BUY, _CALL, 1)),
        Strategy.IRON_CONDOR: _plan(
            Slot(_BUY, _PUT, 0), Slot(_BUY, _CALL, 3), Slot(_SELL, _PUT, 1), Slot(_SELL, _CALL, 2)
        ),
        Strategy.IRON_BUTTERFLY: _plan(
            Slot(_BUY, _PUT, 0), Slot(_BUY, _CALL, 2), Slot(_SELL, _PUT, 1), Slot(_SELL, _CALL, 1)
        ),
        Strategy.CALL_BUTTERFLY: _plan(Slot(_BUY, _CALL, 0), Slot(_BUY, _CALL, 2), Slot(_SELL, _CALL, 1, 2)),
        Strategy.PUT_BUTTERFLY: _plan(Slot(_BUY, _PUT, 0), Slot(_BUY, _PUT, 2), Slot(_SELL, _PUT, 1, 2)),
        Strategy.COVERED_CALL: _plan(Slot(_SELL, _CALL, 0), shares=True),
        Strategy.CASH_SECURED_PUT: _plan(Slot(_SELL, _PUT, 0)),
        Strategy.PROTECTIVE_PUT: _plan(Slot(_BUY, _PUT, 0), shares=True),
        Strategy.COLLAR: _plan(Slot(_BUY, _PUT, 0), Slot(_SELL, _CALL, 1), shares=True),
    }
)


@dataclass(frozen=True, slots=True)
class Holding:
    """A part of a strategy: options, or the underlying itself where ``option`` is None."""

    option: OptionContract | None
    units: Decimal
    """Of the underlying, below zero where it was sold."""
    price: Decimal
    """At which it was or would be traded, for one unit."""

    def worth(self, spot: Decimal) -> Decimal:
        """Return the gain at that price of the underlying on the day of the expiry."""
        value = spot if self.option is None else self.option.intrinsic(spot)
        return self.units * (value - self.price)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a strategy comes to at its expiry, fees left out. None stands for no bound."""

    paid: Decimal
    """Money that it costs at first; below zero where it brings money in."""
    most_lost: Decimal | None
    most_won: Decimal | None
    breakevens: tuple[Decimal, ...]
    """Prices of the underlying at which nothing is gained or lost, rising."""


def outcome(holdings: Sequence[Holding]) -> Outcome:
    """Return what holdings of one underlying and one expiry come to.

    Between strikes the gain is a straight line, so only the ends of the lines are looked at, and the slope beyond.
    """
    corners = sorted({ZERO, *(one.option.strike for one in holdings if one.option is not None)})
    gains = [(spot, sum((one.worth(spot) for one in holdings), ZERO)) for spot in corners]
    slope = sum(
        (one.units for one in holdings if one.option is None or one.option.right is Right.CALL),
        ZERO,
    )
    low, high = min(gain for _, gain in gains), max(gain for _, gain in gains)
    last, at_last = gains[-1]
    crossings = [
        spot + (later - spot) * gain / (gain - then)
        for (spot, gain), (later, then) in pairwise(gains)
        if gain * then < ZERO
    ]
    crossings += [spot for spot, gain in gains if gain == ZERO]
    if slope * at_last < ZERO:
        crossings.append(last - at_last / slope)
    return Outcome(
        paid=sum((one.units * one.price for one in holdings), ZERO),
        most_lost=None if slope < ZERO else max(ZERO, -low),
        most_won=None if slope > ZERO else max(ZERO, high),
        breakevens=tuple(sorted(crossings)),
    )
