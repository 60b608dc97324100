"""How calls by the short way end and leave their connection: nothing of one is ever found in the answer to another."""

from __future__ import annotations

import asyncio
import contextvars
import json
from typing import Any

import pytest

from cockpit.model.identity import Caller, GrantId
from server.heads import Heads
from server.host import Talk, ToolAnswer
from tests.server.parts import LEGACY, house
from tests.server.raw import Raw, raw, until
from tests.server.test_shortcut import ERAS, body, head, warmed

TOLD = contextvars.ContextVar("told", default="nothing")


async def session_of(line: Raw) -> str:
    """Begin a session and return its header."""
    hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    said = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})
    line.send(head("legacy", length=len(said)) + said)
    return f"Mcp-Session-Id: {(await line.answer())[1]['mcp-session-id']}\n"


def place_in(stream: bytes) -> str:
    return stream.split(b"id: ")[1].split(b"\r\n")[0].decode()


def coming_back(more: str, place: str) -> str:
    return (
        "GET /mcp HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer ann\nAccept: text/event-stream\n"
        f"{more}Last-Event-ID: {place}\n\n"
    )


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("ticks", [0, 1, 2, 3])
@ERAS
async def test_a_sign_of_life_that_is_due_as_the_answer_comes_is_no_second_answer(era, ticks, known):
    async with house() as here, raw(here.port) as line:
        if known:
            here.tools.go_on.set()
            await warmed(line, era, "wait")
            here.tools.go_on.clear()
            here.tools.started.clear()
        line.send(head(era, "wait") + body(era, "wait", request_id=7))
        await here.tools.started.wait()
        here.clock.seconds += 14.5

        async def sweep() -> None:
            for _ in range(ticks):
                await asyncio.sleep(0)
            here.transport.sweep()

        here.tools.go_on.set()
        sweeping = asyncio.create_task(sweep())
        status, headers, said = await line.answer()
        await sweeping
        assert status == 200
        if "event-stream" in headers["content-type"]:  # the sign of life came first
            said = (await line.reader.readuntil(b"\r\n0\r\n\r\n")).split(b"data: ")[1].split(b"\r\n")[0]
        assert json.loads(said)["id"] == 7
        line.send(head(era) + body(era, request_id=8))
        status, _, said = await line.answer()
        assert (status, json.loads(said)["id"]) == (200, 8)


@pytest.mark.parametrize("known", [True, False])
async def test_a_client_that_comes_back_elsewhere_finds_its_first_answer_ended(known):
    async with house() as here, raw(here.port) as line, raw(here.port) as other:
        more, go = await session_of(line), asyncio.Event()

        async def do(_: Caller, talk: Talk) -> ToolAnswer:
            if not go.is_set():
                await talk.log("warning", "half")
                await go.wait()
            return ToolAnswer({"fine": True})

        here.tools.do = do
        if known:
            go.set()
            await warmed(line, "legacy", "do", more)
            go.clear()
        line.send(head("legacy", "do", more=more) + body("legacy", "do", request_id=5))
        begun = await line.reader.readuntil(b"half")
        other.send(coming_back(more, place_in(begun)))
        await line.reader.readuntil(b"\r\n0\r\n\r\n")
        line.send(head("legacy", more=more) + body("legacy", request_id=6))
        assert json.loads((await line.answer())[2])["id"] == 6
        go.set()
        assert b'"fine":true' in await other.reader.readuntil(b"\r\n0\r\n\r\n")


async def test_a_call_that_left_its_connection_never_closes_it_under_another():
    async with house() as here, raw(here.port) as line:
        more, go, first = await session_of(line), asyncio.Event(), True

        async def do(_: Caller, talk: Talk) -> ToolAnswer:
            if first:
                return ToolAnswer({"fine": True})
            await talk.hang_up()
            await go.wait()
            return ToolAnswer({"long": "y" * 8_000_000})

        here.tools.do = do
        await warmed(line, "legacy", "do", more)
        first = False
        line.send(head("legacy", "do", more=more) + body("legacy", "do", request_id=5))
        place = place_in(await line.reader.readuntil(b"\r\n0\r\n\r\n"))
        async with raw(here.port, buffer=4096) as slow:
            slow.writer.transport.pause_reading()
            slow.send(coming_back(more, place))
            await asyncio.sleep(0.1)
            go.set()
            await asyncio.sleep(0.1)
            line.send(head("legacy", "wait", who="ben") + body("legacy", "wait", request_id=9))
            await asyncio.wait_for(here.tools.started.wait(), 5)
            here.transport.grant_ended(GrantId("grant-ann"))
            await asyncio.sleep(0.1)
            here.tools.go_on.set()
            assert (await line.answer())[0] == 200


async def test_a_client_is_seen_to_go_though_it_has_sent_more():
    async with house() as here:
        async with raw(here.port) as line:
            here.tools.go_on.set()
            await warmed(line, "modern", "wait")
            here.tools.go_on.clear()
            here.tools.started.clear()
            line.send(head("modern", "wait") + body("modern", "wait"))
            await here.tools.started.wait()
            line.send(b"\n")
            await asyncio.sleep(0.05)
        await asyncio.wait_for(here.tools.cancelled.wait(), 5)
        await until(lambda: not here.transport.open_requests)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("running", [True, False])
@ERAS
async def test_params_that_are_nested_too_deeply_are_refused_like_other_bad_ones(era, running, known):
    async with house() as here, raw(here.port) as line:
        deep = '{"a":' * 1000 + "1" + "}" * 1000
        said = body(era, request_id=3).strip()
        if era == "modern":
            said = said.replace('"_meta": {', '"_meta": {"x": ' + deep + ", ")
        else:
            said = said.replace('"arguments": {}', '"arguments": {}, "_meta": {"x": ' + deep + "}")
        size = len(said)
        if known:
            line.send(head(era, length=size) + body(era).strip().ljust(size))
            assert (await line.answer())[0] == 200
        if running:
            line.send(head(era, "wait") + body(era, "wait"))
            await here.tools.started.wait()
        line.send(head(era, length=size) + said)
        if running:
            here.tools.go_on.set()
            assert (await line.answer())[0] == 200
        status, _, answer = await line.answer()
        assert status == (400 if era == "modern" else 200)
        told: Any = json.loads(answer)
        assert (told["id"], told["error"]["code"]) == (3, -32602)


@ERAS
async def test_nothing_that_one_call_leaves_in_its_context_reaches_the_next(era):
    async with house() as here, raw(here.port) as line:
        seen: list[str] = []
        go_on = asyncio.Event()
        go_on.set()

        async def do(caller: Caller, _: Talk) -> ToolAnswer:
            seen.append(TOLD.get())
            TOLD.set(caller.grant.client)
            await go_on.wait()
            return ToolAnswer({})

        here.tools.do = do
        for who in ("ann", "ben"):
            line.send(head(era, "do", who) + body(era, "do"))
            await line.answer()
        go_on.clear()
        for who in ("ann", "ben"):
            line.send(head(era, "do", who) + body(era, "do"))
            await asyncio.sleep(0.05)
        go_on.set()
        await line.answer()
        await line.answer()
        assert seen == ["nothing"] * 4


def test_the_heads_of_one_connection_are_bounded_in_number_and_size():
    heads: Heads[int] = Heads()
    for number in range(40):
        heads.keep(b"%04d\r\n\r\n" % number, number)
    assert [heads.find(b"%04d\r\n\r\n" % number) is not None for number in (31, 32, 39)] == [False, True, True]
    heads.keep(b"x" * 8000 + b"\r\n\r\n", 40)
    assert heads.find(b"0039\r\n\r\n") is not None
    assert heads.find(b"0032\r\n\r\n") is None
    heads.keep(b"y" * 4000 + b"\r\n\r\n", 41)
    assert heads.find(b"x" * 8000 + b"\r\n\r\n") is None
