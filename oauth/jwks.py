"""Public keys of clients: which of them are taken, and which one a signature must fit (RFC 7517, RFC 8725)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

LARGEST_KEYS: Final = 32_768
ALGORITHMS: Final = ("RS256", "ES256")
_MOST_KEYS: Final = 16
_RSA_BITS: Final = range(2048, 8193)
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class BadKeys(Exception):
    """A set of keys can't be used; the text says why."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key that signs for a client."""

    kid: str
    """Empty when it has none."""
    algorithm: str
    key: RSAKey | ECKey


def read_key_text(text: str | bytes) -> tuple[ClientKey, ...]:
    """Read a set of keys as it is written."""
    try:
        return read_keys(orjson.loads(text))
    except orjson.JSONDecodeError:
        raise BadKeys("the keys are not JSON") from None


def read_keys(given: object) -> tuple[ClientKey, ...]:
    """Read a JWK set. Keys of other kinds and uses are passed over; a private or symmetric one spoils the set."""
    listed = given.get("keys") if isinstance(given, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise BadKeys("the keys are no JWK set")
    if len(listed) > _MOST_KEYS:
        raise BadKeys("there are too many keys")
    if any(one.keys() & _PRIVATE for one in listed):
        raise BadKeys("a key is not public")
    keys = tuple(key for one in listed if (key := _key(one)) is not None)
    if not keys:
        raise BadKeys("there is no key that can be used")
    return keys


def fitting(keys: tuple[ClientKey, ...], kid: str, algorithm: str) -> ClientKey | None:
    """Return the one key that a header names; without a ``kid`` only where there is no choice."""
    if kid:
        named = [one for one in keys if one.kid == kid and one.algorithm == algorithm]
        return named[0] if len(named) == 1 else None
    return keys[0] if len(keys) == 1 and keys[0].algorithm == algorithm else None


def _key(given: Mapping[str, object]) -> ClientKey | None:
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(given.get("kty")))
    kid = given.get("kid", "")
    if algorithm is None or given.get("alg", algorithm) != algorithm or given.get("use", "sig") != "sig":
        return None
    if not isinstance(kid, str) or len(kid) > 256 or (algorithm == "ES256" and given.get("crv") != "P-256"):
        return None
    names = ("kty", "n", "e") if algorithm == "RS256" else ("kty", "crv", "x", "y")
    bare = {name: given.get(name) for name in names}
    if not all(isinstance(value, str) and len(value) <= 2048 for value in bare.values()):
        return None
    try:
        if algorithm == "ES256":
            return ClientKey(kid, algorithm, ECKey.import_key(bare))  # pyright: ignore[reportArgumentType]
        if int.from_bytes(urlsafe_b64decode(str(bare["n"]).encode())).bit_length() not in _RSA_BITS:
            return None
        return ClientKey(kid, algorithm, RSAKey.import_key(bare))  # pyright: ignore[reportArgumentType]
    except (JoseError, ValueError, TypeError, KeyError):
        return None
