"""The transport as the rest of the host sees it: serve a request, tell of changed tools, end a grant, close."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from cockpit.model.clock import Clock
from cockpit.model.identity import Caller, GrantId
from server.door import Challenge
from server.host import ToolHost
from server.transport.calls import ToolCalls, TurnedAway
from server.transport.kernel import About, Listening, build_kernel
from server.transport.legacy import LegacyEra
from server.transport.modern import ModernEra
from server.transport.running import Ended, Exchange, Running
from server.transport.sessions import Sessions
from server.transport.wire import TOOLS_CHANGED_METHOD, VERSION_HEADER

_SWEEP_SECONDS: Final = 1.0
_HANDSHAKE: Final = frozenset(HANDSHAKE_PROTOCOL_VERSIONS)
_LAST_WORDS_SECONDS: Final = 0.5
"""How long calls that run may take to end by themselves when the host stops, and streams to send their end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the transport holds at a time."""

    max_sessions: int = 1000
    session_idle_seconds: float = 1800
    max_calls_in_flight: int = 64
    """Calls of one client, over all its grants."""
    ping_seconds: float = 14.0
    """Silence after which a sign of life is sent; with the sweep's second it stays below 15."""


def _new_session_id() -> str:
    return secrets.token_urlsafe(24)


class Transport:
    """Streamable HTTP for both eras. An async context manager: the sweep of idle and silent things runs inside."""

    def __init__(
        self,
        host: ToolHost,
        clock: Clock,
        challenge: Challenge,
        about: About,
        limits: Limits | None = None,
        turned_away: TurnedAway | None = None,
        new_session_id: Callable[[], str] = _new_session_id,
    ) -> None:
        limits = limits or Limits()
        self._clock = clock
        self._listening = Listening()
        self._running = Running(limits.ping_seconds)
        self._sessions = Sessions(clock, limits.max_sessions, limits.session_idle_seconds, new_session_id)
        kernel = build_kernel(host, about, self._listening)
        calls = ToolCalls(host, self._running, challenge, limits.max_calls_in_flight, turned_away)
        self._modern = ModernEra(kernel, calls, self._running, clock)
        self._legacy = LegacyEra(kernel, calls, self._running, self._sessions, clock, limits.ping_seconds)
        self._sweeper: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> Transport:
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper

    async def serve(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Answer one authenticated request; the version header alone says of which era it is."""
        if self._closed:
            return web.Response(status=503, headers={"Retry-After": "1"})
        version = request.headers.get(VERSION_HEADER)
        if version is None or version in _HANDSHAKE:
            return await self._legacy.serve(request, caller)
        return await self._modern.serve(request, caller)

    @property
    def sessions(self) -> int:
        """How many sessions are kept."""
        return len(self._sessions)

    @property
    def open_requests(self) -> int:
        """How many requests are being answered."""
        return len(self._running)

    def tools_changed(self, grant_id: GrantId) -> None:
        """Tell a grant's streams that its list of tools is another now."""
        for session in self._sessions.of(grant_id):
            self._later(session.notify(TOOLS_CHANGED_METHOD, None))
        self._later(self._listening.tools_changed(grant_id))

    def grant_ended(self, grant_id: GrantId) -> None:
        """End everything of a grant at once: its calls are cancelled and answered with 401, its streams close."""
        for exchange in self._running.of(grant_id):
            if exchange.is_call:
                exchange.end(Ended.GRANT)
        for session in self._sessions.of(grant_id):
            self._sessions.forget(session)
        self._listening.close(grant_id)
        if left := self._running.of(grant_id):
            self._later(self._cut(left, Ended.GRANT))

    async def close(self) -> None:
        """End every stream, with a final result where the era has one, and every call. Nothing is served afterwards."""
        if self._closed:
            return
        self._closed = True
        self._sessions.forget_all()
        self._listening.close_all()
        await self._cut(tuple(self._running), Ended.HOST)

    def sweep(self) -> None:
        """Forget idle sessions, and send a sign of life on what is silent."""
        self._sessions.expire()
        self._running.ping(self._clock.monotonic())

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.sweep()

    async def _cut(self, exchanges: Sequence[Exchange], why: Ended) -> None:
        """Let exchanges end by themselves for a moment, then end them, and give them a moment to say so."""
        for last_words in (False, True):
            tasks = [exchange.task for exchange in exchanges if exchange.task is not None and not exchange.task.done()]
            if last_words:
                for exchange in exchanges:
                    exchange.end(why)
            if tasks:
                await asyncio.wait(tasks, timeout=_LAST_WORDS_SECONDS)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
