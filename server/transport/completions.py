"""``completion/complete``, answered from the completion host."""

from __future__ import annotations

from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp_types import CompleteRequestParams, CompleteResult, Completion, PromptReference

from server.host import Completing, CompletionHost
from server.transport.asked import exchange_of

_MOST: Final = 100
"""2025-11-25 and 2026-07-28, completion: "Maximum 100 items per response"."""


def add_completion(kernel: Server[Any], host: CompletionHost) -> None:
    """Let the kernel complete what a client is typing."""

    async def complete(ctx: ServerRequestContext[Any, Any], params: CompleteRequestParams) -> CompleteResult:
        ref, argument = params.ref, params.argument
        asked = Completing(
            argument.name,
            argument.value,
            prompt=ref.name if isinstance(ref, PromptReference) else "",
            template="" if isinstance(ref, PromptReference) else ref.uri,
            known=(params.context.arguments or {}) if params.context is not None else {},
        )
        fits = await host.complete(exchange_of(ctx).caller, asked)
        values = list(fits[:_MOST])
        return CompleteResult(completion=Completion(values=values, total=len(fits), has_more=len(fits) > len(values)))

    kernel.add_request_handler("completion/complete", CompleteRequestParams, complete)
