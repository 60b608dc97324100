"""The HTTP application: /mcp for clients, /healthz for monitors, the OAuth pages, and 404 for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from server.door import Door
from server.guard import Guard, Policy
from server.transport.transport import Transport
from server.transport.wire import dumps, json_response


def build_app(
    transport: Transport,
    door: Door,
    policy: Policy,
    state: Callable[[], str],
    routes: Iterable[web.AbstractRouteDef] = (),
) -> web.Application:
    """Put the host's door together.

    ``state`` is what ``/healthz`` tells: one word, no secret. ``routes`` are those of the authorization server; they come
    before authentication but behind the guard. The application closes the transport when it shuts down.
    """
    app = web.Application(client_max_size=policy.max_body_bytes)
    Guard(policy).install(app)

    async def mcp(request: web.Request) -> web.StreamResponse:
        caller = door.identify(request)
        if isinstance(caller, web.Response):
            return caller
        return await transport.serve(request, caller)

    async def health(_: web.Request) -> web.Response:
        return json_response(dumps({"status": "ok", "state": state()}))

    async def close_streams(_: web.Application) -> None:
        await transport.close()

    app.router.add_route("*", "/mcp", mcp)
    app.router.add_route("*", "/mcp/", mcp)
    app.router.add_get("/healthz", health)
    app.router.add_routes(routes)
    app.on_shutdown.append(close_streams)
    return app
