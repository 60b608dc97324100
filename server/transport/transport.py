"""The transport as the rest of the host sees it: serve a request, tell of changed tools, end a grant, close."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from mcp.server.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from cockpit.model.clock import Clock
from cockpit.model.identity import Caller, GrantId
from server.door import Challenge
from server.host import ToolHost
from server.transport.again import CallHead, MakeRequest
from server.transport.answering import Answering, Line
from server.transport.calls import METHOD, ToolCalls, TurnedAway
from server.transport.dispatch import KernelRequests
from server.transport.kernel import About, Offer, build_kernel
from server.transport.legacy import LegacyEra
from server.transport.listening import Listening
from server.transport.modern import ModernEra
from server.transport.running import Ended, Exchange, Running
from server.transport.sessions import Sessions
from server.transport.telemetry import Telemetry
from server.transport.wire import VERSION_HEADER, Message

_SWEEP_SECONDS: Final = 1.0
_ALLOW: Final = {"Allow": "GET, POST, DELETE"}
_HANDSHAKE: Final = frozenset(HANDSHAKE_PROTOCOL_VERSIONS)
_LAST_WORDS_SECONDS: Final = 0.5
"""How long calls that run may take to end by themselves when the host stops, and streams to send their end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the transport holds at a time."""

    max_sessions: int = 1000
    session_idle_seconds: float = 1800
    max_calls_in_flight: int = 64
    """Requests of one client that run at a time, over all its grants; streams that listen don't count."""
    call_seconds: float = 240.0
    """How long one may take."""
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
        offer: Offer | None = None,
        *,
        asks_clients: bool = False,
        telemetry: Telemetry | None = None,
    ) -> None:
        """``asks_clients`` lets tools ask a client back; what it answers is no authority for anything."""
        limits, offer = limits or Limits(), offer or Offer()
        self._clock = clock
        self._offer = offer
        self._listening = Listening(None if offer.resources is None else offer.resources.watchable, self._watched_by)
        self._running = Running(limits.ping_seconds, limits.call_seconds)
        self._sessions = Sessions(
            clock, limits.max_sessions, limits.session_idle_seconds, new_session_id, may_ask=asks_clients
        )
        kernel = build_kernel(host, about, self._listening, offer, self._watched_by)
        told = None if telemetry is None else telemetry.of
        answering = Answering(self._running, challenge, limits.max_calls_in_flight, told)
        self._answering = answering
        self._calls = calls = ToolCalls(host, kernel, answering, turned_away)
        requests = KernelRequests(kernel, answering)
        self._modern = ModernEra(requests, calls, answering, clock)
        self._legacy = LegacyEra(requests, calls, answering, self._sessions, clock, limits.ping_seconds)
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
        if request.method == "HEAD":
            return web.Response(headers=_ALLOW)  # asked by probes, which only want to know whether somebody is there
        version = request.headers.get(VERSION_HEADER)
        if version is None or version in _HANDSHAKE:
            return await self._legacy.serve(request, caller)
        return await self._modern.serve(request, caller)

    def again(
        self, head: CallHead, message: Message, caller: Caller, make_request: MakeRequest, line: Line
    ) -> Coroutine[Any, Any, None] | None:
        """Begin a call of a tool whose head was served before; what is returned answers it on its line.

        None for whatever isn't sure to be answered well: it is for ``serve``, which says what is wrong with it.
        """
        if self._closed or message.method != METHOD or message.request_id is None:
            return None
        exchange = (self._modern if head.is_modern else self._legacy).again(head, message, caller, make_request)
        if exchange is None:
            return None
        self._answering.enter(exchange)
        return self._answering.at_once(exchange, self._calls, line)

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
        self._tell(grant_id, "notifications/tools/list_changed", ToolsListChanged())

    def prompts_changed(self, grant_id: GrantId) -> None:
        """Tell a grant's streams that its list of prompts is another now."""
        if self._offer.prompts is not None:
            self._tell(grant_id, "notifications/prompts/list_changed", PromptsListChanged())

    def resources_changed(self, grant_id: GrantId) -> None:
        """Tell a grant's streams that its list of resources is another now."""
        if self._offer.resources is not None:
            self._tell(grant_id, "notifications/resources/list_changed", ResourcesListChanged())

    def lists_changed(self, grant_id: GrantId) -> None:
        """Tell a grant's streams that all that it is shown is to be listed anew."""
        self.tools_changed(grant_id)
        self.prompts_changed(grant_id)
        self.resources_changed(grant_id)

    def resource_updated(self, grant_id: GrantId, uri: str) -> None:
        """Tell those of a grant's streams that watch a resource that it is to be read anew."""
        for session in self._sessions.of(grant_id):
            if session.watched is not None and uri in session.watched:
                session.say("notifications/resources/updated", {"uri": uri})
        self._later(self._listening.tell(grant_id, ResourceUpdated(uri)))

    def watched(self) -> dict[GrantId, set[str]]:
        """Return which resources are watched now, by grant."""
        by_grant: dict[GrantId, set[str]] = {}
        for session in self._sessions.watching():
            by_grant.setdefault(session.grant_id, set()).update(session.watched or ())
        for grant_id, uri in self._listening.watched():
            by_grant.setdefault(grant_id, set()).add(uri)
        return by_grant

    def _watched_by(self, grant_id: GrantId) -> set[str]:
        """Return which resources a grant watches now, over all its sessions and streams."""
        own = (session.watched or () for session in self._sessions.of(grant_id))
        return self._listening.watched_by(grant_id).union(*own)

    def stop_watching(self, grant_id: GrantId, uris: Collection[str]) -> None:
        """End a grant's watching of resources: of its sessions at once, of its streams with their final result."""
        for session in self._sessions.of(grant_id):
            if session.watched is not None:
                session.watched.difference_update(uris)
        if any(watcher == grant_id and uri in uris for watcher, uri in self._listening.watched()):
            self._listening.close(grant_id)

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
        """Forget idle sessions, end what takes too long, and send a sign of life on what is silent."""
        self._sessions.expire()
        self._running.sweep(self._clock.monotonic())

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
        for exchange in exchanges:
            exchange.abort()

    def _tell(self, grant_id: GrantId, method: str, event: ServerEvent) -> None:
        for session in self._sessions.of(grant_id):
            session.say(method)
        self._later(self._listening.tell(grant_id, event))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
