"""A loopback proxy that adds an API key: the suite can't send one. Everything else passes unchanged, streams unbuffered."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from server.listener import bind, port_of

_OF_ONE_HOP: Final = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding", "upgrade"}
)


@contextlib.asynccontextmanager
async def keyed(upstream: str, key: str) -> AsyncIterator[str]:
    """Yield the address behind which every request carries the key."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            headers = _kept(request.headers)
            headers["Authorization"] = f"Bearer {key}"
            body = await request.read()
            async with session.request(request.method, upstream, headers=headers, data=body or None) as answer:
                response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
                return response

        app = web.Application()
        app.router.add_route("*", "/mcp", pass_on)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        taken = bind("127.0.0.1", 0)
        try:
            await web.SockSite(runner, taken).start()
            yield f"http://127.0.0.1:{port_of(taken)}/mcp"
        finally:
            await runner.cleanup()
            taken.close()


def _kept(headers: Mapping[str, str]) -> CIMultiDict[str]:
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in _OF_ONE_HOP:
            kept.add(name, value)
    return kept
