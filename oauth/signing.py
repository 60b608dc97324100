"""The keys of access tokens: one that signs, and at most one former that still verifies, in one file replaced whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from cockpit.store.folder import StoreCannotOpen
from cockpit.store.keys import replace_secret, secret_file

FILE: Final = "oauth_signing.pem"
_BLOCK: Final = re.compile(
    r"(?:made: (?P<made>[0-9T:.\-]{10,30}\+00:00)\n)?(?:ends: (?P<ends>[0-9T:.\-]{10,30}\+00:00)\n)?"
    r"(?P<pem>-----BEGIN (?P<kind>[A-Z ]{1,30})-----\n[A-Za-z0-9+/=\n]+-----END (?P=kind)-----\n?)"
)
"""A key with what is known of it before it; RFC 7468, 5.2 lets text stand there."""


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """The key that signs."""

    key: RSAKey = field(repr=False)
    kid: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class FormerKey:
    """The key that signed before. Only its public half is kept."""

    key: RSAKey = field(repr=False)
    kid: str
    ends_at: datetime
    """When its last token has ended."""


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The two keys at most whose tokens are good."""

    active: ActiveKey
    former: FormerKey | None = None

    def good(self, now: datetime) -> SigningKeys:
        """Return them without a former key of which no token lives any more."""
        former = self.former
        return SigningKeys(self.active) if former is not None and former.ends_at <= now else self

    def followed_by(self, pem: bytes, now: datetime, last_ends: datetime | None) -> SigningKeys:
        """Return them after a rotation: what signed only verifies, until ``last_ends``; None drops it at once."""
        fresh = _key(pem)
        active = ActiveKey(fresh, fresh.thumbprint(), now)
        if last_ends is None:
            return SigningKeys(active)
        public = RSAKey.import_key(self.active.key.as_pem(private=False))
        return SigningKeys(active, FormerKey(public, self.active.kid, last_ends))


def load_keys(folder: Path, now: datetime) -> SigningKeys:
    """Read the keys, or make the first one. A key of unknown age counts from now on."""
    try:
        keys = _parsed(secret_file(folder, FILE, lambda: _written(_first(now))), now)
    except (JoseError, ValueError) as error:
        raise StoreCannotOpen(
            f"{folder / FILE} holds no RSA key.", "Restore it from a backup, or remove it."
        ) from error
    save_keys(folder, keys.good(now))
    return keys.good(now)


def save_keys(folder: Path, keys: SigningKeys) -> None:
    """Put the keys in the place of those in the file, durably and at once. Waits for the disk."""
    if secret_file(folder, FILE, lambda: _written(keys)) != _written(keys):
        replace_secret(folder, FILE, _written(keys))


def new_key() -> bytes:
    """Make a key; takes a core some 20 to 200 ms."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _first(now: datetime) -> SigningKeys:
    key = _key(new_key())
    return SigningKeys(ActiveKey(key, key.thumbprint(), now))


def _key(pem: bytes) -> RSAKey:
    key = RSAKey.import_key(pem)
    if not key.is_private:
        raise ValueError("not a private key")
    return key


def _parsed(content: bytes, now: datetime) -> SigningKeys:
    found = list(_BLOCK.finditer(content.decode("ascii")))
    if not 1 <= len(found) <= 2:
        raise ValueError("one or two keys")
    made = found[0]["made"]
    key = _key(found[0]["pem"].encode())
    active = ActiveKey(key, key.thumbprint(), datetime.fromisoformat(made) if made else now)
    if len(found) == 1:
        return SigningKeys(active)
    former = RSAKey.import_key(found[1]["pem"].encode())
    return SigningKeys(active, FormerKey(former, former.thumbprint(), datetime.fromisoformat(found[1]["ends"] or "")))


def _written(keys: SigningKeys) -> bytes:
    active, former = keys.active, keys.former
    parts = [f"made: {active.made_at.isoformat()}\n".encode(), active.key.as_pem(private=True)]
    if former is not None:
        parts += [f"ends: {former.ends_at.isoformat()}\n".encode(), former.key.as_pem(private=False)]
    return b"".join(parts)
