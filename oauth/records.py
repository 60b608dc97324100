"""The rows of the authorization server: how each is read, and the writes that change it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cockpit.model.identity import ClientName, Grant, GrantId, Scope, Via, scope_text, scopes_of
from cockpit.model.text import Safe, safe
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write
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


@dataclass(frozen=True, slots=True)
class Registration:
    """A client's registration (RFC 7591)."""

    client_id: str
    standing: Standing
    claimed_name: Safe
    redirect_uris: tuple[str, ...]
    auth_method: str
    secret_hash: bytes | None = field(repr=False)
    address: str
    registered_at: datetime


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


async def code(store: Store, code_hash: bytes) -> CodeRow | None:
    """Load one authorization code."""
    rows = await store.rows("SELECT * FROM oauth_codes WHERE code_hash = ?", (code_hash,))
    return _code(rows[0]) if rows else None


async def refresh_token(store: Store, token_hash: bytes) -> RefreshRow | None:
    """Load one refresh token."""
    rows = await store.rows("SELECT * FROM oauth_refresh WHERE token_hash = ?", (token_hash,))
    return _refresh(rows[0]) if rows else None


async def open_grants(store: Store) -> list[StoredGrant]:
    """Load every grant that has not ended."""
    return [_grant(row) for row in await store.rows("SELECT * FROM oauth_grants WHERE ended_at IS NULL")]


async def given_names(store: Store) -> list[GivenName]:
    """Load every name that the operator gave."""
    rows = await store.rows("SELECT name, host, claimed FROM oauth_names ORDER BY name, host, claimed")
    return [GivenName(ClientName(row["name"]), safe(row["host"]), safe(row["claimed"])) for row in rows]


def add_registration(new: Registration) -> Write:
    return Write(
        "INSERT INTO oauth_clients (client_id, standing, claimed_name, redirect_uris, auth_method, secret_hash, address,"
        " registered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.client_id,
            new.standing.value,
            new.claimed_name,
            json.dumps(new.redirect_uris),
            new.auth_method,
            new.secret_hash,
            new.address,
            to_micros(new.registered_at),
        ),
        expect=1,
    )


def approve_registration(client_id: str) -> Write:
    return Write("UPDATE oauth_clients SET standing = 'approved' WHERE client_id = ?", (client_id,), expect=1)


def revoke_registration(client_id: str) -> Write:
    return Write(
        "UPDATE oauth_clients SET standing = 'revoked' WHERE client_id = ? AND standing = 'approved'", (client_id,)
    )


def forget_registrations(keep: int, but: frozenset[str]) -> Write:
    """Drop the oldest registrations without an approval until ``keep`` are left; those in ``but`` stay."""
    marks = ", ".join("?" * len(but))
    return Write(
        "DELETE FROM oauth_clients WHERE client_id IN (SELECT client_id FROM oauth_clients"  # noqa: S608 - only marks
        f" WHERE standing <> 'approved' AND client_id NOT IN ({marks})"
        " ORDER BY registered_at, client_id LIMIT max(0, (SELECT count(*) FROM oauth_clients"
        " WHERE standing <> 'approved') - ?))",
        (*sorted(but), keep),
    )


def add_grant(new: StoredGrant) -> Write:
    grant = new.grant
    return Write(
        "INSERT INTO oauth_grants (grant_id, via, client, client_id, scopes, asked, connection, host, made_at,"
        " collect_by, expires_at, key_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            grant.grant_id,
            grant.via.value,
            grant.client,
            grant.client_id,
            scope_text(grant.scopes),
            scope_text(new.asked),
            grant.connection,
            grant.host,
            to_micros(grant.made_at),
            _micros(new.collect_by),
            _micros(grant.expires_at),
            new.key_hash,
        ),
        expect=1,
    )


def add_name(given: GivenName) -> Write:
    return Write(
        "INSERT OR IGNORE INTO oauth_names (name, host, claimed) VALUES (?, ?, ?)",
        (given.name, given.host, given.claimed),
    )


def set_grant_scopes(grant_id: GrantId, scopes: frozenset[Scope]) -> Write:
    return Write(
        "UPDATE oauth_grants SET scopes = ? WHERE grant_id = ? AND ended_at IS NULL",
        (scope_text(scopes), grant_id),
    )


def collected(grant_id: GrantId) -> Write:
    return Write("UPDATE oauth_grants SET collect_by = NULL WHERE grant_id = ?", (grant_id,), expect=1)


def enable_grant(grant_id: GrantId) -> Write:
    return Write("UPDATE oauth_grants SET suspended = 0 WHERE grant_id = ? AND ended_at IS NULL", (grant_id,), expect=1)


def last_used(grant_id: GrantId, at: datetime) -> Write:
    return Write("UPDATE oauth_grants SET last_used = ? WHERE grant_id = ?", (to_micros(at), grant_id))


def end_grant(grant_id: GrantId, at: datetime, reason: str) -> list[Write]:
    """End a grant for good, and drop what could still be redeemed for it."""
    return [
        Write(
            "UPDATE oauth_grants SET ended_at = ?, end_reason = ? WHERE grant_id = ? AND ended_at IS NULL",
            (to_micros(at), reason, grant_id),
        ),
        Write("DELETE FROM oauth_refresh WHERE grant_id = ?", (grant_id,)),
    ]


def kill_everything(at: datetime) -> list[Write]:
    """End every OAuth grant, suspend every key, drop every code and refresh token."""
    return [
        Write(
            "UPDATE oauth_grants SET ended_at = ?, end_reason = 'killed' WHERE via = 'oauth' AND ended_at IS NULL",
            (to_micros(at),),
        ),
        Write("UPDATE oauth_grants SET suspended = 1 WHERE via = 'key' AND ended_at IS NULL"),
        Write("DELETE FROM oauth_codes"),
        Write("DELETE FROM oauth_refresh"),
        Write("UPDATE oauth_clients SET standing = 'revoked' WHERE standing = 'approved'"),
    ]


def add_code(new: CodeRow) -> Write:
    return Write(
        "INSERT INTO oauth_codes (code_hash, grant_id, client_id, redirect_uri, challenge, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (new.code_hash, new.grant_id, new.client_id, new.redirect_uri, new.challenge, to_micros(new.expires_at)),
        expect=1,
    )


def use_code(code_hash: bytes, at: datetime) -> Write:
    return Write(
        "UPDATE oauth_codes SET used_at = ? WHERE code_hash = ? AND used_at IS NULL", (to_micros(at), code_hash), 1
    )


def forget_codes(before: datetime) -> Write:
    return Write("DELETE FROM oauth_codes WHERE expires_at < ?", (to_micros(before),))


def add_refresh(new: RefreshRow, at: datetime) -> Write:
    return Write(
        "INSERT INTO oauth_refresh (token_hash, grant_id, client_id, parent, state, scopes, made_at, expires_at)"
        " VALUES (?, ?, ?, ?, 'active', ?, ?, ?)",
        (
            new.token_hash,
            new.grant_id,
            new.client_id,
            new.parent,
            scope_text(new.scopes),
            to_micros(at),
            to_micros(new.presented.expires_at),
        ),
        expect=1,
    )


def rotate_refresh(row: RefreshRow, at: datetime) -> list[Write]:
    """Record the first use of a token: its predecessor is closed and its siblings are superseded."""
    now = to_micros(at)
    writes = [
        Write(
            "UPDATE oauth_refresh SET state = 'used', children = 1 WHERE token_hash = ? AND state = 'active'",
            (row.token_hash,),
            expect=1,
        )
    ]
    if row.parent is not None:
        writes += [
            Write("UPDATE oauth_refresh SET closed = 1, stale_at = ? WHERE token_hash = ?", (now, row.parent)),
            Write(
                "UPDATE oauth_refresh SET state = 'superseded', stale_at = ?"
                " WHERE parent = ? AND token_hash <> ? AND state = 'active'",
                (now, row.parent, row.token_hash),
            ),
        ]
    return writes


def another_refresh(row: RefreshRow) -> Write:
    return Write(
        "UPDATE oauth_refresh SET children = children + 1 WHERE token_hash = ? AND state = 'used' AND closed = 0",
        (row.token_hash,),
        expect=1,
    )


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


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
        ),
        asked=scopes_of(row["asked"]),
        key_hash=row["key_hash"],
        collect_by=_moment(row["collect_by"]),
        last_used=_moment(row["last_used"]),
    )
