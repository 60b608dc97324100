"""Reads the audit from outside: without the folder's lock, whether or not a cockpit runs there, writing nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cockpit.store.archives import open_read_only
from cockpit.store.audit import AuditQuery, AuditRecord
from cockpit.store.chain import KEY_NAME, Sealer
from cockpit.store.connection import DATABASE_NAME
from cockpit.store.folder import StoreCannotOpen
from cockpit.store.keys import read_secret
from cockpit.store.reads import find_records
from cockpit.store.verify import log_of
from cockpit.store.writes import StoreUnavailable


def search_offline(folder: Path, query: AuditQuery, count: int) -> list[AuditRecord]:
    """Return the newest ``count`` records that fit, in ascending order. `StoreUnavailable` where they can't be read."""
    with reading_outside(folder) as (connection, sealer):
        return find_records(connection, query, count, oldest_first=False, sealer=sealer)


@contextmanager
def reading_outside(folder: Path) -> Iterator[tuple[sqlite3.Connection, Sealer | None]]:
    """Open the database of a data folder; without its key there is no sealer. Errors become `StoreUnavailable`."""
    path = folder / DATABASE_NAME
    try:
        secret = read_secret(folder / "keys" / KEY_NAME)
        still = not log_of(path).exists()
        with closing(open_read_only(path, immutable=still)) as connection:
            yield connection, Sealer(secret) if secret else None
        if still and log_of(path).exists():
            raise StoreUnavailable("a cockpit was started meanwhile; try again")
    except (StoreCannotOpen, OSError, sqlite3.Error) as error:
        raise StoreUnavailable(str(error)) from error
