"""How a living authority changes: its scopes, for good or for a time, its connection, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from cockpit.model.events import GrantChanged
from cockpit.model.identity import Grant, GrantId, Scope, TimedScope, Via, fallen
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreBusy, StoreUnavailable, unwritten
from oauth import changes
from oauth.records import StoredGrant
from oauth.state import State, entry


class Changes:
    """The operator's acts on grants that live. What takes authority away is in force before the disk knows."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def set_scopes(
        self,
        grant_id: GrantId,
        add: frozenset[Scope],
        drop: frozenset[Scope],
        by: str,
        lasts: timedelta | None = None,
    ) -> Grant | Refusal:
        """Change what a grant may do from its next call on; what is added falls away after ``lasts``.

        Only the difference is given: what the grant has otherwise is known when this one's turn comes, not before. A
        scope that had a time of its own keeps it, unless it is named in ``add``: then it has the new one, or none where
        ``lasts`` is None.
        """
        state = self._state
        async with state.lock:
            stored, now = state.live.held(grant_id), state.clock.now()
            if stored is None:
                return refuse("CLIENT_UNKNOWN")
            before = fallen(stored.grant, now)
            scopes = (before.scopes | add) - drop
            beyond = scopes - before.scopes - state.config.allowed_on(before.connection)
            if beyond:
                return refuse("SCOPE_NOT_ALLOWED", scope=" ".join(sorted(beyond)), connection=before.connection)
            after = replace(before, scopes=scopes, timed=_times(before, scopes, add, lasts, now))
            narrowed = _less(before, after)
            already = self._lower(now, stored, narrowed) and narrowed == after
            try:
                await state.commit([changes.set_grant_scopes(after)], [_note(now, before, after, by)])
            except (StoreUnavailable, StoreBusy) as error:
                if narrowed != before:
                    state.owe([], [changes.set_grant_scopes(narrowed)], [_note(now, before, narrowed, by)])
                return unwritten(error)
            grant = self._put(grant_id, scopes=after.scopes, timed=after.timed)
        return self._told(now, grant, already=already)

    async def set_connection(self, grant_id: GrantId, connection: str, by: str) -> Grant | Refusal:
        """Bind a grant to another connection, from its next call on. Its scopes stay: what isn't allowed there sleeps."""
        state = self._state
        async with state.lock:
            stored = state.live.held(grant_id)
            if stored is None:
                return refuse("CLIENT_UNKNOWN")
            before = stored.grant
            if connection not in state.config.scopes_by_connection:
                return refuse("CONNECTION_UNKNOWN", connection=safe(connection, 40))
            now = state.clock.now()
            note = entry(now, "routed", "done", before, by=by, was=before.connection, to=connection)
            try:
                await state.commit([changes.set_grant_connection(grant_id, connection)], [note])
            except (StoreUnavailable, StoreBusy) as error:
                return unwritten(error)
            grant = self._put(grant_id, connection=connection)
        return self._told(now, grant)

    async def set_expiry(self, grant_id: GrantId, lives: timedelta, by: str, *, longer: bool) -> Grant | Refusal:
        """Let a grant end ``lives`` from now, with all its tokens; later than before only where ``longer`` says so."""
        state = self._state
        async with state.lock:
            stored, now = state.live.held(grant_id), state.clock.now()
            if stored is None:
                return refuse("CLIENT_UNKNOWN")
            before = stored.grant
            ends = now + lives
            lengthens = before.expires_at is not None and ends > before.expires_at
            refusal = self._too_long(before, lives, lengthens, longer)
            if refusal is not None:
                return refusal
            already = not lengthens and self._lower(now, stored, replace(before, expires_at=ends))
            note = entry(now, "expiry", "done", before, by=by, was=before.expires_at, to=ends)
            writes = changes.set_grant_expiry(grant_id, ends)
            try:
                await state.commit(writes, [note])
            except (StoreUnavailable, StoreBusy) as error:
                if not lengthens:
                    state.owe([], writes, [note])
                return unwritten(error)
            grant = self._put(grant_id, expires_at=ends)
        return self._told(now, grant, already=already)

    async def lapse(self) -> None:
        """Take away the scopes whose time is over, and owe that to the disk. No call had them since that second."""
        state = self._state
        if not any(stored.grant.timed for stored in state.live.all()):
            return
        # In the lock: what is being written of a grant just now would otherwise be overwritten with what it was before.
        async with state.lock:
            for stored in state.live.all():
                now = state.clock.now()
                left = fallen(stored.grant, now)
                if left is stored.grant:
                    continue
                note = entry(now, "scopes", "done", left, reason="their time is over", dropped=sorted(
                    stored.grant.scopes - left.scopes
                ))  # fmt: skip
                state.owe([], [changes.set_grant_scopes(left)], [note])
                self._lower(now, stored, left)

    def _too_long(self, grant: Grant, lives: timedelta, lengthens: bool, longer: bool) -> Refusal | None:
        if lengthens and grant.via is Via.TOKEN:
            return refuse("LIFE_BOUNDED", "The end of a minted token is signed into it; mint another one.")
        longest = self._state.config.longest(grant.via)
        if longest is not None and lives > longest:
            return refuse("LIFE_BOUNDED", longest_days=longest.days)
        if lengthens and not longer:
            return refuse("BAD_ACT_ARGUMENTS", "It would live longer than now; say --longer if that is meant.")
        return None

    def _lower(self, now: datetime, stored: StoredGrant, less: Grant) -> bool:
        """Take away authority in memory and tell so, before the disk knows: streams and waiting orders go by that.
        Returns whether there was anything to take away.
        """
        if less == stored.grant:
            return False
        self._state.live.put(replace(stored, grant=less))
        self._state.publish(GrantChanged(now, less.grant_id, less.client))
        return True

    def _put(self, grant_id: GrantId, **changed: object) -> Grant | None:
        """Change a grant in memory, if it still lives; it may have been ended or suspended meanwhile."""
        current = self._state.live.held(grant_id)
        if current is None:
            return None
        grant = replace(current.grant, **changed)  # pyright: ignore[reportArgumentType]
        self._state.live.put(replace(current, grant=grant))
        return grant

    def _told(self, now: datetime, grant: Grant | None, *, already: bool = False) -> Grant | Refusal:
        """Tell of a change that is written, unless all of it was told when authority was taken away."""
        if grant is None:
            return refuse("CLIENT_UNKNOWN")
        if not already:
            self._state.publish(GrantChanged(now, grant.grant_id, grant.client))
        return grant


def _times(
    before: Grant, scopes: frozenset[Scope], added: frozenset[Scope], lasts: timedelta | None, now: datetime
) -> tuple[TimedScope, ...]:
    kept = [one for one in before.timed if one.scope in scopes - added]
    fresh = [] if lasts is None else [TimedScope(scope, now + lasts) for scope in added & scopes]
    return tuple(sorted([*kept, *fresh], key=lambda one: (one.until, one.scope)))


def _less(before: Grant, after: Grant) -> Grant:
    """Return what both allow: the scopes of both, each until the earlier of its times."""
    scopes = before.scopes & after.scopes
    earliest: dict[Scope, datetime] = {}
    for one in (*before.timed, *after.timed):
        if one.scope in scopes:
            earliest[one.scope] = min(one.until, earliest.get(one.scope, one.until))
    timed = tuple(TimedScope(scope, until) for scope, until in sorted(earliest.items()))
    return replace(before, scopes=scopes, timed=timed)


def _note(now: datetime, before: Grant, after: Grant, by: str) -> AuditEntry:
    return entry(
        now, "scopes", "done", before, by=by, added=sorted(after.scopes - before.scopes),
        dropped=sorted(before.scopes - after.scopes),
        timed={one.scope.value: one.until.isoformat() for one in after.timed},
    )  # fmt: skip
