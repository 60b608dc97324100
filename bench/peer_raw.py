"""What aiohttp and orjson alone come to: a JSON-RPC answer to every POST, with nothing of the protocol checked."""

from __future__ import annotations

import sys
from typing import Any

import orjson
from aiohttp import web

from bench.peer import QUOTE


def _result(body: dict[str, Any]) -> dict[str, Any]:
    if body["method"] != "tools/call":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "peer", "version": "1"},
        }
    if body["params"]["name"] != "get_quote":
        raise web.HTTPBadRequest
    text = orjson.dumps(QUOTE).decode()
    return {"content": [{"type": "text", "text": text}], "structuredContent": QUOTE, "isError": False}


async def _answer(request: web.Request) -> web.Response:
    body = orjson.loads(await request.read())
    if "id" not in body:
        return web.Response(status=202)
    answer = {"jsonrpc": "2.0", "id": body["id"], "result": _result(body)}
    headers = {"Mcp-Session-Id": "one"} if body["method"] == "initialize" else None
    return web.Response(body=orjson.dumps(answer), content_type="application/json", headers=headers)


def main() -> None:
    """Serve on the port given."""
    app = web.Application()
    app.router.add_post("/mcp", _answer)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
