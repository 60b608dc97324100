"""What was said on the streams of one session, so that a client whose connection broke can come back for it.

Handshake era only (2025-11-25, transports, "Resumability and Redelivery"). Kept is the last little, for a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from aiohttp import web
from mcp_types import INTERNAL_ERROR, ErrorData

from server.transport.running import Reply, open_stream
from server.transport.wire import BROKEN, error_body, frame, opening_frame

if TYPE_CHECKING:
    from server.transport.running import Exchange

STANDING: Final = 0
"""The number of a session's standing stream; answers have numbers from one on."""

_FRAMES: Final = 64
_BYTES: Final = 65_536
_SECONDS: Final = 60.0
_RETRY_MS: Final = 1000
_LONGEST_ID: Final = 32
_TOO_LONG: Final = ErrorData(code=INTERNAL_ERROR, message="The answer was too long to be kept; ask again")


class Place(NamedTuple):
    """A place in what was said: the stream, and the last event on it that the client has."""

    stream: int
    event: int

    @classmethod
    def read(cls, event_id: str) -> Place | None:
        """Read a Last-Event-ID; None for what we never gave out."""
        stream, dash, event = event_id.partition("-")
        if not dash or len(event_id) > _LONGEST_ID or not (stream.isdecimal() and event.isdecimal()):
            return None
        return cls(int(stream), int(event))

    def __str__(self) -> str:
        return f"{self.stream}-{self.event}"


class _Said(NamedTuple):
    place: Place
    frame: bytes
    at: float


class Log:
    """The last events of one session, over all its streams. When full the oldest gives way."""

    __slots__ = ("_bytes", "_last", "_said", "_timer")

    def __init__(self) -> None:
        self._said: deque[_Said] = deque()
        self._bytes = 0
        self._last: dict[int, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def next_place(self, stream: int) -> Place:
        """Return the place of the next event of a stream."""
        event = self._last[stream] = self._last.get(stream, -1) + 1
        return Place(stream, event)

    def say(self, stream: int, body: bytes, too_long: bytes | None = None) -> bytes:
        """Frame a message and keep it. One that is too long to be kept is kept as ``too_long``, if that is given."""
        place = self.next_place(stream)
        framed = frame(body, str(place))
        if len(framed) <= _BYTES:
            self._keep(place, framed)
        elif too_long is not None:
            self._keep(place, frame(too_long, str(place)))
        return framed

    def since(self, place: Place) -> list[bytes]:
        """Return what is still there of what was said on a stream after a place."""
        return [said.frame for said in self._said if said.place.stream == place.stream and said.place > place]

    def knows(self, stream: int) -> bool:
        """Whether anything of that stream is still there."""
        return any(said.place.stream == stream for said in self._said)

    def __len__(self) -> int:
        return len(self._said)

    def _keep(self, place: Place, framed: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._said.append(_Said(place, framed, loop.time()))
        self._bytes += len(framed)
        while len(self._said) > _FRAMES or self._bytes > _BYTES:
            self._drop()
        if self._timer is None:
            self._timer = loop.call_later(_SECONDS, self._forget)

    def _drop(self) -> None:
        self._bytes -= len(self._said.popleft().frame)

    def _forget(self) -> None:
        loop = asyncio.get_running_loop()
        while self._said and loop.time() - self._said[0].at >= _SECONDS:
            self._drop()
        self._timer = loop.call_at(self._said[0].at + _SECONDS, self._forget) if self._said else None
        kept = {said.place.stream for said in self._said}
        self._last = {stream: last for stream, last in self._last.items() if stream in kept or stream == STANDING}


async def replay(request: web.Request, headers: Mapping[str, str], missed: Sequence[bytes]) -> web.StreamResponse:
    """Serve what was missed of a stream that has ended."""
    response = await open_stream(request, headers)
    with contextlib.suppress(*BROKEN):
        for data in missed:
            await response.write(data)
        await response.write_eof()
    return response


class KeptReply(Reply):
    """An answer as a stream of its own, which goes on when its connection ends: its client comes back with a GET."""

    def __init__(self, exchange: Exchange, headers: Mapping[str, str], log: Log, stream: int, *, primed: bool) -> None:
        """``primed`` clients know an event without data, which gives them a place before anything is said."""
        super().__init__(exchange.request, headers)
        self._exchange = exchange
        self._log = log
        self.stream = stream
        self._opening = opening_frame(str(log.next_place(stream)), _RETRY_MS) if primed else b""
        self._now: web.StreamResponse | None = None
        """What is written to now; None while the client is away."""
        self._reader: web.Request | None = exchange.request
        """The request that it answers."""
        self._left = asyncio.Event()

    async def finish(self, body: bytes) -> None:
        """Write the last message and end the stream; a client that is away finds it when it comes back."""
        await super().finish(body)
        self._left.set()

    async def hang_up(self) -> None:
        """End the connection and let the client come back for the rest; nothing where it couldn't."""
        async with self._lock:
            if self._over or not self._opening:
                return
            await self._write(b"")
            now, self._now, self._reader = self._now, None, None
            if now is not None:
                with contextlib.suppress(*BROKEN):
                    await now.write_eof()
            self._leave()

    @property
    def opened(self) -> bool:
        """Whether anything was written, so that there is a place to come back to."""
        return self._first is not None

    async def resume(self, request: web.Request, place: Place) -> web.StreamResponse:
        """Serve a GET that comes back for this answer: what it missed, and what comes until the end."""
        async with self._lock:
            response = await open_stream(request, self._headers)
            with contextlib.suppress(*BROKEN):
                for missed in self._log.since(place):
                    await response.write(missed)
                if self._over:
                    await response.write_eof()
                    return response
            self._leave()
            self._now, self._reader, self._left = response, request, asyncio.Event()
            left = self._left
        try:
            await left.wait()
        finally:
            if self._now is response:
                self._now = self._reader = None
        return response

    def abort(self) -> None:
        """Drop the connection that is written to now."""
        if self._reader is not None and self._reader.transport is not None:
            self._reader.transport.abort()

    def _leave(self) -> None:
        """Let go of whoever waits for this stream on its old connection."""
        self._left.set()
        waiting = self._exchange.waiting
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _framed(self, body: bytes) -> bytes:
        too_long = error_body(self._exchange.message.request_id, _TOO_LONG) if self._over else None
        return self._log.say(self.stream, body, too_long)

    async def _write(self, data: bytes, *, last: bool = False) -> None:
        try:
            if self._first is None:
                self._first = self._now = await open_stream(self._request, self._headers)
                if self._opening:
                    await self._now.write(self._opening)
            if self._now is not None:
                if data:
                    await self._now.write(data)
                if last:
                    await self._now.write_eof()
        except BROKEN:
            self._now = None
