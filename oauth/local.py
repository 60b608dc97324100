"""The local client's authority: what the settings say of it is carried over at each start, and the operator's word stays.

It is a key without a text, which only the Unix socket in the data folder presents: a kill suspends it, enabling lets it
go on, and once revoked it stays so until the settings give it another name or connection.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cockpit.model.events import GrantChanged
from cockpit.model.identity import Caller, Grant, GrantId, Scope, Via, scope_text
from cockpit.model.refusals import Refusal, refuse
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write, unwritten
from oauth import changes
from oauth.making import LOCAL_HOST, Terms, make_local
from oauth.records import StoredGrant
from oauth.state import State, entry

_ADDRESS = "stdio"
_REVOKED = "revoked by the operator"


class LocalClient:
    """The one authority that stands in the settings."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._grant_id: GrantId | None = None

    async def take(self, terms: Terms | None) -> Grant | Refusal | None:
        """Take what the settings say at the start; None where they want no local client.

        What they no longer say has ended. Scopes that were added or dropped there since the last start are added or
        dropped; beside these the grant has what the operator gave or took.
        """
        client_id = "" if terms is None else f"{LOCAL_HOST}.{terms.connection}"
        kept: StoredGrant | None = None
        for stored in self._state.live.all():
            if stored.grant.via is not Via.KEY or stored.grant.host != LOCAL_HOST:
                continue
            if terms is not None and (stored.grant.client, stored.grant.client_id) == (terms.name, client_id):
                kept = stored
            else:
                self._end(stored.grant)
        if terms is None:
            return None
        if kept is not None:
            self._grant_id = kept.grant.grant_id
            return await self._carry_over(kept, terms.scopes)
        if await self._was_revoked(terms, client_id):
            says = f"You revoked {terms.name}: it stays out until stdio has another name or connection."
            return refuse("GRANT_ENDED", says, client=terms.name)
        made = await make_local(self._state, terms, client_id)
        if isinstance(made, Refusal):
            return made
        self._grant_id = made.grant.grant_id
        return made.grant

    def caller(self) -> Caller | Refusal:
        """Return who asks over the socket, or why nobody may."""
        state, grant_id = self._state, self._grant_id
        if grant_id is None:
            return refuse("STDIO_OFF")
        grant = state.live.usable(grant_id)
        if grant is None:
            stored = state.live.held(grant_id)
            if state.stopped:
                return refuse("KILL_SWITCH")
            if stored is not None and stored.grant.suspended:
                mend = (
                    f"A kill has suspended it; the operator lets it go on by: cockpit key enable {stored.grant.client}"
                )
                return refuse("GRANT_ENDED", mend)
            return refuse("GRANT_ENDED")
        state.live.touch(grant_id, state.clock.now(), _ADDRESS)
        return Caller(grant, None, _ADDRESS)

    def _end(self, grant: Grant) -> None:
        state, now, reason = self._state, self._state.clock.now(), "the settings say otherwise"
        state.drop(grant.grant_id, reason)
        note = entry(now, "ended", "done", grant, reason=reason)
        state.owe([grant], changes.end_grant(grant.grant_id, now, reason), [note])

    async def _carry_over(self, stored: StoredGrant, said: frozenset[Scope]) -> Grant | Refusal:
        state, before = self._state, stored.grant
        if said == stored.asked:
            return before
        scopes = (before.scopes | (said - stored.asked)) & (said | (before.scopes - stored.asked))
        timed = tuple(one for one in before.timed if one.scope in scopes)
        after, now = replace(before, scopes=scopes, timed=timed), state.clock.now()
        try:
            async with state.lock:
                await state.commit(
                    [changes.set_grant_scopes(after), _asked(before.grant_id, said)], [_note(now, before, after)]
                )
        except (StoreUnavailable, StoreBusy) as problem:
            return unwritten(problem)
        state.live.put(replace(stored, grant=after, asked=said))
        state.publish(GrantChanged(now, after.grant_id, after.client))
        return after

    async def _was_revoked(self, terms: Terms, client_id: str) -> bool:
        rows = await self._state.store.rows(
            "SELECT 1 FROM oauth_grants WHERE via = 'key' AND host = ? AND client = ? AND client_id = ?"
            " AND end_reason = ? LIMIT 1",
            (LOCAL_HOST, terms.name, client_id, _REVOKED),
        )
        return bool(rows)


def _asked(grant_id: GrantId, said: frozenset[Scope]) -> Write:
    return Write("UPDATE oauth_grants SET asked = ? WHERE grant_id = ?", (scope_text(said), grant_id))


def _note(now: datetime, before: Grant, after: Grant) -> AuditEntry:
    return entry(
        now, "scopes", "done", before, by="settings", added=sorted(after.scopes - before.scopes),
        dropped=sorted(before.scopes - after.scopes),
    )  # fmt: skip
