"""The stateless era (2026-07-28): one POST is one request with its own envelope, and closing the answer calls it off."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from mcp.shared.inbound import (
    InboundLadderRejection,
    classify_inbound_request,
    unsupported_protocol_version_rejection,
)
from mcp_types import CLIENT_CAPABILITIES_META_KEY, HEADER_MISMATCH, PROTOCOL_VERSION_META_KEY, RequestId

from cockpit.model.clock import Clock
from cockpit.model.identity import Caller
from server.transport.again import PLAIN_CALL, CallHead, MakeRequest
from server.transport.answering import Answering
from server.transport.calls import METHOD, ToolCalls
from server.transport.dispatch import LISTEN, KernelRequests
from server.transport.running import Exchange
from server.transport.wire import VERSION_HEADER, Malformed, Message, accepts, error_response, read_body, read_message

_ROUTING_HEADERS: Final = ("mcp-protocol-version", "mcp-method", "mcp-name")


class ModernEra:
    """Serves requests that carry the version header of this era."""

    def __init__(self, kernel: KernelRequests, calls: ToolCalls, answering: Answering, clock: Clock) -> None:
        self._kernel = kernel
        self._calls = calls
        self._answering = answering
        self._clock = clock

    async def serve(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Answer one request; the order of the checks is the SDK's, so that a faulty one hears of the same fault."""
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        headers = request.headers
        takes = accepts(headers.get("Accept", ""))
        if not takes.json:
            return web.Response(status=406)
        message = read_message(await read_body(request))
        if isinstance(message, Malformed):
            return error_response(None, message.code, message.message)
        request_id, method, params, body = message
        if not method:
            return error_response(None, -32600, "Responses are not part of this version of the protocol")
        if request_id is None:
            unsupported = unsupported_protocol_version_rejection(headers[VERSION_HEADER])
            return web.Response(status=202) if unsupported is None else _rejected(None, unsupported)
        if method == LISTEN and not takes.stream:
            return web.Response(status=406)
        for name in _ROUTING_HEADERS:
            if len(headers.getall(name, ())) > 1:
                if method == METHOD:
                    self._calls.note_broken(caller, message, f"{name} appears more than once.")
                return error_response(request_id, HEADER_MISMATCH, f"{name} header appears more than once")
        route = classify_inbound_request(body, headers=headers)
        if isinstance(route, InboundLadderRejection):
            if method == METHOD:
                self._calls.note_broken(caller, message, route.message)
            return _rejected(request_id, route)
        exchange = Exchange(
            request,
            caller,
            message,
            route.protocol_version,
            now=self._clock.monotonic(),
            may_stream=takes.stream,
            modern=True,
            is_call=method != LISTEN,
        )
        if method != METHOD:
            return await self._answering.here(exchange, self._kernel)
        request[PLAIN_CALL] = True
        bad = self._calls.bad_params(caller, message, route.protocol_version)
        if bad is not None:
            self._calls.note_broken(caller, message, "The call's params are none.")
            return bad
        assert params is not None
        mismatch = self._calls.bad_param_headers(params["name"], params.get("arguments") or {}, headers)
        if mismatch is not None:
            self._calls.note_broken(caller, message, mismatch.message)
            return _rejected(request_id, mismatch)
        return await self._answering.here(exchange, self._calls)

    def again(self, head: CallHead, message: Message, caller: Caller, make_request: MakeRequest) -> Exchange | None:
        """Begin a call that is sure to be a good one, by a head that was served before. None for any other, and where
        there is no room: those are answered by ``serve``.
        """
        params, version = message.params, head.version
        meta = None if params is None else params.get("_meta")
        if (
            params is None
            or version is None
            or type(meta) is not dict
            or meta.get(PROTOCOL_VERSION_META_KEY) != version
            or CLIENT_CAPABILITIES_META_KEY not in meta
            or params.get("name") != head.name
            or not self._answering.has_room(caller)
            or self._calls.bad_params(caller, message, version) is not None
            or self._calls.bad_param_headers(params["name"], params.get("arguments") or {}, head.headers) is not None
        ):
            return None
        return head.exchange(caller, message, version, self._clock.monotonic(), make_request)


def _rejected(request_id: RequestId | None, rejection: InboundLadderRejection) -> web.Response:
    return error_response(request_id, rejection.code, rejection.message, rejection.data)
