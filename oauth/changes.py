"""The writes of the authorization server: every change of its rows, by name."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from cockpit.model.identity import Grant, GrantId, scope_text
from cockpit.store.times import to_micros
from cockpit.store.writes import Write
from oauth.assertions import Proof
from oauth.records import CodeRow, GivenName, RefreshRow, Registration, StoredGrant
from oauth.static_clients import StaticClient

_UNAPPROVED: Final = (
    "standing <> 'approved' AND kind IN ('dcr', 'cimd')"
    " AND client_id NOT IN (SELECT client_id FROM oauth_grants WHERE ended_at IS NULL)"
)
"""Registrations that nothing depends on."""


def add_registration(new: Registration) -> Write:
    """Keep a new registration."""
    return Write(
        "INSERT INTO oauth_clients (client_id, standing, claimed_name, redirect_uris, auth_method, secret_hash, address,"
        " registered_at, kind, or_none, jwks, jwks_uri, fetched_at, fresh_until)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.client_id,
            new.standing.value,
            new.claimed_name,
            json.dumps(new.redirect_uris),
            new.auth_method,
            new.secret_hash,
            new.address,
            to_micros(new.registered_at),
            new.kind.value,
            int(new.or_none),
            new.jwks,
            new.jwks_uri,
            _micros(new.fetched_at),
            _micros(new.fresh_until),
        ),
        expect=1,
    )


def describe_client(found: Registration) -> Write:
    """Keep what a client's document says now. Where it says other things than were approved, it is new again."""
    return Write(
        "INSERT INTO oauth_clients (client_id, kind, standing, claimed_name, redirect_uris, auth_method, or_none, jwks,"
        " jwks_uri, address, registered_at, fetched_at, fresh_until)"
        " VALUES (?, ?, 'new', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (client_id) DO UPDATE SET"
        " claimed_name = excluded.claimed_name, redirect_uris = excluded.redirect_uris,"
        " auth_method = excluded.auth_method, or_none = excluded.or_none, jwks = excluded.jwks,"
        " jwks_uri = excluded.jwks_uri, fetched_at = excluded.fetched_at, fresh_until = excluded.fresh_until,"
        " standing = CASE WHEN standing = 'approved' AND approved_shape IS NOT ? THEN 'new' ELSE standing END",
        (
            found.client_id,
            found.kind.value,
            found.claimed_name,
            json.dumps(found.redirect_uris),
            found.auth_method,
            int(found.or_none),
            found.jwks,
            found.jwks_uri,
            found.address,
            to_micros(found.registered_at),
            _micros(found.fetched_at),
            _micros(found.fresh_until),
            found.shape,
        ),
        expect=1,
    )


def keep_static(client: StaticClient, at: datetime) -> Write:
    """Keep a client that the settings name, as they describe it now."""
    return Write(
        "INSERT INTO oauth_clients (client_id, kind, standing, claimed_name, redirect_uris, auth_method, secret_hash,"
        " jwks, jwks_uri, address, registered_at) VALUES (?, 'static', 'approved', ?, ?, ?, ?, ?, ?, '', ?)"
        " ON CONFLICT (client_id) DO UPDATE SET claimed_name = excluded.claimed_name,"
        " redirect_uris = excluded.redirect_uris, auth_method = excluded.auth_method,"
        " secret_hash = excluded.secret_hash, jwks = excluded.jwks, jwks_uri = excluded.jwks_uri"
        " WHERE kind = 'static'",
        (
            client.client_id,
            client.name,
            json.dumps(client.redirect_uris),
            client.auth_method,
            client.secret_hash,
            client.jwks,
            client.jwks_uri,
            to_micros(at),
        ),
        expect=1,
    )


def forget_static(client_id: str) -> Write:
    """Drop a client that the settings name no longer."""
    return Write("DELETE FROM oauth_clients WHERE client_id = ? AND kind = 'static'", (client_id,))


def approve_registration(client_id: str, shape: bytes) -> Write:
    """Note that the operator let a registration in, with the name and redirects that were shown."""
    return Write(
        "UPDATE oauth_clients SET standing = 'approved', approved_shape = ? WHERE client_id = ?",
        (shape, client_id),
        expect=1,
    )


def revoke_registration(client_id: str) -> Write:
    """Note that a registration has to ask again.

    Every installation of a program shares the address of its document, and the settings name theirs: those stay known.
    """
    return Write(
        "UPDATE oauth_clients SET standing = 'revoked'"
        " WHERE client_id = ? AND standing = 'approved' AND kind NOT IN ('cimd', 'static')",
        (client_id,),
    )


def forget_registrations(keep: int, but: frozenset[str]) -> Write:
    """Drop the oldest registrations without an approval until ``keep`` are left; those in ``but`` stay."""
    marks = ", ".join("?" * len(but))
    return Write(
        "DELETE FROM oauth_clients WHERE client_id IN (SELECT client_id FROM oauth_clients"  # noqa: S608 - only marks
        f" WHERE {_UNAPPROVED} AND client_id NOT IN ({marks})"
        f" ORDER BY registered_at, client_id LIMIT max(0, (SELECT count(*) FROM oauth_clients WHERE {_UNAPPROVED}) - ?))",
        (*sorted(but), keep),
    )


def forget_unapproved(before: datetime, but: frozenset[str]) -> Write:
    """Drop registrations that nobody approved in time; those in ``but`` stay."""
    marks = ", ".join("?" * len(but))
    return Write(
        f"DELETE FROM oauth_clients WHERE {_UNAPPROVED} AND standing = 'new'"  # noqa: S608 - only marks
        f" AND registered_at < ? AND client_id NOT IN ({marks})",
        (to_micros(before), *sorted(but)),
    )


def add_assertion(proof: Proof) -> Write:
    """Remember that a client's assertion was shown."""
    return Write(
        "INSERT INTO oauth_assertions (digest, expires_at) VALUES (?, ?)",
        (proof.digest, to_micros(proof.expires)),
        expect=1,
    )


def forget_assertions(before: datetime) -> Write:
    """Drop assertions that have expired."""
    return Write("DELETE FROM oauth_assertions WHERE expires_at <= ?", (to_micros(before),))


def add_grant(new: StoredGrant) -> Write:
    """Keep a new grant or key."""
    grant = new.grant
    return Write(
        "INSERT INTO oauth_grants (grant_id, via, client, client_id, scopes, asked, connection, host, made_at, made_by,"
        " collect_by, expires_at, key_hash, hint, signed_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            grant.made_by,
            _micros(new.collect_by),
            _micros(grant.expires_at),
            new.key_hash,
            grant.hint,
            new.signed_by,
        ),
        expect=1,
    )


def add_name(given: GivenName) -> Write:
    """Keep a name with what it was given to."""
    return Write(
        "INSERT OR IGNORE INTO oauth_names (name, host, claimed) VALUES (?, ?, ?)",
        (given.name, given.host, given.claimed),
    )


def set_grant_scopes(grant: Grant) -> Write:
    """Keep what a grant may do, and for how long."""
    timed = " ".join(f"{one.scope}@{to_micros(one.until)}" for one in grant.timed)
    return Write(
        "UPDATE oauth_grants SET scopes = ?, timed = ? WHERE grant_id = ? AND ended_at IS NULL",
        (scope_text(grant.scopes), timed, grant.grant_id),
    )


def set_grant_expiry(grant_id: GrantId, at: datetime | None) -> list[Write]:
    """Let a grant end at another time, and its refresh tokens with it."""
    writes = [
        Write("UPDATE oauth_grants SET expires_at = ? WHERE grant_id = ? AND ended_at IS NULL", (_micros(at), grant_id))
    ]
    if at is not None:
        writes.append(Write("UPDATE oauth_refresh SET expires_at = ? WHERE grant_id = ?", (to_micros(at), grant_id)))
    return writes


def set_grant_connection(grant_id: GrantId, connection: str) -> Write:
    """Bind a grant to another connection."""
    return Write(
        "UPDATE oauth_grants SET connection = ? WHERE grant_id = ? AND ended_at IS NULL",
        (connection, grant_id),
    )


def collected(grant_id: GrantId) -> Write:
    """Note that a grant's code was redeemed."""
    return Write("UPDATE oauth_grants SET collect_by = NULL WHERE grant_id = ?", (grant_id,), expect=1)


def enable_grant(grant_id: GrantId) -> Write:
    """Let a suspended key work again."""
    return Write("UPDATE oauth_grants SET suspended = 0 WHERE grant_id = ? AND ended_at IS NULL", (grant_id,), expect=1)


def last_used(grant_id: GrantId, at: datetime, address: str) -> Write:
    """Keep when a grant was used last, and from where."""
    return Write(
        "UPDATE oauth_grants SET last_used = ?, last_address = ? WHERE grant_id = ?",
        (to_micros(at), address, grant_id),
    )


def latest_time(at: datetime) -> Write:
    """Keep the latest time that was seen."""
    return Write(
        "INSERT INTO oauth_time (one, latest) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET latest = excluded.latest",
        (to_micros(at),),
    )


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
    """End every authority but keys, suspend those, drop every code and refresh token."""
    return [
        Write(
            "UPDATE oauth_grants SET ended_at = ?, end_reason = 'killed' WHERE via <> 'key' AND ended_at IS NULL",
            (to_micros(at),),
        ),
        Write("UPDATE oauth_grants SET suspended = 1 WHERE via = 'key' AND ended_at IS NULL"),
        Write("DELETE FROM oauth_codes"),
        Write("DELETE FROM oauth_refresh"),
        Write(
            "UPDATE oauth_clients SET standing = CASE kind WHEN 'static' THEN 'approved' WHEN 'cimd' THEN 'new'"
            " ELSE 'revoked' END WHERE standing = 'approved'"
        ),
    ]


def add_code(new: CodeRow) -> Write:
    """Keep a new authorization code."""
    return Write(
        "INSERT INTO oauth_codes (code_hash, grant_id, client_id, redirect_uri, challenge, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (new.code_hash, new.grant_id, new.client_id, new.redirect_uri, new.challenge, to_micros(new.expires_at)),
        expect=1,
    )


def use_code(code_hash: bytes, at: datetime) -> Write:
    """Mark a code as used; only one request can."""
    return Write(
        "UPDATE oauth_codes SET used_at = ? WHERE code_hash = ? AND used_at IS NULL", (to_micros(at), code_hash), 1
    )


def forget_codes(before: datetime) -> Write:
    """Drop codes that expired long ago."""
    return Write("DELETE FROM oauth_codes WHERE expires_at < ?", (to_micros(before),))


def add_refresh(new: RefreshRow, at: datetime) -> Write:
    """Keep a new refresh token."""
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
    """Count one more successor of a token."""
    return Write(
        "UPDATE oauth_refresh SET children = children + 1 WHERE token_hash = ? AND state = 'used' AND closed = 0",
        (row.token_hash,),
        expect=1,
    )


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)
