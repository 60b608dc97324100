"""Access tokens: signed JWTs (RFC 9068) that say which grant is presented; whether it lives is asked elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError

from cockpit.model.identity import GrantId, Scope, scope_text, scopes_of
from oauth.config import AuthorityConfig
from oauth.signing import SigningKeys

LONGEST_TOKEN: Final = 4096
_ALGORITHM: Final = "RS256"
_COMPACT: Final = re.compile(r"[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+")
_CLOCK_SKEW: Final = 60
_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine token says that matters here."""

    grant_id: GrantId
    client_id: str
    narrowed: frozenset[Scope] | None
    expires: int
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Minting:
    """What goes into one token."""

    grant_id: GrantId
    client: str
    client_id: str
    scopes: frozenset[Scope]
    narrowed: bool
    """The client asked for less than it could have."""
    issued: int
    expires: int
    token_id: str = field(repr=False)


class TokenSigner:
    """Signs access tokens, and recognises its own."""

    def __init__(self, config: AuthorityConfig, keys: SigningKeys) -> None:
        self._config = config
        self._known: OrderedDict[bytes, Claims] = OrderedDict()
        self.use(keys)

    def use(self, keys: SigningKeys) -> None:
        """Sign with other keys from now on. What was verified with one that is gone fails by its first part."""
        self.keys = keys
        self._header = _header(keys.active.kid)
        verifying = (keys.active,) if keys.former is None else (keys.active, keys.former)
        self._first_parts = {
            jwt.encode(_header(one.kid), {}, keys.active.key, algorithms=[_ALGORITHM]).partition(".")[0]: one.key
            for one in verifying
        }

    def jwks(self) -> Mapping[str, object]:
        """Return the public halves, as a JWK set."""
        shown = (self.keys.active, self.keys.former)
        return {
            "keys": [
                {**one.key.as_dict(private=False), "kid": one.kid, "use": "sig", "alg": _ALGORITHM}
                for one in shown
                if one is not None
            ]
        }

    def mint(self, token: Minting) -> str:
        """Sign a token."""
        scope = scope_text(token.scopes)
        claims: dict[str, object] = {
            "iss": self._config.issuer,
            "aud": self._config.resource,
            "sub": token.client,
            "client_id": token.client_id,
            "scope": scope,
            "gid": token.grant_id,
            "iat": token.issued,
            "exp": token.expires,
            "jti": token.token_id,
        }
        if token.narrowed:
            claims["narrowed"] = scope
        return jwt.encode(self._header, claims, self.keys.active.key, algorithms=[_ALGORITHM])

    def recognise(self, token: str, now: datetime) -> Claims | None:
        """Return what a token of ours says, None for any other and for one that has expired.

        What was verified once is remembered by its digest until it expires. That says nothing about its grant: the
        caller asks for that every time.
        """
        seconds = now.timestamp()
        if len(token) > LONGEST_TOKEN or token.partition(".")[0] not in self._first_parts or not token.isascii():
            return None
        digest = hashlib.sha256(token.encode("ascii")).digest()
        known = self._known.get(digest)
        if known is None:
            known = self._verify(token, seconds)
            if known is None:
                return None
            self._known[digest] = known
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        if known.expires <= seconds:
            self._known.pop(digest, None)
            return None
        return known

    def own(self, token: str) -> Claims | None:
        """Return what a token of ours says although it may have expired: for its revocation."""
        return self._verify(token, None) if len(token) <= LONGEST_TOKEN else None

    def _verify(self, token: str, now: float | None) -> Claims | None:
        # Our own header is one constant text for each key, so every foreign algorithm, type, key and extension fails
        # here, cheaply.
        key = self._first_parts.get(token.partition(".")[0])
        if key is None or not _COMPACT.fullmatch(token):
            return None
        try:
            claims = jwt.decode(token, key, algorithms=[_ALGORITHM]).claims
            return self._claims(claims, now)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def _claims(self, claims: Mapping[str, object], now: float | None) -> Claims | None:
        if claims["iss"] != self._config.issuer or claims["aud"] != self._config.resource:
            return None
        times = (claims["exp"], claims["iat"], claims.get("nbf", 0))
        if any(type(at) is not int for at in times):
            return None
        expires, *begins = (int(str(at)) for at in times)
        if now is not None and max(begins) > now + _CLOCK_SKEW:
            return None
        texts = (claims["gid"], claims["client_id"], claims["sub"], claims["jti"], claims["scope"])
        if any(type(text) is not str for text in texts):
            return None
        narrowed = claims.get("narrowed")
        if narrowed is not None and type(narrowed) is not str:
            return None
        return Claims(
            GrantId(str(texts[0])), str(texts[1]), None if narrowed is None else scopes_of(str(narrowed)), expires
        )


def _header(kid: str) -> dict[str, str]:
    return {"alg": _ALGORITHM, "typ": "at+jwt", "kid": kid}
