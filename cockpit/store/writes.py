"""What a caller hands to the store to be written, and the three ways in which it may not be."""

from __future__ import annotations

from dataclasses import dataclass, field

from cockpit.model.refusals import Refusal, refuse


@dataclass(frozen=True, slots=True)
class Write:
    """One statement of a unit. It may not begin, commit or roll back a transaction itself."""

    sql: str
    args: tuple[object, ...] = field(default=(), repr=False)
    expect: int | None = None
    """How many rows it must change; otherwise `WriteConflict`, and nothing of its unit is written."""


class WriteConflict(Exception):
    """A unit met another state than it expected: a count of rows or a constraint. Nothing of it was written."""


class StoreUnavailable(Exception):
    """The database can't be written: the disk is full, it is read-only or broken, or the store is closed."""


class StoreBusy(Exception):
    """The queue is full: refuse the call rather than wait."""


def unwritten(problem: StoreUnavailable | StoreBusy) -> Refusal:
    """Return with what somebody is refused for whom nothing could be written."""
    return refuse("BUSY" if isinstance(problem, StoreBusy) else "AUDIT_UNAVAILABLE")
