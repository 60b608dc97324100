"""The writes about what clients were given: grants, names, codes and refresh tokens, and the end of all of it."""

from __future__ import annotations

from datetime import datetime

from cockpit.model.identity import Grant, GrantId, scope_text
from cockpit.store.times import to_micros
from cockpit.store.writes import Write
from oauth.records import CodeRow, GivenName, RefreshRow, StoredGrant


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
