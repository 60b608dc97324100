"""The local client's way in: MCP over a Unix socket in the data folder, which `cockpit stdio` relays to.

It is the same transport as over the network, and the same gate behind it. What differs is how the caller is known: by
the kernel, which says that a program of the same Unix user asks, and not by a token.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal, refusal_json, refuse
from server.own_user import inode_of, is_same_user, listen, take_away
from server.transport.transport import Transport
from server.transport.wire import dumps, json_response

_BACKLOG: Final = 64
_MOST_OPEN: Final = 150
"""Requests and streams at a time. The programs are the operator's own, so this is against accidents."""
_STOP_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)

Identify = Callable[[], Caller | Refusal]
"""Says who asks over the socket, or why nobody may."""


def build_local_app(transport: Transport, identify: Identify, max_body_bytes: int) -> web.Application:
    """Put the local door together. It closes nothing when it shuts down: the transport belongs to the host."""
    app = web.Application(client_max_size=max_body_bytes)
    open_requests = 0

    async def mcp(request: web.Request) -> web.StreamResponse:
        nonlocal open_requests
        peer = None if request.transport is None else request.transport.get_extra_info("socket")
        if peer is None or not is_same_user(peer):
            _log.warning("a process of another user was turned away from the socket of the local client")
            raise web.HTTPForbidden
        if open_requests >= _MOST_OPEN:
            return _refused(refuse("BUSY", "Too many requests are open; wait for one to end."), 429)
        caller = identify()
        if isinstance(caller, Refusal):
            return _refused(caller, 403)
        open_requests += 1
        try:
            return await transport.serve(request, caller)
        finally:
            open_requests -= 1

    app.router.add_route("*", "/mcp", mcp)
    return app


@contextlib.asynccontextmanager
async def serve_local(app: web.Application, path: Path) -> AsyncIterator[None]:
    """Serve at ``path``. Raises `ControlInUse`. Leaving takes the socket away."""
    listener = listen(path, _BACKLOG)
    inode = inode_of(path)
    # A client that closes its connection calls its request off (2026-07-28); without this it would go on unseen.
    runner = web.AppRunner(
        app, handle_signals=False, handler_cancellation=True, shutdown_timeout=_STOP_SECONDS, access_log=None
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
        listener.close()
        take_away(path, inode)


def _refused(refusal: Refusal, status: int) -> web.Response:
    return json_response(dumps(refusal_json(refusal)), status)
