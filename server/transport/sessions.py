"""Handshake-era sessions: whose they are, how many there may be, and how each ends."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple, cast

from aiohttp import web
from mcp.server.connection import Connection
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp_types import INVALID_REQUEST, ErrorData, InitializeRequestParams, LoggingLevel, RequestId
from pydantic import ValidationError

from cockpit.model.clock import Clock
from cockpit.model.identity import GrantId
from server.transport.replay import KeptReply, Log, Place, replay
from server.transport.running import Exchange
from server.transport.standing import GetStream
from server.transport.wire import SESSION_HEADER, error_response, notification_body, request_body

_QUESTIONS: Final = 16
"""Questions of one session that may wait for its client."""
_PRIMED_SINCE: Final = "2025-11-25"
"""Clients of earlier versions may stumble over an event without data."""
_HELLOS: Final = 256
_HELLO_LENGTH: Final = 4096
"""What is longer isn't kept: nothing but the version and what the client can is ever looked at again."""
_REMEMBERED: Final = 10_000
"""Ids of sessions ended by their client that are still answered with 404."""


class Hello(NamedTuple):
    """What a client said when it began, and the version that was agreed on then."""

    version: str
    params: InitializeRequestParams | None


NO_HELLO: Final = Hello("", None)


class Session:
    """One client's handshake, kept for the requests that name it. Is also the kernel's way to say something unasked."""

    __slots__ = (
        "_asked",
        "_log",
        "_questions",
        "_replies",
        "calls",
        "grant_id",
        "hello",
        "last_used",
        "log_level",
        "may_ask",
        "session_id",
        "stream",
        "watched",
    )

    def __init__(self, session_id: str, grant_id: GrantId, now: float, *, may_ask: bool) -> None:
        self.session_id = session_id
        self.grant_id = grant_id
        self.last_used = now
        self.may_ask = may_ask
        """Whether tools may ask the client back."""
        self.hello = NO_HELLO
        self.stream: GetStream | None = None
        self.calls: dict[RequestId, Exchange] | None = None
        """Requests that run, by id, so that the client can call one off."""
        self.watched: set[str] | None = None
        """Resources whose changes the client wants to hear of."""
        self.log_level: LoggingLevel = "info"
        """The lowest level that the client wants to hear of."""
        # Most sessions never need these, and there may be thousands of them: they are made when they are needed.
        self._log: Log | None = None
        self._replies = 0
        self._asked = 0
        self._questions: dict[str, asyncio.Future[Mapping[str, Any]]] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """What an answer within it carries."""
        return {SESSION_HEADER: self.session_id}

    def connection(self) -> Connection:
        """Return the session as the kernel knows it."""
        connection = Connection.for_loop(
            self, session_id=self.session_id, protocol_version_hint=self.hello.version or None
        )
        connection.client_params = self.hello.params
        if self.hello.version:
            connection.initialized.set()
        return connection

    @property
    def idle(self) -> bool:
        """Whether nothing of it is open."""
        return self.stream is None and not self.calls

    def begin(self, exchange: Exchange) -> bool:
        """Take a request in; False where one with its id still runs."""
        request_id = exchange.message.request_id
        assert request_id is not None
        if self.calls is None:
            self.calls = {}
        elif request_id in self.calls:
            return False
        self.calls[request_id] = exchange
        return True

    def done(self, exchange: Exchange) -> None:
        """Let a request go."""
        if self.calls is not None and exchange.message.request_id is not None:
            self.calls.pop(exchange.message.request_id, None)

    def open_reply(self, exchange: Exchange) -> KeptReply:
        """Make the answer to a request a stream to which its client can come back."""
        self._replies += 1
        primed = self.hello.version >= _PRIMED_SINCE
        return KeptReply(exchange, self.headers, self._kept(), self._replies, primed=primed)

    def open_standing(self, request: web.Request, ping_seconds: float, after: Place | None) -> GetStream:
        """Open the standing stream, with what was said on it after the last event that the client has."""
        log = self._kept()
        self.stream = GetStream(request, ping_seconds, log.since(after) if after is not None else ())
        return self.stream

    async def come_back(self, request: web.Request, place: Place) -> web.StreamResponse | None:
        """Serve what is left of an answer whose connection ended, or say that it isn't kept any more.

        None for a place that this session never gave out.
        """
        if place.stream > self._replies:
            return None
        for exchange in tuple((self.calls or {}).values()):
            reply = exchange.reply
            if isinstance(reply, KeptReply) and reply.stream == place.stream and reply.opened:
                return await reply.resume(request, place)
        missed = None if self._log is None else self._log.ended(place)
        if missed is None:
            return error_response(None, INVALID_REQUEST, "What followed there isn't kept any more; ask again")
        return await replay(request, self.headers, missed)

    async def ask(self, exchange: Exchange, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client on the stream of one of its own requests, and wait for what it posts."""
        questions = self._questions = self._questions if self._questions is not None else {}
        if not self.may_ask or not exchange.may_stream or len(questions) >= _QUESTIONS:
            raise NoBackChannelError(method)
        self._asked += 1
        question_id = f"ask-{self._asked}"
        answer = questions[question_id] = asyncio.get_running_loop().create_future()
        try:
            await exchange.as_stream().send(request_body(question_id, method, params))
            return await answer
        finally:
            del questions[question_id]

    def answered(self, body: Mapping[str, Any]) -> None:
        """Take what a client posts as the answer to a question. Answers to nothing are dropped."""
        answer = (self._questions or {}).get(str(body.get("id")))
        if answer is None or answer.done():
            return
        result, error = body.get("result"), body.get("error")
        if isinstance(result, dict):
            answer.set_result(cast("dict[str, Any]", result))
            return
        try:
            said = ErrorData.model_validate(error)
        except ValidationError:
            said = ErrorData(code=INVALID_REQUEST, message="The client's answer is none")
        answer.set_exception(MCPError.from_error_data(said))

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Refuse: a client is only asked while one of its own requests is answered."""
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Say something on the standing stream; a client that had one and is away hears of it when it comes back."""
        self.say(method, params)

    def say(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Say something on the standing stream."""
        if self._log is not None:
            data = self._log.say(notification_body(method, params))
            if self.stream is not None:
                self.stream.push(data)

    def _kept(self) -> Log:
        if self._log is None:
            self._log = Log()
        return self._log


_NO_SESSIONS: Final[Mapping[str, Session]] = {}


class Sessions:
    """All sessions, oldest use first."""

    def __init__(
        self, clock: Clock, limit: int, idle_seconds: float, new_id: Callable[[], str], *, may_ask: bool
    ) -> None:
        self._clock = clock
        self._may_ask = may_ask
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._new_id = new_id
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._by_grant: dict[GrantId, OrderedDict[str, Session]] = {}
        self._terminated: OrderedDict[str, None] = OrderedDict()
        self._hellos: dict[tuple[str, str], Hello] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, grant_id: GrantId) -> Session:
        """Make a session that isn't kept yet: the handshake may still fail."""
        return Session(self._new_id(), grant_id, self._clock.monotonic(), may_ask=self._may_ask)

    def greeted(self, session: Session, connection: Connection) -> None:
        """Take what the handshake agreed on. Clients say the same each time, so that thousands of sessions share it."""
        params = connection.client_params
        text = "" if params is None else params.model_dump_json()
        if len(text) > _HELLO_LENGTH:
            session.hello = Hello(connection.protocol_version, None)
            return
        key = connection.protocol_version, text
        if key not in self._hellos and len(self._hellos) >= _HELLOS:
            self._hellos.clear()
        session.hello = self._hellos.setdefault(key, Hello(connection.protocol_version, params))

    def keep(self, session: Session) -> bool:
        """Keep a session. When full, the longest idle one makes room: of the same grant first, so that a client which
        begins sessions in a loop pushes out its own. False where none is idle: the client goes on without a session.
        """
        own = self._by_grant.get(session.grant_id, _NO_SESSIONS)
        if len(self._open) >= self._limit:
            idle = next((one for one in chain(own.values(), self._open.values()) if one.idle), None)
            if idle is None:
                return False
            self._drop(idle)
        self._open[session.session_id] = session
        self._by_grant.setdefault(session.grant_id, OrderedDict())[session.session_id] = session
        return True

    def find(self, session_id: str) -> Session | None:
        """Return the session and count it as used."""
        session = self._open.get(session_id)
        if session is None:
            return None
        now = self._clock.monotonic()
        if session.idle and now - session.last_used >= self._idle_seconds:
            self._drop(session)
            return None
        self.used(session)
        return session

    def used(self, session: Session) -> None:
        """Count a session as used now."""
        session.last_used = self._clock.monotonic()
        if session.session_id in self._open:
            self._open.move_to_end(session.session_id)
            self._by_grant[session.grant_id].move_to_end(session.session_id)

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
        self._drop(session)
        if session.stream is not None:
            session.stream.end()

    def of(self, grant_id: GrantId) -> tuple[Session, ...]:
        """Return the sessions of a grant."""
        return tuple(self._by_grant.get(grant_id, _NO_SESSIONS).values())

    def watching(self) -> tuple[Session, ...]:
        """Return the sessions that watch a resource."""
        return tuple(session for session in self._open.values() if session.watched)

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
                self._drop(session)

    def _drop(self, session: Session) -> None:
        self._open.pop(session.session_id, None)
        own = self._by_grant.get(session.grant_id)
        if own is not None:
            own.pop(session.session_id, None)
            if not own:
                del self._by_grant[session.grant_id]
