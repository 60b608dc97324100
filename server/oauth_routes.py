"""The OAuth endpoints as aiohttp routes: plain requests in, plain answers out, and no answer torn by a disconnect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import orjson
from aiohttp import ClientError, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from cockpit.store.writes import StoreBusy, StoreUnavailable
from oauth.authority import Authority
from oauth.messages import JSON, LARGEST_BODY, NOSNIFF, HttpAnswer, HttpRequest, json_error
from server.addresses import Addresses
from server.guard import pattern_of
from server.limits import Kind, Limits

_log = logging.getLogger(__name__)

Answering = Callable[[HttpRequest, web.Request], Awaitable[HttpAnswer]]
_Refusing = Callable[[int], HttpAnswer]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BODY_SECONDS: Final = 10.0
"""How long a client may take to send a form, a registration or the rest of it."""


FormAnswering = tuple[Answering | None, Answering]
"""What a path answers when it is looked at, and when a form comes."""


def oauth_routes(
    authority: Authority,
    addresses: Addresses | None = None,
    limits: Limits | None = None,
    forms: Mapping[str, FormAnswering] | None = None,
) -> list[web.RouteDef]:
    """Return every route of the authorization server: what it answers to, and 405 with ``Allow`` for the rest.

    ``forms`` are the pages where the operator signs in, if there are any.
    """
    doors = _Doors(authority, addresses or Addresses(), limits)
    consent, endpoints = authority.consent, authority.endpoints
    looks: dict[str, tuple[Kind, Answering]] = {
        "/oauth/authorize": (Kind.AUTHORIZE, lambda asked, _: consent.authorize(asked)),
        "/oauth/wait/{request_id}": (Kind.WAIT, lambda asked, raw: consent.wait(asked, raw.match_info["request_id"])),
        "/oauth/style.css": (Kind.WAIT, _constant(authority.style)),
        "/oauth/jwks.json": (Kind.METADATA, lambda _, __: _ready(_document(authority.jwks()))),
    }
    for path, document in authority.documents.items():
        looks[path] = (Kind.METADATA, _constant(_document(document)))
    calls: dict[str, tuple[Kind, Answering]] = {
        "/oauth/token": (Kind.TOKEN, lambda asked, _: endpoints.token(asked)),
        "/oauth/revoke": (Kind.REVOKE, lambda asked, _: endpoints.revoke(asked)),
        "/oauth/register": (Kind.REGISTER, lambda asked, _: authority.registrations.register(asked)),
    }
    routes: list[web.RouteDef] = []
    for path, (kind, answering) in looks.items():
        routes.append(web.get(path, partial(doors.look, kind, answering), allow_head=True))
        routes.append(web.route(hdrs.METH_ANY, path, _only("GET, HEAD")))
    for path, (kind, answering) in calls.items():
        routes.append(web.post(path, partial(doors.call, kind, answering)))
        routes.append(web.route(hdrs.METH_ANY, path, _only("POST")))
    for path, (look, form) in (forms or {}).items():
        if look is not None:
            routes.append(web.get(path, partial(doors.look, Kind.WAIT, look), allow_head=True))
        routes.append(web.post(path, partial(doors.call, Kind.AUTHORIZE, form)))
        routes.append(web.route(hdrs.METH_ANY, path, _only("GET, HEAD, POST" if look is not None else "POST")))
    return routes


class _Doors:
    """What every OAuth request passes: where it comes from, whether it is one too many, and then its answer."""

    def __init__(self, authority: Authority, addresses: Addresses, limits: Limits | None) -> None:
        self._addresses = addresses
        self._limits = limits
        self._consent = authority.consent
        self._crowded: dict[Kind, _Refusing] = {
            Kind.AUTHORIZE: authority.consent.crowded,
            # The page that waits asks again by itself.
            Kind.WAIT: lambda again: _also(authority.consent.crowded(again), ("Refresh", str(again))),
        }

    async def look(self, kind: Kind, answering: Answering, request: web.Request) -> web.StreamResponse:
        """Answer what needs no body."""
        if kind is Kind.AUTHORIZE and _is_embedded(request):
            # Any page could use up what its visitor's address may ask for, picture by picture.
            return _written(self._consent.embedded())
        address = self._addresses.of(request)
        refused = self._refused(kind, address)
        return _written(await _shielded(answering, request, address, b"")) if refused is None else refused

    async def call(self, kind: Kind, answering: Answering, request: web.Request) -> web.StreamResponse:
        """Answer what has a body."""
        address = self._addresses.of(request)
        refused = self._refused(kind, address)
        if refused is not None:
            return refused
        answer = await _shielded(answering, request, address, await _body(request))
        if kind is Kind.TOKEN and answer.status == 200 and self._limits is not None:
            self._limits.met(address)
        return _written(answer)

    def _refused(self, kind: Kind, address: str) -> web.StreamResponse | None:
        again = self._limits.refuse(kind, address) if self._limits is not None else None
        return None if again is None else _written(self._crowded.get(kind, _too_many)(again))


def _too_many(again: int) -> HttpAnswer:
    return json_error(429, "too_many_requests", "Requests come too fast; try again later.", ("Retry-After", str(again)))


def _also(answer: HttpAnswer, *headers: tuple[str, str]) -> HttpAnswer:
    return replace(answer, headers=(*answer.headers, *headers))


async def _body(request: web.Request) -> bytes:
    """Read a body, or one byte more than any endpoint takes."""
    body = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while len(body) <= LARGEST_BODY and not request.content.at_eof():
                body += await request.content.read(LARGEST_BODY + 1 - len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, ClientError, HttpProcessingError):
        raise web.HTTPBadRequest(text="The body can't be read.") from None
    return body


async def _shielded(answering: Answering, request: web.Request, address: str, body: bytes) -> HttpAnswer:
    """Answer in a task of its own: a client that hangs up must not stop between a decision and its commit."""
    asked = HttpRequest(
        method=request.method,
        address=address,
        query=request.rel_url.raw_query_string,
        body=body,
        content_type=request.headers.get(hdrs.CONTENT_TYPE, ""),
        authorization=request.headers.get(hdrs.AUTHORIZATION),
        cookies=request.cookies,
        origin=request.headers.get(hdrs.ORIGIN),
        fetch_site=request.headers.get("Sec-Fetch-Site"),
    )
    return await asyncio.shield(asyncio.ensure_future(_guarded(answering, asked, request)))


def _is_embedded(request: web.Request) -> bool:
    """Whether the browser says that it loads no page of its own (Fetch Metadata); old browsers and programs say nothing."""
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return mode != "navigate" or request.headers.get("Sec-Fetch-Dest", "document") != "document"


def _written(answer: HttpAnswer) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body)
    response.headers.popall(hdrs.CONTENT_TYPE, None)
    for name, value in answer.headers:
        response.headers.add(name, value)
    return response


async def _guarded(answering: Answering, asked: HttpRequest, request: web.Request) -> HttpAnswer:
    try:
        return await answering(asked, request)
    except (StoreBusy, StoreUnavailable):
        return json_error(
            503, "temporarily_unavailable", "The host can't do this now; try again.", ("Retry-After", "5")
        )
    except Exception:  # noqa: BLE001 - the outermost edge
        _log.exception("%s %s failed", request.method, pattern_of(request))
        return json_error(500, "server_error", "Something went wrong here; the host's log has the details.")


def _only(methods: str) -> _Handler:
    async def refuse(_: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed("", methods.split(", "))

    return refuse


def _constant(answer: HttpAnswer) -> Answering:
    return lambda _, __: _ready(answer)


async def _ready(answer: HttpAnswer) -> HttpAnswer:
    return answer


def _document(value: object) -> HttpAnswer:
    return HttpAnswer(200, (JSON, NOSNIFF, ("Cache-Control", "max-age=300")), orjson.dumps(value))
