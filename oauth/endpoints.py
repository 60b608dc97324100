"""The endpoints that clients call themselves: token, revocation and registration. Load, decide, commit, answer."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cockpit.model.identity import GrantId
from cockpit.store.writes import StoreBusy, StoreUnavailable, WriteConflict
from oauth import changes, records
from oauth.decision import Decision, OAuthRequest, Snapshot
from oauth.grants import deciding
from oauth.messages import LARGEST_BODY, HttpAnswer, HttpRequest, json_answer, json_error
from oauth.parameters import BadParameters, BasicCredentials, Parameters, read_basic, read_form
from oauth.records import Registration, Standing
from oauth.registration import GRANT_TYPES, AskedRegistration, BadRegistration, read_registration
from oauth.state import State


@dataclass(frozen=True, slots=True)
class _Presented:
    """The one credential that a request is about."""

    name: str
    secret: str = field(repr=False)


class Endpoints:
    """Answers clients. Nothing here waits for a human."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def token(self, request: HttpRequest) -> HttpAnswer:
        """Redeem a code or a refresh token (RFC 6749, 3.2)."""
        return await self._decided(request, "token", Decision.redeemed)

    async def revoke(self, request: HttpRequest) -> HttpAnswer:
        """End the grant of a token (RFC 7009)."""
        return await self._decided(request, "revoke", Decision.revoked)

    async def register(self, request: HttpRequest) -> HttpAnswer:
        """Take a registration (RFC 7591). It gives no authority: only a name to ask under."""
        if self._state.stopped:
            return _stopped()
        if len(request.body) > LARGEST_BODY:
            return json_error(413, "invalid_client_metadata", "The body is too large.")
        try:
            asked = read_registration(request.content_type, request.body)
        except BadRegistration as error:
            return json_error(400, error.error, error.description)
        return await self._register(asked, request.address)

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
        room = changes.forget_registrations(state.config.max_unapproved_clients - 1, state.room.clients())
        try:
            async with state.lock:
                if state.stopped:
                    return _stopped()
                await state.store.commit([room, changes.add_registration(new)])
        except (StoreBusy, StoreUnavailable):
            return _unavailable()
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

    async def _decided(
        self, request: HttpRequest, endpoint: str, decide: Callable[[Decision, OAuthRequest], HttpAnswer]
    ) -> HttpAnswer:
        if len(request.body) > LARGEST_BODY:
            return json_error(413, "invalid_request", "The body is too large.")
        try:
            parameters = read_form(request.content_type, request.body)
            basic = read_basic(request.authorization)
            if basic is not None and parameters.get("client_secret"):
                raise BadParameters("The client authenticates in two ways.")
            if basic is not None and parameters.get("client_id") not in {"", basic.client_id}:
                raise BadParameters("The request names two clients.")
        except BadParameters as error:
            return json_error(400, "invalid_request", str(error))
        asked = OAuthRequest(
            "POST",
            f"{self._state.config.issuer}/oauth/{endpoint}",
            parameters,
            request.authorization if basic else None,
        )
        try:
            async with self._state.lock:
                server = await self._loaded(parameters, basic, _presented(endpoint, parameters))
                answer = decide(server, asked)
                await self._commit(server)
        except (StoreBusy, StoreUnavailable):
            return _unavailable()
        except WriteConflict:
            return json_error(400, "invalid_grant", "Somebody else was faster.")
        return answer

    async def _loaded(self, parameters: Parameters, basic: BasicCredentials | None, presented: _Presented) -> Decision:
        """Load what the decision may know: registration, code, refresh token, and whether their grant lives."""
        state, store = self._state, self._state.store
        client_id = basic.client_id if basic else parameters.get("client_id")
        registration = await records.registration(store, client_id) if client_id else None
        seen = Snapshot(state.clock.now(), registration)
        grant_id: GrantId | None = None
        # Exactly one credential is loaded, so that no request can pair one's code with another's grant.
        if presented.name == "code":
            code = await records.code(store, records.digest(presented.secret))
            seen, grant_id = replace(seen, code=code), code.grant_id if code else None
        elif presented.secret:
            refresh = await records.refresh_token(store, records.digest(presented.secret))
            claims = state.signer.own(presented.secret) if refresh is None and presented.name == "token" else None
            seen = replace(seen, refresh=refresh)
            grant_id = refresh.grant_id if refresh else claims.grant_id if claims else None
        return deciding(state.config, state.signer, state.random, replace(seen, grant=state.usable(grant_id)))

    async def _commit(self, server: Decision) -> None:
        """Write what was decided. What ended is dead in memory first, and stays dead if the disk fails."""
        state, collected = self._state, server.collected
        ended = [state.drop(grant_id, reason) for grant_id, reason in collected.ended]
        if not collected.writes and not collected.audit:
            return
        try:
            await state.store.commit(collected.writes, collected.audit)
        except (StoreBusy, StoreUnavailable):
            if ended:
                state.owe([grant for grant in ended if grant], collected.writes, collected.audit)
            raise


def _presented(endpoint: str, parameters: Parameters) -> _Presented:
    if endpoint == "revoke":
        name = "token"
    else:
        name = "code" if parameters.get("grant_type") == "authorization_code" else "refresh_token"
    return _Presented(name, parameters.get(name))


def _unavailable() -> HttpAnswer:
    return json_error(503, "temporarily_unavailable", "The host can't write now; try again.", ("Retry-After", "5"))


def _stopped() -> HttpAnswer:
    return json_error(503, "temporarily_unavailable", "The operator has stopped everything.", ("Retry-After", "60"))


def _text(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()
