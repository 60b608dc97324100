"""The endpoints where clients show what they have: token and revocation. Load, decide, commit, answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cockpit.model.identity import GrantId
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable, WriteConflict
from oauth import records
from oauth.assertions import BadAssertion, Proof
from oauth.client_keys import ClientKeys
from oauth.decision import Decision, OAuthRequest, Snapshot
from oauth.grants import deciding
from oauth.messages import LARGEST_BODY, HttpAnswer, HttpRequest, json_error
from oauth.pace import Pace
from oauth.parameters import BadParameters, BasicCredentials, Parameters, read_basic, read_form
from oauth.state import State

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Presented:
    """The one credential that a request is about."""

    name: str
    secret: str = field(repr=False)


class Endpoints:
    """Answers clients. Nothing here waits for a human."""

    def __init__(self, state: State, client_keys: ClientKeys) -> None:
        self._state = state
        self._client_keys = client_keys
        self._pace = Pace(state.config.refreshes_each_minute, state.config.refreshes_at_once)

    async def token(self, request: HttpRequest) -> HttpAnswer:
        """Redeem a code or a refresh token (RFC 6749, 3.2)."""
        return await self._decided(request, "token", Decision.redeemed)

    async def revoke(self, request: HttpRequest) -> HttpAnswer:
        """End the grant of a token (RFC 7009)."""
        return await self._decided(request, "revoke", Decision.revoked)

    async def _decided(
        self, request: HttpRequest, endpoint: str, decide: Callable[[Decision, OAuthRequest], HttpAnswer]
    ) -> HttpAnswer:
        if len(request.body) > LARGEST_BODY:
            return json_error(413, "invalid_request", "The body is too large.")
        try:
            parameters = read_form(request.content_type, request.body)
            basic = read_basic(request.authorization)
            ways = (basic is not None, bool(parameters.get("client_secret")), bool(parameters.get("client_assertion")))
            if sum(ways) > 1:
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
            # Keys may have to be fetched, so this comes before the lock.
            proof = await self._client_keys.proof(parameters)
            async with self._state.lock:
                if proof is not None and not self._client_keys.use(proof):
                    raise BadAssertion("it was shown before")
                server = await self._loaded(parameters, basic, _presented(endpoint, parameters), proof)
                answer = decide(server, asked)
                again = self._too_fast(endpoint, parameters, server)
                if again is not None:
                    return _too_many(again)
                await self._commit(server)
        except BadAssertion as error:
            _log.info("the assertion of %s proves nothing: %s", safe(parameters.get("client_id"), 256), error)
            return json_error(400, "invalid_client", "The client's assertion proves nothing.")
        except (StoreBusy, StoreUnavailable):
            return _unavailable()
        except WriteConflict:
            return json_error(400, "invalid_grant", "Somebody else was faster.")
        return answer

    async def _loaded(
        self, parameters: Parameters, basic: BasicCredentials | None, presented: _Presented, proof: Proof | None
    ) -> Decision:
        """Load what the decision may know: registration, code, refresh token, and whether their grant lives."""
        state, store = self._state, self._state.store
        client_id = basic.client_id if basic else proof.client_id if proof else parameters.get("client_id")
        registration = await records.registration(store, client_id) if client_id else None
        seen = Snapshot(state.clock.now(), registration, proof=proof)
        grant_id: GrantId | None = None
        if presented.name == "client_credentials":
            grant_id = state.live.by_service(client_id)
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

    def _too_fast(self, endpoint: str, parameters: Parameters, server: Decision) -> int | None:
        """Count what a decision would write for its grant; a code is used once and isn't counted, nor is an end put off.

        A decision that comes too fast is dropped whole: the token that was shown is as good as before.
        """
        grant, collected = server.seen.grant, server.collected
        if endpoint != "token" or grant is None or server.seen.code is not None or collected.ended:
            return None
        if not collected.writes and not collected.audit:
            return None
        return self._pace.take(grant.grant.grant_id, self._state.clock.monotonic())

    async def _commit(self, server: Decision) -> None:
        """Write what was decided. What ended is dead in memory first, and stays dead if the disk fails."""
        state, collected = self._state, server.collected
        ended = [state.drop(grant_id, reason) for grant_id, reason in collected.ended]
        if not collected.writes and not collected.audit:
            return
        try:
            await state.commit(collected.writes, collected.audit)
        except (StoreBusy, StoreUnavailable):
            if ended:
                state.owe([grant for grant in ended if grant], collected.writes, collected.audit)
            raise


def _presented(endpoint: str, parameters: Parameters) -> _Presented:
    if endpoint == "revoke":
        return _Presented("token", parameters.get("token"))
    match parameters.get("grant_type"):
        case "client_credentials":
            return _Presented("client_credentials", "")
        case "authorization_code":
            return _Presented("code", parameters.get("code"))
        case _:
            return _Presented("refresh_token", parameters.get("refresh_token"))


def _too_many(again: int) -> HttpAnswer:
    return json_error(429, "too_many_requests", "New tokens are wanted too fast.", ("Retry-After", str(again)))


def _unavailable() -> HttpAnswer:
    return json_error(503, "temporarily_unavailable", "The host can't write now; try again.", ("Retry-After", "5"))
