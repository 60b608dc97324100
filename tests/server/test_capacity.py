"""How much the transport can hold: thousands of sessions that nobody uses, and hundreds of streams that end at once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import tracemalloc
from typing import Any
from unittest.mock import Mock

from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Response

from cockpit.model.identity import Caller, GrantId
from server.door import Challenge
from server.host import Talk, ToolAnswer, ToolResult
from server.transport.kernel import About
from server.transport.transport import Limits, Transport
from tests.server.parts import ENVELOPE, LEGACY, MODERN, FakeClock, FakeTools, caller, house, wire
from tests.server.test_streams import get_stream, listen_stream, next_event

SESSIONS = 400
MOST_BYTES = 4 * 1024
HELLO = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": LEGACY,
            "capabilities": {"roots": {"listChanged": True}, "sampling": {}, "elicitation": {}},
            "clientInfo": {"name": "a-client-of-today", "title": "A client of today", "version": "1.2.3"},
        },
    }
).encode()


def posted(body: bytes, **headers: str) -> Any:
    """Make a request as aiohttp hands it over, without a connection."""
    loop = asyncio.get_running_loop()
    payload = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    payload.feed_data(body)
    payload.feed_eof()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("POST", "/mcp", headers=named, payload=payload, protocol=Mock())


async def test_a_session_that_nobody_uses_takes_at_most_four_kibibytes_and_its_end_frees_them():
    ann, clock = caller("ann"), FakeClock()
    limits = Limits(max_sessions=SESSIONS, session_idle_seconds=60)
    about = About("cockpit", "1.2.3", "Cockpit", "Ask before you trade.")
    async with Transport(FakeTools(), clock, Challenge.at("http://127.0.0.1"), about, limits) as transport:

        async def begin() -> None:
            answer = await transport.serve(posted(HELLO), ann)
            assert isinstance(answer, Response)
            ready = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
            await transport.serve(posted(ready, Mcp_Session_Id=answer.headers["Mcp-Session-Id"]), ann)

        for _ in range(50):  # what is made once, by whichever comes first
            await begin()
        clock.seconds += 60
        transport.sweep()
        assert transport.sessions == 0
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(SESSIONS):
                await begin()
            gc.collect()
            held = tracemalloc.get_traced_memory()[0] - before
            assert transport.sessions == SESSIONS
            assert held / SESSIONS <= MOST_BYTES
            clock.seconds += 60
            transport.sweep()
            assert transport.sessions == 0
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] - before < held / 2
        finally:
            tracemalloc.stop()


async def test_requests_that_came_together_are_worked_on_together_and_then_answered_together():
    happened: list[str] = []

    async def works(_: Caller, __: Talk) -> ToolResult:
        happened.append("worked")
        return ToolAnswer({})

    tools, ann = FakeTools(), caller("ann")
    tools.do = works
    about = About("cockpit", "1.2.3", "Cockpit", "")
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "do", "_meta": ENVELOPE}}
    ).encode()
    headers = {"MCP_Protocol_Version": MODERN, "Mcp_Method": "tools/call", "Mcp_Name": "do"}
    async with Transport(tools, FakeClock(), Challenge.at("http://127.0.0.1"), about) as transport:

        async def ask() -> None:
            answer = await transport.serve(posted(body, **headers), ann)
            assert answer.status == 200
            happened.append("answered")

        await asyncio.gather(*(ask() for _ in range(3)))
    assert happened == ["worked"] * 3 + ["answered"] * 3


async def test_two_hundred_streams_of_a_grant_end_with_it_at_once():
    async with house(most_open=300) as here, contextlib.AsyncExitStack() as stack:
        streams = []
        for number in range(200):
            ann = await stack.enter_async_context(wire(here))
            opened = listen_stream(ann) if number < 16 else get_stream(ann)
            streams.append(await stack.enter_async_context(opened))
        ben = await stack.enter_async_context(wire(here, "ben"))
        other = await stack.enter_async_context(get_stream(ben))

        async def end(stream: Any) -> None:
            with contextlib.suppress(EOFError):
                while True:
                    await next_event(stream)

        ending = [asyncio.ensure_future(end(stream)) for stream in streams]
        here.transport.grant_ended(GrantId("grant-ann"))
        async with asyncio.timeout(10):
            await asyncio.gather(*ending)
        assert here.transport.sessions == 1
        here.transport.tools_changed(GrantId("grant-ben"))
        assert (await next_event(other))["method"] == "notifications/tools/list_changed"
