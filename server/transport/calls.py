"""The short way of ``tools/call``: from the checked envelope straight to the tools, and back as bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web
from mcp.server.lowlevel import Server
from mcp.server.runner import modern_error_data
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import (
    InboundLadderRejection,
    find_invalid_x_mcp_header,
    validate_mcp_param_headers,
    x_mcp_header_map,
)
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, ErrorData
from mcp_types.methods import serialize_server_result, validate_client_request
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from multidict import CIMultiDictProxy
from pydantic import ValidationError

from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal, refuse
from server.host import ToolAnswer, ToolHost, ToolResult
from server.transport.answering import Answering
from server.transport.results import ResultForm, refusal_answer, stamped
from server.transport.running import Answer, Exchange
from server.transport.talk import Line
from server.transport.wire import Message, error_body, error_response, error_status, result_body

TurnedAway = Callable[[Caller, str, Refusal], None]
"""Told of calls that the transport refuses before the tools see them, so that they are recorded and shown too."""

METHOD: Final = "tools/call"
_PLAIN_KEYS: Final = frozenset({"name", "arguments", "_meta"})
_KNOWN_ENVELOPES: Final = 1024
_ENVELOPE_BYTES: Final = 2048


class ToolCalls:
    """Checks what a call must be, runs it, and puts what comes back into JSON-RPC and HTTP."""

    def __init__(
        self, host: ToolHost, server: Server[Any], answering: Answering, turned_away: TurnedAway | None
    ) -> None:
        self._host = host
        self._server = server
        self._answering = answering
        self._turned_away = turned_away
        self._legacy, self._modern = ResultForm.legacy(), ResultForm.modern(server)
        self._known: dict[str, Mapping[str, Any]] = {}
        self._mirrored: dict[str, tuple[Mapping[str, Any], bool]] = {}

    def bad_params(self, caller: Caller, message: Message, version: str) -> web.Response | None:
        """Check the params as the kernel would, and answer with its error; None where they are good.

        A client sends the same ``_meta`` with each call, but for the progress token. One that passed for this grant and
        comes again isn't checked again: comparing costs a tenth of checking.
        """
        try:
            return self._bad_params(caller, message, version)
        except RecursionError:
            status = error_status(INVALID_PARAMS) if version in MODERN_PROTOCOL_VERSIONS else 200
            return error_response(message.request_id, INVALID_PARAMS, "The params are nested too deeply", None, status)

    def _bad_params(self, caller: Caller, message: Message, version: str) -> web.Response | None:
        params = message.params
        envelope: Any = None
        if params is not None and type(params.get("name")) is str and params.keys() <= _PLAIN_KEYS:
            envelope = _without_token(params.get("_meta"))
            if (
                isinstance(params.get("arguments"), dict | None)
                and type(envelope) is dict
                and (not envelope or envelope == self._known.get(_key(caller, version)))
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

    def note_broken(self, caller: Caller, message: Message, why: str) -> None:
        """Have a call recorded that is answered with an error of the protocol, because it breaks it."""
        if self._turned_away is not None:
            name = (message.params or {}).get("name")
            self._turned_away(caller, name if isinstance(name, str) else "", refuse("BAD_ARGUMENTS", why))

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

    async def run(self, exchange: Exchange) -> Answer:
        """Call the tool."""
        params = exchange.message.params
        assert params is not None
        result = await self._host.call(exchange.caller, params["name"], params.get("arguments") or {}, Line(exchange))
        return self._said(exchange, result)

    def refused(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Say a refusal as the tool's own error."""
        return self._said(exchange, refusal_answer(refusal))

    def turned_away(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Refuse a call before the tools see it."""
        params = exchange.message.params
        assert params is not None
        if self._turned_away is not None:
            self._turned_away(exchange.caller, params["name"], refusal)
        return self.refused(exchange, refusal)

    def _said(self, exchange: Exchange, result: ToolResult) -> Answer:
        request_id = exchange.message.request_id
        assert request_id is not None
        if not isinstance(result, ToolAnswer):
            return self._typed(exchange, result.model_dump(by_alias=True, mode="json", exclude_none=True))
        refusal = result.refusal
        if refusal is not None:
            denial = self._answering.denial(exchange, refusal)
            if denial is not None:
                return denial
            if refusal.code == "UNKNOWN_TOOL":
                # A protocol error, not a tool's: 2025-11-25 and 2026-07-28, tools, "Error Handling".
                error = ErrorData(code=INVALID_PARAMS, message=refusal.message, data=dict(result.structured))
                status = error_status(INVALID_PARAMS) if exchange.modern else 200
                return Answer(error_body(request_id, error), status, error=refusal.code)
        form = self._modern if exchange.modern else self._legacy
        return Answer(form.body(request_id, result), error="" if refusal is None else refusal.code)

    def _typed(self, exchange: Exchange, result: dict[str, Any]) -> Answer:
        """Write a result of the protocol's own shape as the version of the request knows it."""
        assert exchange.message.request_id is not None
        try:
            shaped = serialize_server_result(METHOD, exchange.version, result)
        except ValidationError as problem:
            raise MCPError(INTERNAL_ERROR, "The tool's answer is none in this version of the protocol") from problem
        body = result_body(exchange.message.request_id, stamped(self._server, shaped) if exchange.modern else shaped)
        return Answer(body, error="tool_error" if shaped.get("isError") else "")


def _without_token(meta: Any) -> Any:
    """Return ``_meta`` without a good progress token: an empty mapping is good in every version that allows it."""
    if type(meta) is dict and type(meta.get("progressToken")) in (int, str):
        return {key: value for key, value in meta.items() if key != "progressToken"}
    return {} if meta is None else meta


def _key(caller: Caller, version: str) -> str:
    return f"{caller.grant.grant_id} {version}"
