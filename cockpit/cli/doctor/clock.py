"""The host's clock: whether something keeps it right, and whether it has gone back behind the record."""

from __future__ import annotations

import ctypes
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cockpit.cli.doctor.database import first_value
from cockpit.cli.doctor.findings import Finding, bad, good, warning
from cockpit.store.connection import DATABASE_NAME
from cockpit.store.times import from_micros

PART: Final = "clock"
_UNSYNCHRONISED: Final = 5
"""TIME_ERROR, the answer of adjtimex(2) where nothing disciplines the clock."""
_TIMEX_BYTES: Final = 512
"""More than struct timex takes on any system."""
_TOLERATED: Final = timedelta(seconds=2)


def examine_clock(data: Path) -> list[Finding]:
    """Look at the clock of this host."""
    return [*judge_discipline(_state_of_clock()), *judge_record(_last_record(data), datetime.now(UTC))]


def judge_discipline(state: int | None) -> Iterator[Finding]:
    """Judge what the kernel says about its clock; None where it says nothing."""
    if state is None:
        yield warning(PART, "Whether the clock is kept right can't be told here.", "Make sure that NTP runs.")
    elif state == _UNSYNCHRONISED:
        yield warning(
            PART,
            "Nothing keeps the clock right; codes of an authenticator and a broker's times may not fit.",
            "Run chrony or systemd-timesyncd on this host (in a container: on the machine below it).",
        )
    else:
        yield good(PART, "The clock is kept right by NTP.")


def judge_record(last: datetime | None, now: datetime) -> Iterator[Finding]:
    """Judge the clock against the newest record of the audit."""
    if last is not None and last - now > _TOLERATED:
        yield bad(
            PART,
            f"The clock is {(last - now).total_seconds():.0f} s behind the newest record of the audit.",
            "Set the clock right before you start; times decide when prices, approvals and tokens end.",
        )


def _state_of_clock() -> int | None:
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    state = int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return None if state < 0 else state


def _last_record(data: Path) -> datetime | None:
    path = data / DATABASE_NAME
    if not path.is_file():
        return None
    try:
        at = first_value(path, "SELECT at FROM audit ORDER BY number DESC LIMIT 1")
    except sqlite3.Error:
        return None
    return None if at is None else from_micros(at)
