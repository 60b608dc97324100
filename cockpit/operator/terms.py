"""What the operator chooses for a client or a program: a connection, scopes within the settings, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cockpit.model.identity import Grant, Scope, Via, scope_text
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.wire import duration


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator chose for a client or a program; None where nothing was said."""

    name: str | None
    scopes: str | None
    connection: str | None
    lives: timedelta | None


def wanted(given: dict[str, str], name: str) -> Wanted:
    """Read what was chosen; ``name`` is the argument that names the client."""
    lives = given.get("for")
    return Wanted(
        given.get(name), given.get("scope"), given.get("connection"), None if lives is None else duration(lives)
    )


def connection_for(rooms: OperatorRooms, name: str | None) -> str | Refusal:
    """Return the connection of a name, or the only one where none is named."""
    names = rooms.connections.names()
    if name is None:
        return names[0] if len(names) == 1 else refuse("CHOOSE_CONNECTION", connections=", ".join(names))
    return name if name in names else refuse("CONNECTION_UNKNOWN", connection=safe(name, 40), known=", ".join(names))


def allowed_on(rooms: OperatorRooms, connection: str) -> frozenset[Scope]:
    """Return the scopes that settings allow on a connection."""
    found = rooms.connections.get(connection)
    return found.allowed if found is not None else frozenset()


def check_scopes(rooms: OperatorRooms, scopes: frozenset[Scope], connection: str) -> Refusal | None:
    """Check that there are scopes, and that settings allow them."""
    over = scopes - allowed_on(rooms, connection)
    if over:
        return refuse("SCOPE_NOT_ALLOWED", scopes=scope_text(over), connection=connection)
    return None if scopes else refuse("SCOPE_NOT_ALLOWED", "Grant at least one scope.")


def grant_json(grant: Grant) -> dict[str, object]:
    """Return a grant as ``--json`` shows it."""
    return {
        "name": grant.client,
        "grant_id": grant.grant_id,
        "client_id": grant.client_id,
        "host": grant.host,
        "via": grant.via,
        "scopes": [scope for scope in Scope if scope in grant.scopes],
        "timed": {one.scope.value: one.until.isoformat() for one in grant.timed},
        "connection": grant.connection,
        "made_at": grant.made_at.isoformat(),
        "made_by": grant.made_by,
        "expires_at": None if grant.expires_at is None else grant.expires_at.isoformat(),
        "is_key": grant.via is Via.KEY,
    }
