"""Which requests are being answered now: how many of each client, what is silent for long, and how one is ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web
from multidict import CIMultiDict

from cockpit.model.identity import Caller, ClientName, GrantId
from server.transport.wire import PING, STREAM_HEADERS, frame, json_response

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_BROKEN: Final = (ConnectionError, OSError)


class Ended(Enum):
    """Why we end a request before its time."""

    GRANT = "grant"
    """The operator ended the authority."""
    CLIENT = "client"
    """The client called it off."""
    HOST = "host"
    """The host stops."""


class Reply:
    """The answer to one POST once it has become a stream, because something had to be sent before the result."""

    __slots__ = ("_headers", "_lock", "_over", "_request", "_response")

    def __init__(self, request: web.Request, headers: Mapping[str, str]) -> None:
        self._request = request
        self._headers = headers
        self._response: web.StreamResponse | None = None
        self._lock = asyncio.Lock()
        self._over = False

    async def send(self, data: bytes) -> None:
        """Write one frame; the first opens the stream. Without a client, or after the end, it does nothing."""
        with contextlib.suppress(*_BROKEN):
            async with self._lock:
                if not self._over:
                    await (await self._open()).write(data)

    async def finish(self, body: bytes) -> web.StreamResponse:
        """Write the last message and end the stream."""
        async with self._lock:
            self._over = True
            response = await self._open()
            with contextlib.suppress(*_BROKEN):
                await response.write(frame(body))
                await response.write_eof()
        return response

    async def _open(self) -> web.StreamResponse:
        if self._response is None:
            headers = CIMultiDict(STREAM_HEADERS)
            headers.update(self._headers)
            response = web.StreamResponse(headers=headers)
            await response.prepare(self._request)
            self._response = response
        return self._response


class Exchange:
    """One request on its way to its answer."""

    __slots__ = (
        "caller",
        "ended",
        "headers",
        "is_call",
        "may_stream",
        "modern",
        "quiet_since",
        "reply",
        "request",
        "task",
    )

    def __init__(
        self,
        request: web.Request,
        caller: Caller,
        *,
        now: float,
        may_stream: bool,
        modern: bool,
        is_call: bool,
        headers: Mapping[str, str] = _NONE,
    ) -> None:
        self.request = request
        self.caller = caller
        self.quiet_since = now
        self.may_stream = may_stream
        self.modern = modern
        self.is_call = is_call
        """Whether it is a call of a tool and so counts towards the client's bound."""
        self.headers = headers
        self.reply: Reply | None = None
        self.task: asyncio.Task[Any] | None = None
        """What to cancel: the task that waits for the tool."""
        self.ended: Ended | None = None

    def as_stream(self) -> Reply:
        """Make the answer a stream. From here on it is one, even before its first frame is out."""
        if self.reply is None:
            self.reply = Reply(self.request, self.headers)
        return self.reply

    async def finish(
        self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> web.StreamResponse:
        """Answer: in JSON with the status, or as the last frame where the answer is a stream already."""
        if self.reply is not None:
            return await self.reply.finish(body)
        response = json_response(body, status, self.headers)
        if headers:
            response.headers.update(headers)
        return response

    def end(self, why: Ended) -> None:
        """Cancel it; the first reason stands."""
        if self.ended is None and self.task is not None and not self.task.done():
            self.ended = why
            self.task.cancel()


class Running:
    """All exchanges that are open."""

    def __init__(self, ping_seconds: float) -> None:
        self._ping_seconds = ping_seconds
        self._by_grant: dict[GrantId, set[Exchange]] = {}
        self._calls: dict[ClientName, int] = {}
        self._pings: set[asyncio.Task[None]] = set()

    def calls(self, client: ClientName) -> int:
        """Return how many calls of tools of that client run, over all its grants."""
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

    def ping(self, now: float) -> None:
        """Send a sign of life on every exchange that was silent for long, so that no proxy closes it."""
        for exchange in self:
            if exchange.may_stream and now - exchange.quiet_since >= self._ping_seconds:
                exchange.quiet_since = now
                task = asyncio.get_running_loop().create_task(exchange.as_stream().send(PING))
                self._pings.add(task)
                task.add_done_callback(self._pings.discard)
