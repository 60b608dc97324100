"""The relay alone, against a host that behaves as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cockpit.cli.stdio.relay import MOST_OPEN, Relay

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Written:
    """What the program would read."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def write(self, message: bytes) -> None:
        self._said.put_nowait(json.loads(message))

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._said.get(), 20)

    @property
    def nothing_more(self) -> bool:
        return self._said.empty()


@asynccontextmanager
async def relaying(folder: Path, handler: Handler, **more: float) -> AsyncIterator[tuple[Relay, Written]]:
    app = web.Application()
    app.router.add_route("*", "/mcp", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.UnixSite(runner, str(folder / "mcp.sock")).start()
    out = Written()
    try:
        async with Relay((folder / "mcp.sock", folder / "control.sock"), out, lambda text: None, **more) as relay:
            yield relay, out
    finally:
        await runner.cleanup()


def line(request_id: int, method: str = "tools/list", **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode()


async def test_more_requests_than_may_be_open_are_refused_and_those_that_lose_the_host_hear_of_it(
    tmp_path: Path,
) -> None:
    hang_up = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await hang_up.wait()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with relaying(tmp_path, silent) as (relay, out):
        for request_id in range(MOST_OPEN):
            await relay.take(line(request_id))
        await relay.take(line(0))
        assert (await out.next())["error"]["message"] == "A request with this id is still running"
        await relay.take(line(MOST_OPEN))
        refused = await out.next()
        assert (refused["id"], refused["error"]["data"]["code"]) == (MOST_OPEN, "BUSY")
        assert out.nothing_more
        hang_up.set()
        lost = [await out.next() for _ in range(MOST_OPEN)]
        assert sorted(one["id"] for one in lost) == list(range(MOST_OPEN))
        assert {one["error"]["data"]["code"] for one in lost} == {"FATE_UNKNOWN"}
        assert relay.found


async def test_a_request_of_the_stateless_era_is_called_off_by_closing_it(tmp_path: Path) -> None:
    began, closed = asyncio.Event(), asyncio.Event()

    async def waiting(request: web.Request) -> web.StreamResponse:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()
        return web.Response()

    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    async with relaying(tmp_path, waiting) as (relay, out):
        await relay.take(line(1, "tools/call", name="wait_for_order", _meta=meta))
        await asyncio.wait_for(began.wait(), 20)
        await relay.take(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')
        await asyncio.wait_for(closed.wait(), 20)
        assert out.nothing_more


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_stream_is_read_however_its_bytes_come(tmp_path: Path, size: int) -> None:
    progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1, "message": "µ"}}
    result = {"jsonrpc": "2.0", "id": 1, "result": {"text": "a\nb"}}
    events = (
        b": ping\r\n\r\nid: 1\r\nretry: 500\r\ndata: \r\n\r\n"
         b"id: 2\r\nevent: message\r\ndata: " + json.dumps(progress, ensure_ascii=False).encode() + b"\r\n\r\n"
        + b"data: " + json.dumps(result).encode() + b"\n\n"
    )  # fmt: skip

    async def streaming(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for at in range(0, len(events), size):
            await answer.write(events[at : at + size])
        await answer.write_eof()
        return answer

    async with relaying(tmp_path, streaming) as (relay, out):
        await relay.take(line(1))
        assert [await out.next(), await out.next()] == [progress, result]
        assert out.nothing_more


async def test_a_stream_that_ends_before_its_answer_is_told(tmp_path: Path) -> None:
    async def short(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n')
        await answer.write_eof()
        return answer

    async with relaying(tmp_path, short) as (relay, out):
        await relay.take(line(5))
        assert (await out.next())["method"] == "notifications/message"
        assert (await out.next())["error"]["data"]["code"] == "FATE_UNKNOWN"


@pytest.mark.parametrize(
    ("status", "body", "code", "data"),
    [
        (429, {"code": "BUSY", "message": "No room.", "details": {"open": "3"}}, -32603, "BUSY"),
        (503, None, -32603, "BUSY"),
        (403, {"code": "GRANT_ENDED", "message": "It has ended."}, -32603, "GRANT_ENDED"),
        (403, {"code": "NEW_CODE", "message": "Of a later host."}, -32600, None),
        (500, "text", -32600, None),
        (400, {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no"}}, -32600, None),
    ],
)
async def test_whatever_the_host_says_is_an_answer_with_the_requests_id(
    tmp_path: Path, status: int, body: Any, code: int, data: str | None
) -> None:
    async def refusing(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status) if body is None else web.json_response(body, status=status)

    async with relaying(tmp_path, refusing) as (relay, out):
        await relay.take(line(9))
        said = await out.next()
        assert (said["id"], said["error"]["code"]) == (9, code)
        assert said["error"].get("data", {}).get("code") == data


async def test_a_session_is_named_in_what_follows_and_ended_at_the_end(tmp_path: Path) -> None:
    seen: list[tuple[str, str | None, str | None]] = []

    async def host(request: web.Request) -> web.StreamResponse:
        method = json.loads(await request.read())["method"] if request.method == "POST" else request.method
        seen.append((method, request.headers.get("Mcp-Session-Id"), request.headers.get("MCP-Protocol-Version")))
        if method == "initialize":
            result = {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-11-25"}}
            return web.json_response(result, headers={"Mcp-Session-Id": "s-1"})
        if method == "ping":
            return web.json_response({"jsonrpc": "2.0", "id": 2, "result": {}})
        return web.Response(status=405 if method == "GET" else 202)

    async with relaying(tmp_path, host) as (relay, out):
        await relay.take(line(1, "initialize"))
        await out.next()
        await relay.take(line(2, "ping"))
        await out.next()
    named = ("s-1", "2025-11-25")
    assert seen == [("initialize", None, None), ("ping", *named), ("DELETE", *named)]


@pytest.mark.parametrize(("method", "code"), [("initialize", "NO_ANSWER"), ("tools/call", "FATE_UNKNOWN")])
async def test_a_silent_host_is_given_up_on(tmp_path: Path, method: str, code: str) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    async with relaying(tmp_path, silent, silence_seconds=0.2) as (relay, out):
        await relay.take(line(1, method, name="get_quote"))
        said = await out.next()
        assert (said["id"], said["error"]["data"]["code"]) == (1, code)
        assert "silent for 0.2 seconds" in said["error"]["message"]


@pytest.mark.parametrize("request_id", ["1.5", "null"])
async def test_a_request_with_an_id_that_none_may_have_is_told_so(tmp_path: Path, request_id: str) -> None:
    async def unasked(request: web.Request) -> web.StreamResponse:
        raise AssertionError("nothing is sent on")

    async with relaying(tmp_path, unasked) as (relay, out):
        await relay.take(f'{{"jsonrpc":"2.0","id":{request_id},"method":"tools/list"}}'.encode())
        said = await out.next()
        assert (said["id"], said["error"]["code"]) == (json.loads(request_id), -32600)


@pytest.mark.parametrize(("message", "request_id"), [('{"jsonrpc":"2.0","id":4}', 4), ('{"jsonrpc":"2.0"}', None)])
async def test_what_is_neither_asked_nor_answered_is_told_so(
    tmp_path: Path, message: str, request_id: int | None
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        raise AssertionError("the host must not be asked")

    async with relaying(tmp_path, handler) as (relay, out):
        await relay.take(message.encode())
        said = await out.next()
        assert (said["id"], said["error"]["code"]) == (request_id, -32600)
