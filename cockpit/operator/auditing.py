"""What the operator asks of the audit: the newest records, a search, whether the chain is whole, and an archive."""

from __future__ import annotations

from cockpit.model.refusals import refuse
from cockpit.operator import listing
from cockpit.operator.acts import Answer
from cockpit.operator.audit_asked import FOUND, TAIL, count_of, query_of, verdict_words
from cockpit.operator.rooms import OperatorRooms


class Auditing:
    """Answers the acts ``audit …`` of a running cockpit."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    async def tail(self, given: dict[str, str], by: str) -> Answer:
        """Show the newest records."""
        return listing.audit(await self._rooms.store.audit_tail(count_of(given, TAIL)))

    async def search(self, given: dict[str, str], by: str) -> Answer:
        """Show the newest records that fit."""
        query = query_of(given, self._rooms.clock.now())
        return listing.audit(await self._rooms.store.audit_search(query, count_of(given, FOUND)))

    async def verify(self, given: dict[str, str], by: str) -> Answer:
        """Read the whole chain again."""
        return verdict_words(
            await self._rooms.store.audit_verify(structure=True, archives="without_archives" not in given)
        )

    async def export(self, given: dict[str, str], by: str) -> Answer:
        """Say where this is done: a file belongs to whoever asks for it, not to this process."""
        return refuse("ACT_UNKNOWN", "Records are exported on the command line: cockpit audit export --to FILE")
