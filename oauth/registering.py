"""How clients register, and how long a registration stays that nobody approves."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Final

from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreBusy, StoreUnavailable
from oauth import changes, client_changes, records
from oauth.messages import LARGEST_BODY, HttpAnswer, HttpRequest, json_answer, json_error
from oauth.records import Registration, Standing
from oauth.registration import GRANT_TYPES, AskedRegistration, BadRegistration, read_registration
from oauth.state import State, entry

_SWEEP_SECONDS: Final = 60.0


class Registrations:
    """Takes registrations and forgets them. None of them gives any authority."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._swept = float("-inf")

    async def load(self) -> None:
        """Bring the clients of the settings in. What was granted to one that they name no longer ends."""
        state, now = self._state, self._state.clock.now()
        named = {client.client_id for client in state.config.clients}
        gone = [client_id for client_id in await records.static_clients(state.store) if client_id not in named]
        writes = [client_changes.keep_static(client, now) for client in state.config.clients]
        notes: list[AuditEntry] = []
        reason = "the settings name its client no longer"
        for client_id in gone:
            writes.append(client_changes.forget_static(client_id))
            for stored in state.live.all():
                if stored.grant.client_id == client_id:
                    writes += changes.end_grant(stored.grant.grant_id, now, reason)
                    notes.append(entry(now, "ended", "done", stored.grant, reason=reason))
                    state.drop(stored.grant.grant_id, reason)
        if writes:
            async with state.lock:
                await state.commit(writes, notes)

    async def register(self, request: HttpRequest) -> HttpAnswer:
        """Take a registration (RFC 7591): only a name to ask under."""
        if self._state.stopped:
            return _stopped()
        if len(request.body) > LARGEST_BODY:
            return json_error(413, "invalid_client_metadata", "The body is too large.")
        try:
            asked = read_registration(request.content_type, request.body)
        except BadRegistration as error:
            return json_error(400, error.error, error.description)
        return await self._register(asked, request.address)

    def sweep(self) -> None:
        """Have registrations forgotten that nobody approved in time; those whose browser waits stay."""
        state = self._state
        if state.clock.monotonic() - self._swept < _SWEEP_SECONDS:
            return
        self._swept = state.clock.monotonic()
        before = state.clock.now() - timedelta(hours=state.config.unapproved_hours)
        state.owe([], [client_changes.forget_unapproved(before, state.room.clients())], [])

    async def _register(self, asked: AskedRegistration, address: str) -> HttpAnswer:
        state, now = self._state, self._state.clock.now()
        secret = None if asked.auth_method == "none" else f"cks_{_text(state.random(32))}"
        new = Registration(
            client_id=state.new_id("c-"),
            standing=Standing.NEW,
            claimed_name=asked.claimed_name,
            redirect_uris=asked.redirect_uris,
            auth_method=asked.auth_method,
            secret_hash=records.digest(secret) if secret else None,
            address=address[:64],
            registered_at=now,
        )
        room = client_changes.forget_registrations(state.config.max_unapproved_clients - 1, state.room.clients())
        try:
            async with state.lock:
                if state.stopped:
                    return _stopped()
                await state.store.commit([room, client_changes.add_registration(new)])
        except (StoreBusy, StoreUnavailable):
            return json_error(
                503, "temporarily_unavailable", "The host can't write now; try again.", ("Retry-After", "5")
            )
        told: dict[str, object] = {
            "client_id": new.client_id,
            "client_id_issued_at": int(now.timestamp()),
            "redirect_uris": list(new.redirect_uris),
            "grant_types": list(GRANT_TYPES),
            "response_types": ["code"],
            "token_endpoint_auth_method": new.auth_method,
        }
        if new.claimed_name:
            told["client_name"] = new.claimed_name
        if secret:
            told |= {"client_secret": secret, "client_secret_expires_at": 0}
        return json_answer(201, told)


def _stopped() -> HttpAnswer:
    return json_error(503, "temporarily_unavailable", "The operator has stopped everything.", ("Retry-After", "60"))


def _text(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()
