"""The short way of ``tools/call``: from the checked envelope straight to the tools, and back as bytes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web
from mcp.server.runner import modern_error_data
from mcp.shared.inbound import (
    InboundLadderRejection,
    find_invalid_x_mcp_header,
    validate_mcp_param_headers,
    x_mcp_header_map,
)
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, ErrorData, RequestId
from mcp_types.methods import validate_client_request
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from multidict import CIMultiDictProxy
from pydantic import ValidationError

from cockpit.model.identity import Caller, Via, effective, scope_text
from cockpit.model.refusals import Refusal, refuse
from server.door import CHALLENGE_HEADER, Challenge
from server.host import ToolAnswer, ToolHost
from server.transport.results import ResultForm, refusal_answer
from server.transport.running import Ended, Exchange, Running
from server.transport.wire import REQUEST_CANCELLED, Message, error_body, error_response, error_status

log = logging.getLogger(__name__)

TurnedAway = Callable[[Caller, str, Refusal], None]
"""Told of calls that the transport refuses before the tools see them, so that they are recorded and shown too."""

METHOD: Final = "tools/call"
_PLAIN_KEYS: Final = frozenset({"name", "arguments", "_meta"})
_KNOWN_ENVELOPES: Final = 1024
_ENVELOPE_BYTES: Final = 2048
_DEAD: Final = frozenset({"GRANT_ENDED", "KILL_SWITCH"})


class ToolCalls:
    """Checks what a call must be, runs it, and puts what comes back into JSON-RPC and HTTP."""

    def __init__(
        self, host: ToolHost, running: Running, challenge: Challenge, max_in_flight: int, turned_away: TurnedAway | None
    ) -> None:
        self._host = host
        self._running = running
        self._challenge = challenge
        self._max_in_flight = max_in_flight
        self._turned_away = turned_away
        self._known: dict[str, Mapping[str, Any]] = {}
        self._mirrored: dict[str, tuple[Mapping[str, Any], bool]] = {}

    def bad_params(self, caller: Caller, message: Message, version: str) -> web.Response | None:
        """Check the params as the kernel would, and answer with its error; None where they are good.

        A client sends the same ``_meta`` with each call, but for the progress token. One that passed for this grant and
        comes again isn't checked again: comparing costs a tenth of checking.
        """
        params = message.params
        envelope: Any = None
        if params is not None and type(params.get("name")) is str and params.keys() <= _PLAIN_KEYS:
            envelope = _without_token(params.get("_meta"))
            if isinstance(params.get("arguments"), dict | None) and (
                not envelope or envelope == self._known.get(_key(caller, version))
            ):
                return None
        try:
            validate_client_request(METHOD, version, params)
        except ValidationError as problem:
            error = modern_error_data(problem)
            status = error_status(error.code) if version in MODERN_PROTOCOL_VERSIONS else 200
            return error_response(message.request_id, error.code, error.message, error.data, status)
        if isinstance(envelope, dict) and len(str(envelope)) <= _ENVELOPE_BYTES:
            if len(self._known) >= _KNOWN_ENVELOPES:
                self._known.clear()
            self._known[_key(caller, version)] = envelope
        return None

    def bad_param_headers(
        self, name: str, arguments: Mapping[str, Any], headers: CIMultiDictProxy[str]
    ) -> InboundLadderRejection | None:
        """Check the modern era's ``Mcp-Param-*`` headers, where the tool's schema mirrors a parameter in one."""
        schema = self._host.input_schema(name)
        if schema is None:
            return None
        seen = self._mirrored.get(name)
        if seen is None or seen[0] is not schema:
            mirrors = find_invalid_x_mcp_header(schema) is None and bool(x_mcp_header_map(schema))
            seen = self._mirrored[name] = (schema, mirrors)
        return validate_mcp_param_headers(schema, arguments, headers) if seen[1] else None

    def begin(self, exchange: Exchange, name: str) -> ToolAnswer | None:
        """Take a call in, or refuse it because its client has too many running."""
        caller = exchange.caller
        if self._running.calls(caller.grant.client) < self._max_in_flight:
            self._running.enter(exchange)
            return None
        refusal = refuse(
            "BUSY", "Too many of your calls are running; wait for one to end.", running=self._max_in_flight
        )
        if self._turned_away is not None:
            self._turned_away(caller, name, refusal)
        return refusal_answer(refusal)

    async def run(
        self, exchange: Exchange, request_id: RequestId, name: str, arguments: Mapping[str, Any], form: ResultForm
    ) -> web.StreamResponse:
        """Run a call in the task that answers it: where the client goes away, the call is cancelled with it."""
        refused = self.begin(exchange, name)
        if refused is not None:
            return await self._answer(exchange, request_id, refused, form)
        exchange.task = task = asyncio.current_task()
        try:
            answer = await self._host.call(exchange.caller, name, arguments)
        except asyncio.CancelledError:
            if exchange.ended is None or task is None or task.uncancel():
                raise
            return await self._cut_short(exchange, request_id, form)
        except Exception as problem:  # noqa: BLE001 - the edge: what nobody planned is logged, and nothing of it leaves
            return await self._failed(exchange, request_id, problem)
        finally:
            self._running.leave(exchange)
        return await self._answer(exchange, request_id, answer, form)

    async def run_detached(
        self,
        exchange: Exchange,
        request_id: RequestId,
        name: str,
        arguments: Mapping[str, Any],
        form: ResultForm,
        done: Callable[[], None] | None,
    ) -> web.StreamResponse:
        """Run a call in a task of its own, which goes on when the client's connection breaks; only
        ``notifications/cancelled`` calls it off (2025-11-25, transports and cancellation).
        """
        refused = self.begin(exchange, name)
        if refused is not None:
            if done is not None:
                done()
            return await self._answer(exchange, request_id, refused, form)
        task = asyncio.get_running_loop().create_task(self._host.call(exchange.caller, name, arguments))
        exchange.task = task

        def over(_: object) -> None:
            self._running.leave(exchange)
            if done is not None:
                done()
            if not task.cancelled():
                task.exception()  # marks it as seen: nobody may be left to await it

        task.add_done_callback(over)
        try:
            answer = await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            return await self._cut_short(exchange, request_id, form)
        except Exception as problem:  # noqa: BLE001 - the edge: what nobody planned is logged, and nothing of it leaves
            return await self._failed(exchange, request_id, problem)
        return await self._answer(exchange, request_id, answer, form)

    async def _answer(
        self, exchange: Exchange, request_id: RequestId, answer: ToolAnswer, form: ResultForm
    ) -> web.StreamResponse:
        refusal = answer.refusal
        if refusal is None:
            return await exchange.finish(form.body(request_id, answer))
        if refusal.code in _DEAD:
            return await self._denied(exchange, request_id, answer, 401, self._challenge.unauthorized("invalid_token"))
        if refusal.code == "SCOPE_MISSING" and exchange.caller.grant.via is Via.OAUTH:
            challenge = self._challenge.insufficient(_union(exchange.caller, refusal))
            return await self._denied(exchange, request_id, answer, 403, challenge)
        if refusal.code == "UNKNOWN_TOOL":
            # A protocol error, not a tool's: 2025-11-25 and 2026-07-28, tools, "Error Handling".
            error = ErrorData(code=INVALID_PARAMS, message=refusal.message, data=dict(answer.structured))
            status = error_status(INVALID_PARAMS) if exchange.modern else 200
            return await exchange.finish(error_body(request_id, error), status)
        return await exchange.finish(form.body(request_id, answer))

    async def _denied(
        self, exchange: Exchange, request_id: RequestId, answer: ToolAnswer, status: int, challenge: str
    ) -> web.StreamResponse:
        assert answer.refusal is not None
        error = ErrorData(code=INVALID_REQUEST, message=answer.refusal.message, data=dict(answer.structured))
        return await exchange.finish(error_body(request_id, error), status, {CHALLENGE_HEADER: challenge})

    async def _cut_short(self, exchange: Exchange, request_id: RequestId, form: ResultForm) -> web.StreamResponse:
        if exchange.ended is Ended.GRANT:
            return await self._answer(exchange, request_id, refusal_answer(refuse("GRANT_ENDED")), form)
        if exchange.ended is Ended.HOST:
            return await self._answer(exchange, request_id, refusal_answer(refuse("BUSY", "The host stops.")), form)
        error = ErrorData(code=REQUEST_CANCELLED, message="Request cancelled")
        return await exchange.finish(error_body(request_id, error))

    async def _failed(self, exchange: Exchange, request_id: RequestId, problem: Exception) -> web.StreamResponse:
        log.error("a call of a tool raised", exc_info=problem)
        error = ErrorData(code=INTERNAL_ERROR, message="Internal server error")
        with contextlib.suppress(ConnectionError):
            return await exchange.finish(error_body(request_id, error))
        raise problem


def _union(caller: Caller, refusal: Refusal) -> str:
    """Return what to ask for: what is needed beside all that the token has, because the new one replaces it.

    2026-07-28, authorization, "Scope Challenge Handling"; RFC 6750, 3.1.
    """
    grant, narrowed = caller.grant, caller.narrowed
    held = refusal.details.get("held", scope_text(effective(grant, narrowed, grant.scopes)))
    return " ".join(dict.fromkeys([*held.split(), *refusal.details.get("scope", "").split()]))


def _without_token(meta: Any) -> Any:
    """Return ``_meta`` without a good progress token: an empty mapping is good in every version that allows it."""
    if type(meta) is dict and type(meta.get("progressToken")) in (int, str):
        return {key: value for key, value in meta.items() if key != "progressToken"}
    return {} if meta is None else meta


def _key(caller: Caller, version: str) -> str:
    return f"{caller.grant.grant_id} {version}"
