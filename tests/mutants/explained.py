"""Faults that change nothing anybody could notice, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PAPER: Final = "cockpit/brokers/paper"

EXPLAINED: Final[Mapping[tuple[str, str], str]] = {
    (f"{_PAPER}/engine.py", "new.quantity < old.quantity  ->  new.quantity <= old.quantity"): (
        "Asked only where new terms differ from the old ones in nothing but the quantity, which then differs."
    ),
    (f"{_PAPER}/turn.py", "held.quantity * quantity >= ZERO  ->  held.quantity * quantity > ZERO"): (
        "Zero means that nothing is held; the way that opens the other side of a position then does the same sum."
    ),
    (f"{_PAPER}/turn.py", "held.quantity * quantity  ->  held.quantity / quantity"): (
        "Only the sign counts, and what is traded is never zero."
    ),
    (
        f"{_PAPER}/matching.py",
        "touch.low is None or touch.high is None  ->  touch.low is None and touch.high is None",
    ): ("A bar's point has both, a quote neither."),
    (f"{_PAPER}/faults.py", "wanted.quantity > old.quantity  ->  wanted.quantity >= old.quantity"): (
        "Then the account is asked whether it can carry nothing more, which it always can."
    ),
}
"""By file and fault, as they are told. One that a test notices all the same is told too: its reason no longer holds."""
