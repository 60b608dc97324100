"""How a browser gets back to its client: with a code, or with an error (RFC 6749, 4.1.2)."""

from __future__ import annotations

from authlib.oauth2.rfc6749 import OAuth2Error

from oauth import records
from oauth.decision import Decision, OAuthRequest, Snapshot
from oauth.grants import deciding
from oauth.parameters import Parameters
from oauth.records import Registration, StoredGrant
from oauth.state import State
from oauth.waiting import WaitingRequest


async def way_back(state: State, waiting: WaitingRequest, stored: StoredGrant | None) -> str | None:
    """Return the address that takes the browser back: with a code for a grant, with ``access_denied`` without one.

    The request is checked once more, because its registration may have changed since it began to wait. There is no way
    back to a redirect that no document has vouched for.
    """
    if waiting.shown.unfetched:
        return None
    registration = await records.registration(state.store, waiting.shown.client_id)
    decision = deciding_for(state, registration, stored)
    try:
        grant = decision.get_consent_grant(asking(state, waiting.parameters))
    except OAuth2Error:
        return None
    answer = decision.sent_back(asking(state, waiting.parameters), grant)
    if decision.collected.writes:
        await state.commit(decision.collected.writes, decision.collected.audit)
    return answer.header("Location")


def deciding_for(state: State, registration: Registration | None, stored: StoredGrant | None = None) -> Decision:
    """Make the authorization server for one request of a browser; a revoked client may ask again."""
    seen = Snapshot(state.clock.now(), registration, grant=stored, hide_revoked=False)
    return deciding(state.config, state.signer, state.random, seen)


def asking(state: State, parameters: Parameters) -> OAuthRequest:
    """Return an authorization request as Authlib reads it."""
    return OAuthRequest("GET", f"{state.config.issuer}/oauth/authorize", parameters)
