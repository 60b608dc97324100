"""The check of every bearer token and API key: cheap, and always against the grants that live now."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cockpit.model.identity import Caller, Via
from oauth.making import KEY_PREFIX
from oauth.state import State
from oauth.tokens import LONGEST_TOKEN

_LONGEST_HEADER: Final = LONGEST_TOKEN + 16
_LONGEST_ADDRESS: Final = 64
_KEY: Final = re.compile(r"ck_[A-Za-z0-9_\-]{43}")


@dataclass(frozen=True, slots=True)
class TokenProblem:
    """Why a request has no caller. ``error`` is the code for the challenge, empty without credentials (RFC 6750, 3)."""

    error: str
    description: str = ""


_NOTHING: Final = TokenProblem("")
_INVALID: Final = TokenProblem("invalid_token", "The token is unknown, has expired, or its authority has ended.")


def check(state: State, authorization: str | None, address: str) -> Caller | TokenProblem:
    """Return who sends this Authorization header."""
    if not authorization:
        return _NOTHING
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return _NOTHING
    if len(authorization) > _LONGEST_HEADER:
        return _INVALID
    return _by_key(state, token, address) if token.startswith(KEY_PREFIX) else _by_token(state, token, address)


def _by_token(state: State, token: str, address: str) -> Caller | TokenProblem:
    now = state.clock.now()
    claims = state.signer.recognise(token, now)
    if claims is None:
        return _INVALID
    grant = state.live.usable(claims.grant_id, now)
    if grant is None or grant.via is Via.KEY or grant.client_id != claims.client_id:
        return _INVALID
    state.live.touch(grant.grant_id, now, address[:_LONGEST_ADDRESS])
    return Caller(grant, claims.narrowed, address)


def _by_key(state: State, key: str, address: str) -> Caller | TokenProblem:
    if not _KEY.fullmatch(key):
        return _INVALID
    grant_id = state.live.by_key(hashlib.sha256(key.encode("ascii")).digest())
    now = state.clock.now()
    grant = state.live.usable(grant_id, now) if grant_id is not None else None
    if grant is None:
        return _INVALID
    state.live.touch(grant.grant_id, now, address[:_LONGEST_ADDRESS])
    return Caller(grant, None, address)
