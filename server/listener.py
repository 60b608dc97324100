"""Listening for connections, and stopping within a moment even while streams and calls are open."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import AsyncIterator
from ssl import SSLContext
from typing import Final

from aiohttp import web

_BACKLOG: Final = 256
_STOP_SECONDS: Final = 0.5
"""What handlers get after the transport has ended its streams and calls; aiohttp waits for it up to twice."""
_KEEPALIVE_SECONDS: Final = 75.0
_MAX_LINE: Final = 8190
_MAX_HEADERS: Final = 64


class CannotListen(Exception):
    """The address can't be listened on: what is wrong, and what mends it."""

    def __init__(self, sentence: str, mend: str) -> None:
        super().__init__(f"{sentence} {mend}")
        self.sentence = sentence
        self.mend = mend


class PortTaken(CannotListen):
    """Another process listens there."""


def bind(host: str, port: int) -> socket.socket:
    """Take an address; port 0 takes a free one, which ``port_of`` tells. Raises CannotListen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as problem:
        raise CannotListen(f"{host!r} is no address of this host.", "Choose another with --host.") from problem
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.setblocking(False)
        taken.bind(address)
        taken.listen(_BACKLOG)
    except OSError as problem:
        taken.close()
        if problem.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} of {host} is taken.", "Stop what listens there, or choose another with --port."
            ) from problem
        if problem.errno == errno.EACCES:
            raise CannotListen(f"Port {port} needs privileges.", "Choose one above 1023 with --port.") from problem
        raise CannotListen(
            f"{host}:{port} can't be listened on.", "Choose another with --host and --port."
        ) from problem
    return taken


def port_of(taken: socket.socket) -> int:
    """Return the port that was taken."""
    return int(taken.getsockname()[1])


@contextlib.asynccontextmanager
async def serve(app: web.Application, taken: socket.socket, tls: SSLContext | None = None) -> AsyncIterator[int]:
    """Serve ``app`` on a bound socket and yield the port. Leaving closes the streams first and ends within 3 s."""
    runner = web.AppRunner(
        app,
        handle_signals=False,
        # A client that closes its connection calls its request off (2026-07-28); without this it would go on unseen.
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=_STOP_SECONDS,
        keepalive_timeout=_KEEPALIVE_SECONDS,
        max_line_size=_MAX_LINE,
        max_field_size=_MAX_LINE,
        max_headers=_MAX_HEADERS,
    )
    try:
        await runner.setup()
        await web.SockSite(runner, taken, backlog=_BACKLOG, ssl_context=tls).start()
        yield port_of(taken)
    finally:
        await runner.cleanup()
        taken.close()
