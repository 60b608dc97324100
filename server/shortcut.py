"""The short way of a call whose head was served before on its connection: straight from its bytes to the tools and back.

What the head alone decides was decided when it came first: names, origin, size, route, versions. Asked anew each time is
everything else, and whatever isn't sure to be answered well goes the long way, which says what is wrong with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final, Protocol

from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage

from cockpit.model.identity import ClientName
from server.door import Door
from server.transport.again import PLAIN_CALL, CallHead
from server.transport.running import Answer, Exchange
from server.transport.transport import Transport
from server.transport.wire import BROKEN, SESSION_HEADER, Malformed, read_message

log = logging.getLogger(__name__)

_OK: Final = b"HTTP/1.1 200 OK\r\n"
_OF_EACH: Final = frozenset({"content-length", "date", SESSION_HEADER.lower()})
"""Headers of an answer that aren't the same for the next one."""


@dataclass(frozen=True, slots=True)
class KnownHead:
    """What was learned of a head that was served."""

    message: RawRequestMessage
    match: web.UrlMappingMatchInfo
    call: CallHead
    length: int
    """Of the body, in bytes."""
    authorization: str | None
    address: str
    answer_headers: bytes
    """What every answer to it carries."""
    shortcut: Shortcut

    def begin(self, body: bytes, line: Wire) -> ShortCall | None:
        """Begin a call with this head; None where it has to go the long way."""
        return self.shortcut.begin(self, body, line)


class Wire(Protocol):
    """One connection."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """Where bytes go; None once the client is gone."""
        ...

    @property
    def writing_paused(self) -> bool:
        """Whether the client doesn't read."""
        ...

    @property
    def context(self) -> Context:
        """What every call on it begins with, whatever the one before it has left."""
        ...

    async def drained(self) -> None:
        """Return once it reads again."""
        ...

    def over(self, call: ShortCall) -> None:
        """Take the next request."""
        ...

    def drop(self, call: ShortCall) -> None:
        """Close it, if that call still has it."""
        ...

    def request_of(self, message: RawRequestMessage, match: web.UrlMappingMatchInfo) -> web.Request:
        """Make a request that is answered there."""
        ...


class Shortcut:
    """Learns heads, and begins calls that have them."""

    def __init__(
        self, transport: Transport, door: Door, open_requests: Counter[ClientName], max_requests_open: int
    ) -> None:
        self._transport = transport
        self._door = door
        self._open = open_requests
        self._most = max_requests_open

    def learn(self, request: web.Request, response: web.StreamResponse) -> KnownHead | None:
        """Return what is known of the head of a call that is answered well; None of any other."""
        if (
            not request.get(PLAIN_CALL)
            or type(response) is not web.Response
            or response.status != 200
            or not response.keep_alive
            or request.version != HttpVersion11
            or request.content_length is None
        ):
            return None
        match = request.match_info
        same = ((name, value) for name, value in response.headers.items() if name.lower() not in _OF_EACH)
        authorization, address = self._door.let_in_by(request)
        return KnownHead(
            request._message,  # noqa: SLF001 - what aiohttp read; it has no other name
            match,
            CallHead.of(request.headers),
            request.content_length,
            authorization,
            address,
            _lines(same),
            self,
        )

    def begin(self, known: KnownHead, body: bytes, line: Wire) -> ShortCall | None:
        """Begin a call whose head is known; None where it has to go the long way."""
        message = read_message(body)
        if isinstance(message, Malformed):
            return None
        caller = self._door.again(known.authorization, known.address)
        if caller is None:
            return None
        client = caller.grant.client
        if self._open.get(client, 0) >= self._most:
            return None
        call = ShortCall(known, line)
        work = self._transport.again(known.call, message, caller, call.make_request, call)
        if work is None:
            return None
        self._open[client] += 1
        call.start(work, lambda: self._ended(client))
        return call

    def _ended(self, client: ClientName) -> None:
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


class ShortCall:
    """One call on its short way. Implements ``server.transport.answering.Line``."""

    __slots__ = ("_begun", "_known", "_leaving", "_line", "_task")

    def __init__(self, known: KnownHead, line: Wire) -> None:
        self._known = known
        self._line = line
        self._begun = False
        self._task: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None], ended: Callable[[], None]) -> None:
        """Do the work in a task."""
        self._task = asyncio.Task(self._run(work, ended), context=self._line.context.copy())

    def client_gone(self) -> None:
        """Call it off where a client calls it off by going (2026-07-28). Before its first step it sees that itself: a
        task that is cancelled there takes none, and leaves everything as it is.
        """
        if self._known.call.is_modern and self._begun and self._task is not None:
            self._task.cancel()

    @property
    def gone(self) -> bool:
        """Whether the client is gone, and its going calls the request off."""
        return self._line.transport is None and self._known.call.is_modern

    def answer(self, exchange: Exchange, answer: Answer) -> None:
        """Write a whole answer."""
        transport = self._line.transport
        if transport is None:
            return
        status = _OK
        if answer.status != 200:
            status = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n".encode()
        own = b""
        if exchange.session is not None:
            own = _lines(exchange.session.headers.items())
        if answer.headers:
            own += _lines(answer.headers.items())
        length = b"Content-Length: %d\r\n" % len(answer.body)
        transport.write(b"".join((status, self._known.answer_headers, own, length, _date_line(), b"\r\n", answer.body)))

    def make_request(self, exchange: Exchange) -> web.Request:
        """Make the request, for an answer that becomes a stream. A client that may leave that frees its connection."""
        exchange.waiting = asyncio.get_running_loop().create_future()
        exchange.waiting.add_done_callback(lambda _: self._leave(exchange))
        return self._line.request_of(self._known.message, self._known.match)

    def _leave(self, exchange: Exchange) -> None:
        """End the answer here, for a client that goes on with it elsewhere; only then the connection is free."""

        async def leaving() -> None:
            with contextlib.suppress(*BROKEN):
                if exchange.reply is not None:
                    await exchange.reply.response.write_eof()
            self._line.over(self)

        self._leaving = asyncio.Task(leaving())

    async def _run(self, work: Coroutine[Any, Any, None], ended: Callable[[], None]) -> None:
        self._begun = True
        try:
            await work
            if self._line.writing_paused:
                await self._line.drained()
        except BROKEN:
            pass  # the client is gone
        except asyncio.CancelledError:
            self._line.drop(self)
            raise
        except Exception:
            log.exception("a call could not be answered")
            self._line.drop(self)
        finally:
            ended()
            self._line.over(self)


_date: tuple[int, bytes] = (0, b"")


def _date_line() -> bytes:
    """Return the header Date, made anew each second."""
    global _date
    second = int(time.time())
    if _date[0] != second:
        _date = second, f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
    return _date[1]


def _lines(headers: Any) -> bytes:
    text = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if text.count("\n") != text.count("\r\n") or text.count("\r") != text.count("\n"):
        raise ValueError("a header holds a line break")
    return text.encode()
