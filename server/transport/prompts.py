"""``prompts/list`` and ``prompts/get``, answered from the prompt host."""

from __future__ import annotations

from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp_types import (
    INVALID_PARAMS,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    PaginatedRequestParams,
)

from cockpit.model.refusals import Refusal, refuse
from server.host import PromptHost
from server.transport.answering import Denied
from server.transport.asked import exchange_of
from server.transport.pages import page
from server.transport.results import protocol_error
from server.transport.talk import Line

_Context = ServerRequestContext[Any, Any]


def add_prompts(kernel: Server[Any], host: PromptHost) -> None:
    """Let the kernel answer for the prompts."""

    async def list_prompts(ctx: _Context, params: PaginatedRequestParams) -> ListPromptsResult:
        prompts, following = page(host.listed(exchange_of(ctx).caller), params.cursor, lambda prompt: prompt.name)
        return ListPromptsResult(prompts=prompts, next_cursor=following, ttl_ms=0, cache_scope="private")

    async def get_prompt(ctx: _Context, params: GetPromptRequestParams) -> GetPromptResult | InputRequiredResult:
        exchange = exchange_of(ctx)
        found = await host.get(exchange.caller, params.name, params.arguments or {}, Line(exchange))
        if found is None:
            raise protocol_error(INVALID_PARAMS, refuse("PROMPT_UNKNOWN"), name=params.name)
        if isinstance(found, Refusal):
            raise Denied(found)
        return found

    kernel.add_request_handler("prompts/list", PaginatedRequestParams, list_prompts)
    kernel.add_request_handler("prompts/get", GetPromptRequestParams, get_prompt)
