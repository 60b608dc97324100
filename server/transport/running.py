"""Which requests are being answered now: how many of each client, what is silent for long, and how one is ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp import web
from multidict import CIMultiDict

from cockpit.model.identity import Caller, ClientName, GrantId
from server.transport.wire import BROKEN, PING, STREAM_HEADERS, Message, frame, json_response

if TYPE_CHECKING:
    from server.transport.sessions import Session

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Ended(Enum):
    """Why we end a request before its time."""

    GRANT = "grant"
    """The operator ended the authority."""
    CLIENT = "client"
    """The client called it off."""
    DEADLINE = "deadline"
    """It took too long."""
    HOST = "host"
    """The host stops."""


class Answer(NamedTuple):
    """The last message of a request, and how HTTP says it where the answer is no stream."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] | None = None
    error: str = ""
    """The code of what it refuses or failed by; empty where it is a result."""


async def open_stream(request: web.Request, headers: Mapping[str, str]) -> web.StreamResponse:
    """Begin to answer with a stream of events."""
    together = CIMultiDict(STREAM_HEADERS)
    together.update(headers)
    response = web.StreamResponse(headers=together)
    await response.prepare(request)
    return response


class Reply:
    """The answer to one POST once it has become a stream, because something had to be sent before the result."""

    def __init__(self, request: web.Request, headers: Mapping[str, str]) -> None:
        self._request = request
        self._headers = headers
        self._first: web.StreamResponse | None = None
        """The answer to the POST itself."""
        self._lock = asyncio.Lock()
        self._over = False

    async def send(self, body: bytes) -> None:
        """Write one message; the first opens the stream. Without a client, or after the end, it does nothing."""
        async with self._lock:
            if not self._over:
                await self._write(self._framed(body))

    async def ping(self) -> None:
        """Write a sign of life, unless something else is on its way."""
        if self._lock.locked():
            return
        async with self._lock:
            if not self._over:
                await self._write(PING)

    async def finish(self, body: bytes) -> None:
        """Write the last message and end the stream."""
        async with self._lock:
            self._over = True
            await self._write(self._framed(body), last=True)

    async def hang_up(self) -> None:
        """End the connection and let the client come back for the rest; nothing where it couldn't."""

    def abort(self) -> None:
        """Drop the connection."""
        _abort(self._request)

    @property
    def response(self) -> web.StreamResponse:
        """What answered the POST. Raises ConnectionResetError where its client was gone before anything was written."""
        if self._first is None:
            raise ConnectionResetError("the client is gone")
        return self._first

    def _framed(self, body: bytes) -> bytes:
        return frame(body)

    async def _write(self, data: bytes, *, last: bool = False) -> None:
        with contextlib.suppress(*BROKEN):
            if self._first is None:
                self._first = await open_stream(self._request, self._headers)
            await self._first.write(data)
            if last:
                await self._first.write_eof()


class Exchange:
    """One request on its way to its answer."""

    __slots__ = (
        "_make_request",
        "_request",
        "began",
        "begun",
        "caller",
        "ended",
        "is_call",
        "may_stream",
        "message",
        "modern",
        "quiet_since",
        "reply",
        "session",
        "task",
        "version",
        "waiting",
    )

    def __init__(
        self,
        request: web.Request | None,
        caller: Caller,
        message: Message,
        version: str,
        *,
        now: float,
        may_stream: bool,
        modern: bool,
        is_call: bool,
        session: Session | None = None,
        make_request: Callable[[Exchange], web.Request] | None = None,
    ) -> None:
        """``make_request`` makes the request where there is none yet: only an answer that becomes a stream needs it."""
        self._request = request
        self._make_request = make_request
        self.caller = caller
        self.message = message
        self.version = version
        self.began = now
        self.quiet_since = now
        self.may_stream = may_stream
        self.modern = modern
        self.is_call = is_call
        """Whether it counts towards the client's bound, has a deadline, and ends with its grant without last words."""
        self.session = session
        self.reply: Reply | None = None
        self.task: asyncio.Task[Any] | None = None
        """What to cancel: the task that works on the answer."""
        self.waiting: asyncio.Future[None] | None = None
        """What the POST's own handler waits for, where the work is done in another task."""
        self.ended: Ended | None = None
        self.begun = False
        """Whether the work on it has been begun, which then records it."""

    @property
    def request(self) -> web.Request:
        """The request itself."""
        if self._request is None:
            assert self._make_request is not None
            self._request = self._make_request(self)
        return self._request

    def as_stream(self) -> Reply:
        """Make the answer a stream. From here on it is one, even before its first frame is out."""
        if self.reply is None:
            if self.session is None:
                self.reply = Reply(self.request, _NONE)
            else:
                self.reply = self.session.open_reply(self)
        return self.reply

    async def finish(self, answer: Answer) -> web.StreamResponse:
        """Answer: in JSON with the status, or as the last frame where the answer is a stream already."""
        if self.reply is not None:
            await self.reply.finish(answer.body)
            return self.reply.response
        return self.plain(answer)

    def plain(self, answer: Answer) -> web.Response:
        """Answer in JSON."""
        response = json_response(answer.body, answer.status, _NONE if self.session is None else self.session.headers)
        if answer.headers:
            response.headers.update(answer.headers)
        return response

    def end(self, why: Ended) -> None:
        """Cancel it; the first reason stands. What is done but not sent yet is only withheld from a grant that ends."""
        if self.ended is not None:
            return
        if self.task is None:
            if not self.begun:
                self.ended = why  # it is answered so when its turn comes
        elif not self.task.done():
            self.ended = why
            self.task.cancel()
        elif why is Ended.GRANT:
            self.ended = why

    def abort(self) -> None:
        """Drop the connection of an answer that doesn't end: its client doesn't read."""
        if self.task is None or self.task.done():
            return
        if self.reply is not None:
            self.reply.abort()
        else:
            _abort(self.request)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


class Running:
    """All exchanges that are open."""

    def __init__(self, ping_seconds: float, deadline_seconds: float) -> None:
        self._ping_seconds = ping_seconds
        self._deadline_seconds = deadline_seconds
        self._by_grant: dict[GrantId, set[Exchange]] = {}
        self._calls: dict[ClientName, int] = {}
        self._pings: set[asyncio.Task[None]] = set()

    def calls(self, client: ClientName) -> int:
        """Return how many calls of that client run, over all its grants."""
        return self._calls.get(client, 0)

    def enter(self, exchange: Exchange) -> None:
        """Take an exchange in."""
        grant = exchange.caller.grant
        open_here = self._by_grant.get(grant.grant_id)
        if open_here is None:
            self._by_grant[grant.grant_id] = {exchange}
        else:
            open_here.add(exchange)
        if exchange.is_call:
            self._calls[grant.client] = self._calls.get(grant.client, 0) + 1

    def leave(self, exchange: Exchange) -> None:
        """Let an exchange go; must be called exactly once for each."""
        grant = exchange.caller.grant
        open_here = self._by_grant[grant.grant_id]
        open_here.remove(exchange)
        if not open_here:
            del self._by_grant[grant.grant_id]
        if exchange.is_call:
            left = self._calls[grant.client] - 1
            if left:
                self._calls[grant.client] = left
            else:
                del self._calls[grant.client]

    def of(self, grant_id: GrantId) -> tuple[Exchange, ...]:
        """Return what runs under a grant."""
        return tuple(self._by_grant.get(grant_id, ()))

    def __iter__(self) -> Iterator[Exchange]:
        return iter([exchange for exchanges in self._by_grant.values() for exchange in exchanges])

    def __len__(self) -> int:
        return sum(map(len, self._by_grant.values()))

    def sweep(self, now: float) -> None:
        """End what takes too long, and send a sign of life where it was silent for long, so that no proxy closes it."""
        for exchange in self:
            if exchange.is_call and now - exchange.began >= self._deadline_seconds:
                exchange.end(Ended.DEADLINE)
            elif exchange.may_stream and now - exchange.quiet_since >= self._ping_seconds:
                exchange.quiet_since = now
                task = asyncio.get_running_loop().create_task(exchange.as_stream().ping())
                self._pings.add(task)
                task.add_done_callback(self._pings.discard)
