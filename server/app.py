"""The HTTP application: /mcp for clients, /healthz for monitors, the OAuth pages, and 404 for the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web

from cockpit.model.identity import ClientName
from cockpit.model.refusals import refusal_json, refuse
from server.connection import Connection
from server.door import Door
from server.guard import Guard, Policy
from server.shortcut import Shortcut
from server.transport.transport import Transport
from server.transport.wire import dumps, json_response

_TOO_MANY: Final = {
    "error": "too_many_requests",
    **refusal_json(refuse("BUSY", "Too many of your requests are open; wait for one to end.")),
}


def build_app(
    transport: Transport,
    door: Door,
    policy: Policy,
    state: Callable[[], str],
    routes: Iterable[web.AbstractRouteDef] = (),
    max_requests_open: int = 150,
) -> web.Application:
    """Put the host's door together.

    ``state`` is what ``/healthz`` tells: one word, no secret. ``routes`` are those of the authorization server; they come
    before authentication but behind the guard. ``max_requests_open`` is what one client may have open at a time, so
    that its streams don't take all connections. The application closes the transport when it shuts down.
    """
    app = web.Application(client_max_size=policy.max_body_bytes)
    Guard(policy).install(app)
    open_requests: Counter[ClientName] = Counter()

    async def mcp(request: web.Request) -> web.StreamResponse:
        caller = door.identify(request)
        if isinstance(caller, web.Response):
            return caller
        client = caller.grant.client
        if open_requests[client] >= max_requests_open:
            return json_response(dumps(_TOO_MANY), 429, {"Retry-After": "5"})
        open_requests[client] += 1
        try:
            return await transport.serve(request, caller)
        finally:
            open_requests[client] -= 1
            if not open_requests[client]:
                del open_requests[client]

    async def health(_: web.Request) -> web.Response:
        return json_response(dumps({"status": "ok", "state": state()}))

    async def close_streams(_: web.Application) -> None:
        await transport.close()

    shortcut = Shortcut(transport, door, open_requests, max_requests_open)

    async def note_head(request: web.Request, response: web.StreamResponse) -> None:
        if isinstance(request.protocol, Connection):
            request.protocol.answers(request, response, shortcut)

    app.router.add_route("*", "/mcp", mcp)
    app.router.add_route("*", "/mcp/", mcp)
    app.router.add_get("/healthz", health)
    app.router.add_routes(routes)
    app.on_response_prepare.append(note_head)
    app.on_shutdown.append(close_streams)
    return app
