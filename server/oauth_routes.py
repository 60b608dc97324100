"""The OAuth endpoints as aiohttp routes: plain requests in, plain answers out, and no answer torn by a disconnect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import orjson
from aiohttp import ClientError, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from cockpit.store.writes import StoreBusy, StoreUnavailable
from oauth.authority import Authority
from oauth.messages import JSON, LARGEST_BODY, NOSNIFF, HttpAnswer, HttpRequest, json_error

_log = logging.getLogger(__name__)

_Answering = Callable[[HttpRequest, web.Request], Awaitable[HttpAnswer]]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def oauth_routes(authority: Authority) -> list[web.RouteDef]:
    """Return every route of the authorization server: what it answers to, and 405 with ``Allow`` for the rest."""
    consent, endpoints = authority.consent, authority.endpoints
    looks: dict[str, _Answering] = {
        "/oauth/authorize": lambda asked, _: consent.authorize(asked),
        "/oauth/wait/{request_id}": lambda asked, raw: consent.wait(asked, raw.match_info["request_id"]),
        "/oauth/style.css": _constant(authority.style),
        "/oauth/jwks.json": lambda _, __: _ready(_document(authority.jwks())),
    }
    for path, document in authority.documents.items():
        looks[path] = _constant(_document(document))
    calls: dict[str, _Answering] = {
        "/oauth/token": lambda asked, _: endpoints.token(asked),
        "/oauth/revoke": lambda asked, _: endpoints.revoke(asked),
        "/oauth/register": lambda asked, _: endpoints.register(asked),
    }
    routes: list[web.RouteDef] = []
    for path, answering in looks.items():
        routes.append(web.get(path, partial(_look, answering), allow_head=True))
        routes.append(web.route(hdrs.METH_ANY, path, _only("GET, HEAD")))
    for path, answering in calls.items():
        routes.append(web.post(path, partial(_call, answering)))
        routes.append(web.route(hdrs.METH_ANY, path, _only("POST")))
    return routes


async def _look(answering: _Answering, request: web.Request) -> web.StreamResponse:
    return await _shielded(answering, request, b"")


async def _call(answering: _Answering, request: web.Request) -> web.StreamResponse:
    body = b""
    try:
        while len(body) <= LARGEST_BODY and not request.content.at_eof():
            body += await request.content.read(LARGEST_BODY + 1 - len(body))
    except (web.RequestPayloadError, ClientError, HttpProcessingError):
        raise web.HTTPBadRequest(text="The body can't be read.") from None
    return await _shielded(answering, request, body)


async def _shielded(answering: _Answering, request: web.Request, body: bytes) -> web.StreamResponse:
    """Answer in a task of its own: a client that hangs up must not stop between a decision and its commit."""
    asked = HttpRequest(
        method=request.method,
        address=request.remote or "",
        query=request.rel_url.raw_query_string,
        body=body,
        content_type=request.headers.get(hdrs.CONTENT_TYPE, ""),
        authorization=request.headers.get(hdrs.AUTHORIZATION),
        cookies=request.cookies,
    )
    answer = await asyncio.shield(asyncio.ensure_future(_guarded(answering, asked, request)))
    response = web.Response(status=answer.status, body=answer.body)
    response.headers.popall(hdrs.CONTENT_TYPE, None)
    for name, value in answer.headers:
        response.headers.add(name, value)
    return response


async def _guarded(answering: _Answering, asked: HttpRequest, request: web.Request) -> HttpAnswer:
    try:
        return await answering(asked, request)
    except (StoreBusy, StoreUnavailable):
        return json_error(
            503, "temporarily_unavailable", "The host can't do this now; try again.", ("Retry-After", "5")
        )
    except Exception:  # noqa: BLE001 - the outermost edge
        _log.exception("%s %s failed", request.method, request.path)
        return json_error(500, "server_error", "Something went wrong here; the host's log has the details.")


def _only(methods: str) -> _Handler:
    async def refuse(_: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed("", methods.split(", "))

    return refuse


def _constant(answer: HttpAnswer) -> _Answering:
    return lambda _, __: _ready(answer)


async def _ready(answer: HttpAnswer) -> HttpAnswer:
    return answer


def _document(value: object) -> HttpAnswer:
    return HttpAnswer(200, (JSON, NOSNIFF, ("Cache-Control", "max-age=300")), orjson.dumps(value))
