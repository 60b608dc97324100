"""A client as Authlib asks about it: where its codes may go, what it may use, and how it proves who it is."""

from __future__ import annotations

import hmac
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin

from cockpit.model.identity import scope_text
from oauth import records
from oauth.config import AuthorityConfig
from oauth.methods import SECRET_METHODS
from oauth.records import Kind, Registration, Standing
from oauth.redirects import fits

TOLERATED = frozenset({"offline_access"})
"""Asked for by clients that want to stay connected; every client here may."""


class RegisteredClient(ClientMixin):
    """A registration as Authlib asks about it."""

    def __init__(self, registration: Registration, config: AuthorityConfig) -> None:
        self.registration = registration
        self.client_id = registration.client_id
        self._config = config

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        uris = self.registration.redirect_uris
        return uris[0] if len(uris) == 1 else ""

    def get_allowed_scope(self, scope: Any) -> str:
        asked = set((scope or "").split()) - TOLERATED
        wanted = [known for known in self._config.grantable if known in asked] if asked else self._config.readable
        return scope_text(frozenset(wanted))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return fits(redirect_uri, self.registration.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        kept = self.registration.secret_hash
        return kept is not None and hmac.compare_digest(kept, records.digest(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        if self.registration.kind is Kind.SERVICE:
            return method in SECRET_METHODS
        chosen = self.registration.auth_method
        return method == chosen or (method == "none" and self.registration.or_none)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        if (self.registration.kind is Kind.SERVICE) != (grant_type == "client_credentials"):
            return False
        # A document that changed has its program ask again; what was granted before goes on.
        return self.registration.kind is Kind.CIMD or self.registration.standing is Standing.APPROVED
