"""Handshake-era sessions: whose they are, how many there may be, and how each ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web
from mcp.server.connection import Connection
from mcp.server.lowlevel import Server
from mcp.server.runner import ServerRunner
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp_types import RequestId
from multidict import CIMultiDict

from cockpit.model.clock import Clock
from cockpit.model.identity import GrantId
from server.transport.running import Exchange
from server.transport.wire import PING, SESSION_HEADER, STREAM_HEADERS, notification_frame

_QUEUE: Final = 64
"""Frames that may wait for a client that reads slowly."""
_END_SECONDS: Final = 0.5
_REMEMBERED: Final = 10_000
"""Ids of sessions ended by their client that are still answered with 404."""


class GetStream:
    """The standing stream of one session: what the server says on its own account.

    A client that doesn't read lets the queue fill; then the connection is dropped, and the client connects again and
    lists anew, which tells it more than the lost frames would.
    """

    def __init__(self, request: web.Request, ping_seconds: float) -> None:
        self._request = request
        self._ping_seconds = ping_seconds
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE)
        self._over = False

    def push(self, data: bytes | None) -> None:
        """Queue a frame, or None for the end."""
        try:
            self._frames.put_nowait(data)
        except asyncio.QueueFull:
            self._drop()

    def end(self) -> None:
        """End the stream; one whose client doesn't read, and so never gets to the end, is dropped."""
        self.push(None)
        asyncio.get_running_loop().call_later(_END_SECONDS, self._drop)

    async def serve(self, session_id: str) -> web.StreamResponse:
        """Write frames until the end, or until the client goes."""
        headers = CIMultiDict(STREAM_HEADERS)
        headers[SESSION_HEADER] = session_id
        response = web.StreamResponse(headers=headers)
        with contextlib.suppress(ConnectionError, OSError):
            await response.prepare(self._request)
            while True:
                try:
                    data = await asyncio.wait_for(self._frames.get(), self._ping_seconds)
                except TimeoutError:
                    data = PING
                if data is None:
                    break
                await response.write(data)
            await response.write_eof()
        self._over = True
        return response

    def _drop(self) -> None:
        if not self._over and self._request.transport is not None:
            self._request.transport.abort()


class Session:
    """One client's handshake, kept for the requests that name it. Is also the kernel's way to say something unasked."""

    __slots__ = ("calls", "connection", "grant_id", "headers", "last_used", "runner", "session_id", "stream")

    def __init__(self, server: Server[Any], session_id: str, grant_id: GrantId, now: float) -> None:
        self.session_id = session_id
        self.grant_id = grant_id
        self.last_used = now
        self.headers: Mapping[str, str] = {SESSION_HEADER: session_id}
        self.stream: GetStream | None = None
        self.calls: dict[RequestId, Exchange] = {}
        """Calls of tools by request id, so that the client can call one off."""
        self.connection = Connection.for_loop(self, session_id=session_id)
        self.runner: ServerRunner[Any] = ServerRunner(server, self.connection, {})

    @property
    def idle(self) -> bool:
        """Whether nothing of it is open."""
        return self.stream is None and not self.calls

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Refuse: nothing here asks a client back, because a client's answer is no authority."""
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Say something on the standing stream, if one is open."""
        if self.stream is not None:
            self.stream.push(notification_frame(method, params))


class Sessions:
    """All sessions, oldest use first."""

    def __init__(self, clock: Clock, limit: int, idle_seconds: float, new_id: Callable[[], str]) -> None:
        self._clock = clock
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._new_id = new_id
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._terminated: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, server: Server[Any], grant_id: GrantId) -> Session:
        """Make a session that isn't kept yet: the handshake may still fail."""
        return Session(server, self._new_id(), grant_id, self._clock.monotonic())

    def keep(self, session: Session) -> bool:
        """Keep a session. When full, the longest idle one makes room: of the same grant first, so that a client which
        begins sessions in a loop pushes out its own. False where none is idle: the client goes on without a session.
        """
        if len(self._open) >= self._limit:
            idle = [other for other in self._open.values() if other.idle]
            if not idle:
                return False
            own = (other for other in idle if other.grant_id == session.grant_id)
            del self._open[next(own, idle[0]).session_id]
        self._open[session.session_id] = session
        return True

    def find(self, session_id: str) -> Session | None:
        """Return the session and count it as used."""
        session = self._open.get(session_id)
        if session is None:
            return None
        now = self._clock.monotonic()
        if session.idle and now - session.last_used >= self._idle_seconds:
            del self._open[session_id]
            return None
        session.last_used = now
        self._open.move_to_end(session_id)
        return session

    def was_terminated(self, session_id: str) -> bool:
        """Whether a client ended that session itself, after which it must not be served (transports: 404)."""
        return session_id in self._terminated

    def terminate(self, session: Session) -> None:
        """End a session for its client."""
        self.forget(session)
        self._terminated[session.session_id] = None
        if len(self._terminated) > _REMEMBERED:
            self._terminated.popitem(last=False)

    def forget(self, session: Session) -> None:
        """Let a session go and close its stream."""
        self._open.pop(session.session_id, None)
        if session.stream is not None:
            session.stream.end()

    def of(self, grant_id: GrantId) -> tuple[Session, ...]:
        """Return the sessions of a grant."""
        return tuple(session for session in self._open.values() if session.grant_id == grant_id)

    def forget_all(self) -> None:
        """Let every session go."""
        for session in tuple(self._open.values()):
            self.forget(session)

    def expire(self) -> None:
        """Let go what has been idle for too long."""
        now = self._clock.monotonic()
        for session in tuple(self._open.values()):
            if now - session.last_used < self._idle_seconds:
                break
            if session.idle:
                del self._open[session.session_id]
