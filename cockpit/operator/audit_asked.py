"""What the arguments of the acts ``audit …`` ask for, and a verdict in words: for the running cockpit and without one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cockpit.operator.act import Done
from cockpit.operator.wire import moment, number
from cockpit.store.audit import AuditQuery, AuditVerdict

MOST_RECORDS: Final = 1_000
FOUND: Final = 100
"""Records that a search shows where no count is given."""
TAIL: Final = 20


def query_of(given: Mapping[str, str], now: datetime) -> AuditQuery:
    """Return what the filters of an act ask for; times that are ago count from ``now``."""
    since, until = given.get("since"), given.get("until")
    return AuditQuery(
        kind=given.get("kind", ""),
        client=given.get("client", ""),
        tool=given.get("tool", ""),
        outcome=given.get("outcome", ""),
        code=given.get("code", ""),
        symbol=given.get("symbol", ""),
        order_id=given.get("order", ""),
        since=None if since is None else moment(since, now),
        until=None if until is None else moment(until, now),
    )


def count_of(given: Mapping[str, str], default: int) -> int:
    """Return how many records are wanted, within bounds."""
    return max(1, min(MOST_RECORDS, number(given.get("count", str(default)))))


def verdict_words(verdict: AuditVerdict) -> Done:
    """Say whether the audit can be trusted."""
    data = {"records": verdict.records, "ok": verdict.ok, "first_bad": verdict.first_bad}
    if verdict.ok:
        return Done(f"{verdict.records} records, the chain is whole.", data)
    bad = "" if verdict.first_bad is None else f" Record {verdict.first_bad} is missing or doesn't fit."
    return Done(f"The audit can NOT be trusted.{bad} {verdict.reason}".strip(), data)
