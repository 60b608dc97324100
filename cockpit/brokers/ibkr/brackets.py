"""What is left to do for a bracket one of whose exits ended: pure, from what is known of its three orders."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from cockpit.brokers.ibkr.life import Life
from cockpit.brokers.ibkr.statuses import FILLED
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import OrderRef
from cockpit.model.text import Safe, safe


@dataclass(frozen=True, slots=True)
class Left:
    """What has to happen."""

    withdraw: tuple[OrderRef, ...] = ()
    says: Safe | None = None
    """What the operator has to know."""


def left_of(entry: Life, target: Life, stop: Life, meant: Container[OrderRef]) -> Left:
    """Judge a bracket. Exits that ``meant`` holds were cancelled from here, on purpose.

    An entry that has not begun to fill goes with its exit; without its stop, one that has begun fills no further.
    """
    exits = (target, stop)
    gone = [one for one in exits if one.ended and not one.complete and one.reference not in meant]
    if not gone or any(one.complete or one.ending == FILLED for one in exits):
        return Left()
    if max(entry.filled, entry.claimed) == ZERO:
        return Left(tuple(one.reference for one in (entry, *exits) if not one.over) if not entry.over else ())
    held = max(entry.filled, entry.claimed) - target.filled - stop.filled
    lost = gone[-1]
    withdraw = (entry.reference,) if lost is stop and not entry.over else ()
    if held <= ZERO:
        return Left(withdraw)
    why = lost.rejection or lost.cause or "the broker gave no reason"
    if lost is stop:
        return Left(
            withdraw, safe(f"{entry.symbol}: {plain(held)} are UNPROTECTED: the stop of a bracket ended. {why}", 300)
        )
    return Left((), safe(f"{entry.symbol}: the target of a bracket over {plain(held)} ended. {why}", 300))
