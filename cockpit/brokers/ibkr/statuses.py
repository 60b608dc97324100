"""What single words and numbers of TWS mean for an order: statuses, ends, fills and the ids of fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from cockpit.brokers.ibkr.terms import tidy
from cockpit.brokers.ibkr.wire import WireExecution
from cockpit.model.money import ZERO
from cockpit.model.orders import Execution, OrderRef, Side

LIVE: Final = frozenset({"PreSubmitted", "Submitted"})
"""The order works, or waits for its time or its trigger."""
ACCEPTED: Final = LIVE | {"PendingCancel", "Filled"}
"""Statuses that only an order has that was accepted. One that is being cancelled may still fill."""
CANCELLED: Final = "Cancelled"
INACTIVE: Final = "Inactive"
FILLED: Final = "Filled"
RANK: Final = {"": 0, INACTIVE: 1, CANCELLED: 2, FILLED: 3}
"""Which of two ends of one order is true."""
_CANCELLED: Final = frozenset({CANCELLED, "ApiCancelled"})
_HELD: Final = "locate"
_LONG: Final = 10
"""Digits that no number of a correction has."""


def end_of(status: str, why_held: str = "") -> str:
    """Return the end that a status means: Inactive, Cancelled or Filled; empty for none."""
    if status in _CANCELLED:
        return CANCELLED
    if status == INACTIVE:
        return "" if _HELD in why_held else INACTIVE
    return FILLED if status == FILLED else ""


def is_alive(status: str, why_held: str = "") -> bool:
    """Whether only an order that works, or will work, has that status."""
    return status in LIVE or (status == INACTIVE and _HELD in why_held)


def expired(words: str) -> bool:
    """Whether the broker's words for an end say that the order's time was over."""
    return "expire" in words.lower()


def execution_of(record: WireExecution, reference: OrderRef, symbol: str, fee: Decimal = ZERO) -> Execution | None:
    """Return a fill as it is known here, or None where it says neither how much nor at which price.

    Its id is the stem of TWS's: whoever keeps it knows the fill again when TWS tells a correction in its place.
    """
    if record.quantity is None or record.quantity <= ZERO or record.price is None:
        return None
    side = Side.BUY if record.side == "BOT" else Side.SELL
    return Execution(
        stem_of(record.exec_id), reference, symbol, side, tidy(record.quantity), tidy(record.price), tidy(fee),
        record.at, revision_of(record.exec_id),
    )  # fmt: skip


def stem_of(execution_id: str) -> str:
    """Return an execution's id without its last part, by which IB tells corrections apart."""
    stem, dot, last = execution_id.rpartition(".")
    return stem if dot and last.isdigit() and stem.count(".") >= 2 else execution_id


def revision_of(execution_id: str) -> int:
    """Return the last part of an execution's id as a number: the highest is IB's last word on the fill; 0 for none."""
    last = execution_id[len(stem_of(execution_id)) + 1 :]
    return int(last) if last.isdecimal() and len(last) < _LONG else 0
