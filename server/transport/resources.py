"""``resources/*``, answered from the resource host, and which of them a session watches."""

from __future__ import annotations

from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    EmptyResult,
    InputRequiredResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)

from cockpit.model.refusals import Refusal, refuse
from server.host import ResourceHost
from server.transport.answering import Denied
from server.transport.asked import exchange_of
from server.transport.listening import MOST_WATCHED, WatchedBy
from server.transport.pages import page
from server.transport.results import protocol_error
from server.transport.talk import Line

_Context = ServerRequestContext[Any, Any]
_RESOURCE_NOT_FOUND: Final = -32002
"""Up to 2025-11-25 (resources, "Error Handling"); afterwards it is invalid params."""


def add_resources(kernel: Server[Any], host: ResourceHost, watched_by: WatchedBy) -> None:
    """Let the kernel answer for the resources. ``watched_by`` tells what a grant watches over all its sessions."""

    async def list_resources(ctx: _Context, params: PaginatedRequestParams) -> ListResourcesResult:
        listed = host.listed(exchange_of(ctx).caller)
        resources, following = page(listed, params.cursor, lambda resource: resource.uri)
        return ListResourcesResult(resources=resources, next_cursor=following, ttl_ms=0, cache_scope="private")

    async def list_templates(ctx: _Context, params: PaginatedRequestParams) -> ListResourceTemplatesResult:
        listed = host.templates(exchange_of(ctx).caller)
        templates, following = page(listed, params.cursor, lambda template: template.uri_template)
        return ListResourceTemplatesResult(
            resource_templates=templates, next_cursor=following, ttl_ms=0, cache_scope="private"
        )

    async def read(ctx: _Context, params: ReadResourceRequestParams) -> ReadResourceResult | InputRequiredResult:
        exchange = exchange_of(ctx)
        found = await host.read(exchange.caller, params.uri, Line(exchange))
        if found is None:
            raise _not_found(params.uri, modern=exchange.modern)
        if isinstance(found, Refusal):
            raise Denied(found)
        if isinstance(found, InputRequiredResult):
            return found
        return ReadResourceResult(contents=list(found), ttl_ms=0, cache_scope="private")

    async def subscribe(ctx: _Context, params: SubscribeRequestParams) -> EmptyResult:
        exchange = exchange_of(ctx)
        session = exchange.session
        if session is None:
            why = "Only a session can watch a resource; begin one with initialize."
            raise protocol_error(INVALID_REQUEST, refuse("BAD_ARGUMENTS", why))
        found = await host.watchable(exchange.caller, params.uri)
        if isinstance(found, Refusal):
            raise Denied(found)
        if not found:
            raise _not_found(params.uri, modern=False)
        watched = watched_by(exchange.caller.grant.grant_id)
        if len(watched) >= MOST_WATCHED and params.uri not in watched:
            raise Denied(refuse("WATCH_LIMIT", limit=MOST_WATCHED))
        session.watched = session.watched or set()
        session.watched.add(params.uri)
        return EmptyResult()

    async def unsubscribe(ctx: _Context, params: UnsubscribeRequestParams) -> EmptyResult:
        session = exchange_of(ctx).session
        if session is not None and session.watched is not None:
            session.watched.discard(params.uri)
        return EmptyResult()

    kernel.add_request_handler("resources/list", PaginatedRequestParams, list_resources)
    kernel.add_request_handler("resources/templates/list", PaginatedRequestParams, list_templates)
    kernel.add_request_handler("resources/read", ReadResourceRequestParams, read)
    kernel.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
    kernel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)


def _not_found(uri: str, *, modern: bool) -> MCPError:
    code = INVALID_PARAMS if modern else _RESOURCE_NOT_FOUND
    return protocol_error(code, refuse("RESOURCE_UNKNOWN"), uri=uri)
