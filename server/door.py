"""Who may come in: the token check that the host is given, and the challenges that tell a client what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from cockpit.model.identity import READ_SCOPES, Caller, scope_text
from cockpit.model.networks import Networks
from cockpit.model.refusals import refusal_json, refuse
from server.addresses import Addresses
from server.limits import Kind, Limits
from server.transport.wire import dumps

CHALLENGE_HEADER: Final = "WWW-Authenticate"
METADATA_PATH: Final = "/.well-known/oauth-protected-resource/mcp"


class TokenProblem(Protocol):
    """Why a token isn't good."""

    @property
    def error(self) -> str:
        """RFC 6750 section 3.1: ``invalid_token`` or ``invalid_request``; empty where no token came."""
        ...


Check = Callable[[str | None, str], Caller | TokenProblem]
"""Reads an Authorization header that came from an address. Synchronous and cheap: it runs before every request."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What WWW-Authenticate says (RFC 6750 section 3, RFC 9728 section 5.1)."""

    resource_metadata: str
    """Address of the protected resource's metadata."""
    scope: str = scope_text(READ_SCOPES)
    """What a client should ask for at first; what it asks is a hint, the operator chooses."""

    @classmethod
    def at(cls, origin: str) -> Challenge:
        """Return the challenge of a host that clients reach under ``origin``."""
        return cls(origin + METADATA_PATH)

    def unauthorized(self, error: str = "") -> str:
        """Ask for a token."""
        return self._bearer(error, self.scope)

    def insufficient(self, scope: str) -> str:
        """Ask for more than the token has."""
        return self._bearer("insufficient_scope", scope)

    def _bearer(self, error: str, scope: str) -> str:
        named = f'error="{error}", ' if error else ""
        return f'Bearer {named}resource_metadata="{self.resource_metadata}", scope="{_quotable(scope)}"'


class Door:
    """The way to ``/mcp``: first where a request comes from, then whose it is."""

    def __init__(
        self,
        check: Check,
        challenge: Challenge,
        addresses: Addresses,
        allowed: Networks | None = None,
        limits: Limits | None = None,
    ) -> None:
        """``allowed`` are the networks that may come in at all; without any, all may."""
        self._check = check
        self._challenge = challenge
        self._addresses = addresses
        self._allowed = allowed or Networks()
        self._limits = limits

    def identify(self, request: web.Request) -> Caller | web.Response:
        """Check the one Authorization header; without exactly one good one, return what starts a client's login.

        A token in the query isn't looked at (RFC 9700 section 4.3.2). A good token is let in however many bad ones came
        from its address: hosted clients share theirs.
        """
        address = self._addresses.of(request)
        if self._allowed and address not in self._allowed:
            return _json(403, {"error": "address_not_allowed", "message": "Calls from that address are not taken."})
        headers = request.headers.getall("Authorization", ())
        problem = self._check(headers[0] if len(headers) == 1 else None, address)
        if isinstance(problem, Caller):
            if self._limits is not None:
                self._limits.met(address)
            return problem
        error = "invalid_request" if len(headers) > 1 else problem.error
        if error and self._limits is not None:
            again = self._limits.refuse(Kind.BAD_TOKENS, address)
            if again is not None:
                refusal = refuse("RATE_LIMITED", "Too many bad tokens come from there.", seconds=again)
                said = {"error": "too_many_requests", **refusal_json(refusal)}
                return _json(429, said, {"Retry-After": str(again)})
        challenge = {CHALLENGE_HEADER: self._challenge.unauthorized(error)}
        return _json(401, {"error": error or "unauthorized"}, challenge)

    def let_in_by(self, request: web.Request) -> tuple[str | None, str]:
        """Return by what a request was let in: its Authorization header, and the address that it came from."""
        return request.headers.get("Authorization"), self._addresses.of(request)

    def again(self, authorization: str | None, address: str) -> Caller | None:
        """Check anew whose a request is that came by what another was let in by; None where it isn't any more."""
        caller = self._check(authorization, address)
        if not isinstance(caller, Caller):
            return None
        if self._limits is not None:
            self._limits.met(address)
        return caller


def _json(status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=dumps(body), content_type="application/json", headers=headers)


def _quotable(scope: str) -> str:
    return "".join(mark for mark in scope if " " <= mark <= "~" and mark not in '"\\')
