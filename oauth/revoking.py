"""How authorities end: revoked, expired, killed. Memory first, then the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from cockpit.model.events import ClientAskEnded, GrantEnded
from cockpit.model.identity import Grant, GrantId
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable, unwritten
from oauth import changes, client_changes, records
from oauth.state import State, entry

_KEEP_CODES: Final = timedelta(days=1)
_FLUSH_SECONDS: Final = 10.0


class Endings:
    """Everything that ends authority."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._flushed = state.clock.monotonic()

    async def revoke_client(self, client: str, by: str) -> tuple[GrantId, ...] | Refusal:
        """End every authority of a client, given its name or its client id, or the one of a grant's id.

        A registration whose last authority ended must ask again.
        """
        hits = [one.grant for one in self._state.live.all() if _is(one.grant, client)]
        owed = [grant for one in self._state.owed for grant in one.grants if _is(grant, client)]
        if not hits and not owed and not await self._known(client):
            return refuse("CLIENT_UNKNOWN")
        refusal = await self._revoke(hits, by)
        return refusal or tuple(grant.grant_id for grant in (*owed, *hits))

    async def revoke_all(self, by: str) -> tuple[GrantId, ...] | Refusal:
        """End every authority for good, keys and services too. Nothing is stopped: who is let in anew may go on."""
        hits = [one.grant for one in self._state.live.all()]
        refusal = await self._revoke(hits, by)
        return refusal or tuple(grant.grant_id for grant in hits)

    async def _revoke(self, hits: Sequence[Grant], by: str) -> Refusal | None:
        state, now, reason = self._state, self._state.clock.now(), "revoked by the operator"
        for grant in hits:
            state.drop(grant.grant_id, reason)
        left = {one.grant.client_id for one in state.live.all()}
        writes = [write for grant in hits for write in changes.end_grant(grant.grant_id, now, reason)]
        over = sorted({grant.client_id for grant in hits} - left)
        writes += [client_changes.revoke_registration(client_id) for client_id in over]
        notes = [entry(now, "revoked", "done", grant, by=by, client_id=grant.client_id) for grant in hits]
        if hits:
            state.owe(hits, writes, notes)
        try:
            await state.settle()
        except (StoreUnavailable, StoreBusy) as problem:
            return unwritten(problem)
        return None

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
        if not any(one.grant.expires_at or one.grant.timed for one in state.live.all()):
            state.clock.believe()
        return tuple(grant.grant_id for grant in (*ended, *suspended))

    async def kill_durably(self, by: str) -> None:
        """Write the kill; raises like `Store.commit` and may be called again."""
        state = self._state
        async with state.lock:
            now = state.clock.now()
            await state.commit(changes.kill_everything(now), [entry(now, "killed", "done", by=by)])

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
            used = [
                changes.last_used(grant_id, use.at, use.address) for grant_id, use in state.live.take_fresh().items()
            ]
            now = state.clock.now()
            state.owe([], [*used, changes.forget_codes(now - _KEEP_CODES), changes.latest_time(now)], [])
        await state.settle()

    async def _known(self, client: str) -> bool:
        folded = client.casefold()
        if any(given.name.casefold() == folded for given in self._state.names):
            return True
        return await records.registration(self._state.store, client[:256]) is not None


def _is(grant: Grant, client: str) -> bool:
    return client in {grant.client_id, grant.grant_id} or grant.client.casefold() == client.casefold()
