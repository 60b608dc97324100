"""What slow, silent and greedy clients cost, written byte by byte."""

from __future__ import annotations

import asyncio
import errno
import logging
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from server import connections as connections_module
from server import listener, oauth_routes
from server.connection import Patience
from server.connections import Connections
from server.transport import wire
from tests.server.parts import House, Wire, house
from tests.server.parts import wire as wire_of
from tests.server.raw import Raw, raw, until

HEALTH = "GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n"
POST = "POST /mcp HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer ann\nContent-Type: application/json\n"


def later(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def served(line: Raw) -> None:
    line.send(HEALTH)
    status, _, _ = await line.answer()
    assert status == 200


async def test_who_says_nothing_is_hung_up_on():
    places = Connections(10)
    async with house(connections=places) as here, raw(here.port) as silent:
        await until(lambda: len(places) == 1 and all(one.is_idle for one in places._open))
        places.sweep(later(9))
        assert len(places) == 1
        places.sweep(later(11))
        assert await silent.rest() == b""
        await until(lambda: len(places) == 0)


async def test_headers_letter_by_letter_take_no_longer_than_headers():
    places = Connections(10)
    async with house(connections=places) as here, raw(here.port) as slow:
        for letter in HEALTH[:40]:
            slow.send(letter)
        await until(lambda: len(places) == 1 and all(one.is_idle for one in places._open))
        places.sweep(later(9))
        slow.send("X")
        places.sweep(later(11))
        assert await slow.rest() == b""


async def test_the_next_request_of_a_connection_takes_no_longer_either():
    places = Connections(10)
    async with house(connections=places) as here, raw(here.port) as slow:
        await served(slow)
        (connection,) = places._open
        await until(lambda: connection.is_idle)
        places.sweep(later(60))
        await served(slow)  # being idle is no offence
        slow.send(HEALTH[:30])
        await until(lambda: connection._began is not None)
        places.sweep(later(9))
        slow.send(HEALTH[30:])
        status, _, _ = await slow.answer()
        assert status == 200
        slow.send(HEALTH[:30])
        await until(lambda: connection._began is not None)
        places.sweep(later(11))
        assert await slow.rest() == b""


async def test_an_idle_connection_ends_by_itself():
    places = Connections(10, Patience(idle=0.05))
    async with house(connections=places) as here, raw(here.port) as idle:
        await served(idle)
        assert await idle.rest() == b""


@pytest.mark.parametrize("path", ["/mcp", "/oauth/token"])
async def test_a_body_that_does_not_come_is_not_waited_for(path, monkeypatch):
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(oauth_routes, "_BODY_SECONDS", 0.05)

    async def form(request: web.Request) -> web.Response:
        await oauth_routes._body(request)
        raise AssertionError

    places = Connections(10, Patience(body=0.05))
    async with house(connections=places, routes=[web.post("/oauth/token", form)]) as here, raw(here.port) as slow:
        slow.send(POST.replace("/mcp", path) + "Content-Length: 100\n\n{")
        status, _, _ = await slow.answer()
        assert status == 408
        assert await slow.rest() == b""


async def test_a_refused_body_is_not_read_for_long():
    places = Connections(10, Patience(body=0.05))
    async with house(connections=places) as here, raw(here.port) as slow:
        slow.send("POST /mcp HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 100\n\n{")
        status, _, _ = await slow.answer()
        assert status == 401
        assert await slow.rest() == b""


async def test_who_does_not_read_its_answer_is_dropped():
    async def much(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 30_000_000)

    places = Connections(10)
    async with house(connections=places, routes=[web.get("/much", much)]) as here, raw(here.port, buffer=4096) as deaf:
        deaf.send(HEALTH.replace("/healthz", "/much"))
        await until(lambda: any(one._stuck is not None for one in places._open))
        places.sweep(later(29))
        assert len(places) == 1
        places.sweep(later(31))
        await until(lambda: len(places) == 0)


async def test_who_does_not_read_a_closed_connection_to_its_end_is_dropped_too():
    async def much(_: web.Request) -> web.Response:
        answer = web.Response(body=b"x" * 30_000_000)
        answer.force_close()
        return answer

    places = Connections(10)
    async with house(connections=places, routes=[web.get("/much", much)]) as here, raw(here.port, buffer=4096) as deaf:
        deaf.send(HEALTH.replace("/healthz", "/much"))
        await until(lambda: any(one._stuck is not None for one in places._open))
        (connection,) = places._open
        connection._stuck = None
        connection.force_close()
        places.sweep(later(0))
        assert len(places) == 1
        places.sweep(later(31))
        await until(lambda: len(places) == 0)


async def test_the_one_idle_longest_gives_way_when_all_places_are_taken():
    places = Connections(3)
    async with (
        house(connections=places) as here,
        raw(here.port) as first,
        raw(here.port) as second,
        raw(here.port) as third,
    ):
        for line in (second, first, third):
            await served(line)
        await until(lambda: all(one.is_idle for one in places._open))
        async with raw(here.port) as fourth:
            await served(fourth)
            assert await second.rest() == b""
            await served(first)
            await served(third)
        assert len(places) <= 3


async def test_the_largest_crowd_gives_way_first():
    places = Connections(4)
    async with (
        house(connections=places) as here,
        raw(here.port) as honest,
        raw(here.port, "127.0.0.2") as one,
        raw(here.port, "127.0.0.2") as two,
        raw(here.port, "127.0.0.2") as three,
    ):
        for line in (honest, one, two, three):
            await served(line)
        await until(lambda: all(one.is_idle for one in places._open))
        async with raw(here.port, "127.0.0.3") as newcomer:
            await served(newcomer)
            assert await one.rest() == b""
            await served(honest)


async def _call(here: House, line: Raw) -> None:
    body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait","arguments":{}}}'
    calls = here.transport.open_requests
    line.send(f"{POST}Content-Length: {len(body)}\n\n{body}")
    await until(lambda: here.transport.open_requests > calls)


async def test_a_request_that_runs_never_gives_way():
    places = Connections(2)
    async with house(connections=places) as here, raw(here.port) as first, raw(here.port) as second:
        await _call(here, first)
        await _call(here, second)
        async with raw(here.port) as third:
            assert await third.rest() == b""
        here.tools.go_on.set()
        for line in (first, second):
            status, _, body = await line.answer()
            assert status == 200, body


async def _status(who: Wire) -> int:
    async with who.legacy("ping") as answer:
        return answer.status


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_one_client_can_not_take_all_places_with_its_streams(era):
    async with house(most_open=3) as here, wire_of(here) as ann, wire_of(here, "ben") as ben, AsyncExitStack() as open_:
        for _ in range(3):
            if era == "legacy":
                session = await ann.initialize()
                stream = ann.http.get(here.url, headers=ann.auth | {"Mcp-Session-Id": session})
            else:
                stream = ann.modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
            answer = await open_.enter_async_context(stream)
            assert answer.content_type == "text/event-stream"
        async with ann.legacy("ping") as answer:
            assert answer.status == 429
            assert (await answer.json())["code"] == "BUSY"
            assert answer.headers["Retry-After"] == "5"
        async with ben.legacy("ping") as answer:
            assert answer.status == 200
        await open_.aclose()
        async with asyncio.timeout(10):
            while await _status(ann) != 200:
                pass


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sec\x00ret\r\n\r\n",
        b"GET /sec\x00ret HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization : Bearer secret\r\n\r\n",
        b"SEC\xffRET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization: Bearer " + b"secret" * 5000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00secret",
        b"GET /oauth/authorize?secret=" + b"secret" * 5000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_shortly_and_repeated_nowhere(sent, caplog):
    caplog.set_level(logging.DEBUG)
    async with house() as here, raw(here.port) as line:
        line.send(sent)
        status, headers, body = await line.answer()
        assert status in {400, 431}
        assert headers["server"] == "cockpit"
        assert await line.rest() == b""
    assert b"sec" not in body.lower()
    assert "sec" not in caplog.text.lower()
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "nonsense"])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("who", ["", "Authorization: Bearer ann\n"])
async def test_a_body_in_a_coding_is_refused_unread_and_fills_no_log(coding, apart, who, caplog):
    caplog.set_level(logging.DEBUG)
    async with house() as here, raw(here.port) as line:
        for _ in range(2):  # the connection goes on: what was refused was read to its end
            line.send(f"POST /mcp HTTP/1.1\nHost: 127.0.0.1\n{who}Content-Encoding: {coding}\nContent-Length: 5\n\n")
            if apart:
                assert (await line.answer())[0] == 415
                line.send("abcde")
            else:
                line.send("abcde")
                assert (await line.answer())[0] == 415
    assert "Traceback" not in caplog.text
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_a_flood_of_connections_does_not_keep_a_client_out():
    places = Connections(20)
    async with house(connections=places) as here:
        lines = []
        for _ in range(100):
            line = raw(here.port, "127.0.0.2")
            await line.__aenter__()
            lines.append(line)
        async with raw(here.port) as honest:
            await served(honest)
        assert len(places) <= 20
        for line in lines:
            await line.__aexit__(None, None, None)


@pytest.mark.parametrize("trouble", [OSError(errno.EMFILE, "Too many open files"), ConnectionAbortedError()])
async def test_a_connection_that_can_not_be_taken_keeps_the_next_out_for_a_moment_at_most(monkeypatch, trouble):
    monkeypatch.setattr(listener, "_PAUSE_SECONDS", 0)
    loop, places = asyncio.get_running_loop(), Connections(10)
    take, troubles = loop.sock_accept, []

    async def accept(sock):
        taken, peer = await take(sock)
        if troubles:
            taken.close()
            raise troubles.pop()
        return taken, peer

    monkeypatch.setattr(loop, "sock_accept", accept)
    async with house(connections=places) as here, raw(here.port) as idle:
        await served(idle)
        await until(lambda: all(one.is_idle for one in places._open))
        troubles.append(trouble)
        async with raw(here.port) as lost:
            assert await lost.rest() == b""
        async with raw(here.port) as third:
            await served(third)
        if isinstance(trouble, ConnectionAbortedError):
            await served(idle)
        else:
            assert await idle.rest() == b""  # it gave its descriptor back


async def test_a_listener_that_can_take_nobody_any_more_says_so(monkeypatch):
    failed = asyncio.Event()

    def breaks(self: Connections) -> bool:
        raise RuntimeError("broken")

    monkeypatch.setattr(connections_module.Connections, "make_room", breaks)
    async with house(failed=failed.set) as here, raw(here.port):
        async with asyncio.timeout(5):
            await failed.wait()
