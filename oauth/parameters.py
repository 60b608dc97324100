"""The parameters of a request, read strictly before anything else sees them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

_MOST: Final = 32
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]*")
_UNQUOTED: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")
"""What RFC 6749, 4.1.2.1 allows in an error's description: the library quotes values there."""
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BASIC: Final = re.compile(r"[Bb][Aa][Ss][Ii][Cc] +([A-Za-z0-9+/]+={0,2}) *")

_LIMITS: Final[Mapping[str, int]] = {
    "response_type": 64,
    "client_id": 256,
    "redirect_uri": 1024,
    "scope": 1024,
    "state": 4096,
    "code_challenge": 256,
    "code_challenge_method": 16,
    "response_mode": 32,
    "request": 4096,
    "request_uri": 1024,
    "resource": 512,
    "grant_type": 128,
    "code": 256,
    "code_verifier": 256,
    "refresh_token": 256,
    "client_secret": 256,
    "client_assertion": 4096,
    "client_assertion_type": 128,
    "token": 8192,
    "token_type_hint": 64,
}
"""The parameters that mean something here, and their longest value; others are ignored (RFC 6749, 3.1)."""

_ANY_PRINTABLE: Final = frozenset({"state"})


class BadParameters(Exception):
    """The request can't be read; the text says why and is safe to send back."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The known parameters of one request. Only ``resource`` may have more than one value (RFC 8707, 2)."""

    values: Mapping[str, str] = field(repr=False)
    resources: tuple[str, ...] = ()

    def get(self, name: str) -> str:
        """Return a value, or the empty text: a parameter without a value counts as left out."""
        return self.values.get(name, "")


def read_parameters(text: str) -> Parameters:
    """Read an urlencoded query or form; `BadParameters` for anything repeated, too long or not printable ASCII."""
    if _BROKEN_ESCAPE.search(text):
        raise BadParameters("The parameters are not urlencoded.")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except UnicodeDecodeError:
        raise BadParameters("The parameters are not UTF-8.") from None
    except ValueError:
        raise BadParameters("There are too many parameters.") from None
    values: dict[str, str] = {}
    resources: list[str] = []
    seen: set[str] = set()
    for name, value in pairs:
        limit = _LIMITS.get(name)
        if limit is None:
            continue
        if name in seen and name != "resource":
            raise BadParameters(f"The parameter {name} is repeated.")
        seen.add(name)
        _check(name, value, limit)
        if name == "resource" and value:
            resources.append(value)
        elif value:
            values[name] = value
    return Parameters(values, tuple(resources))


def read_form(content_type: str, body: bytes) -> Parameters:
    """Read the form of a POST."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {"", "application/x-www-form-urlencoded"}:
        raise BadParameters("The body must be application/x-www-form-urlencoded.")
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise BadParameters("The parameters are not urlencoded.") from None
    return read_parameters(text)


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """A client's id and secret from an Authorization header."""

    client_id: str
    secret: str = field(repr=False)


def read_basic(authorization: str | None) -> BasicCredentials | None:
    """Read ``Authorization: Basic`` strictly (RFC 6749, 2.3.1); None without one, `BadParameters` when malformed."""
    if authorization is None or authorization[:5].lower() != "basic":
        return None
    found = _BASIC.fullmatch(authorization) if len(authorization) <= 2048 else None
    if found is None:
        raise BadParameters("The Basic credentials are malformed.")
    try:
        text = base64.b64decode(found.group(1), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise BadParameters("The Basic credentials are malformed.") from None
    client_id, colon, secret = text.partition(":")
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if not colon or not _UNQUOTED.fullmatch(client_id) or not _PRINTABLE.fullmatch(secret):
        raise BadParameters("The Basic credentials are malformed.")
    return BasicCredentials(client_id, secret)


def _check(name: str, value: str, limit: int) -> None:
    if len(value) > limit:
        raise BadParameters(f"The parameter {name} is too long.")
    allowed = _PRINTABLE if name in _ANY_PRINTABLE else _UNQUOTED
    if not allowed.fullmatch(value):
        raise BadParameters(f"The parameter {name} holds characters that are not allowed.")
