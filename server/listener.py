"""Listening for connections, and stopping within a moment even while streams and calls are open."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from ssl import SSLContext, SSLError
from typing import Final

from aiohttp import web

from server.connection import Connection, place_of_peer
from server.connections import Connections

_BACKLOG: Final = 256
_STOP_SECONDS: Final = 0.5
"""What handlers get after the transport has ended its streams and calls; aiohttp waits for it up to twice."""
_MOST_CONNECTIONS: Final = 500
_PAUSE_SECONDS: Final = 1.0
log = logging.getLogger(__name__)


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
async def serve(
    app: web.Application,
    taken: socket.socket,
    connections: Connections | None = None,
    tls: Callable[[], SSLContext] | None = None,
    failed: Callable[[], None] | None = None,
) -> AsyncIterator[int]:
    """Serve ``app`` on a bound socket and yield the port. Leaving closes the streams first and ends within 3 s.

    ``tls`` gives the context of each new connection; without it they are plain. ``failed`` is called if nobody can be
    let in any more.
    """
    taken.setblocking(False)
    connections = Connections(_MOST_CONNECTIONS) if connections is None else connections
    # A client that closes its connection calls its request off (2026-07-28); without this it would go on unseen.
    runner = web.AppRunner(app, handle_signals=False, handler_cancellation=True, shutdown_timeout=_STOP_SECONDS)
    tasks: list[asyncio.Task[None]] = []
    try:
        await runner.setup()
        assert runner.server is not None
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(_accept(taken, connections, runner.server, tls), name="accept"),
            loop.create_task(connections.watch(), name="slow connections"),
        ]
        for task in tasks:
            task.add_done_callback(partial(_ended, failed))
        yield port_of(taken)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await connections.close()
        await runner.cleanup()
        taken.close()


def _ended(failed: Callable[[], None] | None, task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        log.critical("%s ended", task.get_name(), exc_info=task.exception())
        if failed is not None:
            failed()


async def _accept(
    taken: socket.socket, connections: Connections, manager: web.Server, tls: Callable[[], SSLContext] | None
) -> None:
    """Take connections for ever. asyncio's own server would count those that never end their handshake nowhere."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            accepted, peer = await loop.sock_accept(taken)
        except ConnectionError:
            continue  # it was gone before it was taken
        except OSError as problem:
            # Mostly out of file descriptors: an idle connection gives one back.
            log.warning("a connection can't be taken: %s", problem.strerror or problem)
            connections.give_way()
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        if connections.make_room():
            opening = loop.create_task(_open(accepted, connections, manager, tls))
            connections.opens(opening, place_of_peer(peer))
        else:
            accepted.close()
        await asyncio.sleep(0)  # a queue of connections must not keep the loop from those that are open


async def _open(
    accepted: socket.socket, connections: Connections, manager: web.Server, tls: Callable[[], SSLContext] | None
) -> None:
    patience = connections.patience
    try:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Connection(connections, manager, patience),
            accepted,
            ssl=tls() if tls else None,
            ssl_handshake_timeout=patience.handshake if tls else None,
            ssl_shutdown_timeout=patience.body if tls else None,
        )
    except asyncio.CancelledError:
        accepted.close()
        raise
    except (OSError, SSLError) as problem:
        log.debug("a connection was not opened: %s", type(problem).__name__)
