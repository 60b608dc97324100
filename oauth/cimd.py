"""Client ID Metadata Documents: which client_ids are addresses of one, and what such a document may say.

draft-ietf-oauth-client-id-metadata-document; MCP authorization, 2026-07-28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import orjson

from cockpit.model.text import Safe
from oauth.jwks import BadKeys, read_keys
from oauth.registration import BadRegistration, check_lists, claimed_name, redirects

LARGEST_DOCUMENT: Final = 8192
LONGEST_ADDRESS: Final = 256

_ADDRESS: Final = re.compile(
    r"https://(?P<host>(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9\-]{0,61}[a-z0-9])?)"
    r"(?P<path>/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]+)"
)
_DOT_SEGMENT: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class BadDocument(Exception):
    """The address or the document can't be used; the text is for the log and the audit, not for strangers."""


@dataclass(frozen=True, slots=True)
class DocumentAddress:
    """A client_id that is the address of a document."""

    url: str
    host: str
    """What nobody else can have: the identity of the client."""


@dataclass(frozen=True, slots=True)
class Described:
    """What is taken of a document: all else in it is ignored, and no picture of it is ever fetched."""

    claimed_name: Safe
    redirect_uris: tuple[str, ...]
    auth_method: str
    or_none: bool
    jwks: str
    jwks_uri: str


def is_address(client_id: str) -> bool:
    """Whether a client_id claims to be the address of a document."""
    return "://" in client_id


def document_address(client_id: str) -> DocumentAddress:
    """Read a client_id byte for byte; `BadDocument` for everything that two readers could read in two ways.

    https, a DNS name, the usual port left out, a path, and no user, query, fragment or dot segment. Names of hosts that
    end in a digit are taken for addresses by some resolvers, so they are none here.
    """
    found = _ADDRESS.fullmatch(client_id) if len(client_id) <= LONGEST_ADDRESS else None
    if found is None or _DOT_SEGMENT.search(found["path"]) or _BROKEN_ESCAPE.search(found["path"]):
        raise BadDocument("the client_id is no address of a document")
    return DocumentAddress(client_id, found["host"])


def read_document(address: DocumentAddress, body: bytes) -> Described:
    """Read the document that was found at an address; `BadDocument` says what is wrong with it."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadDocument("the document is not JSON") from None
    if not isinstance(given, dict):
        raise BadDocument("the document is not a JSON object")
    members = {name: value for name, value in given.items() if value is not None}
    if members.get("client_id") != address.url:
        raise BadDocument("the document names another client_id")
    if {"client_secret", "client_secret_expires_at"} & members.keys():
        raise BadDocument("the document holds a secret")
    try:
        check_lists(members)
        name, uris = claimed_name(members), redirects(members)
    except BadRegistration as error:
        raise BadDocument(error.description) from None
    if not name:
        raise BadDocument("the document has no client_name")
    keys, keys_at = _keys(address, members)
    method, or_none = _method(members, bool(keys or keys_at))
    return Described(name, uris, method, or_none, keys, keys_at)


def _method(members: Mapping[str, object], has_keys: bool) -> tuple[str, bool]:
    """Choose how the client authenticates: by its key if it has one, and without if it lists that too.

    ChatGPT prefers ``private_key_jwt`` and lists ``none`` beside it; either has to work.
    """
    preferred = members.get("token_endpoint_auth_method", "none")
    listed = members.get("token_endpoint_auth_methods_supported", [])
    if not isinstance(preferred, str) or not isinstance(listed, list):
        raise BadDocument("the methods of authentication are malformed")
    offered = {preferred, *(one for one in listed if isinstance(one, str))}
    if "private_key_jwt" in offered and has_keys:
        return "private_key_jwt", "none" in offered
    if "none" not in offered:
        raise BadDocument("no method of authentication that can be had without a secret")
    return "none", False


def _keys(address: DocumentAddress, members: Mapping[str, object]) -> tuple[str, str]:
    inline, at = members.get("jwks"), members.get("jwks_uri")
    if inline is not None and at is not None:
        raise BadDocument("the document has its keys in two places")
    if inline is not None:
        try:
            read_keys(inline)
        except BadKeys as error:
            raise BadDocument(str(error)) from None
        return orjson.dumps(inline).decode(), ""
    if at is None:
        return "", ""
    # Keys elsewhere would hand the identity of this host to another one.
    if not isinstance(at, str) or document_address(at).host != address.host:
        raise BadDocument("the keys are at another host")
    return "", at


def host_of(client_id: str) -> str:
    """Return the host of a client_id that was read before."""
    return urlsplit(client_id).hostname or ""
