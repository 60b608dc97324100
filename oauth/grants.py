"""The grants of OAuth 2.1 as they are taken here: codes with PKCE for everyone, refresh tokens, revocation."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, OAuth2Error, OAuth2Request, TokenMixin, grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7636.challenge import create_s256_code_challenge

from cockpit.model.identity import GrantId, Scope, scope_text
from oauth import changes, records
from oauth.config import AuthorityConfig
from oauth.decision import Decision, GrantHolder, OAuthRequest, Random, Snapshot
from oauth.methods import AUTH_METHODS, SECRET_METHODS
from oauth.records import CodeRow, RefreshRow
from oauth.refresh import Verdict, judge
from oauth.tokens import TokenSigner

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_\-]{43}")


def deciding(config: AuthorityConfig, signer: TokenSigner, random: Random, snapshot: Snapshot) -> Decision:
    """Make the authorization server for one request, with everything that it offers."""
    return Decision(
        config,
        signer,
        random,
        snapshot,
        grants=((CodeGrant, [EveryonesS256()]), (RefreshGrant, None), (ServiceGrant, None)),
        endpoints=(Revocation,),
    )


class InvalidTargetError(OAuth2Error):
    """The token is wanted for another resource (RFC 8707, 2)."""

    error = "invalid_target"
    description = "That resource is not served here."


class EveryonesS256(CodeChallenge):
    """PKCE with S256, required of public and confidential clients at both endpoints (OAuth 2.1, 4.1.1)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 - the library's own shape
    CODE_CHALLENGE_METHODS = {  # noqa: RUF012
        "S256": lambda verifier, challenge: hmac.compare_digest(create_s256_code_challenge(verifier), challenge)
    }

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        given = grant.request.payload.data
        if not given.get("code_challenge"):
            raise InvalidRequestError("PKCE is required: code_challenge is missing.")
        if given.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is required: code_challenge_method must be S256.")
        if not _CHALLENGE.fullmatch(given["code_challenge"]):
            raise InvalidRequestError("A code_challenge of S256 has 43 characters.")

    def validate_code_verifier(self, grant: Any, result: object) -> None:
        if not grant.request.form.get("code_verifier"):
            raise InvalidRequestError("PKCE is required: code_verifier is missing.")
        super().validate_code_verifier(grant, result)


class PresentedCode(AuthorizationCodeMixin):
    """An authorization code as Authlib asks about it."""

    def __init__(self, row: CodeRow, scope: str) -> None:
        self.row = row
        self.code_challenge = row.challenge
        self.code_challenge_method = "S256"
        self._scope = scope

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri

    def get_scope(self) -> str:
        return self._scope


class CodeGrant(grants.AuthorizationCodeGrant):
    """Authorization codes. A second valid use of one ends its grant; an invalid one changes nothing."""

    TOKEN_ENDPOINT_AUTH_METHODS = [*AUTH_METHODS]  # noqa: RUF012
    request: OAuthRequest  # pyright: ignore[reportIncompatibleVariableOverride]
    server: Decision

    def validate_authorization_request(self) -> str:
        redirect_uri = super().validate_authorization_request()
        given = self.request.parameters.values
        try:
            _check_resource(self.server, self.request)
            if given.get("response_mode", "query") != "query":
                raise InvalidRequestError("Only response_mode query is supported.")
            if "request" in given or "request_uri" in given:
                raise InvalidRequestError("Request objects are not supported.")
        except OAuth2Error as error:
            error.redirect_uri = redirect_uri
            raise
        return redirect_uri

    def generate_authorization_code(self) -> str:
        return f"cka_{self.server.secret()}"

    def save_authorization_code(self, code: str, request: Any) -> None:
        server = self.server
        holder: GrantHolder = request.user
        server.write(
            changes.add_code(
                CodeRow(
                    code_hash=records.digest(code),
                    grant_id=holder.stored.grant.grant_id,
                    client_id=holder.stored.grant.client_id,
                    redirect_uri=request.parameters.get("redirect_uri"),
                    challenge=request.parameters.get("code_challenge"),
                    expires_at=server.seen.now + timedelta(seconds=server.config.code_seconds),
                    used_at=None,
                )
            )
        )
        server.note("code", "issued")

    def query_authorization_code(self, code: str, client: Any) -> PresentedCode | None:
        row = self.server.seen.code
        if row is None or row.client_id != client.client_id:
            return None
        if row.used_at is None and row.expires_at <= self.server.seen.now:
            return None  # one that was used stays known, because a second use ends its grant however late
        stored = self.server.seen.grant
        return PresentedCode(row, scope_text(self.server.effective(stored)) if stored else "")

    def validate_token_request(self) -> None:
        super().validate_token_request()
        code: PresentedCode = self.request.authorization_code  # pyright: ignore[reportAssignmentType]
        server = self.server
        if code.row.used_at is not None:
            if server.seen.grant is not None:
                server.note("code", "denied", "CODE_REPLAY")
                server.end_grant(code.row.grant_id, "its code was used twice")
            raise InvalidGrantError("Invalid 'code' in request.")
        if server.seen.grant is None:
            raise InvalidGrantError("Invalid 'code' in request.")
        _check_resource(server, self.request)

    def authenticate_user(self, authorization_code: Any) -> GrantHolder | None:
        stored = self.server.seen.grant
        return GrantHolder(stored) if stored else None

    def delete_authorization_code(self, authorization_code: Any) -> None:
        row: CodeRow = authorization_code.row
        self.server.write(changes.use_code(row.code_hash, self.server.seen.now), changes.collected(row.grant_id))
        self.server.note("token", "issued")


class PresentedRefresh(TokenMixin):
    """A refresh token as Authlib asks about it."""

    def __init__(self, row: RefreshRow, verdict: Verdict) -> None:
        self.row = row
        self.verdict = verdict

    def check_client(self, client: Any) -> bool:
        return self.row.client_id == client.client_id

    def get_scope(self) -> str:
        return scope_text(self.row.scopes)


class RefreshGrant(grants.RefreshTokenGrant):
    """Refresh tokens, by the rule of `oauth.refresh`. Scopes are clamped: never widened, and never a reason to fail."""

    TOKEN_ENDPOINT_AUTH_METHODS = [*AUTH_METHODS]  # noqa: RUF012
    request: OAuthRequest  # pyright: ignore[reportIncompatibleVariableOverride]
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: Decision

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        server, row, client = self.server, self.server.seen.refresh, self.request.client
        # The client comes first: a token in foreign hands must not end its owner's grant.
        if row is None or server.seen.grant is None or client is None or row.client_id != client.get_client_id():
            return None
        verdict = judge(row.presented, server.seen.now, timedelta(seconds=server.config.stale_seconds))
        if verdict is Verdict.END_GRANT:
            server.note("refresh", "denied", "REFRESH_REUSE")
            server.end_grant(row.grant_id, "an old refresh token was used again")
            return None
        if verdict is Verdict.DENY:
            server.note("refresh", "denied", "REFRESH_STALE")
            return None
        return PresentedRefresh(row, verdict)

    def _validate_token_scope(self, token: Any) -> None:
        self.server.narrowed = self._narrowed(token.row)

    def _narrowed(self, row: RefreshRow) -> frozenset[Scope] | None:
        """Return what is left when a client asks for less than it may have.

        Clients repeat what they asked for at first, or what they were granted then: neither narrows, else a scope
        that the operator added since would never reach them.
        """
        stored = self.server.seen.grant
        words = self.request.parameters.get("scope").split()
        if not words or stored is None:
            return None
        asked = frozenset(scope for scope in Scope if scope in words)
        worth = self.server.effective(stored)
        left = worth & asked
        if not left:
            raise InvalidScopeError(description="Nothing of that scope is granted.")
        return None if asked in (stored.asked, row.scopes) or left == worth else left

    def validate_token_request(self) -> None:
        super().validate_token_request()
        _check_resource(self.server, self.request)

    def authenticate_user(self, refresh_token: Any) -> GrantHolder | None:
        stored = self.server.seen.grant
        return GrantHolder(stored) if stored else None

    def issue_token(self, user: object, refresh_token: object) -> dict[str, Any]:
        return self.generate_token(user=user, include_refresh_token=True)

    def revoke_old_credential(self, refresh_token: Any) -> None:
        server, row = self.server, refresh_token.row
        if refresh_token.verdict is Verdict.ROTATE:
            server.write(*changes.rotate_refresh(row, server.seen.now))
        else:
            server.write(changes.another_refresh(row))
        server.note("refresh", "issued", again=refresh_token.verdict is Verdict.ANOTHER)


class ServiceGrant(grants.ClientCredentialsGrant):
    """Access tokens for a program's own secret. Only the operator makes such clients; nothing is refreshed."""

    TOKEN_ENDPOINT_AUTH_METHODS = [*SECRET_METHODS]  # noqa: RUF012
    request: OAuthRequest  # pyright: ignore[reportIncompatibleVariableOverride]
    server: Decision

    def validate_token_request(self) -> None:
        super().validate_token_request()
        server, stored = self.server, self.server.seen.grant
        if stored is None or stored.grant.client_id != self.client.get_client_id():
            raise InvalidGrantError("The service has ended or is stopped.")
        _check_resource(server, self.request)
        words = self.request.parameters.get("scope").split()
        if words:
            worth = server.effective(stored)
            left = worth & frozenset(scope for scope in Scope if scope in words)
            if not left:
                raise InvalidScopeError(description="Nothing of that scope is granted.")
            server.narrowed = None if left == worth else left
        server.note("token", "issued")


@dataclass(frozen=True, slots=True)
class RevocableToken:
    """What a token to be revoked belongs to."""

    grant_id: GrantId
    client_id: str

    def check_client(self, client: Any) -> bool:
        return self.client_id == client.client_id


class Revocation(RevocationEndpoint):
    """Revocation (RFC 7009): whichever token is shown, its whole grant ends."""

    CLIENT_AUTH_METHODS = [*AUTH_METHODS]  # noqa: RUF012
    server: Decision

    def check_params(self, request: OAuth2Request, client: object) -> None:
        if not request.form.get("token"):
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> RevocableToken | None:
        row = self.server.seen.refresh
        if row is not None:
            return RevocableToken(row.grant_id, row.client_id)
        claims = self.server.signer.own(token_string)
        return RevocableToken(claims.grant_id, claims.client_id) if claims else None

    def revoke_token(self, token: Any, request: OAuth2Request) -> None:
        if self.server.seen.grant is None:
            return  # it has ended already: who shows a dead token again and again fills no disk with that
        self.server.note("revoke", "done")
        self.server.end_grant(token.grant_id, "revoked by its client")


def _check_resource(server: Decision, request: OAuthRequest) -> None:
    if not set(request.parameters.resources) <= server.config.resources:
        raise InvalidTargetError
