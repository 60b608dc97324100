"""A client of the handshake era that loses its connection comes back for what was said meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientResponse
from mcp_types import CallToolResult, TextContent

from cockpit.model.identity import Caller, GrantId
from server.host import Talk, ToolAnswer, ToolResult
from server.transport import replay
from server.transport.replay import Log, Place
from tests.server.parts import House, Wire, house, wire
from tests.server.test_streams import get_stream

LONG = "x" * 70_000


@dataclass
class Event:
    """One event of a stream."""

    event_id: str
    data: Any
    retry: str = ""


async def event(stream: ClientResponse) -> Event:
    """Read one event, or raise EOFError at the end."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(5):
        while True:
            line = (await stream.content.readline()).decode()
            if not line:
                raise EOFError
            if line == "\r\n" and fields:
                break
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.strip()
    data = fields.get("data", "")
    return Event(fields.get("id", ""), json.loads(data) if data else None, fields.get("retry", ""))


class Steps:
    """A tool that reports progress each time that it is let on, and then ends."""

    def __init__(self, here: House) -> None:
        self.steps: asyncio.Queue[str] = asyncio.Queue()
        self.ended = asyncio.Event()
        here.tools.do = self.run

    async def run(self, _: Caller, talk: Talk) -> ToolResult:
        try:
            number = 0
            while (step := await self.steps.get()) != "end":
                if step == "hang up":
                    await talk.hang_up()
                elif step == "long":
                    return CallToolResult(content=[TextContent(type="text", text=LONG)])
                else:
                    number += 1
                    await talk.progress(number)
            return ToolAnswer({"steps": number})
        finally:
            self.ended.set()

    def go(self, *steps: str) -> None:
        for step in steps:
            self.steps.put_nowait(step)


@contextlib.asynccontextmanager
async def calling(client: Wire, **headers: str) -> AsyncIterator[ClientResponse]:
    params = {"name": "do", "_meta": {"progressToken": "p"}}
    async with client.legacy("tools/call", params, request_id="call", **headers) as answer:
        yield answer


@contextlib.asynccontextmanager
async def back(client: Wire, session_id: str, event_id: str) -> AsyncIterator[ClientResponse]:
    headers = {
        **client.auth, "Mcp-Session-Id": session_id, "Last-Event-ID": event_id, "Accept": "text/event-stream",
    }  # fmt: skip
    async with client.http.get(client.house.url, headers=headers) as answer:
        yield answer


@contextlib.asynccontextmanager
async def standing(client: Wire, session_id: str) -> AsyncIterator[None]:
    headers = {**client.auth, "Mcp-Session-Id": session_id, "Accept": "text/event-stream"}
    async with client.http.get(client.house.url, headers=headers) as stream:
        assert stream.status == 200
        yield


async def test_an_answer_names_a_place_to_come_back_to_before_it_says_anything():
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        session = {"Mcp-Session-Id": await ann.initialize()}
        steps.go("step", "end")
        async with calling(ann, **session) as answer:
            found = [await event(answer) for _ in range(3)]
            assert [one.event_id for one in found] == ["1-0", "1-1", "1-2"]
            assert (found[0].data, found[0].retry) == (None, "1000")
            assert found[2].data["result"]["structuredContent"] == {"steps": 1}


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18"])
async def test_clients_of_earlier_versions_get_no_event_without_data(version):
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
        async with ann.legacy("initialize", hello) as answer:
            session = {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"]}
        steps.go("hang up", "step", "end")
        async with calling(ann, **session, **{"MCP-Protocol-Version": version}) as answer:
            found = [await event(answer) for _ in range(2)]
            assert [one.event_id for one in found] == ["1-0", "1-1"]
            assert found[0].data["params"]["progress"] == 1


async def test_a_client_whose_connection_broke_gets_what_it_missed_and_what_comes():
    async with house() as here, wire(here) as ann, wire(here) as again:
        steps = Steps(here)
        session_id = await ann.initialize()
        steps.go("step")
        async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
            await event(answer)
            seen = await event(answer)
            answer.close()
        steps.go("step", "step")
        async with back(again, session_id, seen.event_id) as answer:
            assert [(await event(answer)).data["params"]["progress"] for _ in range(2)] == [2, 3]
            steps.go("step", "end")
            assert (await event(answer)).data["params"]["progress"] == 4
            assert (await event(answer)).data["result"]["structuredContent"] == {"steps": 4}
            with pytest.raises(EOFError):
                await event(answer)


async def test_a_client_that_comes_back_after_the_end_gets_the_result():
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        session_id = await ann.initialize()
        steps.go("step")
        async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
            place = await event(answer)
            answer.close()
        steps.go("end")
        await steps.ended.wait()
        while here.transport.open_requests:
            await asyncio.sleep(0)
        for _ in range(2):
            async with back(ann, session_id, place.event_id) as answer:
                assert (await event(answer)).data["params"]["progress"] == 1
                assert (await event(answer)).data["result"]["structuredContent"] == {"steps": 1}
                with pytest.raises(EOFError):
                    await event(answer)


async def test_a_tool_may_hang_up_and_the_client_comes_back():
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        session_id = await ann.initialize()
        steps.go("hang up")
        async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
            place = await event(answer)
            with pytest.raises(EOFError):
                await event(answer)
        async with ann.legacy("ping") as answer:  # the same connection serves on
            assert answer.status == 200
        steps.go("step", "end")
        async with back(ann, session_id, place.event_id) as answer:
            assert (await event(answer)).data["params"]["progress"] == 1
            assert (await event(answer)).data["result"]["structuredContent"] == {"steps": 1}


async def test_the_grants_end_reaches_a_client_that_came_back():
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        session_id = await ann.initialize()
        steps.go("hang up")
        async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
            place = await event(answer)
        async with back(ann, session_id, place.event_id) as answer:
            here.transport.grant_ended(GrantId("grant-ann"))
            assert (await event(answer)).data["error"]["data"]["code"] == "GRANT_ENDED"
            with pytest.raises(EOFError):
                await event(answer)


async def test_nobody_comes_back_for_what_another_asked():
    async with house() as here, wire(here, "ann") as ann, wire(here, "ben") as ben:
        steps = Steps(here)
        session_id = await ann.initialize()
        steps.go("hang up")
        async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
            place = await event(answer)
        async with back(ben, session_id, place.event_id) as answer:
            assert answer.status == 404
        async with back(ben, await ben.initialize(), place.event_id) as answer:
            assert answer.status == 200  # the standing stream of his own session
            here.transport.tools_changed(GrantId("grant-ben"))
            assert (await event(answer)).data["method"] == "notifications/tools/list_changed"
        steps.go("end")


async def test_the_standing_stream_goes_on_where_it_broke():
    async with house() as here, wire(here) as ann, get_stream(ann) as stream:
        session_id = stream.headers["Mcp-Session-Id"]
        here.transport.tools_changed(GrantId("grant-ann"))
        seen = await event(stream)
        assert seen.event_id == "0-0"
        stream.close()
        here.transport.tools_changed(GrantId("grant-ann"))
        async with asyncio.timeout(5):
            while True:
                async with back(ann, session_id, seen.event_id) as answer:
                    if answer.status == 200:  # until the host has seen that the first one is gone
                        assert (await event(answer)).event_id == "0-1"
                        break


@pytest.mark.parametrize("event_id", ["", "x", "9-9", "1-", "-1", "1-1-1", "99999999999999999999999999999999-1", "٣-٣"])
async def test_a_place_that_nobody_gave_out_begins_a_standing_stream(event_id):
    async with house() as here, wire(here) as ann:
        session_id = await ann.initialize()
        headers = {**ann.auth, "Mcp-Session-Id": session_id, "Accept": "text/event-stream"}
        async with ann.http.get(here.url, headers=headers | {"Last-Event-ID": event_id}) as answer:
            assert answer.status == 200
            here.transport.tools_changed(GrantId("grant-ann"))
            assert (await event(answer)).data["method"] == "notifications/tools/list_changed"


async def test_an_answer_too_long_to_be_kept_is_named_as_lost():
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        session_id = await ann.initialize()
        steps.go("hang up")
        async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
            place = await event(answer)
        steps.go("long")
        await steps.ended.wait()
        while here.transport.open_requests:
            await asyncio.sleep(0)
        async with back(ann, session_id, place.event_id) as answer:
            lost = (await event(answer)).data
            assert (lost["id"], lost["error"]["code"]) == ("call", -32603)


async def test_what_is_said_on_the_standing_stream_pushes_no_answer_out():
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        session_id = await ann.initialize()
        async with standing(ann, session_id):
            steps.go("hang up")
            async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
                place = await event(answer)
            steps.go("end")
            await steps.ended.wait()
            while here.transport.open_requests:
                await asyncio.sleep(0)
            for _ in range(100):
                here.transport.tools_changed(GrantId("grant-ann"))
            async with back(ann, session_id, place.event_id) as answer:
                assert (await event(answer)).data["result"]["structuredContent"] == {"steps": 0}


async def test_an_answer_that_later_ones_pushed_out_is_named_as_lost():
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        session_id = await ann.initialize()
        steps.go("hang up")
        async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
            place = await event(answer)
        steps.go("end")
        await steps.ended.wait()
        while here.transport.open_requests:
            await asyncio.sleep(0)
        steps.go(*["step"] * 80, "end")
        async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
            for _ in range(82):
                await event(answer)
        async with back(ann, session_id, place.event_id) as answer:
            lost = (await event(answer)).data
            assert (lost["id"], lost["error"]["message"]) == ("call", "The answer isn't kept any more; ask again")


async def test_an_answer_that_takes_longer_than_anything_is_kept_is_still_found(monkeypatch):
    monkeypatch.setattr(replay, "_SECONDS", 0.02)
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        session_id = await ann.initialize()
        async with standing(ann, session_id):
            steps.go("hang up")
            async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
                place = await event(answer)
            here.transport.tools_changed(GrantId("grant-ann"))
            await asyncio.sleep(0.1)
            async with back(ann, session_id, place.event_id) as answer:
                steps.go("step", "end")
                assert (await event(answer)).data["params"]["progress"] == 1
                assert (await event(answer)).data["result"]["structuredContent"] == {"steps": 1}


async def test_an_answer_that_was_forgotten_is_refused_and_opens_no_standing_stream(monkeypatch):
    monkeypatch.setattr(replay, "_SECONDS", 0.02)
    async with house() as here, wire(here) as ann:
        steps = Steps(here)
        session_id = await ann.initialize()
        steps.go("hang up", "end")
        async with calling(ann, **{"Mcp-Session-Id": session_id}) as answer:
            place = await event(answer)
        await steps.ended.wait()
        await asyncio.sleep(0.2)
        async with back(ann, session_id, place.event_id) as answer:
            assert answer.status == 400
            assert "isn't kept any more" in (await answer.json())["error"]["message"]


async def test_what_is_kept_is_bounded_in_number_size_and_time(monkeypatch):
    log = Log()
    for number in range(200):
        log.answer(Place(1, number), str(number).encode())
    kept = log.since(Place(1, 0))
    assert len(kept) == 64
    assert b"data: 199" in kept[-1]
    for number in range(10):
        log.answer(Place(2, number), b"y" * 10_000)
    assert sum(map(len, log.since(Place(2, -1)))) <= 65_536
    assert not log.since(Place(1, 0))
    log.answer(Place(3, 0), LONG.encode())
    assert not log.since(Place(3, -1))
    for _ in range(200):
        log.say(b"y" * 1000)
    assert len(log.since(Place(0, -1))) <= 64
    for number in range(1000):
        log.answer(Place(number, 0), b"", ended=number)
    assert log.ended(Place(0, -1)) is None
    assert log.ended(Place(999, -1))
    monkeypatch.setattr(replay, "_SECONDS", 0.01)
    short = Log()
    short.answer(Place(1, 0), b"1", ended="call")
    async with asyncio.timeout(5):
        while short:
            await asyncio.sleep(0.01)
    assert short.ended(Place(1, -1)) is None
