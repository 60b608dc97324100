"""Holds that limits set by themselves: in memory at once, durable soon after, released by the operator alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from cockpit.model.clock import Clock
from cockpit.model.events import Event, LatchChanged
from cockpit.model.latches import OF_CONNECTIONS, Latch, LatchKind
from cockpit.model.text import Safe, safe
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write

_SET = (
    "INSERT INTO latches (kind, subject, since, reason, released_at) VALUES (?, ?, ?, ?, NULL) "
    "ON CONFLICT (kind, subject) DO UPDATE SET since=excluded.since, reason=excluded.reason, released_at=NULL"
)
_RELEASE = "UPDATE latches SET released_at=? WHERE kind=? AND subject=? AND released_at IS NULL"


class Latches:
    """What is latched, and from when each thing is counted anew."""

    def __init__(self, store: Store, clock: Clock, publish: Callable[[Event], None]) -> None:
        self._store = store
        self._clock = clock
        self._publish = publish
        self._set: dict[tuple[LatchKind, str], Latch] = {}
        self._released: dict[tuple[LatchKind, str], datetime] = {}
        self._unsaved: list[Latch] = []
        self._saving = asyncio.Lock()
        self.tripped = asyncio.Event()
        """Set while something is latched that isn't durable yet."""

    async def load(self) -> None:
        """Find the latches again; a restart releases none."""
        for row in await self._store.rows("SELECT kind, subject, since, reason, released_at FROM latches"):
            kind, subject = LatchKind(row["kind"]), row["subject"]
            if row["released_at"] is None:
                self._set[kind, subject] = Latch(kind, subject, from_micros(row["since"]), Safe(row["reason"]))
            else:
                self._released[kind, subject] = from_micros(row["released_at"])

    def all(self) -> tuple[Latch, ...]:
        """Return every latch that is set, oldest first."""
        return tuple(sorted(self._set.values(), key=lambda latch: (latch.since, latch.latch_id)))

    def holding(self, connection: str, client: str) -> tuple[Latch, ...]:
        """Return the latches of a connection and of a client."""
        if not self._set:
            return ()
        return tuple(
            latch
            for latch in self._set.values()
            if latch.subject == (connection if latch.kind in OF_CONNECTIONS else client)
        )

    def counted_from(self, kind: LatchKind, subject: str) -> datetime | None:
        """Return when the latch was released last: what was before doesn't count towards it again."""
        return self._released.get((kind, subject))

    def trip(self, kind: LatchKind, subject: str, reason: str) -> bool:
        """Set a latch, in force before anything is awaited. False: it was set already."""
        if (kind, subject) in self._set:
            return False
        latch = Latch(kind, subject, self._clock.now(), safe(reason))
        self._set[kind, subject] = latch
        self._unsaved.append(latch)
        self.tripped.set()
        self._publish(LatchChanged(latch.since, latch, True))
        return True

    async def save(self) -> None:
        """Make durable what was set since. Raises StoreUnavailable or StoreBusy and keeps it for the next time."""
        async with self._saving:
            if not self._unsaved:
                return
            latches = tuple(self._unsaved)
            await self._store.commit(
                [Write(_SET, (one.kind, one.subject, to_micros(one.since), one.reason)) for one in latches],
                [_entry("latch.set", one, one.since, reason=one.reason) for one in latches],
            )
            del self._unsaved[: len(latches)]
            if not self._unsaved:
                self.tripped.clear()

    def find(self, latch_id: str) -> Latch | None:
        """Return the latch of that id, or None."""
        return next((latch for latch in self._set.values() if latch.latch_id == latch_id), None)

    async def release(self, latch: Latch, by: str) -> None:
        """Release a latch: durable first, then in memory."""
        await self.save()
        now = self._clock.now()
        await self._store.commit(
            [Write(_RELEASE, (to_micros(now), latch.kind, latch.subject), expect=1)],
            [_entry("latch.released", latch, now, by=by)],
        )
        self._released[latch.kind, latch.subject] = now
        if self._set.pop((latch.kind, latch.subject), None) is not None:
            self._publish(LatchChanged(now, latch, False))


def _entry(event: str, latch: Latch, at: datetime, **detail: str) -> AuditEntry:
    client = "" if latch.kind in OF_CONNECTIONS else latch.subject
    facts = {"latch": latch.latch_id, **detail}
    return AuditEntry(at, "switch", client=client, tool=event, outcome=latch.kind, detail=facts)
