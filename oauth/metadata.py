"""The documents by which clients find the authorization server: constant, made from settings alone."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from oauth.config import AuthorityConfig
from oauth.jwks import ALGORITHMS
from oauth.methods import AUTH_METHODS, KEY_METHOD


def server_metadata(config: AuthorityConfig) -> Mapping[str, object]:
    """Describe the authorization server (RFC 8414)."""
    at = config.issuer
    return {
        "issuer": at,
        "authorization_endpoint": f"{at}/oauth/authorize",
        "token_endpoint": f"{at}/oauth/token",
        "registration_endpoint": f"{at}/oauth/register",
        "revocation_endpoint": f"{at}/oauth/revoke",
        "jwks_uri": f"{at}/oauth/jwks.json",
        "scopes_supported": [*config.grantable],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": [*AUTH_METHODS, KEY_METHOD],
        "token_endpoint_auth_signing_alg_values_supported": [*ALGORITHMS],
        "revocation_endpoint_auth_methods_supported": [*AUTH_METHODS, KEY_METHOD],
        "revocation_endpoint_auth_signing_alg_values_supported": [*ALGORITHMS],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        # A host that may not reach any document sends its clients to the registration.
        "client_id_metadata_document_supported": bool(config.document_hosts),
    }


def openid_metadata(config: AuthorityConfig) -> Mapping[str, object]:
    """Say the same to clients that look only where OpenID Connect puts it; two fields are required there."""
    return {
        **server_metadata(config),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def resource_metadata(config: AuthorityConfig) -> Mapping[str, object]:
    """Describe the protected resource (RFC 9728). Clients ask for every scope named here, so only reads are."""
    return {
        "resource": config.resource,
        "authorization_servers": [config.issuer],
        "scopes_supported": [*config.readable],
        "bearer_methods_supported": ["header"],
        "resource_name": "Cockpit",
    }


def well_known(config: AuthorityConfig) -> Mapping[str, Mapping[str, object]]:
    """Return each document by its path: plain, and with the resource's path behind, as clients probe both."""
    suffix = urlsplit(config.resource).path.rstrip("/")
    documents = {
        "/.well-known/oauth-protected-resource": resource_metadata(config),
        "/.well-known/oauth-authorization-server": server_metadata(config),
        "/.well-known/openid-configuration": openid_metadata(config),
    }
    return documents | {path + suffix: document for path, document in documents.items()}
