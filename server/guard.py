"""What every request passes before anything looks at it: its names, its size, where its page came from; and what every
answer carries.

DNS rebinding is stopped by the Host header's list, other web pages by the Origin's; both come before authentication.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from mcp_types import INVALID_REQUEST

from server.transport.wire import dumps, error_response, json_response

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})

_ALLOW_HEADERS: Final = (
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Last-Event-ID"
)
_EXPOSE_HEADERS: Final = "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, Retry-After"
_FOR_OTHER_PAGES: Final = frozenset(
    {"/mcp", "/mcp/", "/oauth/token", "/oauth/register", "/oauth/revoke", "/oauth/jwks.json"}
)
"""What a listed site's page may read, besides the metadata. Pages that a person looks at are nobody else's."""
_WELL_KNOWN: Final = "/.well-known/"
_NO_PAGE: Final = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("X-Frame-Options", "DENY"),
)
"""For answers that set nothing themselves: what isn't meant as a page must be of no use as one."""
_YEAR: Final = "max-age=31536000"
_ALWAYS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
)
_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class Policy:
    """What the guard lets through."""

    hosts: frozenset[str]
    """Names in lower case, without port, that the Host header may carry."""
    origins: frozenset[str] = frozenset()
    """Other sites' origins whose pages may call from a browser, exactly as browsers send them."""
    max_body_bytes: int = 1_048_576
    https_only: bool = False
    """Whether browsers are told to come by https alone from now on (RFC 6797)."""

    @classmethod
    def of(cls, public_url: str, hosts: tuple[str, ...], origins: tuple[str, ...], max_body_bytes: int) -> Policy:
        """Return the policy of a host that is reached locally, and from outside under ``public_url``."""
        public = _host_name(urlsplit(public_url).netloc) if public_url else ""
        names = {_host_name(name) for name in hosts} | LOOPBACK | ({public} if public else set())
        listed = frozenset(origin.rstrip("/").lower() for origin in origins)
        return cls(frozenset(names), listed, max_body_bytes, bool(public_url))


class Guard:
    """The outermost middleware."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._good_hosts: set[str] = set()

    def install(self, app: web.Application) -> None:
        """Put the guard before everything in ``app``."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._pass(request, handler)

        app.middlewares.append(guard)
        app.on_response_prepare.append(self._dress)

    async def _pass(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = request.headers
        hosts = headers.getall("Host", ())
        if len(hosts) != 1 or (hosts[0] not in self._good_hosts and not self._knows(hosts[0])):
            return _refused(421, "unknown_host", "This host doesn't answer to that name.")
        if not request.raw_path.startswith("/"):
            # Another form of target names a host too, and whoever stands in front may have read that one.
            return _refused(400, "bad_target", "Name the path alone.")
        if "Origin" in headers:
            if not self._may_call(headers.getall("Origin"), hosts[0]):
                return _refused(403, "origin_not_allowed", "Pages of that origin may not call this host.")
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in headers:
                return web.Response(status=204)
        if (request.content_length or 0) > self._policy.max_body_bytes:
            return _too_large()
        if "Content-Encoding" in headers:
            return _refused(415, "encoding_not_supported", "Send the body without content encoding.")
        if headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
            # The parser reads any list that ends in chunked, and would leave the other codings on the body.
            return _closed(_refused(400, "encoding_not_supported", "Send the body in chunks or with its length."))
        try:
            return await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return _too_large()
        except web.HTTPException as problem:
            if problem.status < 400:
                raise
            answer = _refused(problem.status, problem.reason.lower().replace(" ", "_"), problem.reason)
            if "Allow" in problem.headers:
                answer.headers["Allow"] = problem.headers["Allow"]
            return answer
        except (HttpProcessingError, ClientPayloadError, web.RequestPayloadError):
            return _refused(400, "bad_request", "The body can't be read.")
        except ConnectionError:
            raise
        except Exception:
            number = secrets.token_hex(4)
            log.exception("unplanned error %s at %s %s", number, request.method, pattern_of(request))
            return json_response(dumps({"error": "internal", "id": number}), 500)

    def _knows(self, host: str) -> bool:
        if _host_name(host) not in self._policy.hosts:
            return False
        if len(self._good_hosts) < _REMEMBERED:
            self._good_hosts.add(host)
        return True

    def _may_call(self, origins: list[str], host: str) -> bool:
        """Whether a page's origin is this host itself or a listed one."""
        if len(origins) != 1:
            return False
        origin = origins[0].lower()
        return origin in self._policy.origins or origin in {f"http://{host.lower()}", f"https://{host.lower()}"}

    async def _dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put on what every answer carries, and what lets a listed page read it (Fetch standard, CORS protocol)."""
        headers = response.headers
        headers["Server"] = "cockpit"
        for name, value in _ALWAYS:
            headers.setdefault(name, value)
        if self._policy.https_only:
            headers.setdefault("Strict-Transport-Security", _YEAR)
        path = request.path
        if not path.startswith("/mcp"):
            for name, value in _NO_PAGE:
                headers.setdefault(name, value)
        if not self._policy.origins or (path not in _FOR_OTHER_PAGES and not path.startswith(_WELL_KNOWN)):
            return
        headers["Vary"] = "Origin"
        origin = request.headers.get("Origin")
        if origin is None or origin.lower() not in self._policy.origins:
            return
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _EXPOSE_HEADERS
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
            headers["Access-Control-Allow-Headers"] = _ALLOW_HEADERS
            headers["Access-Control-Max-Age"] = "600"


def pattern_of(request: web.Request) -> str:
    """Return the route that a request took, for the log: its path may hold a link that opens something."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _host_name(netloc: str) -> str:
    """Return a Host header's name in lower case, without port and final dot; ``[::1]`` keeps its brackets."""
    name, _, port = netloc.rpartition(":")
    return (name if name and port.isascii() and port.isdigit() else netloc).lower().rstrip(".")


def _refused(status: int, code: str, message: str) -> web.Response:
    return json_response(dumps({"error": code, "message": message}), status)


def _too_large() -> web.Response:
    return _closed(error_response(None, INVALID_REQUEST, "Request body too large", status=413))


def _closed(response: web.Response) -> web.Response:
    response.force_close()
    return response
