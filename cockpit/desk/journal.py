"""Notes that clients keep for themselves: their own words, which the operator can read too."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.identity import ClientName
from cockpit.model.text import Safe, safe
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write

LONGEST_NOTE: Final = 2000
NOTES_KEPT: Final = 500
"""Of one client; the oldest make room."""

_ADD: Final = "INSERT INTO notes (client, connection, at, symbol, order_id, text) VALUES (?, ?, ?, ?, ?, ?)"
_MAKE_ROOM: Final = (
    "DELETE FROM notes WHERE client = ? AND number <= "
    "(SELECT number FROM notes WHERE client = ? ORDER BY number DESC LIMIT 1 OFFSET ?)"
)
_OF_CLIENT: Final = (
    "SELECT * FROM notes WHERE client = ? AND number < ? AND (? = '' OR symbol = ?) ORDER BY number DESC LIMIT ?"
)
_OF_ALL: Final = "SELECT * FROM notes WHERE ? = '' OR client = ? COLLATE NOCASE ORDER BY number DESC LIMIT ?"
_NEWEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Note:
    """One note."""

    number: int
    client: ClientName
    connection: str
    at: datetime
    symbol: str
    """What it is about; empty where it doesn't say."""
    order_id: str
    text: Safe
    """The client's words."""


class Journal:
    """The notes of all clients. A client sees its own alone."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._alone = asyncio.Lock()

    async def add(self, client: ClientName, connection: str, text: str, symbol: str = "", order_id: str = "") -> Note:
        """Keep a note as one line of harmless text; durable when it returns."""
        now, kept = self._clock.now(), safe(" ".join(text.split()), LONGEST_NOTE)
        # The newest note is the one that was just kept only while nobody keeps another.
        async with self._alone:
            await self._store.commit(
                [
                    Write(_ADD, (client, connection, to_micros(now), symbol, order_id, kept), expect=1),
                    Write(_MAKE_ROOM, (client, client, NOTES_KEPT)),
                ]
            )
            return (await self.of(client, 1))[0]

    async def of(self, client: ClientName, count: int, *, before: int | None = None, symbol: str = "") -> list[Note]:
        """Return a client's newest notes, newest first; ``before`` leaves out that number and newer ones."""
        upper = _NEWEST if before is None else before
        return [_note(row) for row in await self._store.rows(_OF_CLIENT, (client, upper, symbol, symbol, count))]

    async def note(self, wanted: int) -> Note | None:
        """Return the note of that number, whoever wrote it; None where there is none."""
        rows = await self._store.rows("SELECT * FROM notes WHERE number = ?", (min(max(wanted, 0), _NEWEST),))
        return _note(rows[0]) if rows else None

    async def newest(self, count: int, client: str = "") -> list[Note]:
        """Return the newest notes of all clients, or of one by its name in any case, newest first."""
        return [_note(row) for row in await self._store.rows(_OF_ALL, (client, client, count))]


def _note(row: sqlite3.Row) -> Note:
    return Note(
        row["number"],
        ClientName(row["client"]),
        row["connection"],
        from_micros(row["at"]),
        row["symbol"],
        row["order_id"],
        Safe(row["text"]),
    )
