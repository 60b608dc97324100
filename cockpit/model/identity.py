"""Who asks, and with which authority."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from cockpit.model.text import Safe

ClientName = NewType("ClientName", str)
"""The name that the operator gave a client: budgets, history, policy and idempotency hang on it."""

GrantId = NewType("GrantId", str)

CLIENT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._\-]{0,39}")

OPERATOR: Final = ClientName("operator")
"""Who asked for what the operator trades by hand; no client may have the name."""
OPERATORS_GRANT: Final = GrantId("operator")
"""Stands for an authority where the operator himself is one; no grant has this id."""


def may_be_client(name: str) -> bool:
    """Whether a client may have that name: its letters fit, and nobody takes it for the operator's own."""
    return bool(CLIENT_NAME.fullmatch(name)) and name.strip(" ._-").casefold() != OPERATOR


class Scope(StrEnum):
    """What a client may do. A tool names one."""

    READ_MARKET = "read:market"
    READ_ACCOUNT = "read:account"
    READ_ORDERS = "read:orders"
    READ_RESEARCH = "read:research"
    READ_AUDIT = "read:audit"
    PREVIEW_ORDERS = "preview:orders"
    WRITE_ORDERS = "write:orders"
    WRITE_ALERTS = "write:alerts"


WRITE_SCOPES: Final = frozenset({Scope.WRITE_ORDERS, Scope.WRITE_ALERTS})
READ_SCOPES: Final = frozenset(Scope) - WRITE_SCOPES
"""What ``approve`` grants of what was asked; previews change nothing and count as reading."""


class Via(StrEnum):
    """How an authority is presented."""

    OAUTH = "oauth"
    """By access tokens that a client gets for its code and refreshes."""
    KEY = "key"
    """By an API key."""
    TOKEN = "token"  # noqa: S105 - a kind, no secret
    """By one signed token that the operator minted."""
    SERVICE = "service"
    """By access tokens that a program gets for its own secret (RFC 6749, 4.4)."""


@dataclass(frozen=True, slots=True)
class TimedScope:
    """A scope that falls away by itself."""

    scope: Scope
    until: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """The authority that the operator gave: bound to one client and one connection."""

    grant_id: GrantId
    client: ClientName
    client_id: str
    """The OAuth registration, or the id of the API key, the minted token or the service."""
    scopes: frozenset[Scope]
    connection: str
    via: Via
    made_at: datetime
    expires_at: datetime | None
    host: Safe
    """Host of the client's redirect, or ``key``, ``token``, ``service``: the only part of its identity that it can't
    invent."""
    suspended: bool = False
    """Stopped by the kill switch and not yet enabled again (keys only)."""
    timed: tuple[TimedScope, ...] = ()
    """Those of its scopes that fall away by themselves, each with when."""
    made_by: str = ""
    """Through which of the operator's doors it was made: ``screen`` or ``socket``."""
    hint: str = ""
    """How a key begins, for its owner to know it again."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One authenticated request: its grant as it was at the door, and where it came from."""

    grant: Grant
    narrowed: frozenset[Scope] | None
    """Scopes of the token where the client asked for fewer than the grant has."""
    address: str


def fallen(grant: Grant, now: datetime) -> Grant:
    """Return a grant without the scopes whose time is over."""
    over = frozenset(one.scope for one in grant.timed if one.until <= now)
    if not over:
        return grant
    left = tuple(one for one in grant.timed if one.scope not in over)
    return replace(grant, scopes=grant.scopes - over, timed=left)


def effective(grant: Grant, narrowed: frozenset[Scope] | None, allowed: frozenset[Scope]) -> frozenset[Scope]:
    """Return what may be used now: the grant's scopes, the token's, and what settings allow on the connection."""
    scopes = grant.scopes & allowed
    return scopes if narrowed is None else scopes & narrowed


def scopes_of(text: str) -> frozenset[Scope]:
    """Read a space-separated list; ValueError names the first word that is no scope."""
    return frozenset(Scope(word) for word in text.split())


def scope_text(scopes: frozenset[Scope]) -> str:
    """Write scopes in the order of their declaration."""
    return " ".join(scope for scope in Scope if scope in scopes)
