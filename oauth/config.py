"""What the authorization server is told at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from cockpit.model.identity import READ_SCOPES, Scope, Via
from cockpit.model.products import DOCUMENT_HOSTS
from cockpit.model.trading import Mode
from oauth.redirects import LOOPBACK
from oauth.static_clients import StaticClient


@dataclass(frozen=True, slots=True)
class Behind:
    """What a connection's name stands for."""

    mode: Mode
    account: str
    """As settings name it; empty where they name none."""


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
    behind: Mapping[str, Behind] = field(default_factory=dict[str, Behind])
    """What each connection stands for."""
    stale_seconds: int = 60
    """How long after its successor's first use a refresh token is denied without ending the grant."""
    refreshes_each_minute: int = 6
    """How often one grant is given new tokens in the long run, after its code."""
    refreshes_at_once: int = 60
    """How many of them may come together: clients have workers that all ask when a token expires."""
    service_seconds: int = 3600
    """Life of a service's access token; it has no refresh token."""
    mint_days: int = 30
    """Longest life of a token that the operator mints."""
    key_days: int | None = None
    """Longest life of an API key or a service; None lets them live for ever."""
    rotate_days: int = 90
    """Age at which the signing key is replaced."""
    document_hosts: frozenset[str] = frozenset(DOCUMENT_HOSTS)
    """Hosts whose documents about clients are fetched at once; others only after the operator has typed a code."""
    clients: tuple[StaticClient, ...] = ()
    """Those that the settings name."""
    unapproved_hours: int = 24
    """How long a registration is kept that nobody approves."""

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

    def longest(self, via: Via) -> timedelta | None:
        """Return how long an authority of a kind may live from now on; None where nothing bounds it."""
        days = {Via.OAUTH: self.refresh_days, Via.TOKEN: self.mint_days}.get(via, self.key_days)
        return None if days is None else timedelta(days=days)

    @property
    def resources(self) -> frozenset[str]:
        """The spellings under which clients in the field name this resource (RFC 8707)."""
        return frozenset({self.resource, f"{self.resource}/", self.issuer, f"{self.issuer}/"})

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over https."""
        return self.issuer.startswith("https://")
