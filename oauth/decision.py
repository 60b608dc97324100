"""One request, decided by Authlib over rows that were loaded before: pure, collecting what is to be written."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidScopeError
from authlib.oauth2.rfc6749.requests import OAuth2Payload

from cockpit.model.identity import GrantId, Scope, Via, scope_text
from cockpit.store.audit import AuditEntry
from cockpit.store.times import to_micros
from cockpit.store.writes import Write
from oauth import changes, client_changes, records
from oauth.assertions import Proof
from oauth.config import AuthorityConfig
from oauth.known_client import TOLERATED, RegisteredClient
from oauth.messages import HttpAnswer, json_answer
from oauth.methods import KEY_METHOD
from oauth.parameters import Parameters
from oauth.records import CodeRow, RefreshRow, Registration, Standing, StoredGrant
from oauth.refresh import Presented, TokenState
from oauth.tokens import Minting, TokenSigner

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that one decision may know."""

    now: datetime
    registration: Registration | None
    code: CodeRow | None = None
    refresh: RefreshRow | None = None
    grant: StoredGrant | None = None
    """The grant of the code or refresh token, if it may be used now."""
    proof: Proof | None = None
    """The client has signed for this request."""
    hide_revoked: bool = True
    """A revoked registration counts as unknown, so that its client registers anew; it may still ask again."""


@dataclass(slots=True)
class Collected:
    """What a decision wants written, whatever its answer."""

    writes: list[Write] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    ended: list[tuple[GrantId, str]] = field(default_factory=list)
    """Grants that are over, each with the reason."""


class OAuthRequest(OAuth2Request):
    """A request as Authlib reads it: the body of a POST and the query of a GET, never mixed (RFC 6749, 2.3.1)."""

    def __init__(self, method: str, uri: str, parameters: Parameters, authorization: str | None = None) -> None:
        super().__init__(method, uri, headers={"Authorization": authorization} if authorization else {})
        self.parameters = parameters
        self.payload = _Payload(parameters)

    @property
    def form(self) -> dict[str, str]:
        return dict(self.parameters.values) if self.method == "POST" else {}

    @property
    def args(self) -> dict[str, str | None]:
        return dict(self.parameters.values) if self.method == "GET" else {}


class _Payload(OAuth2Payload):
    def __init__(self, parameters: Parameters) -> None:
        self._values = dict(parameters.values)

    @property
    def data(self) -> dict[str, str]:
        return self._values

    @property
    def datalist(self) -> Any:
        return {name: [value] for name, value in self._values.items()}


@dataclass(frozen=True, slots=True)
class GrantHolder:
    """The client that the operator let in, in the place of Authlib's user."""

    stored: StoredGrant

    def get_user_id(self) -> str:
        return self.stored.grant.client


class Decision(AuthorizationServer):
    """The authorization server for exactly one request."""

    def __init__(
        self,
        config: AuthorityConfig,
        signer: TokenSigner,
        random: Random,
        snapshot: Snapshot,
        grants: Sequence[tuple[type, list[Any] | None]] = (),
        endpoints: Sequence[type] = (),
    ) -> None:
        super().__init__(scopes_supported=[*config.grantable])
        self.config = config
        self.signer = signer
        self.random = random
        self.seen = snapshot
        self.collected = Collected()
        self.narrowed: frozenset[Scope] | None = None
        for grant, extensions in grants:
            self.register_grant(grant, extensions)
        for endpoint in endpoints:
            self.register_endpoint(endpoint)
        self.register_token_generator("default", cast("Any", self._tokens))

    def note(self, event: str, outcome: str, code: str = "", **detail: object) -> None:
        """Put an entry into the audit."""
        grant = self.seen.grant.grant if self.seen.grant else None
        registration = self.seen.registration
        self.collected.audit.append(
            AuditEntry(
                at=self.seen.now,
                kind="client",
                client=grant.client if grant else "",
                tool=event,
                outcome=outcome,
                code=code,
                grant_id=grant.grant_id if grant else "",
                detail={"client_id": registration.client_id if registration else "", **detail},
            )
        )

    def write(self, *writes: Write) -> None:
        """Have something written with the decision."""
        self.collected.writes.extend(writes)

    def end_grant(self, grant_id: GrantId, reason: str) -> None:
        """End a grant with this decision."""
        self.collected.ended.append((grant_id, reason))
        self.write(*changes.end_grant(grant_id, self.seen.now, reason))

    def secret(self) -> str:
        """Draw 256 bits as text."""
        return base64.urlsafe_b64encode(self.random(32)).rstrip(b"=").decode()

    # the four answers

    def refused(self, error: OAuth2Error) -> HttpAnswer:
        """Answer with an error: on a redirect if it has one, else as JSON."""
        return self.handle_response(*error(None))

    def sent_back(self, asking: OAuthRequest, grant: Any) -> HttpAnswer:
        """Send the browser back: with a code for the snapshot's grant, with ``access_denied`` without one."""
        holder = GrantHolder(self.seen.grant) if self.seen.grant else None
        return cast("HttpAnswer", self.create_authorization_response(asking, holder, grant))

    def redeemed(self, asked: OAuthRequest) -> HttpAnswer:
        """Answer a token request."""
        return cast("HttpAnswer", self.create_token_response(asked))

    def revoked(self, asked: OAuthRequest) -> HttpAnswer:
        """Answer a revocation."""
        return cast("HttpAnswer", self.create_endpoint_response("revocation", asked))

    # what Authlib asks for

    def query_client(self, client_id: str) -> Any:
        found = self.seen.registration
        if found is None or found.client_id != client_id:
            return None
        if self.seen.hide_revoked and found.standing is Standing.REVOKED:
            return None
        return RegisteredClient(found, self.config)

    def authenticate_client(self, request: Any, methods: Any, endpoint: str = "token") -> Any:
        proof = self.seen.proof
        if proof is None:
            # Whoever shows a secret in the header is no public client (RFC 6749, 2.3).
            secret = request.headers.get("Authorization") is not None
            shown = [method for method in methods if method != "none"] if secret else methods
            return super().authenticate_client(request, shown, endpoint)
        # Whoever brings a proof is known by it alone: it never falls back to a lesser one.
        client = self.query_client(proof.client_id)
        if client is None or not client.check_endpoint_auth_method(KEY_METHOD, endpoint):
            raise InvalidClientError(description="The client cannot authenticate with a key.")
        request.auth_method = KEY_METHOD
        self.write(client_changes.add_assertion(proof))
        return client

    def validate_requested_scope(self, scope: str | None) -> None:
        if not {*(scope or "").split()} <= {*self.config.grantable} | TOLERATED:
            raise InvalidScopeError(description="The settings don't allow a scope that was asked for.")

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        if "refresh_token" not in token:
            return
        stored = self._holder()
        parent = self.seen.refresh if request.refresh_token is not None else None
        expires = stored.grant.expires_at
        assert expires is not None  # an OAuth grant always has an end
        self.write(
            changes.add_refresh(
                RefreshRow(
                    token_hash=records.digest(token["refresh_token"]),
                    grant_id=stored.grant.grant_id,
                    client_id=stored.grant.client_id,
                    parent=parent.token_hash if parent else None,
                    presented=Presented(TokenState.ACTIVE, False, 0, None, expires),
                    scopes=self.effective(stored),
                ),
                self.seen.now,
            )
        )

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        pass

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> HttpAnswer:
        given = dict(headers)
        location = given.pop("Location", None)
        if location is not None:
            # RFC 9207, on success and on error alike.
            target = add_params_to_uri(location, [("iss", self.config.issuer)])
            return HttpAnswer(303, (("Location", target), ("Cache-Control", "no-store")))
        value = dict(body or {})
        value.pop("state", None)
        challenge = given.get("WWW-Authenticate")
        return json_answer(status, value, *((("WWW-Authenticate", challenge),) if challenge else ()))

    # tokens

    def effective(self, stored: StoredGrant) -> frozenset[Scope]:
        """Return what the grant is worth now: what the operator gave, within what settings allow."""
        return stored.grant.scopes & self.config.allowed_on(stored.grant.connection)

    def _holder(self) -> StoredGrant:
        assert self.seen.grant is not None  # the grants checked it before
        return self.seen.grant

    def _tokens(self, **asked: object) -> dict[str, Any]:
        stored = self._holder()
        is_service = stored.grant.via is Via.SERVICE
        issued = to_micros(self.seen.now) // 1_000_000
        expires = issued + (self.config.service_seconds if is_service else self.config.access_seconds)
        if stored.grant.expires_at is not None:
            expires = min(expires, to_micros(stored.grant.expires_at) // 1_000_000)
        scopes = self.effective(stored) if self.narrowed is None else self.narrowed
        access = self.signer.mint(
            Minting(
                grant_id=stored.grant.grant_id,
                client=f"svc:{stored.grant.client_id}" if is_service else stored.grant.client,
                client_id=stored.grant.client_id,
                scopes=scopes,
                narrowed=self.narrowed is not None,
                issued=issued,
                expires=expires,
                token_id=self.secret()[:22],
            )
        )
        token: dict[str, Any] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": max(0, expires - issued),
        }
        if asked.get("include_refresh_token", True):
            token["refresh_token"] = f"ckr_{self.secret()}"
        return token | ({"scope": scope_text(scopes)} if scopes else {})
