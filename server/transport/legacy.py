"""The handshake era (up to 2025-11-25): sessions that a client may name, forget or lose, and a stream for each.

Real clients never echo the session's id, or go on with one from before a restart, and don't begin anew when they are
told so. Nothing here depends on a session but the standing stream and ``notifications/cancelled``, so a request without
one, or with an id that isn't known, is served without; only an id whose client ended it itself is answered with 404.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from mcp.server.connection import Connection
from mcp.server.lowlevel import Server
from mcp.server.runner import modern_error_data
from mcp_types import DEFAULT_NEGOTIATED_VERSION, INVALID_REQUEST

from cockpit.model.clock import Clock
from cockpit.model.identity import Caller
from server.transport.calls import METHOD, ToolCalls
from server.transport.kernel import Asked, ask_kernel
from server.transport.results import ResultForm
from server.transport.running import Ended, Exchange, Running
from server.transport.sessions import GetStream, Session, Sessions
from server.transport.wire import (
    SESSION_HEADER,
    VERSION_HEADER,
    Accepts,
    Malformed,
    Message,
    accepts,
    error_body,
    error_response,
    json_response,
    read_body,
    read_message,
    result_body,
)

_ALLOW: Final = {"Allow": "GET, POST, DELETE"}
_WITHOUT_SESSION: Final = {"Allow": "POST"}
_CANCELLED: Final = "notifications/cancelled"


class LegacyEra:
    """Serves requests with a version header of this era, or none."""

    def __init__(
        self,
        server: Server[Any],
        calls: ToolCalls,
        running: Running,
        sessions: Sessions,
        clock: Clock,
        ping_seconds: float,
    ) -> None:
        self._server = server
        self._calls = calls
        self._running = running
        self._sessions = sessions
        self._clock = clock
        self._ping_seconds = ping_seconds
        self._form = ResultForm.legacy()

    async def serve(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Answer one request."""
        session_id = request.headers.get(SESSION_HEADER)
        session = self._sessions.find(session_id) if session_id else None
        if session is not None and session.grant_id != caller.grant.grant_id:
            return _no_session()
        if session_id and session is None and self._sessions.was_terminated(session_id):
            return _no_session()
        takes = accepts(request.headers.get("Accept", ""))
        if request.method == "POST":
            return await self._post(request, caller, session, takes)
        if request.method not in {"GET", "DELETE"}:
            return web.Response(status=405, headers=_ALLOW)
        if session is None:
            return _no_session() if session_id else web.Response(status=405, headers=_WITHOUT_SESSION)
        if request.method == "DELETE":
            self._sessions.terminate(session)
            return web.Response(status=200)
        return await self._stream(request, session, takes)

    async def _post(
        self, request: web.Request, caller: Caller, session: Session | None, takes: Accepts
    ) -> web.StreamResponse:
        if not takes.json:
            return error_response(
                None, INVALID_REQUEST, "Not Acceptable: Client must accept application/json", status=406
            )
        message = read_message(await read_body(request))
        if isinstance(message, Malformed):
            return error_response(None, message.code, message.message)
        if not message.method:
            return web.Response(status=202)
        if message.request_id is None:
            await self._notified(request, caller, session, message)
            return web.Response(status=202)
        if message.method == METHOD:
            return await self._call(request, caller, session, message, takes)
        if message.method == "initialize":
            return await self._initialize(request, caller, message)
        exchange = self._exchange(request, caller, session, takes, is_call=False)
        if session is None:
            connection = Connection.from_envelope(_version(request), None, None)
            answer, _ = await ask_kernel(self._server, exchange, message, connection)
        else:
            answer, _ = await self._ask_session(session, request, caller, message, exchange)
        return await exchange.finish(answer)

    async def _call(
        self, request: web.Request, caller: Caller, session: Session | None, message: Message, takes: Accepts
    ) -> web.StreamResponse:
        request_id, _, params, _ = message
        assert request_id is not None
        version = _version(request) if session is None else session.connection.protocol_version
        bad = self._calls.bad_params(caller, message, version)
        if bad is not None:
            return bad
        assert params is not None
        exchange = self._exchange(request, caller, session, takes, is_call=True)
        done = None
        if session is not None:
            if request_id in session.calls:
                return error_response(request_id, INVALID_REQUEST, "A request with this id is still running")
            session.calls[request_id] = exchange
            done = _Done(session, message)
        name, arguments = params["name"], params.get("arguments") or {}
        return await self._calls.run_detached(exchange, request_id, name, arguments, self._form, done)

    async def _initialize(self, request: web.Request, caller: Caller, message: Message) -> web.StreamResponse:
        session = self._sessions.begin(self._server, caller.grant.grant_id)
        answer, fine = await self._ask_session(session, request, caller, message, None)
        kept = fine and self._sessions.keep(session)
        return json_response(answer, headers=session.headers if kept else None)

    async def _ask_session(
        self, session: Session, request: web.Request, caller: Caller, message: Message, exchange: Exchange | None
    ) -> tuple[bytes, bool]:
        """Let the session's kernel answer; no exception's text leaves."""
        assert message.request_id is not None
        asked = Asked(exchange, request, caller, message)
        try:
            result = await session.runner.on_request(asked, message.method, message.params)
        except Exception as problem:  # noqa: BLE001 - the SDK's own table turns any exception into a wire error, and logs the unplanned
            return error_body(message.request_id, modern_error_data(problem)), False
        return result_body(message.request_id, result), True

    async def _notified(self, request: web.Request, caller: Caller, session: Session | None, message: Message) -> None:
        if session is None:
            return
        if message.method == _CANCELLED:
            request_id = (message.params or {}).get("requestId")
            if isinstance(request_id, int | str) and (call := session.calls.get(request_id)):
                call.end(Ended.CLIENT)
            return
        await session.runner.on_notify(Asked(None, request, caller, message), message.method, message.params)

    async def _stream(self, request: web.Request, session: Session, takes: Accepts) -> web.StreamResponse:
        if not takes.stream:
            return web.Response(status=406)
        if session.stream is not None:
            return error_response(None, INVALID_REQUEST, "Only one stream is allowed per session", status=409)
        session.stream = stream = GetStream(request, self._ping_seconds)
        try:
            return await stream.serve(session.session_id)
        finally:
            session.stream = None
            session.last_used = self._clock.monotonic()

    def _exchange(
        self, request: web.Request, caller: Caller, session: Session | None, takes: Accepts, *, is_call: bool
    ) -> Exchange:
        now = self._clock.monotonic()
        if session is None:
            return Exchange(request, caller, now=now, may_stream=takes.stream, modern=False, is_call=is_call)
        return Exchange(
            request, caller, now=now, may_stream=takes.stream, modern=False, is_call=is_call, headers=session.headers
        )


class _Done:
    """Takes a call off its session's list when it has ended."""

    __slots__ = ("_message", "_session")

    def __init__(self, session: Session, message: Message) -> None:
        self._session = session
        self._message = message

    def __call__(self) -> None:
        if self._message.request_id is not None:
            self._session.calls.pop(self._message.request_id, None)


def _version(request: web.Request) -> str:
    return request.headers.get(VERSION_HEADER, DEFAULT_NEGOTIATED_VERSION)


def _no_session() -> web.Response:
    return error_response(None, INVALID_REQUEST, "Session not found", status=404)
