"""Real money: whether the operator could arm it, and for how long it would stay armed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cockpit.cli.doctor.database import first_value
from cockpit.cli.doctor.findings import Finding, good, warning
from cockpit.model.trading import Mode
from cockpit.settings.model import Settings
from cockpit.store.connection import DATABASE_NAME

PART: Final = "real money"


def examine_live(settings: Settings) -> list[Finding]:
    """Look at the connections whose money is real; nothing where there is none."""
    return list(_examine(settings))


def _examine(settings: Settings) -> Iterator[Finding]:
    live = [name for name, connection in settings.connections.items() if connection.mode is Mode.LIVE]
    if not live:
        return
    for name in live:
        hours, symbols = settings.connections[name].arm_hours, settings.connections[name].policy.allowed_symbols or ()
        yield good(PART, f"{name}: every start is unarmed; then for at most {hours} h, in {len(symbols)} symbols.")
    if not _enrolled(settings.data_dir / DATABASE_NAME):
        names = ", ".join(live)
        yield warning(PART, f"No authenticator is enrolled, so nobody can arm {names}.", "cockpit totp enroll")


def _enrolled(path: Path) -> bool:
    """Whether an authenticator is enrolled, as far as the database can be read."""
    try:
        return path.is_file() and first_value(path, "SELECT count(*) FROM totp") == 1
    except sqlite3.Error:
        return False
