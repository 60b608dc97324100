"""One connection: how long it may take to ask and to read its answer, and which calls on it go the short way."""

from __future__ import annotations

import asyncio
import logging
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import StreamWriter
from aiohttp.streams import EMPTY_PAYLOAD

from cockpit.model.networks import place_of
from server.heads import Heads
from server.shortcut import KnownHead, ShortCall, Shortcut
from server.transport.wire import dumps, json_response

if TYPE_CHECKING:
    from server.connections import Connections

_MAX_LINE: Final = 8190
_MAX_HEADERS: Final = 64
_MOST_HELD: Final = 65_536
"""Bytes of a body for whose rest we wait ourselves, until the next sweep."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a client may take."""

    handshake: float = 10.0
    """For the TLS handshake."""
    headers: float = 10.0
    """From opening the connection, or from the first byte of a further request, to the end of its headers."""
    idle: float = 75.0
    """From an answer to the next request. Longer than the minute for which clients and proxies keep connections."""
    body: float = 10.0
    """For the rest of a body that nobody wants, so that its sender can read why."""
    answer: float = 30.0
    """To take what was sent."""


class Connection(web.RequestHandler):
    """One connection, with aiohttp's protocol on it. It keeps the time; ``Connections`` looks at the clock."""

    __slots__ = (
        "_began", "_call", "_heads", "_held", "_later", "_line", "_make_request", "_places", "_stuck", "context", "place",
    )  # fmt: skip

    def __init__(self, places: Connections, manager: web.Server, patience: Patience) -> None:
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=patience.idle,
            lingering_time=patience.body,
            auto_decompress=False,  # the guard takes no coded body; undoing the coding first would only let it fail
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            max_headers=_MAX_HEADERS,
        )
        self._places = places
        self._make_request: Any = manager.request_factory
        self._line: asyncio.Transport | None = None
        self._began: float | None = None
        self._stuck: float | None = None
        self._heads: Heads[KnownHead] = Heads()
        self._call: ShortCall | None = None
        """The call that is answered by the short way now; aiohttp waits for a request meanwhile."""
        self._held = b""
        """The beginning of a request whose head is known, while the rest of its body is on its way."""
        self._later = bytearray()
        self.context = copy_context()
        """What came while it was."""
        self.place = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place."""
        assert isinstance(transport, asyncio.Transport)
        self._line = transport
        self._began = self._loop.time()
        self.place = place_of_peer(transport.get_extra_info("peername"))
        self._places.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave it."""
        self._places.discard(self)
        self._later.clear()
        self._held = b""
        super().connection_lost(exc)
        if self._call is not None:
            self._call.client_gone()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and note since when a request is on its way."""
        if data:
            if self._call is not None:
                # Reading goes on for a while, or nobody would see the client go.
                self._later += data
                if len(self._later) > _MOST_HELD:
                    self._pause_transport_reading()
                return
            if self._held:
                data, self._held = self._held + data, b""
            if self.is_idle and self._is_known(data):
                return
        self._read_on(data)

    def _read_on(self, data: bytes) -> None:
        """Let aiohttp read."""
        if data:
            self._heads.read(data)
        whole = self._request_count
        super().data_received(data)
        if self._request_count != whole:
            self._began = None
        elif self._began is None and self.is_idle:
            self._began = self._loop.time()

    def _is_known(self, data: bytes) -> bool:
        """Begin to answer a call whose head was served before on this connection, or wait for the rest of its body, which
        many clients send apart. False where it is none.
        """
        found = self._heads.find(data)
        if found is None:
            return False
        known, body = found
        if len(body) < known.length <= _MOST_HELD:
            self._held = data
            return True
        if len(body) != known.length:
            return False
        try:
            self._call = known.begin(body, self)
        except Exception:  # noqa: BLE001 - whatever it is, the long way says it
            return False
        return self._call is not None

    def answers(self, request: web.Request, response: web.StreamResponse, shortcut: Shortcut) -> None:
        """Note that a request of this connection is being answered in the long way."""
        head = self._heads.answered(request)
        known = shortcut.learn(request, response) if head else None
        if known is not None:
            self._heads.keep(head, known)

    def over(self, call: ShortCall) -> None:
        """Take the next request after a call by the short way."""
        if self._call is not call:
            return
        self._call = None
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._later:
            data = bytes(self._later)
            self._later.clear()
            self._resume_transport_reading()
            self.data_received(data)

    def drop(self, call: ShortCall) -> None:
        """Close it, if that call still has it."""
        if self._call is call:
            self.force_close()

    async def drained(self) -> None:
        """Return once the client reads again."""
        await self._drain_helper()

    def request_of(self, message: RawRequestMessage, match: web.UrlMappingMatchInfo) -> web.Request:
        """Make the request of a call by the short way, as aiohttp would have."""
        writer = StreamWriter(self, self._loop)
        request = self._make_request(message, EMPTY_PAYLOAD, self, writer, asyncio.current_task(self._loop))
        assert isinstance(request, web.Request)
        request._match_info = match  # noqa: SLF001 - it isn't routed, but was once
        return request

    def _process_keepalive(self) -> None:
        if self._call is not None or self._held:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()

    def pause_writing(self) -> None:
        """Note since when the client doesn't read."""
        super().pause_writing()
        self._stuck = self._loop.time()

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._stuck = None

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request, or for the rest of one's headers."""
        return self._call is None and not self._held and self._waiter is not None and not self._waiter.done()

    @property
    def idle_until(self) -> float:
        """When its idleness would end it: the order in which idle connections give way."""
        return self._next_keepalive_close_time

    def end_if_slow(self, now: float, patience: Patience) -> None:
        """Close what takes too long to ask, and drop what takes too long to read."""
        if self._line is None:
            return
        if self._held:
            # What doesn't come at once is waited for as any other body is.
            held, self._held = self._held, b""
            self._read_on(held)
        if self._began is not None and now - self._began > patience.headers and self.is_idle:
            self.force_close()
        if self._stuck is None and self._line.is_closing():
            self._stuck = now  # a closed line stays until its last bytes are taken, unless it is dropped
        if self._stuck is not None and now - self._stuck > patience.answer:
            self._line.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP without repeating it: it may hold a token, and logs are no place for one."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        _log.debug("a request from %s could not be read: %s", request.remote, type(exc).__name__)
        status, error = (431, "too_large") if isinstance(exc, LineTooLong) else (400, "bad_request")
        response = json_response(dumps({"error": error, "message": "The request can't be read."}), status)
        response.headers["Server"] = "cockpit"
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.force_close()
        return response


def place_of_peer(peer: object) -> str:
    """Return the place of a socket's peer."""
    return place_of(str(peer[0])) if isinstance(peer, tuple) and peer else ""
