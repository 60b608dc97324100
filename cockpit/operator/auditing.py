"""What the operator asks of the audit: the newest records, a search, whether the chain is whole, and an archive."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cockpit.model.refusals import refuse
from cockpit.model.text import counted, safe
from cockpit.operator import listing
from cockpit.operator.act import Answer, Done
from cockpit.operator.audit_asked import FOUND, TAIL, count_of, query_of, verdict_words
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.wire import number
from cockpit.store.archiving import ArchiveFailed, Keep

LONGEST_DAYS: Final = 36_500


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

    async def archive(self, given: dict[str, str], by: str) -> Answer:
        """Move old records to a file, by what is asked for or else by the settings."""
        settings, clock = self._rooms.settings.audit, self._rooms.clock
        asked = {name: number(given[name]) for name in ("days", "records") if name in given}
        kept = asked or {"days": settings.keep_days, "records": settings.keep_records}
        days, records = kept.get("days"), kept.get("records")
        if days is None and records is None:
            return refuse("BAD_ACT_ARGUMENTS", "Say what to keep, --days N or --records N; the settings keep all.")
        since = None if days is None else clock.now() - timedelta(days=min(days, LONGEST_DAYS))
        try:
            archive = await self._rooms.store.audit_archive(Keep(since, records))
        except ArchiveFailed as failed:
            return refuse("AUDIT_UNAVAILABLE", f"Nothing was archived: {safe(str(failed), 300)}.")
        if archive is None:
            return Done("Nothing is old enough to be archived.", {"records": 0})
        count = archive.end.number - archive.before.number
        data = {"records": count, "first": archive.first, "last": archive.end.number, "file": archive.file}
        return Done(
            f"{counted(count, 'record')} moved to archive/{archive.file}; keep the file, the chain goes through it.",
            data,
        )

    async def export(self, given: dict[str, str], by: str) -> Answer:
        """Say where this is done: a file belongs to whoever asks for it, not to this process."""
        return refuse("ACT_UNKNOWN", "Records are exported on the command line: cockpit audit export --to FILE")
