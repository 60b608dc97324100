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
from mcp_types import INTERNAL_ERROR, ErrorData, RequestId

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
_ENDS: Final = 256
"""Answers that ended and are remembered by number alone."""
_TOO_LONG: Final = ErrorData(code=INTERNAL_ERROR, message="The answer was too long to be kept; ask again")
_LOST: Final = ErrorData(code=INTERNAL_ERROR, message="The answer isn't kept any more; ask again")


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


class _Shelf:
    """Events in the order in which they were said, bounded in number and size. When full the oldest gives way."""

    __slots__ = ("_bytes", "_said")

    def __init__(self) -> None:
        self._said: deque[_Said] = deque()
        self._bytes = 0

    def keep(self, said: _Said) -> None:
        self._said.append(said)
        self._bytes += len(said.frame)
        while len(self._said) > _FRAMES or self._bytes > _BYTES:
            self._drop()

    def since(self, place: Place) -> list[_Said]:
        return [said for said in self._said if said.place.stream == place.stream and said.place > place]

    def forget(self, before: float) -> None:
        while self._said and self._said[0].at <= before:
            self._drop()

    def __len__(self) -> int:
        return len(self._said)

    def _drop(self) -> None:
        self._bytes -= len(self._said.popleft().frame)


class _End(NamedTuple):
    """How an answer ended that was a stream."""

    last: Place
    request_id: RequestId
    at: float


class Log:
    """The last events of one session: of its standing stream, and of its answers, each kept apart from the other."""

    __slots__ = ("_answers", "_ends", "_next_standing", "_standing", "_timer")

    def __init__(self) -> None:
        self._standing, self._answers = _Shelf(), _Shelf()
        self._next_standing = 0
        self._ends: dict[int, _End] = {}
        """Of answers that ended not long ago, so that one which could not be kept is named as lost."""
        self._timer: asyncio.TimerHandle | None = None

    def say(self, body: bytes) -> bytes:
        """Frame a message of the standing stream and keep it, if it isn't too long."""
        place = Place(STANDING, self._next_standing)
        self._next_standing += 1
        framed = frame(body, str(place))
        if len(framed) <= _BYTES:
            self._keep(self._standing, place, framed)
        return framed

    def answer(self, place: Place, body: bytes, ended: RequestId | None = None) -> bytes:
        """Frame a message of an answer and keep it; ``ended`` names the request where it is the last one.

        A last one that is too long to be kept is kept as an error that says so.
        """
        framed = frame(body, str(place))
        if len(framed) <= _BYTES:
            self._keep(self._answers, place, framed)
        elif ended is not None:
            self._keep(self._answers, place, frame(error_body(ended, _TOO_LONG), str(place)))
        if ended is not None:
            if len(self._ends) >= _ENDS:
                del self._ends[next(iter(self._ends))]
            self._ends[place.stream] = _End(place, ended, asyncio.get_running_loop().time())
            self._look_later()
        return framed

    def since(self, place: Place) -> list[bytes]:
        """Return what is still there of what was said on a stream after a place."""
        return [said.frame for said in self._shelf(place.stream).since(place)]

    def ended(self, place: Place) -> list[bytes] | None:
        """Return what follows on an answer that has ended, up to its last message; None where nothing is known of it.

        Where the last message had to give way it is an error that names it as lost.
        """
        end = self._ends.get(place.stream)
        if end is None:
            return None
        said = self._answers.since(place)
        frames = [one.frame for one in said]
        if place < end.last and (not said or said[-1].place != end.last):
            frames.append(frame(error_body(end.request_id, _LOST), str(end.last)))
        return frames

    def __len__(self) -> int:
        return len(self._standing) + len(self._answers)

    def _shelf(self, stream: int) -> _Shelf:
        return self._standing if stream == STANDING else self._answers

    def _keep(self, shelf: _Shelf, place: Place, framed: bytes) -> None:
        shelf.keep(_Said(place, framed, asyncio.get_running_loop().time()))
        self._look_later()

    def _look_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SECONDS, self._forget)

    def _forget(self) -> None:
        self._timer = None
        before = asyncio.get_running_loop().time() - _SECONDS
        self._standing.forget(before)
        self._answers.forget(before)
        self._ends = {stream: end for stream, end in self._ends.items() if end.at > before}
        if len(self) or self._ends:
            self._look_later()


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
        self._next = 0
        self._opening = opening_frame(str(self._place()), _RETRY_MS) if primed else b""
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

    def _place(self) -> Place:
        self._next += 1
        return Place(self.stream, self._next - 1)

    def _framed(self, body: bytes) -> bytes:
        return self._log.answer(self._place(), body, self._exchange.message.request_id if self._over else None)

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
