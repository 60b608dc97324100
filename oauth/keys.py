"""API keys for programs without a browser: made by the operator, shown once, kept as a digest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cockpit.model.events import GrantChanged
from cockpit.model.identity import ClientName, Grant, Scope, Via
from cockpit.model.refusals import Refusal, refuse
from cockpit.store.writes import StoreBusy, StoreUnavailable, unwritten
from oauth import changes
from oauth.making import Terms, make_key
from oauth.records import StoredGrant
from oauth.state import State, entry


class ApiKeys:
    """The operator's acts on keys. A key's name is a client's name, and no other client has it."""

    def __init__(self, state: State) -> None:
        self._state = state

    def all(self) -> tuple[Grant, ...]:
        """Return every key that has not ended, suspended ones too."""
        return tuple(one.grant for one in self._state.live.all() if one.grant.via is Via.KEY)

    async def create(
        self, name: ClientName, scopes: frozenset[Scope], connection: str, lives: timedelta | None, by: str
    ) -> tuple[str, Grant] | Refusal:
        """Make a key; the text is returned here and nowhere again."""
        made = await make_key(self._state, Terms(name, scopes, connection, lives), by)
        return made if isinstance(made, Refusal) else (made.secret, made.grant)

    async def enable(self, name: ClientName, by: str) -> Refusal | None:
        """Let a suspended key work again; not while everything is stopped."""
        state = self._state
        async with state.lock:
            if state.stopped:
                return refuse("KILL_SWITCH")
            stored = self._find(name)
            if stored is None:
                return refuse("KEY_UNKNOWN")
            now, epoch, grant = state.clock.now(), state.epoch, stored.grant
            if not grant.suspended:
                return None
            try:
                await state.commit(
                    [changes.enable_grant(grant.grant_id)], [entry(now, "enabled", "done", grant, by=by)]
                )
            except (StoreUnavailable, StoreBusy) as problem:
                return unwritten(problem)
            if state.epoch != epoch:
                return refuse("KILL_SWITCH")
            if state.live.held(grant.grant_id) is None:
                return refuse("KEY_UNKNOWN")
            state.live.put(replace(stored, grant=replace(grant, suspended=False)))
        state.publish(GrantChanged(now, grant.grant_id, grant.client))
        return None

    async def revoke(self, name: ClientName, by: str) -> Refusal | None:
        """End a key, in memory first."""
        state, now = self._state, self._state.clock.now()
        stored = self._find(name)
        if stored is not None:
            grant, reason = stored.grant, "revoked by the operator"
            state.drop(grant.grant_id, reason)
            state.owe(
                [grant], changes.end_grant(grant.grant_id, now, reason), [entry(now, "revoked", "done", grant, by=by)]
            )
        elif not any(grant.client.casefold() == name.casefold() for one in state.owed for grant in one.grants):
            return refuse("KEY_UNKNOWN")
        try:
            await state.settle()
        except (StoreUnavailable, StoreBusy) as problem:
            return unwritten(problem)
        return None

    def _find(self, name: ClientName) -> StoredGrant | None:
        folded = name.casefold()
        found = (one for one in self._state.live.all() if one.grant.via is Via.KEY)
        return next((one for one in found if one.grant.client.casefold() == folded), None)
