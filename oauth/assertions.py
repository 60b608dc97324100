"""Clients that prove with a signature who they are (``private_key_jwt``; RFC 7523, OpenID Connect Core 9)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from oauth.jwks import ALGORITHMS, ClientKey

KIND: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST: Final = 4096
LONGEST_LIFE: Final = 300
"""Seconds that an assertion may be good for: each one is remembered that long."""
_CLOCK_SKEW: Final = 30
_COMPACT: Final = re.compile(r"([A-Za-z0-9_\-]+)\.([A-Za-z0-9_\-]+)\.[A-Za-z0-9_\-]+")
_HEADER: Final = frozenset({"alg", "kid", "typ"})
_TYPES: Final = frozenset({"JWT", "client-authentication+jwt"})


class BadAssertion(Exception):
    """The assertion proves nothing; the text is for the audit."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a client shows, before its signature was checked."""

    text: str = field(repr=False)
    client_id: str
    kid: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A client has proved who it is."""

    client_id: str
    digest: bytes = field(repr=False)
    """Of the assertion's own id with its client's: it counts once."""
    expires: datetime


def read_assertion(text: str) -> Assertion:
    """Read who an assertion is about and which key it names; nothing of that is proved yet."""
    found = _COMPACT.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise BadAssertion("it is no JWT")
    header, claims = _json(found[1]), _json(found[2])
    kid, algorithm, client_id = header.get("kid", ""), header.get("alg"), claims.get("sub")
    # Other members of a header bring keys of their own, or rules that nobody here knows (RFC 8725, 3.10).
    if not header.keys() <= _HEADER or header.get("typ", "JWT") not in _TYPES:
        raise BadAssertion("its header holds what isn't taken")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise BadAssertion("its algorithm isn't taken")
    if not isinstance(kid, str) or not isinstance(client_id, str):
        raise BadAssertion("its header or claims are malformed")
    return Assertion(text, client_id, kid, algorithm)


def verify(shown: Assertion, key: ClientKey, audiences: Collection[str], now: datetime) -> Proof:
    """Check signature and claims. The audience is this server alone, and it expires within minutes."""
    try:
        claims = jwt.decode(shown.text, key.key, algorithms=[shown.algorithm]).claims
    except (JoseError, ValueError, TypeError) as error:
        raise BadAssertion("its signature is wrong") from error
    if claims.get("iss") != shown.client_id or claims.get("sub") != shown.client_id:
        raise BadAssertion("it speaks for another client")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if len(named) != 1 or named[0] not in audiences:
        raise BadAssertion("it is meant for another server")
    seconds = now.timestamp()
    expires = _seconds(claims, "exp")
    if expires is None or not seconds - _CLOCK_SKEW < expires <= seconds + LONGEST_LIFE + _CLOCK_SKEW:
        raise BadAssertion("it has expired, or is good for too long")
    for name in ("iat", "nbf"):
        if claims.get(name) is not None and not (_seconds(claims, name) or seconds * 2) <= seconds + _CLOCK_SKEW:
            raise BadAssertion("it is from the future")
    token_id = claims.get("jti")
    if not isinstance(token_id, str) or not 1 <= len(token_id) <= 256:
        raise BadAssertion("it has no id")
    digest = hashlib.sha256(orjson.dumps([shown.client_id, token_id])).digest()
    return Proof(shown.client_id, digest, datetime.fromtimestamp(expires + _CLOCK_SKEW, UTC))


def _json(part: str) -> Mapping[str, object]:
    try:
        value = orjson.loads(urlsafe_b64decode(part.encode("ascii")))
    except (ValueError, RecursionError):
        raise BadAssertion("it is no JWT") from None
    if not isinstance(value, dict):
        raise BadAssertion("it is no JWT")
    return value


def _seconds(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < 2**40 else None
