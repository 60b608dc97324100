"""The writes about clients: how each becomes known, is let in, changes and is forgotten, and what it has shown."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from cockpit.store.times import to_micros
from cockpit.store.writes import Write
from oauth.assertions import Proof
from oauth.records import Registration
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


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)
