"""The rows of the authorization server, and how each is read."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cockpit.model.identity import ClientName, Grant, GrantId, Scope, TimedScope, Via, scopes_of
from cockpit.model.text import Safe, safe
from cockpit.store.database import Store
from cockpit.store.times import from_micros
from oauth.redirects import shown_hosts
from oauth.refresh import Presented, TokenState


def digest(secret: str) -> bytes:
    """Return what is stored instead of a code, a token, a key or a client's secret."""
    return hashlib.sha256(secret.encode()).digest()


class Standing(StrEnum):
    """How far a registration has come."""

    NEW = "new"
    APPROVED = "approved"
    REVOKED = "revoked"
    """Its authorities were ended by the operator; it may ask again."""


class Kind(StrEnum):
    """How a client became known."""

    DCR = "dcr"
    """It registered itself (RFC 7591)."""
    CIMD = "cimd"
    """Its client_id is the address of a document about it; every installation of it shares that."""
    STATIC = "static"
    """The settings name it."""
    SERVICE = "service"
    """The operator made it, for a program that acts for nobody; it has no redirects."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What is known of a client, however it became known."""

    client_id: str
    standing: Standing
    claimed_name: Safe
    redirect_uris: tuple[str, ...]
    auth_method: str
    secret_hash: bytes | None = field(repr=False)
    address: str
    """Who registered it, or whose browser named it first."""
    registered_at: datetime
    kind: Kind = Kind.DCR
    or_none: bool = False
    """It may leave its authentication out too: hosted clients list both methods."""
    jwks: str = ""
    """Its public keys, as JSON."""
    jwks_uri: str = ""
    """Where its public keys are."""
    fetched_at: datetime | None = None
    fresh_until: datetime | None = None
    """Until when its document need not be fetched again."""
    approved_shape: bytes | None = field(repr=False, default=None)
    """Digest of the name and redirects with which the operator let it in."""

    @property
    def shape(self) -> bytes:
        """The digest of what an operator's approval is about: its name and where its codes may go."""
        return digest(json.dumps([self.claimed_name, sorted(self.redirect_uris)]))

    @property
    def changed(self) -> bool:
        """Whether it says other things of itself than when it was let in."""
        return self.approved_shape is not None and self.approved_shape != self.shape


@dataclass(frozen=True, slots=True)
class CodeRow:
    """An authorization code that was issued."""

    code_hash: bytes = field(repr=False)
    grant_id: GrantId
    client_id: str
    redirect_uri: str
    """As the request said; empty when it left it to the registration."""
    challenge: str
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefreshRow:
    """A refresh token that was issued."""

    token_hash: bytes = field(repr=False)
    grant_id: GrantId
    client_id: str
    parent: bytes | None = field(repr=False)
    presented: Presented
    scopes: frozenset[Scope]
    """What the grant was worth when it was issued, however much less its client asked for then."""


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """A grant with what only the authorization server needs to know of it."""

    grant: Grant
    asked: frozenset[Scope]
    key_hash: bytes | None = field(repr=False, default=None)
    collect_by: datetime | None = None
    """Until its code is redeemed: when the grant ends because nobody came for it."""
    last_used: datetime | None = None
    last_address: str = ""
    signed_by: str = ""
    """Of a minted token: the key that signed it."""


@dataclass(frozen=True, slots=True)
class GivenName:
    """A name, and what it was given to."""

    name: ClientName
    host: Safe
    claimed: Safe


async def registration(store: Store, client_id: str) -> Registration | None:
    """Load one registration."""
    rows = await store.rows("SELECT * FROM oauth_clients WHERE client_id = ?", (client_id,))
    return _registration(rows[0]) if rows else None


async def alike(store: Store, one: Registration) -> int:
    """Count the other registrations that claim the same name for the same hosts.

    Hosted clients register anew at every connect, and some twice at a time; none of that makes them other clients.
    """
    rows = await store.rows(
        "SELECT redirect_uris FROM oauth_clients WHERE kind = 'dcr' AND claimed_name = ? AND client_id <> ?",
        (one.claimed_name, one.client_id),
    )
    hosts = shown_hosts(one.redirect_uris)
    return sum(shown_hosts(json.loads(row["redirect_uris"])) == hosts for row in rows)


async def code(store: Store, code_hash: bytes) -> CodeRow | None:
    """Load one authorization code."""
    rows = await store.rows("SELECT * FROM oauth_codes WHERE code_hash = ?", (code_hash,))
    return _code(rows[0]) if rows else None


async def refresh_token(store: Store, token_hash: bytes) -> RefreshRow | None:
    """Load one refresh token."""
    rows = await store.rows("SELECT * FROM oauth_refresh WHERE token_hash = ?", (token_hash,))
    return _refresh(rows[0]) if rows else None


async def static_clients(store: Store) -> list[str]:
    """Load the ids of the clients that the settings named at the last start."""
    return [row["client_id"] for row in await store.rows("SELECT client_id FROM oauth_clients WHERE kind = 'static'")]


async def shown_assertions(store: Store) -> dict[bytes, datetime]:
    """Load the digests of clients' assertions that were shown, with when each expires."""
    rows = await store.rows("SELECT digest, expires_at FROM oauth_assertions")
    return {row["digest"]: from_micros(row["expires_at"]) for row in rows}


async def open_grants(store: Store) -> list[StoredGrant]:
    """Load every grant that has not ended."""
    return [_grant(row) for row in await store.rows("SELECT * FROM oauth_grants WHERE ended_at IS NULL")]


async def latest_time(store: Store) -> datetime | None:
    """Load the latest time that was ever seen."""
    rows = await store.rows("SELECT latest FROM oauth_time")
    return from_micros(rows[0]["latest"]) if rows else None


async def given_names(store: Store) -> list[GivenName]:
    """Load every name that the operator gave."""
    rows = await store.rows("SELECT name, host, claimed FROM oauth_names ORDER BY name, host, claimed")
    return [GivenName(ClientName(row["name"]), safe(row["host"]), safe(row["claimed"])) for row in rows]


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _registration(row: sqlite3.Row) -> Registration:
    return Registration(
        client_id=row["client_id"],
        standing=Standing(row["standing"]),
        claimed_name=safe(row["claimed_name"]),
        redirect_uris=tuple(json.loads(row["redirect_uris"])),
        auth_method=row["auth_method"],
        secret_hash=row["secret_hash"],
        address=row["address"],
        registered_at=from_micros(row["registered_at"]),
        kind=Kind(row["kind"]),
        or_none=bool(row["or_none"]),
        jwks=row["jwks"],
        jwks_uri=row["jwks_uri"],
        fetched_at=_moment(row["fetched_at"]),
        fresh_until=_moment(row["fresh_until"]),
        approved_shape=row["approved_shape"],
    )


def _code(row: sqlite3.Row) -> CodeRow:
    return CodeRow(
        code_hash=row["code_hash"],
        grant_id=GrantId(row["grant_id"]),
        client_id=row["client_id"],
        redirect_uri=row["redirect_uri"],
        challenge=row["challenge"],
        expires_at=from_micros(row["expires_at"]),
        used_at=_moment(row["used_at"]),
    )


def _refresh(row: sqlite3.Row) -> RefreshRow:
    return RefreshRow(
        token_hash=row["token_hash"],
        grant_id=GrantId(row["grant_id"]),
        client_id=row["client_id"],
        parent=row["parent"],
        presented=Presented(
            state=TokenState(row["state"]),
            closed=bool(row["closed"]),
            children=row["children"],
            stale_at=_moment(row["stale_at"]),
            expires_at=from_micros(row["expires_at"]),
        ),
        scopes=scopes_of(row["scopes"]),
    )


def _grant(row: sqlite3.Row) -> StoredGrant:
    return StoredGrant(
        grant=Grant(
            grant_id=GrantId(row["grant_id"]),
            client=ClientName(row["client"]),
            client_id=row["client_id"],
            scopes=scopes_of(row["scopes"]),
            connection=row["connection"],
            via=Via(row["via"]),
            made_at=from_micros(row["made_at"]),
            expires_at=_moment(row["expires_at"]),
            host=safe(row["host"]),
            suspended=bool(row["suspended"]),
            timed=_timed(row["timed"]),
            made_by=row["made_by"],
            hint=row["hint"],
        ),
        asked=scopes_of(row["asked"]),
        key_hash=row["key_hash"],
        collect_by=_moment(row["collect_by"]),
        last_used=_moment(row["last_used"]),
        last_address=row["last_address"],
        signed_by=row["signed_by"],
    )


def _timed(text: str) -> tuple[TimedScope, ...]:
    pairs = (word.partition("@") for word in text.split())
    return tuple(TimedScope(Scope(scope), from_micros(int(micros))) for scope, _, micros in pairs)
