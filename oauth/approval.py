"""The operator's decision on a browser that waits: let its client in under a name, or turn it away."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from cockpit.model.events import ClientAskEnded, GrantChanged
from cockpit.model.identity import ClientName, Grant, GrantId, Scope, Via, may_be_client
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable, WriteConflict, unwritten
from oauth import changes, client_changes
from oauth.records import GivenName, StoredGrant
from oauth.state import State, entry
from oauth.waiting import Stage, WaitingClient
from oauth.way_back import way_back

_LONGEST_LIFE: Final = timedelta(days=3650)


class Approvals:
    """Lets clients in and turns them away. Each request is decided once."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def approve(
        self,
        request_id: str,
        name: ClientName,
        scopes: frozenset[Scope],
        connection: str,
        lives: timedelta | None,
        by: str,
        still: Callable[[], bool] = lambda: True,
    ) -> Grant | Refusal:
        """Give the client of a request a name and a grant. The grant lives from now on; no token for it exists yet.

        Nothing comes to life where ``still`` says that whoever decided may decide no more.
        """
        state = self._state
        refusal = check_terms(state, name, scopes, connection, lives)
        if refusal is not None:
            return refusal
        async with state.lock:
            waiting, now, epoch = state.room.get(request_id), state.clock.now(), state.epoch
            if waiting is None or not still():
                return refuse("CODE_UNKNOWN")
            if waiting.stage is not Stage.WAITING or waiting.shown.decide_by <= now:
                return refuse("ALREADY_DECIDED")
            known = known_spelling(state, name)
            folded = known.casefold()
            for one in state.live.all():
                if one.grant.via is not Via.OAUTH and one.grant.client.casefold() == folded:
                    return refuse("NAME_TAKEN", name=one.grant.client)
            stored = self._new_grant(waiting.shown, known, scopes, connection, lives, now, by)
            given = GivenName(known, waiting.shown.host, waiting.shown.claimed_name)
            shown = waiting.shown
            note = entry(
                now, "approved", "done", stored.grant, by=by, scopes=sorted(scopes), connection=connection,
                client_id=shown.client_id, host=shown.host, address=shown.address, expires_at=stored.grant.expires_at,
            )  # fmt: skip
            writes = [
                changes.add_grant(stored),
                changes.add_name(given),
                client_changes.approve_registration(shown.client_id, waiting.shape),
            ]
            try:
                await state.commit(writes, [note])
            except (StoreUnavailable, StoreBusy) as problem:
                return unwritten(problem)
            except WriteConflict:
                return refuse("CODE_UNKNOWN")
            if state.epoch != epoch:
                return refuse("KILL_SWITCH")
            if not still():
                await self._take_back(stored.grant, by)
                return refuse("CODE_UNKNOWN")
            state.live.put(stored)
            state.names.add(given)
            waiting.stage, waiting.grant_id = Stage.APPROVED, stored.grant.grant_id
            waiting.ends_at = now + timedelta(seconds=state.config.ask_seconds)
        state.publish(ClientAskEnded(now, request_id, safe("approved")))
        state.publish(GrantChanged(now, stored.grant.grant_id, known))
        return stored.grant

    async def deny(self, request_id: str, by: str) -> Refusal | None:
        """Turn a client away; its browser takes ``access_denied`` back to it."""
        state = self._state
        async with state.lock:
            waiting, now = state.room.get(request_id), state.clock.now()
            if waiting is None:
                return refuse("CODE_UNKNOWN")
            if waiting.stage is not Stage.WAITING:
                return refuse("ALREADY_DECIDED")
            waiting.stage = Stage.DENIED
            waiting.ends_at = now + timedelta(seconds=state.config.ask_seconds)
            state.publish(ClientAskEnded(now, request_id, safe("denied")))
            shown = waiting.shown
            note = entry(now, "denied", "done", by=by, client_id=shown.client_id, host=shown.host)
            try:
                waiting.location = await way_back(state, waiting, None)
                await state.commit([], [note])
            except (StoreUnavailable, StoreBusy) as problem:
                return unwritten(problem)
        return None

    async def _take_back(self, grant: Grant, by: str) -> None:
        """End on disk what never came to life: it must not do so at the next start. Owed until it is written."""
        state, now, reason = self._state, self._state.clock.now(), "its decider was signed out"
        note = entry(now, "revoked", "done", grant, by=by, client_id=grant.client_id, reason=reason)
        state.owe([grant], changes.end_grant(grant.grant_id, now, reason), [note])
        with suppress(StoreBusy, StoreUnavailable):
            await state.commit([])

    def _new_grant(
        self,
        shown: WaitingClient,
        name: ClientName,
        scopes: frozenset[Scope],
        connection: str,
        lives: timedelta | None,
        now: datetime,
        by: str,
    ) -> StoredGrant:
        config = self._state.config
        longest = timedelta(days=config.refresh_days)
        grant = Grant(
            grant_id=GrantId(self._state.new_id("g-")),
            client=name,
            client_id=shown.client_id,
            scopes=scopes,
            connection=connection,
            via=Via.OAUTH,
            made_at=now,
            expires_at=now + min(lives or longest, longest),
            host=shown.host,
            made_by=by,
        )
        collect_by = now + timedelta(seconds=config.ask_seconds + config.code_seconds)
        return StoredGrant(grant, asked=frozenset(shown.asked), collect_by=collect_by)


def check_terms(
    state: State, name: ClientName, scopes: frozenset[Scope], connection: str, lives: timedelta | None
) -> Refusal | None:
    """Check what the operator chose for a client or a key."""
    if state.stopped:
        return refuse("KILL_SWITCH")
    if not may_be_client(name):
        return refuse("NAME_BAD")
    if connection not in state.config.scopes_by_connection:
        return refuse("CONNECTION_UNKNOWN", connection=safe(connection, 40))
    beyond = scopes - state.config.allowed_on(connection)
    if beyond:
        return refuse("SCOPE_NOT_ALLOWED", scope=" ".join(sorted(beyond)), connection=connection)
    if lives is not None and not timedelta(0) < lives <= _LONGEST_LIFE:
        return refuse("BAD_ACT_ARGUMENTS", "A grant lives longer than no time and at most ten years.")
    return None


def known_spelling(state: State, name: ClientName) -> ClientName:
    """Return a name as it was first given, however it is typed now."""
    folded = name.casefold()
    return next((given.name for given in sorted_names(state) if given.name.casefold() == folded), name)


def sorted_names(state: State) -> list[GivenName]:
    """Return every given name in a fixed order."""
    return sorted(state.names, key=lambda given: (given.name, given.host, given.claimed))
