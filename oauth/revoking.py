"""How authorities change and end: narrowed, widened, revoked, expired, killed. Memory first, then the disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from cockpit.model.events import ClientAskEnded, GrantChanged, GrantEnded
from cockpit.model.identity import Grant, GrantId, Scope
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable
from oauth import changes, records
from oauth.state import State, entry

_KEEP_CODES: Final = timedelta(days=1)
_FLUSH_SECONDS: Final = 10.0


class Endings:
    """Everything that takes authority away, and the one act that may add to it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._flushed = state.clock.monotonic()

    async def set_scopes(self, grant_id: GrantId, scopes: frozenset[Scope], by: str) -> Grant | Refusal:
        """Change what a grant may do from its next call on. What is taken away is gone before the disk knows."""
        state = self._state
        async with state.lock:
            stored = state.live.held(grant_id)
            if stored is None:
                return refuse("CLIENT_UNKNOWN")
            before = stored.grant
            beyond = scopes - before.scopes - state.config.allowed_on(before.connection)
            if beyond:
                return refuse("SCOPE_NOT_ALLOWED", scope=" ".join(sorted(beyond)), connection=before.connection)
            now = state.clock.now()
            kept = before.scopes & scopes
            state.live.put(replace(stored, grant=replace(before, scopes=kept)))
            note = entry(
                now, "scopes", "done", before, by=by, added=sorted(scopes - before.scopes),
                dropped=sorted(before.scopes - scopes),
            )  # fmt: skip
            try:
                await state.store.commit([changes.set_grant_scopes(grant_id, scopes)], [note])
            except (StoreUnavailable, StoreBusy) as error:
                if kept != before.scopes:
                    state.owe([], [changes.set_grant_scopes(grant_id, kept)], [note])
                return refuse("BUSY" if isinstance(error, StoreBusy) else "AUDIT_UNAVAILABLE")
            current = state.live.held(grant_id)
            if current is None:
                return refuse("CLIENT_UNKNOWN")
            grant = replace(current.grant, scopes=scopes)
            state.live.put(replace(current, grant=grant))
        state.publish(GrantChanged(now, grant_id, grant.client))
        return grant

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
                await state.store.commit([changes.set_grant_connection(grant_id, connection)], [note])
            except (StoreUnavailable, StoreBusy) as error:
                return refuse("BUSY" if isinstance(error, StoreBusy) else "AUDIT_UNAVAILABLE")
            current = state.live.held(grant_id)
            if current is None:
                return refuse("CLIENT_UNKNOWN")
            grant = replace(current.grant, connection=connection)
            state.live.put(replace(current, grant=grant))
        state.publish(GrantChanged(now, grant_id, grant.client))
        return grant

    async def revoke_client(self, client: str, by: str) -> tuple[GrantId, ...] | Refusal:
        """End every authority of a client, given its name or its client id; its registrations must ask again."""
        state, now, reason = self._state, self._state.clock.now(), "revoked by the operator"
        hits = [one.grant for one in state.live.all() if _is(one.grant, client)]
        owed = [grant for one in state.owed for grant in one.grants if _is(grant, client)]
        if not hits and not owed and not await self._known(client):
            return refuse("CLIENT_UNKNOWN")
        for grant in hits:
            state.drop(grant.grant_id, reason)
        writes = [write for grant in hits for write in changes.end_grant(grant.grant_id, now, reason)]
        writes += [changes.revoke_registration(client_id) for client_id in sorted({grant.client_id for grant in hits})]
        notes = [entry(now, "revoked", "done", grant, by=by, client_id=grant.client_id) for grant in hits]
        if hits:
            state.owe(hits, writes, notes)
        try:
            await state.settle()
        except StoreUnavailable:
            return refuse("AUDIT_UNAVAILABLE")
        except StoreBusy:
            return refuse("BUSY")
        return tuple(grant.grant_id for grant in (*owed, *hits))

    def kill_now(self) -> tuple[GrantId, ...]:
        """Let everything die in memory: grants, codes and waiting pages for good, keys until they are enabled."""
        state, now = self._state, self._state.clock.now()
        state.stopped = True
        state.epoch += 1
        ended, suspended = state.live.kill()
        waited = state.room.clear()
        for grant in ended:
            state.publish(GrantEnded(now, grant.grant_id, grant.client, safe("killed")))
        for grant in suspended:
            state.publish(GrantEnded(now, grant.grant_id, grant.client, safe("suspended by the kill switch")))
        for request in waited:
            state.publish(ClientAskEnded(now, request.shown.request_id, safe("killed")))
        return tuple(grant.grant_id for grant in (*ended, *suspended))

    async def kill_durably(self, by: str) -> None:
        """Write the kill; raises like `Store.commit` and may be called again."""
        state = self._state
        async with state.lock:
            now, owed = state.clock.now(), state.owed
            writes = [write for one in owed for write in one.writes]
            notes = [note for one in owed for note in one.audit]
            done = len(owed)
            await state.store.commit(
                [*writes, *changes.kill_everything(now)], [*notes, entry(now, "killed", "done", by=by)]
            )
            del owed[:done]

    async def sweep(self) -> None:
        """End what has expired, and write what is owed. Called every second; cheap when nothing is due."""
        state, now = self._state, self._state.clock.now()
        keep_until = now + timedelta(seconds=state.config.ask_seconds)
        for request in state.room.expire(now, keep_until):
            state.publish(ClientAskEnded(now, request.shown.request_id, safe("expired")))
            shown = request.shown
            note = entry(now, "expired", "done", client_id=shown.client_id, host=shown.host, address=shown.address)
            state.owe([], [], [note])
        for stored in state.live.all():
            grant = stored.grant
            if grant.expires_at is not None and grant.expires_at <= now:
                self._end(grant, "expired")
            elif stored.collect_by is not None and stored.collect_by <= now:
                await self._end_if_uncollected(grant)
        await self._flush(state.clock.monotonic() - self._flushed >= _FLUSH_SECONDS)

    async def close(self) -> None:
        """Write what is owed and when each grant was used last."""
        await self._flush(True)

    def _end(self, grant: Grant, reason: str) -> None:
        now = self._state.clock.now()
        self._state.drop(grant.grant_id, reason)
        self._state.owe(
            [grant],
            changes.end_grant(grant.grant_id, now, reason),
            [entry(now, "ended", "done", grant, reason=reason)],
        )

    async def _end_if_uncollected(self, grant: Grant) -> None:
        """End a grant whose code nobody redeemed; the database knows whether somebody did."""
        rows = await self._state.store.rows(
            "SELECT 1 FROM oauth_grants WHERE grant_id = ? AND collect_by IS NULL", (grant.grant_id,)
        )
        stored = self._state.live.held(grant.grant_id)
        if stored is None:
            return
        if rows:
            self._state.live.put(replace(stored, collect_by=None))
        else:
            self._end(grant, "its code was never redeemed")

    async def _flush(self, uses_too: bool) -> None:
        state = self._state
        if uses_too:
            self._flushed = state.clock.monotonic()
            used = [changes.last_used(grant_id, when) for grant_id, when in state.live.take_fresh().items()]
            stale = changes.forget_codes(state.clock.now() - _KEEP_CODES)
            state.owe([], [*used, stale], [])
        await state.settle()

    async def _known(self, client: str) -> bool:
        folded = client.casefold()
        if any(given.name.casefold() == folded for given in self._state.names):
            return True
        return await records.registration(self._state.store, client[:256]) is not None


def _is(grant: Grant, client: str) -> bool:
    return grant.client_id == client or grant.client.casefold() == client.casefold()
