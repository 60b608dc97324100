"""How the audit is sealed and linked: each record's hash covers the one before, and the head is signed."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cockpit.store.audit import Clear, Draft

KEY_NAME: Final = "audit.key"
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_HASH_BYTES: Final = 32

Row = tuple[int, int, str, str, str, str, str, str, str, str, int | None, bytes, bytes, bytes]
"""A record as the table holds it: the clear columns, then detail (sealed), digest and hash."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last record's number and hash."""

    number: int = 0
    hash: bytes = bytes(_HASH_BYTES)


class Sealer:
    """The audit key at work. Each use has a key of its own, derived by HKDF-SHA256 (RFC 5869).

    It guards against a stolen or edited database file, not against somebody who can read the key file too, and an
    older copy of the whole folder verifies.
    """

    __slots__ = ("_archive_key", "_box", "_digest", "_head_key", "_start_key")

    def __init__(self, secret: bytes) -> None:
        self._box = AESGCM(_derive(secret, b"detail"))
        self._digest = hmac.new(_derive(secret, b"digest"), digestmod="sha256")
        self._head_key = _derive(secret, b"head")
        self._start_key = _derive(secret, b"start")
        self._archive_key = _derive(secret, b"archive")

    def seal(self, nonce: bytes, detail: bytes, clear: bytes) -> bytes:
        """Encrypt a detail and bind it to the clear columns of its own record; nonce first. A nonce serves once."""
        return nonce + self._box.encrypt(nonce, detail, clear)

    def open(self, sealed: bytes, clear: bytes) -> bytes | None:
        """Return the detail, or None if key, record or bytes don't fit."""
        try:
            return self._box.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], clear)
        except (InvalidTag, ValueError):
            return None

    def digest(self, detail: bytes) -> bytes:
        """Return the keyed digest of a detail: equal details can be told without being read."""
        keyed = self._digest.copy()  # keeps the interpreter's lock, which `hmac.digest` gives up at each call
        keyed.update(detail)
        return keyed.digest()

    def sign(self, head: Head) -> bytes:
        """Return a head as it is stored: number, hash, and their HMAC."""
        return _signed(self._head_key, head)

    def read_head(self, stored: bytes) -> Head | None:
        """Return the head that `sign` made, or None if it is another key's or was edited."""
        return _read(self._head_key, stored)

    def sign_start(self, last_archived: Head) -> bytes:
        """Return where the kept part of the chain begins, as it is stored; a head's signature is none of a start."""
        return _signed(self._start_key, last_archived)

    def read_start(self, stored: bytes) -> Head | None:
        """Return what `sign_start` signed, or None if it is another key's or was edited."""
        return _read(self._start_key, stored)

    def mark_archive(self, said: bytes) -> bytes:
        """Return the HMAC over the canonical text of an archive's row."""
        return hmac.digest(self._archive_key, said, "sha256")


def new_audit_key() -> bytes:
    """Make the secret for DATA/keys/audit.key."""
    return os.urandom(KEY_BYTES)


def link(drafts: Sequence[Draft], head: Head, sealer: Sealer) -> tuple[list[Row], Head]:
    """Seal drafts and hang them on the chain; return their rows and the new head."""
    rows: list[Row] = []
    number, last = head.number, head.hash
    nonces = os.urandom(_NONCE_BYTES * len(drafts))
    for place, each in enumerate(drafts):
        clear = clear_bytes(each.clear)
        sealed = sealer.seal(nonces[place * _NONCE_BYTES : (place + 1) * _NONCE_BYTES], each.detail, clear)
        digest = sealer.digest(each.detail)
        number, last = each.number, next_hash(last, clear, digest, sealed)
        rows.append((*each.clear, sealed, digest, last))
    return rows, Head(number, last)


def clear_bytes(clear: Clear) -> bytes:
    """Return the one text of the clear columns: a JSON array in the table's order."""
    return orjson.dumps(clear)


def next_hash(before: bytes, clear: bytes, digest: bytes, sealed: bytes) -> bytes:
    """Return SHA-256 over the previous hash, the clear columns, the digest (32 bytes) and the sealed detail."""
    return hashlib.sha256(b"".join((before, clear, digest, sealed))).digest()


def _signed(key: bytes, head: Head) -> bytes:
    said = head.number.to_bytes(8, "big") + head.hash
    return said + hmac.digest(key, said, "sha256")


def _read(key: bytes, stored: bytes) -> Head | None:
    said, signature = stored[: 8 + _HASH_BYTES], stored[8 + _HASH_BYTES :]
    if not hmac.compare_digest(hmac.digest(key, said, "sha256"), signature):
        return None
    return unsigned(stored)


def unsigned(stored: bytes) -> Head:
    """Read a stored head or start without checking its signature."""
    return Head(int.from_bytes(stored[:8], "big"), stored[8 : 8 + _HASH_BYTES])


def _derive(secret: bytes, use: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"cockpit audit " + use).derive(secret)
