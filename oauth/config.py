"""What the authorization server is told at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cockpit.model.identity import READ_SCOPES, Scope
from oauth.redirects import LOOPBACK


@dataclass(frozen=True, slots=True)
class AuthorityConfig:
    """Names, lifetimes and bounds of the authorization server."""

    issuer: str
    """Origin without a slash: clients compare it byte for byte."""
    resource: str
    """Address of the MCP endpoint: the audience of every token."""
    access_seconds: int
    refresh_days: int
    """Absolute life of a grant; each refresh token of it dies then."""
    code_seconds: int
    ask_seconds: int
    max_waiting: int
    max_waiting_per_address: int
    max_unapproved_clients: int
    scopes_by_connection: Mapping[str, frozenset[Scope]]
    stale_seconds: int = 60
    """How long after its successor's first use a refresh token is denied without ending the grant."""

    def __post_init__(self) -> None:
        if self.issuer.endswith("/") or urlsplit(self.issuer).path:
            raise ValueError("the issuer is an origin without a slash")
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("clients may reach the host by https, or by http on this computer alone")

    @property
    def grantable(self) -> tuple[Scope, ...]:
        """Every scope that settings allow on some connection, in the order of declaration."""
        allowed = frozenset[Scope]().union(*self.scopes_by_connection.values())
        return tuple(scope for scope in Scope if scope in allowed)

    @property
    def readable(self) -> tuple[Scope, ...]:
        """Those of them that change nothing."""
        return tuple(scope for scope in self.grantable if scope in READ_SCOPES)

    def allowed_on(self, connection: str) -> frozenset[Scope]:
        """Return what settings allow on a connection; nothing on one that is gone."""
        return self.scopes_by_connection.get(connection, frozenset())

    @property
    def resources(self) -> frozenset[str]:
        """The spellings under which clients in the field name this resource (RFC 8707)."""
        return frozenset({self.resource, f"{self.resource}/", self.issuer, f"{self.issuer}/"})

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over https."""
        return self.issuer.startswith("https://")
