"""How a request ends before its time: the client goes, calls it off, its grant ends, or the host stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import ClientConnectionError

from cockpit.model.identity import Caller, GrantId
from server.host import Talk, ToolAnswer, ToolResult
from server.transport.calls import ToolCalls
from server.transport.running import Answer, Ended, Exchange, Reply, Running
from server.transport.transport import Limits
from tests.server.parts import ENVELOPE, MODERN, FakeTools, House, Wire, house, wire
from tests.server.raw import raw
from tests.server.test_streams import get_stream, listen_stream, next_event


async def call(client: Wire, era: str, name: str = "wait", **headers: str) -> tuple[int, Any, str]:
    ask = client.modern if era == "modern" else client.legacy
    async with ask("tools/call", {"name": name}, request_id="slow", **headers) as answer:
        return answer.status, await answer.json(), answer.headers.get("WWW-Authenticate", "")


async def started(group: asyncio.TaskGroup, here: House, client: Wire, era: str, **headers: str) -> asyncio.Task[Any]:
    task = group.create_task(call(client, era, **headers))
    await here.tools.started.wait()
    return task


async def test_a_modern_client_that_goes_away_calls_its_request_off():
    async with house() as here, wire(here) as ann:
        gone = asyncio.ensure_future(call(ann, "modern"))
        await here.tools.started.wait()
        gone.cancel()
        async with asyncio.timeout(2):
            await here.tools.cancelled.wait()


async def test_a_handshake_client_that_goes_away_does_not():
    async with house() as here, wire(here) as ann:
        gone = asyncio.ensure_future(call(ann, "legacy"))
        await here.tools.started.wait()
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone
        async with ann.legacy("ping") as answer:  # the server has seen the broken connection by now
            assert answer.status == 200
        assert not here.tools.cancelled.is_set()
        assert here.transport.open_requests == 1
        here.tools.go_on.set()
        async with asyncio.timeout(2):
            await here.tools.finished.wait()
            while here.transport.open_requests:
                await asyncio.sleep(0)
        assert not here.tools.cancelled.is_set()


async def test_a_handshake_client_calls_a_request_off_by_notification():
    async with house() as here, wire(here) as ann:
        session = {"Mcp-Session-Id": await ann.initialize()}
        async with asyncio.TaskGroup() as group:
            task = await started(group, here, ann, "legacy", **session)
            cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}}
            async with ann.post(cancelled, **session) as answer:
                assert answer.status == 202
        assert here.tools.cancelled.is_set()
        assert task.result()[1]["error"]["code"] == -32800
        assert here.transport.open_requests == 0


@pytest.mark.parametrize("request_id", [["slow"], {}, None, True, 1.5, "other"])
async def test_calling_off_what_is_not_there_does_nothing(request_id):
    async with house() as here, wire(here) as ann:
        session = {"Mcp-Session-Id": await ann.initialize()}
        async with asyncio.TaskGroup() as group:
            task = await started(group, here, ann, "legacy", **session)
            cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}
            async with ann.post(cancelled, **session) as answer:
                assert answer.status == 202
            here.tools.go_on.set()
        assert task.result()[1]["result"]["structuredContent"] == {"waited": True}


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_the_calls_of_an_ended_grant_are_cancelled_and_answered_with_401(era):
    async with house() as here, wire(here) as ann:
        async with asyncio.TaskGroup() as group:
            task = await started(group, here, ann, era)
            here.transport.grant_ended(GrantId("grant-ann"))
        status, body, challenge = task.result()
        assert here.tools.cancelled.is_set()
        assert status == 401
        assert body["error"]["data"]["code"] == "GRANT_ENDED"
        assert 'error="invalid_token"' in challenge
        async with ann.legacy("ping") as answer:  # the connection itself goes on
            assert answer.status == 200


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_call_whose_grant_ends_before_it_is_begun_is_answered_and_reported(
    era: str, monkeypatch: pytest.MonkeyPatch
):
    async with house() as here, wire(here) as ann:
        enter = Running.enter

        def entered(running: Running, exchange: Exchange) -> None:
            enter(running, exchange)
            asyncio.get_running_loop().call_soon(here.transport.grant_ended, exchange.caller.grant.grant_id)

        monkeypatch.setattr(Running, "enter", entered)
        status, body, challenge = await call(ann, era, "echo")
        assert (status, body["error"]["data"]["code"]) == (401, "GRANT_ENDED")
        assert "invalid_token" in challenge
        assert here.tools.called == []
        assert here.turned_away == [("ann", "echo", "GRANT_ENDED")]
        assert here.transport.open_requests == 0


async def test_a_grant_that_ends_after_the_work_and_before_the_answer_is_written_is_given_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    async with house() as here, wire(here) as ann:
        run = ToolCalls.run

        async def ran(calls: ToolCalls, exchange: Exchange) -> Answer:
            answer = await run(calls, exchange)
            asyncio.get_running_loop().call_soon(here.transport.grant_ended, exchange.caller.grant.grant_id)
            return answer

        monkeypatch.setattr(ToolCalls, "run", ran)
        status, body, _ = await call(ann, "modern", "echo")
        assert here.tools.called
        assert (status, body["error"]["data"]["code"]) == (401, "GRANT_ENDED")


async def test_a_handshake_call_that_is_done_is_withheld_from_a_grant_that_ends_before_it_is_sent():
    async with house() as here, wire(here) as ann:

        async def done_and_then_ended(who: Caller, talk: Talk) -> ToolResult:
            work = asyncio.current_task()
            assert work is not None
            work.add_done_callback(lambda _: here.transport.grant_ended(who.grant.grant_id))
            return ToolAnswer({"balance": "12345"})

        here.tools.do = done_and_then_ended
        status, body, challenge = await call(ann, "legacy", "do")
        assert (status, body["error"]["data"]["code"]) == (401, "GRANT_ENDED")
        assert "invalid_token" in challenge
        assert "12345" not in json.dumps(body)
        assert here.transport.open_requests == 0


async def test_a_call_that_is_done_is_answered_though_the_host_stops_meanwhile(monkeypatch: pytest.MonkeyPatch):
    async with house() as here, wire(here) as ann:
        run = ToolCalls.run

        async def ran(calls: ToolCalls, exchange: Exchange) -> Answer:
            answer = await run(calls, exchange)
            asyncio.get_running_loop().call_soon(exchange.end, Ended.HOST)
            return answer

        monkeypatch.setattr(ToolCalls, "run", ran)
        status, body, _ = await call(ann, "modern", "echo")
        assert (status, body["result"]["structuredContent"]) == (200, {"said": {}})


async def test_the_calls_of_other_grants_go_on():
    async with house() as here, wire(here, "ben") as ben:
        async with asyncio.TaskGroup() as group:
            task = await started(group, here, ben, "modern")
            here.transport.grant_ended(GrantId("grant-ann"))
            here.tools.go_on.set()
        assert task.result()[1]["result"]["structuredContent"] == {"waited": True}


async def test_the_streams_of_an_ended_grant_close():
    async with house() as here, wire(here, "ann") as ann, wire(here, "ben") as ben:
        async with get_stream(ann) as standing, listen_stream(ann) as listening, listen_stream(ben) as other:
            here.transport.grant_ended(GrantId("grant-ann"))
            with pytest.raises(EOFError):
                await next_event(standing)
            assert "result" in await next_event(listening)
            with pytest.raises(EOFError):
                await next_event(listening)
            here.transport.tools_changed(GrantId("grant-ben"))
            assert "method" in await next_event(other)
        assert here.transport.sessions == 0


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_calls_beyond_the_clients_bound_are_refused_and_reported(era):
    async with house(limits=Limits(max_calls_in_flight=1)) as here, wire(here, "ann") as ann, wire(here, "ben") as ben:
        async with asyncio.TaskGroup() as group:
            task = await started(group, here, ann, era)
            _, body, _ = await call(ann, era, "echo")
            assert body["result"]["isError"]
            assert body["result"]["structuredContent"]["code"] == "BUSY"
            _, body, _ = await call(ben, era, "echo")
            assert not body["result"]["isError"]
            here.tools.go_on.set()
        assert task.result()[0] == 200
        assert here.turned_away == [("ann", "echo", "BUSY")]
        _, body, _ = await call(ann, era, "echo")
        assert not body["result"]["isError"]


async def test_the_id_of_a_call_that_was_refused_as_one_too_many_is_free_again():
    async with house(limits=Limits(max_calls_in_flight=1)) as here, wire(here, "ann") as ann:
        session = {"Mcp-Session-Id": await ann.initialize()}
        async with asyncio.TaskGroup() as group:
            await started(group, here, ann, "legacy")
            for _ in range(2):
                _, body, _ = await call(ann, "legacy", "echo", **session)
                assert body["result"]["structuredContent"]["code"] == "BUSY"
            here.tools.go_on.set()


async def test_the_host_stops_within_three_seconds_with_everything_open():
    async with contextlib.AsyncExitStack() as outer:
        inner = contextlib.AsyncExitStack()
        here = await inner.enter_async_context(house())
        ann = await outer.enter_async_context(wire(here))
        standing = await outer.enter_async_context(get_stream(ann))
        listening = await outer.enter_async_context(listen_stream(ann))
        modern = asyncio.ensure_future(call(ann, "modern"))
        legacy = asyncio.ensure_future(call(ann, "legacy"))
        await here.tools.started.wait()
        while here.transport.open_requests < 3:
            await asyncio.sleep(0)
        began = time.monotonic()
        await inner.aclose()
        assert time.monotonic() - began < 3
        assert here.tools.cancelled.is_set()
        with pytest.raises(EOFError):
            await next_event(standing)
        assert "result" in await next_event(listening)
        for answer in await asyncio.gather(modern, legacy):
            assert answer[1]["result"]["structuredContent"]["code"] == "BUSY"


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_client_that_does_not_read_holds_up_nothing_when_its_grant_ends(era):
    told = 0

    async def endless(_: Caller, talk: Talk) -> ToolResult:
        nonlocal told
        while True:
            told += 1
            await talk.progress(told, message="x" * 50_000)

    async with house() as here, wire(here) as ann, raw(here.port, buffer=4096) as line:
        here.tools.do = endless
        params: dict[str, Any] = {"name": "do", "_meta": {"progressToken": 1}}
        head = ["POST /mcp HTTP/1.1", "Host: localhost", "Authorization: Bearer ann"]
        if era == "modern":
            params["_meta"] |= ENVELOPE
            head += [f"MCP-Protocol-Version: {MODERN}", "Mcp-Method: tools/call", "Mcp-Name: do"]
        else:
            head += [f"Mcp-Session-Id: {await ann.initialize()}"]
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        line.send("\n".join([*head, f"Content-Length: {len(body)}", "", body]))
        async with asyncio.timeout(10):
            seen = -1
            while told == 0 or seen != told:  # until the tool waits for the client
                seen = told
                await asyncio.sleep(0.05)
            assert here.transport.open_requests == 1
            here.transport.grant_ended(GrantId("grant-ann"))
            while here.transport.open_requests:
                await asyncio.sleep(0.01)


class Stubborn(FakeTools):
    """Tools that don't end when they are cancelled."""

    async def _wait(self) -> Any:
        self.started.set()
        while not self.go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.go_on.wait()


async def test_the_host_stops_even_when_a_tool_does_not(monkeypatch):
    monkeypatch.setattr("tests.server.parts.FakeTools", Stubborn)
    inner = contextlib.AsyncExitStack()
    here = await inner.enter_async_context(house())
    async with wire(here) as ann:
        stuck = asyncio.ensure_future(call(ann, "legacy"))
        await here.tools.started.wait()
        try:
            async with asyncio.timeout(5):
                began = time.monotonic()
                await inner.aclose()
                assert time.monotonic() - began < 3
        finally:
            here.tools.go_on.set()
            stuck.cancel()


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_the_connection_of_a_call_that_does_not_end_is_dropped_with_its_grant(era, monkeypatch):
    monkeypatch.setattr("tests.server.parts.FakeTools", Stubborn)
    async with house() as here, wire(here) as ann:
        async with asyncio.timeout(10):
            stuck = asyncio.ensure_future(call(ann, era))
            await here.tools.started.wait()
            here.transport.grant_ended(GrantId("grant-ann"))
            try:
                with pytest.raises(ClientConnectionError):
                    await stuck
            finally:
                here.tools.go_on.set()


async def test_a_stream_that_its_client_left_before_it_began_ends_as_a_broken_connection(monkeypatch):
    async def gone(*_: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr("server.transport.running.open_stream", gone)
    reply = Reply(Mock(), {})
    await reply.send(b"{}")
    await reply.finish(b"{}")
    with pytest.raises(ConnectionResetError):
        _ = reply.response


async def test_a_call_that_breaks_the_protocol_is_recorded_too():
    async with house() as here, wire(here, "ann") as ann:
        odd = {"name": "echo", "arguments": [1]}
        async with ann.legacy("tools/call", odd) as answer:
            assert "error" in await answer.json()
        async with ann.legacy("tools/call", None) as answer:
            assert "error" in await answer.json()
        async with ann.modern("tools/call", odd) as answer:
            assert answer.status == 400
        async with ann.modern("tools/call", {"name": "echo"}, Mcp_Name="other") as answer:
            assert answer.status == 400
        session = {"Mcp-Session-Id": await ann.initialize()}
        async with asyncio.TaskGroup() as group:
            first = group.create_task(post(ann, {"name": "wait"}, session))
            await here.tools.started.wait()
            assert "still running" in (await post(ann, {"name": "echo"}, session))["error"]["message"]
            here.tools.go_on.set()
        assert "result" in first.result()
        assert here.turned_away == [("ann", name, "BAD_ARGUMENTS") for name in ("echo", "", "echo", "echo", "echo")]


async def post(client: Wire, params: dict[str, Any], session: dict[str, str]) -> Any:
    async with client.legacy("tools/call", params, request_id="same", Accept="application/json", **session) as answer:
        return await answer.json()
