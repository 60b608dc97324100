"""What is left to do for orders that hang together when one of them ended: pure, from what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from cockpit.brokers.ibkr.life import Life
from cockpit.brokers.ibkr.statuses import FILLED, INACTIVE
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import DONE, Order, OrderRef, OrderState
from cockpit.model.text import Safe, safe

_NO_REASON: Final = "The broker gave no reason."


@dataclass(frozen=True, slots=True)
class Leg:
    """One order of a group."""

    reference: OrderRef
    symbol: str
    filled: Decimal
    """At least; what any status said counts, too."""
    accepted: bool
    known: bool
    """Whether anybody can say how it is: the broker shows it, or it had ended before."""
    over: bool
    """Nothing of it works any more."""
    ended: bool
    """Its end was told."""
    whole: bool
    """All of it was filled."""
    rejected: bool
    meant: bool
    """Its cancel was asked for here."""
    why: str

    @property
    def lost(self) -> bool:
        """Whether it ended without having filled, and nobody here had asked for that."""
        return self.ended and not self.whole and not self.meant


@dataclass(frozen=True, slots=True)
class Left:
    """What has to happen."""

    withdraw: tuple[OrderRef, ...] = ()
    says: Safe | None = None
    """What the operator has to know."""


def leg_of(life: Life | None, kept: Order | None, *, meant: bool) -> Leg | None:
    """Put together what this run has heard of an order and how an earlier one left it; None where neither knows it."""
    heard = None if life is None else _heard(life, meant)
    left = None if kept is None else _left(kept, meant)
    if life is None or heard is None or left is None:
        return heard or left
    both = replace(heard, filled=max(heard.filled, left.filled), accepted=heard.accepted or left.accepted)
    if not left.ended or (life.told is not None and not life.over):
        return both
    # The books forget an order's end by the next day, and what is still told of it then is no sign that it works.
    return replace(
        both,
        over=True,
        ended=True,
        whole=heard.whole or left.whole,
        rejected=heard.rejected or left.rejected,
        why=heard.why or left.why,
    )


def _heard(life: Life, meant: bool) -> Leg:
    return Leg(
        life.reference,
        life.symbol,
        max(life.filled, life.claimed),
        life.accepted,
        known=True,
        over=life.over,
        ended=life.ended,
        whole=life.complete or life.ending == FILLED,
        rejected=life.ended and (life.ending == INACTIVE or life.rejection is not None),
        meant=meant,
        why=life.rejection or life.cause or "",
    )


def _left(kept: Order, meant: bool) -> Leg:
    ended = kept.state in DONE
    return Leg(
        kept.reference,
        kept.request.symbol,
        kept.filled,
        accepted=kept.state is not OrderState.SENDING,
        known=ended,
        over=ended,
        ended=ended,
        whole=kept.state is OrderState.FILLED,
        rejected=kept.state is OrderState.REJECTED,
        meant=meant,
        why=kept.reason if ended else "",
    )


def left_of_bracket(entry: Leg, target: Leg, stop: Leg) -> Left:
    """Judge a bracket.

    An entry that has not begun to fill goes with its exit; without its stop, one that has begun fills no further.
    Exits go with an entry that was rejected.
    """
    exits = (target, stop)
    if entry.rejected and all(one.filled == ZERO for one in (entry, *exits)):
        return Left(tuple(one.reference for one in exits if not one.over))
    gone = [one for one in exits if one.lost]
    if not gone or any(one.whole for one in exits):
        return Left()
    lost = gone[-1]
    what = "stop" if lost is stop else "target"
    if not entry.known:
        # It may have filled: then what is left of the exits is all that protects the position.
        says = f"{entry.symbol}: the {what} of a bracket ended, and nobody can say how much its entry filled. {lost.why or _NO_REASON}"
        return Left((), safe(says, 300))
    if entry.filled == ZERO:
        return Left(tuple(one.reference for one in (entry, *exits) if not one.over) if not entry.over else ())
    held = entry.filled - target.filled - stop.filled
    withdraw = (entry.reference,) if lost is stop and not entry.over else ()
    if held <= ZERO:
        return Left(withdraw)
    if lost is stop:
        says = f"{entry.symbol}: {plain(held)} are UNPROTECTED: the stop of a bracket ended. {lost.why or _NO_REASON}"
        return Left(withdraw, safe(says, 300))
    return Left(
        (), safe(f"{entry.symbol}: the target of a bracket over {plain(held)} ended. {lost.why or _NO_REASON}", 300)
    )


def left_of_pair(first: Leg, second: Leg) -> Left:
    """Judge two orders of which a fill of one cancels the other.

    TWS itself cancels that other one, unless the one filled before it had arrived. Where one ends without having filled,
    the other stays: it may protect a position, unless TWS has never had the pair. Both ending together is what time, or whoever cancelled them in TWS, does to a pair; only a rejection is told then.
    """
    pair = (first, second)
    if any(one.whole or one.filled > ZERO for one in pair):
        void = ((first, second), (second, first))
        return Left(
            tuple(one.reference for one, other in void if not one.over and (other.whole or other.filled > ZERO))
        )
    if any(one.rejected and not one.accepted for one in pair):
        return Left(tuple(one.reference for one in pair if not one.over))
    gone = [one for one in pair if one.lost and one.accepted]
    if not gone:
        return Left()
    lost = next((one for one in gone if one.rejected), gone[-1])
    other = second if lost is first else first
    if other.over and not lost.rejected:
        return Left()
    how = "was rejected" if lost.rejected else "ended"
    rest = (
        f"the other works on alone ({other.reference})" if other.known else f"nobody can say how {other.reference} is"
    )
    rest = "the other has ended, too" if other.over else rest
    return Left(
        (), safe(f"{lost.symbol}: one order of a pair {how} ({lost.reference}); {rest}. {lost.why or _NO_REASON}", 300)
    )
