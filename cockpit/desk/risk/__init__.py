"""The risk gate: what an order must satisfy before it may be put to the operator, and again before it is sent.

Each check is a pure sentence over the order, what was seen at one instant, and the policy. All run, all refusals are
told; a check that applies and doesn't know what it needs refuses.
"""

from cockpit.desk.risk.data import AROUND_THE_CLOCK, is_priced
from cockpit.desk.risk.exposure import NOT_BORROWED
from cockpit.desk.risk.meanings import Meanings
from cockpit.desk.risk.pricing import worst_notional, worst_price
from cockpit.desk.risk.seen import Activity, Exposure, Linked, Seen
from cockpit.desk.risk.table import CHECKS, evaluate, evaluate_entry, refusal_of, warnings_of

__all__ = [
    "AROUND_THE_CLOCK",
    "CHECKS",
    "NOT_BORROWED",
    "Activity",
    "Exposure",
    "Linked",
    "Meanings",
    "Seen",
    "evaluate",
    "evaluate_entry",
    "is_priced",
    "refusal_of",
    "warnings_of",
    "worst_notional",
    "worst_price",
]  # fmt: skip
