"""Lets the local client in where the settings want one: its authority, and the socket that `cockpit stdio` relays to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import ClientName
from cockpit.model.refusals import Refusal
from cockpit.model.text import safe
from cockpit.settings.model import Settings
from cockpit.settings.where import CLIENT_SOCKET_NAME
from oauth.authority import Authority
from oauth.making import Terms
from server.local import build_local_app, serve_local
from server.transport.transport import Transport


@contextlib.asynccontextmanager
async def local_client(
    settings: Settings, authority: Authority, transport: Transport, clock: Clock, publish: Callable[[Event], None]
) -> AsyncIterator[None]:
    """Serve the local client, or end what it was given where the settings no longer want it.

    The socket is there in any case, so that `cockpit stdio` can say why it gets nothing.
    """
    section = settings.stdio
    terms = None
    if section.enabled:
        connection = section.connection or next(iter(settings.connections))
        terms = Terms(ClientName(section.name), section.scopes, connection, None)
    taken = await authority.local.take(terms)
    if isinstance(taken, Refusal):
        publish(Notice(clock.now(), safe(f"The local client is not let in: {taken.message}"), True))
    app = build_local_app(transport, authority.local.caller, settings.server.max_body_bytes)
    async with serve_local(app, settings.data_dir / CLIENT_SOCKET_NAME):
        yield
