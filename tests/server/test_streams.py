"""What the server says on its own account: changed tools in both eras, signs of life, and the bound of what waits."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from mcp.shared.subscriptions import ToolsListChanged

from cockpit.model.identity import GrantId
from server.transport.standing import GetStream
from server.transport.transport import Limits
from tests.server.parts import ENVELOPE, MODERN, House, Wire, house, sdk_client, wire

LISTEN = {"notifications": {"toolsListChanged": True}}


async def next_event(stream: ClientResponse) -> Any:
    """Read one frame: the message, or None for a sign of life, or EOFError at the end."""
    async with asyncio.timeout(5):
        while True:
            line = await stream.content.readline()
            if not line:
                raise EOFError
            if line.startswith(b": ping"):
                return None
            if line.startswith(b"data: ") and line.strip() != b"data:":  # an event without data names a place only
                return json.loads(line[6:])


@contextlib.asynccontextmanager
async def get_stream(client: Wire) -> AsyncIterator[ClientResponse]:
    session_id = await client.initialize()
    headers = {**client.auth, "Mcp-Session-Id": session_id, "Accept": "text/event-stream"}
    async with client.http.get(client.house.url, headers=headers) as stream:
        assert stream.status == 200
        yield stream


@contextlib.asynccontextmanager
async def listen_stream(client: Wire) -> AsyncIterator[ClientResponse]:
    async with client.modern("subscriptions/listen", LISTEN) as stream:
        assert stream.status == 200
        acknowledged = await next_event(stream)
        assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
        yield stream


async def test_changed_tools_are_told_to_their_grant_alone_in_the_handshake_era():
    async with (
        house() as here,
        wire(here, "ann") as ann,
        wire(here, "ben") as ben,
        get_stream(ann) as hers,
        get_stream(ben) as his,
    ):
        here.transport.tools_changed(GrantId("grant-ann"))
        assert (await next_event(hers))["method"] == "notifications/tools/list_changed"
        here.transport.tools_changed(GrantId("grant-ben"))
        assert (await next_event(his))["method"] == "notifications/tools/list_changed"
        here.transport.grant_ended(GrantId("grant-ben"))
        with pytest.raises(EOFError):
            await next_event(his)


async def test_changed_tools_are_told_to_their_grant_alone_in_the_modern_era():
    async with (
        house() as here,
        wire(here, "ann") as ann,
        wire(here, "ben") as ben,
        listen_stream(ann) as hers,
        listen_stream(ben) as his,
    ):
        here.transport.tools_changed(GrantId("grant-ann"))
        assert (await next_event(hers))["method"] == "notifications/tools/list_changed"
        here.transport.tools_changed(GrantId("grant-ben"))
        assert (await next_event(his))["method"] == "notifications/tools/list_changed"
        here.transport.grant_ended(GrantId("grant-ben"))
        final = await next_event(his)
        assert final["result"]["resultType"] == "complete"
        with pytest.raises(EOFError):
            await next_event(his)


async def test_the_sdk_client_hears_of_changed_tools_in_the_handshake_era():
    heard = asyncio.Event()

    async def hear(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            heard.set()

    async with house() as here, sdk_client(here, "ann", "legacy", message_handler=hear):
        async with asyncio.timeout(5):
            while not heard.is_set():  # the client opens its stream in the background
                here.transport.tools_changed(GrantId("grant-ann"))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), 0.05)


async def test_the_sdk_client_hears_of_changed_tools_in_the_modern_era():
    async with (
        house() as here,
        sdk_client(here, "ann", MODERN) as client,
        client.listen(tools_list_changed=True) as events,
    ):
        here.transport.tools_changed(GrantId("grant-ann"))
        async with asyncio.timeout(5):
            assert await anext(aiter(events)) == ToolsListChanged()


async def test_a_listen_request_needs_a_client_that_takes_streams():
    async with (
        house() as here,
        wire(here) as ann,
        ann.modern("subscriptions/listen", LISTEN, Accept="application/json") as answer,
    ):
        assert answer.status == 406


async def call_in_background(group: asyncio.TaskGroup, here: House, client: Wire, era: str) -> asyncio.Task[Any]:
    async def call() -> Any:
        ask = client.modern if era == "modern" else client.legacy
        async with ask("tools/call", {"name": "wait"}, request_id="slow") as answer:
            frames = []
            if answer.content_type == "application/json":
                return [await answer.json()]
            with contextlib.suppress(EOFError):
                while True:
                    frames.append(await next_event(answer))
            return frames

    task = group.create_task(call())
    await here.tools.started.wait()
    return task


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_call_that_is_silent_for_long_becomes_a_stream_with_signs_of_life(era):
    async with house() as here, wire(here) as ann:
        async with asyncio.TaskGroup() as group:
            call = await call_in_background(group, here, ann, era)
            here.clock.seconds += 13
            here.transport.sweep()
            here.clock.seconds += 1
            here.transport.sweep()
            here.clock.seconds += 14
            here.transport.sweep()
            await asyncio.sleep(0)
            here.tools.go_on.set()
        frames = call.result()
        assert frames[:2] == [None, None]
        assert frames[-1]["id"] == "slow"
        assert frames[-1]["result"]["structuredContent"] == {"waited": True}


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_call_that_ends_soon_is_answered_in_plain_json(era):
    async with house() as here, wire(here) as ann:
        async with asyncio.TaskGroup() as group:
            call = await call_in_background(group, here, ann, era)
            here.clock.seconds += 13
            here.transport.sweep()
            here.tools.go_on.set()
        assert [frame["id"] for frame in call.result()] == ["slow"]


async def test_a_sign_of_life_that_comes_with_the_result_spoils_nothing():
    params = {"name": "wait", "_meta": ENVELOPE}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    async with house() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\nMCP-Protocol-Version: {MODERN}\r\n"
        )
        routing = f"Mcp-Method: tools/call\r\nMcp-Name: wait\r\nContent-Length: {len(body)}\r\n\r\n"
        request = (head + routing + body).encode()
        writer.write(request)
        await here.tools.started.wait()
        here.tools.go_on.set()
        here.clock.seconds += 14
        here.transport.sweep()
        writer.write(request + b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(5):
            everything = await reader.read()
        writer.close()
        assert everything.count(b"HTTP/1.") == 3
        assert everything.count(b'"result"') == 2


async def test_signs_of_life_keep_a_listen_stream_open():
    async with house() as here, wire(here) as ann, listen_stream(ann) as stream:
        here.clock.seconds += 14
        here.transport.sweep()
        assert await next_event(stream) is None


async def test_signs_of_life_keep_a_standing_stream_open():
    async with house(limits=Limits(ping_seconds=0.01)) as here, wire(here) as ann, get_stream(ann) as stream:
        assert await next_event(stream) is None
        assert await next_event(stream) is None


async def test_a_standing_stream_that_nobody_reads_is_dropped_once_its_queue_is_full():
    class Transport:
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    class Request:
        transport = Transport()

    stream = GetStream(Request(), 15)  # pyright: ignore[reportArgumentType]
    for _ in range(64):
        stream.push(b"x")
    assert not Request.transport.aborted
    stream.push(b"one too many")
    assert Request.transport.aborted
