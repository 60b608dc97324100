"""One question to the database of a data folder, whether or not a cockpit runs there; nothing is written."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cockpit.store.archives import open_read_only
from cockpit.store.verify import log_of


def first_value(path: Path, sql: str) -> int | None:
    """Return the first value of the first row; None where there is none. sqlite3.Error where it can't be read."""
    with closing(open_read_only(path, immutable=not log_of(path).exists())) as connection:
        row = connection.execute(sql).fetchone()
    return row[0] if row else None
