"""The handshake era (up to 2025-11-25): sessions that a client may name, forget or lose, and a stream for each.

Real clients never echo the session's id, or go on with one from before a restart, and don't begin anew when they are
told so. Nothing here depends on a session but its streams, what it watches, questions to its client and
``notifications/cancelled``, so a request without one, or with an id that isn't known, is served without; only an id whose
client ended it itself is answered with 404.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from mcp_types import DEFAULT_NEGOTIATED_VERSION, INVALID_REQUEST
from mcp_types.version import LATEST_HANDSHAKE_VERSION

from cockpit.model.clock import Clock
from cockpit.model.identity import Caller
from server.transport.again import PLAIN_CALL, CallHead, MakeRequest
from server.transport.answering import Answering, Work
from server.transport.calls import METHOD, ToolCalls
from server.transport.dispatch import KernelRequests
from server.transport.replay import STANDING, Place
from server.transport.running import Ended, Exchange
from server.transport.sessions import Session, Sessions
from server.transport.wire import (
    SESSION_HEADER,
    VERSION_HEADER,
    Accepts,
    Malformed,
    Message,
    accepts,
    error_response,
    json_response,
    read_body,
    read_message,
)

_ALLOW: Final = {"Allow": "GET, POST, DELETE"}
_WITHOUT_SESSION: Final = {"Allow": "POST"}
_CANCELLED: Final = "notifications/cancelled"
_INITIALIZE: Final = "initialize"
_LAST_EVENT: Final = "Last-Event-ID"


class LegacyEra:
    """Serves requests with a version header of this era, or none."""

    def __init__(
        self,
        kernel: KernelRequests,
        calls: ToolCalls,
        answering: Answering,
        sessions: Sessions,
        clock: Clock,
        ping_seconds: float,
    ) -> None:
        self._kernel = kernel
        self._calls = calls
        self._answering = answering
        self._sessions = sessions
        self._clock = clock
        self._ping_seconds = ping_seconds

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
            if session is not None:
                session.answered(message.body)
            return web.Response(status=202)
        if message.request_id is None:
            self._notified(session, message)
            return web.Response(status=202)
        if message.method == _INITIALIZE:
            session = self._sessions.begin(caller.grant.grant_id)
        exchange = Exchange(
            request,
            caller,
            message,
            _version(request) if session is None else _agreed(session),
            now=self._clock.monotonic(),
            may_stream=takes.stream,
            modern=False,
            is_call=True,
            session=session,
        )
        if message.method == _INITIALIZE:
            return await self._initialize(exchange)
        work: Work = self._kernel
        if message.method == METHOD:
            bad = self._calls.bad_params(caller, message, exchange.version)
            if bad is not None:
                self._calls.note_broken(caller, message, "The call's params are none.")
                return bad
            work = self._calls
            request[PLAIN_CALL] = True
        if session is None:
            return await self._answering.apart(exchange, work, None)
        if not session.begin(exchange):
            if work is self._calls:
                self._calls.note_broken(caller, message, "A request with its id is still running.")
            return error_response(message.request_id, INVALID_REQUEST, "A request with this id is still running")
        return await self._answering.apart(exchange, work, session.done)

    def again(self, head: CallHead, message: Message, caller: Caller, make_request: MakeRequest) -> Exchange | None:
        """Begin a call that is sure to be a good one, by a head that was served before. None for any other, and where
        there is no room: those are answered by ``serve``.
        """
        session = self._sessions.find(head.session_id) if head.session_id else None
        if session is not None and session.grant_id != caller.grant.grant_id:
            return None
        if head.session_id and session is None and self._sessions.was_terminated(head.session_id):
            return None
        version = (head.version or DEFAULT_NEGOTIATED_VERSION) if session is None else _agreed(session)
        if not self._answering.has_room(caller) or self._calls.bad_params(caller, message, version) is not None:
            return None
        exchange = head.exchange(caller, message, version, self._clock.monotonic(), make_request, session)
        return exchange if session is None or session.begin(exchange) else None

    async def _initialize(self, exchange: Exchange) -> web.StreamResponse:
        """Begin a session, which is kept if the handshake succeeds and there is room."""
        session = exchange.session
        assert session is not None
        try:
            connection = session.connection()
            answer = await self._kernel.on(connection, exchange)
            self._sessions.greeted(session, connection)
            kept = self._sessions.keep(session)
        except Exception as problem:  # noqa: BLE001 - the edge: what nobody planned is logged, and nothing of it leaves
            answer, kept = self._answering.failed(exchange, problem), False
        return json_response(answer.body, headers=session.headers if kept else None)

    def _notified(self, session: Session | None, message: Message) -> None:
        """Take a notification; of all that there are, only that a request is called off matters to us."""
        if session is not None and message.method == _CANCELLED:
            request_id = (message.params or {}).get("requestId")
            if isinstance(request_id, int | str) and (call := (session.calls or {}).get(request_id)):
                call.end(Ended.CLIENT)

    async def _stream(self, request: web.Request, session: Session, takes: Accepts) -> web.StreamResponse:
        if not takes.stream:
            return web.Response(status=406)
        place = Place.read(request.headers.get(_LAST_EVENT, ""))
        if place is not None and place.stream != STANDING:
            resumed = await session.come_back(request, place)
            if resumed is not None:
                return resumed
            place = None
        if session.stream is not None:
            return error_response(None, INVALID_REQUEST, "Only one stream is allowed per session", status=409)
        stream = session.open_standing(request, self._ping_seconds, place)
        try:
            return await stream.serve(session.session_id)
        finally:
            session.stream = None
            self._sessions.used(session)


def _version(request: web.Request) -> str:
    return request.headers.get(VERSION_HEADER, DEFAULT_NEGOTIATED_VERSION)


def _agreed(session: Session) -> str:
    return session.hello.version or LATEST_HANDSHAKE_VERSION


def _no_session() -> web.Response:
    return error_response(None, INVALID_REQUEST, "Session not found", status=404)
