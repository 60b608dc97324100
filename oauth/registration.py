"""Dynamic client registration (RFC 7591): what a client may say about itself, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from cockpit.model.text import Safe, safe
from oauth.methods import AUTH_METHODS
from oauth.redirects import may_be_registered

MOST_REDIRECTS: Final = 10
_LONGEST_NAME: Final = 512
_SHOWN_NAME: Final = 60
GRANT_TYPES: Final = ("authorization_code", "refresh_token")


class BadRegistration(Exception):
    """A registration is refused; carries the error code of RFC 7591, 3.2.2 and a sentence."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class AskedRegistration:
    """What is taken of a registration: all else in it is ignored, and the server chooses."""

    claimed_name: Safe
    redirect_uris: tuple[str, ...]
    auth_method: str


def read_registration(content_type: str, body: bytes) -> AskedRegistration:
    """Check a registration's body; `BadRegistration` says what is wrong with it.

    A member that is null counts as left out, because clients send those. Scopes are not bound to a registration:
    clients in the field register without and ask for them later.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {"", "application/json"}:
        raise _bad("The body must be application/json.")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _bad("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise _bad("The body must be a JSON object.")
    members = {name: value for name, value in given.items() if value is not None}
    check_lists(members)
    if not isinstance(members.get("scope", ""), str):
        raise _bad("scope must be text.")
    return AskedRegistration(claimed_name(members), redirects(members), _auth_method(members))


def claimed_name(members: Mapping[str, object]) -> Safe:
    """Return what a client calls itself, fit to be shown."""
    name = members.get("client_name", "")
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        raise _bad(f"client_name must be text of at most {_LONGEST_NAME} characters.")
    return safe(name.strip(), _SHOWN_NAME)


def redirects(members: Mapping[str, object]) -> tuple[str, ...]:
    """Return where a client's codes may be sent."""
    uris = members.get("redirect_uris")
    if not isinstance(uris, list) or not 1 <= len(uris) <= MOST_REDIRECTS:
        raise BadRegistration("invalid_redirect_uri", f"redirect_uris must be 1 to {MOST_REDIRECTS} addresses.")
    if not all(isinstance(uri, str) and may_be_registered(uri) for uri in uris):
        raise BadRegistration(
            "invalid_redirect_uri", "A redirect must be https, or http to this computer, or of a known application."
        )
    return tuple(dict.fromkeys(uris))


def _auth_method(members: Mapping[str, object]) -> str:
    method = members.get("token_endpoint_auth_method", "client_secret_basic")
    if method not in AUTH_METHODS:
        raise _bad(f"token_endpoint_auth_method must be one of {', '.join(AUTH_METHODS)}.")
    return str(method)


def check_lists(members: Mapping[str, object]) -> None:
    """Check that a client uses authorization codes; what else it lists is ignored."""
    for name, needed in (("grant_types", "authorization_code"), ("response_types", "code")):
        value = members.get(name, [needed])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or needed not in value:
            raise _bad(f"{name} must be a list that holds {needed}.")


def _bad(description: str) -> BadRegistration:
    return BadRegistration("invalid_client_metadata", description)
