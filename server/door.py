"""Who may come in: the token check that the host is given, and the challenges that tell a client what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from cockpit.model.identity import READ_SCOPES, Caller, scope_text
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


def identify(request: web.Request, check: Check, challenge: Challenge) -> Caller | web.Response:
    """Check the one Authorization header; without exactly one good one, return the 401 that starts a client's login.

    A token in the query isn't looked at (RFC 9700 section 4.3.2).
    """
    headers = request.headers.getall("Authorization", ())
    problem = check(headers[0] if len(headers) == 1 else None, request.remote or "")
    if isinstance(problem, Caller):
        return problem
    error = "invalid_request" if len(headers) > 1 else problem.error
    return web.Response(
        status=401,
        body=dumps({"error": error or "unauthorized"}),
        content_type="application/json",
        headers={CHALLENGE_HEADER: challenge.unauthorized(error)},
    )


def _quotable(scope: str) -> str:
    return "".join(mark for mark in scope if " " <= mark <= "~" and mark not in '"\\')
