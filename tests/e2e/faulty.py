"""`cockpit serve` on a host that fails as files in a folder tell it to: a database that turned read-only or can't
grow, a clock put back.

FAULTS=folder python -m tests.e2e.faulty --data-dir ... serve
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cockpit.app import process
from cockpit.cli.main import cockpit
from cockpit.model.clock import SystemClock
from cockpit.store.batch import Unit, Written
from cockpit.store.chain import Head
from cockpit.store.writer import Writer

FAULTS = Path(os.environ["FAULTS"])
READ_ONLY, FULL, HOURS_BACK = FAULTS / "read_only", FAULTS / "full", FAULTS / "hours_back"
_PAGES = 2**30


class PutBackClock(SystemClock):
    """The host's clock, put back as the file says."""

    def now(self) -> datetime:
        return super().now() - timedelta(hours=float(HOURS_BACK.read_text()) if HOURS_BACK.exists() else 0)


_write = Writer._write_in_thread


def _write_on_a_failing_disk(
    writer: Writer, connection: sqlite3.Connection, batch: Sequence[Unit], head: Head
) -> Written:
    connection.execute(f"PRAGMA query_only = {int(READ_ONLY.exists())}")
    connection.execute(f"PRAGMA max_page_count = {1 if FULL.exists() else _PAGES}").fetchall()
    return _write(writer, connection, batch, head)


if __name__ == "__main__":
    process.SystemClock = PutBackClock  # type: ignore[misc]
    Writer._write_in_thread = _write_on_a_failing_disk  # type: ignore[method-assign]
    cockpit()
