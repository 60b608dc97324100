"""A call whose head was served before on its connection is answered as the first one was, and refused as it would be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.model.identity import Caller, GrantId, Via
from cockpit.model.refusals import refuse
from server.connection import Patience
from server.connections import Connections
from server.host import Talk, ToolAnswer, ToolResult
from server.shortcut import KnownHead, ShortCall, Shortcut, Wire
from server.transport import wire
from server.transport.calls import ToolCalls
from server.transport.results import refusal_answer
from server.transport.running import Answer, Exchange, Running
from server.transport.transport import Limits
from tests.server.parts import ENVELOPE, LEGACY, MODERN, caller, house
from tests.server.raw import Raw, raw, until
from tests.server.test_telemetry import Told

LENGTH = 600
ERAS = pytest.mark.parametrize("era", ["modern", "legacy"])


def head(era: str, tool: str = "echo", who: str = "ann", length: int = LENGTH, more: str = "") -> str:
    version, routing = LEGACY, ""
    if era == "modern":
        version, routing = MODERN, f"Mcp-Method: tools/call\nMcp-Name: {tool}\n"
    return (
        f"POST /mcp HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer {who}\nContent-Type: application/json\n"
        f"Accept: application/json, text/event-stream\nMCP-Protocol-Version: {version}\n{routing}{more}"
        f"Content-Length: {length}\n\n"
    )


def body(era: str, tool: str = "echo", request_id: Any = 1, method: str = "tools/call", **arguments: Any) -> str:
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    if era == "modern":
        params["_meta"] = ENVELOPE
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).ljust(LENGTH)


@contextlib.asynccontextmanager
async def counted(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[bytes]]:
    """Note the bodies of the calls that go the short way."""
    taken: list[bytes] = []
    begin = Shortcut.begin

    def begun(shortcut: Shortcut, known: KnownHead, body: bytes, line: Wire) -> ShortCall | None:
        call = begin(shortcut, known, body, line)
        if call is not None:
            taken.append(body)
        return call

    with monkeypatch.context() as patch:
        patch.setattr(Shortcut, "begin", begun)
        yield taken


async def warmed(line: Raw, era: str, tool: str = "echo", more: str = "") -> None:
    """Let the head be served once."""
    line.send(head(era, tool, more=more) + body(era, tool))
    assert (await line.answer())[0] == 200


def like(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
    status, headers, said = answer
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers.pop("date"))
    return status, headers, said


BODIES = {
    "good": lambda era: body(era, text="hello"),
    "good, text as id": lambda era: body(era, request_id="x\u20ac", text="hello"),
    "another tool": lambda era: body(era, "answer"),
    "no such tool": lambda era: body(era, "nothing"),
    "refused": lambda era: body(era, "refuse"),
    "broken": lambda era: body(era, "break"),
    "no JSON": lambda _: "{".ljust(LENGTH),
    "a list": lambda era: f"[{body(era)[:-2].strip()}]".ljust(LENGTH),
    "a notification": lambda era: body(era).replace('"id": 1, ', "").ljust(LENGTH),
    "an answer": lambda _: '{"jsonrpc":"2.0","id":1,"result":{}}'.ljust(LENGTH),
    "another method": lambda era: body(era, method="tools/list"),
    "an unknown method": lambda era: body(era, method="tools/calls"),
    "no envelope": lambda era: body(era).replace('"_meta"', '"_mota"'),
    "another version": lambda era: body(era).replace(MODERN, "2026-07-29"),
    "no capabilities": lambda era: body(era).replace("clientCapabilities", "clientCapabilitiez"),
    "arguments that are none": lambda era: body(era).replace('"arguments": {}', '"arguments": []'),
    "a name that is none": lambda era: body(era).replace('"name": "echo"', '"name": ["e"]'),
    "no name": lambda era: body(era).replace('"name": "echo"', '"nome": "echo"'),
}


@ERAS
@pytest.mark.parametrize("what", BODIES)
async def test_each_body_is_answered_as_on_a_connection_that_never_saw_its_head(era, what):
    async with house() as here, raw(here.port) as fresh, raw(here.port) as known:
        await warmed(known, era)
        sent = head(era) + BODIES[what](era).strip().ljust(LENGTH)
        for line in (fresh, known):
            line.send(sent)
        first = like(await fresh.answer())
        assert like(await known.answer()) == first
        assert "secret" not in first[2].decode()


@ERAS
@pytest.mark.parametrize("how", ["well", "refused", "denied", "unknown", "broken"])
@pytest.mark.parametrize("more", ["", "Origin: https://page.example\n"])
async def test_the_short_way_answers_byte_for_byte_as_the_long_way(era, how, more, monkeypatch):
    answers: dict[str, ToolResult] = {
        "well": ToolAnswer({"price": "101.25", "words": "\u20ac \u2028 \\n"}),
        "refused": refusal_answer(refuse("HALTED")),
        "denied": refusal_answer(refuse("SCOPE_MISSING", scope="write:orders", held="read:market")),
        "unknown": refusal_answer(refuse("UNKNOWN_TOOL", tool="do")),
    }

    async def now(_: Caller, __: Talk) -> ToolResult:
        return answers[how]

    async def before(_: Caller, __: Talk) -> ToolResult:
        return ToolAnswer({"fine": True})

    async with (
        house(origins=("https://page.example",)) as here,
        raw(here.port) as fresh,
        raw(here.port) as known,
        counted(monkeypatch) as taken,
    ):
        here.tools.do = before
        await warmed(known, era, "do", more)
        here.tools.do = now
        for line in (fresh, known):
            line.send(head(era, "do", more=more) + body(era, "do", request_id=2))
        assert like(await known.answer()) == like(await fresh.answer())
        assert len(taken) == 1


@ERAS
async def test_a_session_named_in_the_head_is_asked_for_each_time(era, monkeypatch):
    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        said = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})
        line.send(head("legacy", length=len(said)) + said)
        session = (await line.answer())[1]["mcp-session-id"]
        more = f"Mcp-Session-Id: {session}\n"
        await warmed(line, era, more=more)
        line.send(head(era, more=more) + body(era))
        assert ("mcp-session-id" in (await line.answer())[1]) is (era == "legacy")
        assert len(taken) == 1
        line.send(f"DELETE /mcp HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer ann\n{more}\n")
        assert (await line.answer())[0] == 200
        line.send(head(era, more=more) + body(era))
        assert (await line.answer())[0] == (404 if era == "legacy" else 200)


@ERAS
async def test_a_token_that_is_good_no_more_is_refused_though_its_head_is_known(era, monkeypatch):
    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:
        await warmed(line, era)
        del here.door.callers["ann"]
        line.send(head(era) + body(era))
        status, headers, _ = await line.answer()
        assert (status, taken) == (401, [])
        assert "invalid_token" in headers["www-authenticate"]
        here.door.callers["ann"] = caller("ben")  # the same token is another's now
        line.send(head(era) + body(era))
        assert (await line.answer())[0] == 200
        assert [who for who, *_ in here.tools.called] == ["ann", "ben"]


@ERAS
async def test_a_known_head_of_one_connection_is_none_on_another(era, monkeypatch):
    async with house() as here, raw(here.port) as one, raw(here.port) as other, counted(monkeypatch) as taken:
        await warmed(one, era)
        await warmed(other, era)
        assert taken == []


@ERAS
async def test_a_short_call_beyond_the_clients_bound_is_refused_and_reported(era):
    async with house(limits=Limits(max_calls_in_flight=1)) as here, raw(here.port) as one, raw(here.port) as two:
        here.tools.go_on.set()
        for line in (one, two):
            await warmed(line, era, "wait")
        here.tools.go_on.clear()
        here.tools.started.clear()
        one.send(head(era, "wait") + body(era, "wait", request_id="w1"))
        await here.tools.started.wait()
        two.send(head(era, "wait") + body(era, "wait", request_id="w2"))
        assert json.loads((await two.answer())[2])["result"]["structuredContent"]["code"] == "BUSY"
        assert here.turned_away == [("ann", "wait", "BUSY")]
        here.tools.go_on.set()
        assert (await one.answer())[0] == 200
        two.send(head(era, "wait") + body(era, "wait", request_id="w3"))
        assert b"waited" in (await two.answer())[2]


@ERAS
async def test_requests_that_one_client_has_open_are_counted_on_the_short_way_too(era, monkeypatch):
    async with house(most_open=1) as here, raw(here.port) as one, raw(here.port) as two, counted(monkeypatch) as taken:
        here.tools.go_on.set()
        await warmed(one, era, "wait")
        await warmed(two, era, "wait")
        here.tools.go_on.clear()
        here.tools.started.clear()
        one.send(head(era, "wait") + body(era, "wait"))
        await here.tools.started.wait()
        two.send(head(era, "wait") + body(era, "wait", request_id=2))
        assert (await two.answer())[0] == 429
        here.tools.go_on.set()
        await one.answer()
        two.send(head(era, "wait") + body(era, "wait", request_id=3))
        assert (await two.answer())[0] == 200
        assert len(taken) == 2


@ERAS
async def test_the_short_calls_of_an_ended_grant_are_cancelled_and_answered_with_401(era, monkeypatch):
    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:
        here.tools.go_on.set()
        await warmed(line, era, "wait")
        here.tools.go_on.clear()
        here.tools.started.clear()
        line.send(head(era, "wait") + body(era, "wait"))
        await here.tools.started.wait()
        here.transport.grant_ended(GrantId("grant-ann"))
        status, headers, said = await line.answer()
        assert (status, json.loads(said)["error"]["data"]["code"]) == (401, "GRANT_ENDED")
        assert "invalid_token" in headers["www-authenticate"]
        assert here.tools.cancelled.is_set()
        assert len(taken) == 1
        assert here.transport.open_requests == 0
        await warmed(line, era)  # the connection itself goes on


@ERAS
async def test_a_grant_that_ends_before_the_first_step_is_answered_reported_and_reaches_no_tool(era, monkeypatch):
    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:
        await warmed(line, era)
        here.tools.called.clear()
        enter = Running.enter

        def entered(running: Running, exchange: Exchange) -> None:
            enter(running, exchange)
            here.transport.grant_ended(exchange.caller.grant.grant_id)

        monkeypatch.setattr(Running, "enter", entered)
        line.send(head(era) + body(era))
        status, _, said = await line.answer()
        assert (status, json.loads(said)["error"]["data"]["code"]) == (401, "GRANT_ENDED")
        assert here.tools.called == []
        assert here.turned_away == [("ann", "echo", "GRANT_ENDED")]
        assert len(taken) == 1
        assert here.transport.open_requests == 0


@ERAS
async def test_a_grant_that_ends_after_the_work_and_before_the_answer_is_sent_is_given_nothing(era, monkeypatch):
    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:
        await warmed(line, era)
        run = ToolCalls.run

        async def ran(calls: ToolCalls, exchange: Exchange) -> Answer:
            answer = await run(calls, exchange)
            asyncio.get_running_loop().call_soon(here.transport.grant_ended, exchange.caller.grant.grant_id)
            return answer

        monkeypatch.setattr(ToolCalls, "run", ran)
        line.send(head(era) + body(era, text="hello"))
        status, _, said = await line.answer()
        assert (status, json.loads(said)["error"]["data"]["code"]) == (401, "GRANT_ENDED")
        assert b"hello" not in said
        assert len(taken) == 1
        assert here.transport.open_requests == 0


async def test_a_modern_client_that_goes_away_calls_its_short_call_off_and_a_handshake_client_does_not():
    async with house() as here:
        for era in ("modern", "legacy"):
            here.tools.go_on.set()
            async with raw(here.port) as line:
                await warmed(line, era, "wait")
                for event in (here.tools.go_on, here.tools.started, here.tools.cancelled, here.tools.finished):
                    event.clear()
                line.send(head(era, "wait") + body(era, "wait"))
                await here.tools.started.wait()
            if era == "modern":
                async with asyncio.timeout(5):
                    await here.tools.cancelled.wait()
            else:
                async with raw(here.port) as other:
                    await warmed(other, era)
                assert here.transport.open_requests == 1
                here.tools.go_on.set()
                await until(here.tools.finished.is_set)
                assert not here.tools.cancelled.is_set()
            await until(lambda: not here.transport.open_requests)


@ERAS
async def test_an_answer_that_becomes_a_stream_goes_on_as_one_and_so_does_its_connection(era, monkeypatch):
    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:

        async def quiet(_: Caller, __: Talk) -> ToolResult:
            return ToolAnswer({"fine": True})

        async def loud(_: Caller, talk: Talk) -> ToolResult:
            await talk.log("warning", "half of it")
            return ToolAnswer({"fine": True})

        here.tools.do = quiet
        meta = {**ENVELOPE, "io.modelcontextprotocol/logLevel": "debug"}
        said = body(era, "do").replace(json.dumps(ENVELOPE), json.dumps(meta)).strip().ljust(LENGTH)
        line.send(head(era, "do") + said)
        assert (await line.answer())[0] == 200
        here.tools.do = loud
        line.send(head(era, "do") + said)
        async with asyncio.timeout(5):
            answer = await line.reader.readuntil(b"\r\n0\r\n\r\n")
        assert b"text/event-stream" in answer
        assert b"nosniff" in answer
        assert answer.index(b"half of it") < answer.index(b'"fine":true')
        assert len(taken) == 1
        here.tools.do = quiet
        line.send(head(era, "do") + said)
        assert like(await line.answer())[0] == 200
        assert len(taken) == 2


@ERAS
async def test_a_short_call_that_is_silent_for_long_gives_a_sign_of_life_even_when_its_client_is_gone(era):
    async with house() as here:
        here.tools.go_on.set()
        async with raw(here.port) as line:
            await warmed(line, era, "wait")
            here.tools.go_on.clear()
            here.tools.started.clear()
            line.send(head(era, "wait") + body(era, "wait"))
            await here.tools.started.wait()
            here.clock.seconds += 15
            here.transport.sweep()
            async with asyncio.timeout(5):
                assert b": ping" in await line.reader.readuntil(b": ping\r\n\r\n")
        here.clock.seconds += 15
        here.transport.sweep()
        here.tools.go_on.set()
        await until(lambda: not here.transport.open_requests)


@ERAS
async def test_a_connection_whose_call_runs_is_not_idle_and_one_that_is_called_on_stays_open(era):
    places = Connections(1, Patience(idle=0.3))
    async with house(connections=places) as here, raw(here.port) as line:
        here.tools.go_on.set()
        await warmed(line, era, "wait")
        here.tools.go_on.clear()
        here.tools.started.clear()
        line.send(head(era, "wait") + body(era, "wait"))
        await here.tools.started.wait()
        assert not places.give_way()
        await asyncio.sleep(0.7)  # longer than an idle connection is kept
        here.tools.go_on.set()
        assert (await line.answer())[0] == 200
        line.send(head(era, "wait") + body(era, "wait", request_id=2))
        assert (await line.answer())[0] == 200
        assert await line.rest() == b"", "and idle it ends by itself"


async def test_the_host_stops_while_short_calls_run():
    async with contextlib.AsyncExitStack() as stack:
        clock = asyncio.get_running_loop().time
        async with house() as here:
            here.tools.go_on.set()
            lines = [await stack.enter_async_context(raw(here.port)) for _ in range(6)]
            for place, line in enumerate(lines):
                await warmed(line, ("modern", "legacy")[place % 2], "wait")
            here.tools.go_on.clear()
            for place, line in enumerate(lines):
                here.tools.started.clear()
                line.send(head(("modern", "legacy")[place % 2], "wait") + body(("modern", "legacy")[place % 2], "wait"))
                await here.tools.started.wait()
            began = clock()
        assert clock() - began < 3
        for line in lines:
            assert b"BUSY" in (await line.answer())[2]


def plan(era: str, number: int) -> tuple[bytes, int]:
    """Return one of several requests, and the status that it is answered with."""
    sends = {
        0: (head(era) + body(era, request_id=number, text="xxx"), 200),
        1: (head(era) + body(era, request_id=number), 200),
        2: ("GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n", 200),
        3: ("GET /nowhere HTTP/1.1\nHost: 127.0.0.1\n\n", 404),
        4: (head(era, who="nobody") + body(era), 401),
        5: (
            head(era).replace(f"Content-Length: {LENGTH}", "Transfer-Encoding: chunked")
            + f"{LENGTH:x}\n{body(era, request_id=number)}\n0\n\n",
            200,
        ),
        6: (head(era, length=2) + "{}", 400),
        7: (head(era) + "{".ljust(LENGTH), 400),
    }
    text, status = sends[number % len(sends)]
    return text.replace("\n", "\r\n").encode(), status


@ERAS
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_however_requests_are_cut_and_follow_each_other_each_gets_its_own_answer(era, data, monkeypatch):
    numbers = data.draw(st.lists(st.sampled_from([0, 1, 1, 1, 2, 3, 4, 5, 6, 7]), min_size=1, max_size=12))
    requests = [plan(era, number) for number in numbers]
    whole = b"".join(sent for sent, _ in requests)
    ends = [sum(len(sent) for sent, _ in requests[: place + 1]) for place in range(len(requests))]
    cuts = data.draw(st.one_of(st.just(ends), st.lists(st.integers(0, len(whole)), max_size=8)))
    async with house() as here, raw(here.port) as line, raw(here.port) as other:
        await warmed(line, era)

        async def send() -> None:
            for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(whole)], strict=True):
                line.send(whole[begin:end])
                await line.writer.drain()
                other.send("GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n")
                await other.answer()  # the host has read what came before

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            for number, (_, status) in zip(numbers, requests, strict=True):
                answer = await line.answer()
                assert answer[0] == status
                if status == 200 and number != 2:
                    assert json.loads(answer[2])["id"] == number
        assert here.transport.open_requests == 0


@ERAS
async def test_a_body_that_comes_apart_from_its_head_goes_the_short_way_too(era, monkeypatch):
    async with house() as here, raw(here.port) as line, raw(here.port) as other, counted(monkeypatch) as taken:
        for _ in range(3):
            sent = body(era, text="hello")
            line.send(head(era))
            for part in (sent[:100], sent[100:101], sent[101:]):
                await warmed(other, era, "answer")  # the host has read what came before
                line.send(part)
            assert (await line.answer())[0] == 200
        assert [json.loads(one)["params"]["arguments"] for one in taken if b"echo" in one] == [{"text": "hello"}] * 2


@ERAS
async def test_a_body_of_a_known_head_that_does_not_come_is_given_up_as_any_other_is(era, monkeypatch):
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.1)
    places = Connections(2)
    async with house(connections=places) as here, raw(here.port) as line:
        await warmed(line, era)
        line.send(head(era) + "{")
        async with raw(here.port) as other:
            await warmed(other, era)
        await until(lambda: len(places) == 1)
        assert not places.give_way(), "a request on its way is not idle"
        places.sweep(asyncio.get_running_loop().time())
        assert (await line.answer())[0] == 408


@ERAS
async def test_what_follows_a_known_head_is_read_by_aiohttp_alone(era):
    torn = ["Content-Length: 2\nContent-Length: 3\n\n{}", "Transfer-Encoding: gzip, chunked\n\n0\n\n", "X-A : b\n\n"]
    for what in torn:
        async with house() as here, raw(here.port) as line:
            await warmed(line, era)
            here.tools.called.clear()
            hidden = head(era) + body(era, request_id="hidden")
            line.send(head(era) + body(era))
            assert (await line.answer())[0] == 200
            line.send(f"POST /mcp HTTP/1.1\nHost: 127.0.0.1\n{what}{hidden}")
            said = await line.rest()
            assert re.findall(rb"HTTP/1\.[01] (\d+) ", said) == [b"400"], (what, said)
            assert len(here.tools.called) == 1
            assert b"hidden" not in said


@ERAS
@pytest.mark.parametrize("first", ["", head("modern", who="ben") + body("modern")])
async def test_a_known_head_in_the_middle_of_another_requests_bytes_is_no_request(era, first):
    async with house() as here, raw(here.port) as line, raw(here.port) as other:
        await warmed(line, era)
        here.tools.called.clear()
        line.send(first + "POST /nowhere HTTP/1.1\nHost: 127.0.0.1\nX-Hides: ")
        if first:
            assert (await line.answer())[0] == 200
        other.send("GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n")
        await other.answer()  # the host has read what came before
        line.send(head(era) + body(era, request_id="hidden"))
        status, _, said = await line.answer()
        assert status >= 400
        assert b"hidden" not in said
        assert [who for who, *_ in here.tools.called] == ["ben"] * bool(first)


@ERAS
async def test_bytes_behind_a_body_are_not_taken_for_a_part_of_it(era, monkeypatch):
    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:
        await warmed(line, era)
        line.send(head(era) + body(era) + "   ")
        await line.answer()
        assert taken == []


@ERAS
async def test_what_comes_while_a_short_call_runs_is_answered_after_it(era):
    async with house() as here, raw(here.port) as line, raw(here.port) as other:
        here.tools.go_on.set()
        await warmed(line, era, "wait")
        here.tools.go_on.clear()
        here.tools.started.clear()
        line.send(head(era, "wait") + body(era, "wait"))
        await here.tools.started.wait()
        line.send("GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n")
        for _ in range(3):  # the same takes as many steps elsewhere
            other.send("GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n")
            await other.answer()
        here.tools.go_on.set()
        assert b"waited" in (await line.answer())[2]
        assert b"running" in (await line.answer())[2]


@ERAS
async def test_a_head_is_learned_from_a_good_answer_alone(era, monkeypatch):
    answers = [
        refusal_answer(refuse("SCOPE_MISSING", scope="write:orders", held="read:market")),
        ToolAnswer({"fine": True}),
    ]

    async def next_one(_: Caller, __: Talk) -> ToolResult:
        return answers.pop(0)

    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:
        here.tools.do = next_one
        for status in (403, 200):
            line.send(head(era, "do") + body(era, "do"))
            found, headers, _ = await line.answer()
            assert (found, "www-authenticate" in headers) == (status, status == 403)
        assert taken == []


@ERAS
async def test_a_stopped_transport_serves_no_known_head(era):
    async with house() as here, raw(here.port) as line:
        await warmed(line, era)
        await here.transport.close()
        line.send(head(era) + body(era))
        assert (await line.answer())[0] == 503


async def test_a_session_of_one_grant_is_not_served_to_another_by_a_known_head(monkeypatch):
    async with house() as here, raw(here.port) as line:
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        said = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})
        line.send(head("legacy", length=len(said)) + said)
        more = f"Mcp-Session-Id: {(await line.answer())[1]['mcp-session-id']}\n"
        await warmed(line, "legacy", more=more)
        here.door.callers["ann"] = caller("ann", grant_id="another")
        line.send(head("legacy", more=more) + body("legacy"))
        assert (await line.answer())[0] == 404


async def test_a_modern_call_whose_client_is_gone_before_its_first_step_reaches_no_tool(monkeypatch):
    async with house(most_open=1) as here:
        begin = Shortcut.begin

        def gone(shortcut: Shortcut, known: KnownHead, body: bytes, line: Wire) -> ShortCall | None:
            assert line.transport is not None
            line.transport.abort()  # the loop tells the connection before the call takes its first step
            return begin(shortcut, known, body, line)

        for era, reached in (("modern", 0), ("legacy", 1)):
            async with raw(here.port) as line:
                await warmed(line, era)
                here.tools.called.clear()
                with monkeypatch.context() as patch:
                    patch.setattr(Shortcut, "begin", gone)
                    line.send(head(era) + body(era))
                    assert await line.rest() == b""
            await until(lambda: not here.transport.open_requests)
            assert len(here.tools.called) == reached
        async with raw(here.port) as line:
            await warmed(line, "modern")  # and it is no longer counted as open


@ERAS
async def test_a_call_by_the_short_way_is_told_to_telemetry(era, monkeypatch):
    told = Told()
    async with house(telemetry=told.of) as here, raw(here.port) as line, counted(monkeypatch) as taken:
        await warmed(line, era)
        line.send(head(era) + body(era))
        await line.answer()
        assert len(taken) == 1
        assert [span.name for span in told.spans] == ["tools/call echo"] * 2
        assert len(told.durations) == 2


@ERAS
async def test_calls_that_come_while_one_runs_are_answered_after_it_in_their_order(era, monkeypatch):
    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:
        here.tools.go_on.set()
        await warmed(line, era, "wait")
        here.tools.go_on.clear()
        here.tools.started.clear()
        line.send(head(era, "wait") + body(era, "wait", request_id=0))
        await here.tools.started.wait()
        for number in (1, 2, 3):
            line.send(head(era, "wait") + body(era, "wait", request_id=number))
        here.tools.go_on.set()
        assert [json.loads((await line.answer())[2])["id"] for _ in range(4)] == [0, 1, 2, 3]
        assert taken


async def test_a_key_without_oauth_is_told_of_a_missing_scope_by_the_tool_itself_on_both_ways(monkeypatch):
    async with house() as here, raw(here.port) as line, counted(monkeypatch) as taken:
        here.door.callers["ann"] = caller("ann", via=Via.KEY)
        await warmed(line, "modern", "refuse")
        here.tools.refusal = refuse("SCOPE_MISSING", scope="write:orders", held="read:market")
        line.send(head("modern", "refuse") + body("modern", "refuse"))
        status, _, said = await line.answer()
        assert (status, json.loads(said)["result"]["structuredContent"]["code"]) == (200, "SCOPE_MISSING")
        assert len(taken) == 1
