"""Requests that two servers in a row might read differently, or that name another host than ours."""

from __future__ import annotations

import re

import pytest

from tests.server.parts import house
from tests.server.raw import raw

HOST = "Host: 127.0.0.1\n"
AUTH = "Authorization: Bearer ann\nContent-Type: application/json\n"
PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
SMUGGLED = "GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n"
CHUNKS = f"{len(PING):x}\n{PING}\n0\n\n"


def post(headers: str, body: str = PING) -> str:
    return f"POST /mcp HTTP/1.1\n{HOST}{AUTH}{headers}\n{body}"


@pytest.mark.parametrize(
    "sent",
    [
        post(f"Content-Length: {len(PING)}\nContent-Length: 5\n"),
        post(f"Content-Length: {len(PING)}\nContent-Length: {len(PING)}\n"),
        post(f"Content-Length: {len(PING)}, {len(PING)}\n"),
        post(f"Content-Length: {len(PING)}\nTransfer-Encoding: chunked\n", CHUNKS),
        post(f"Transfer-Encoding: chunked\nContent-Length: {len(PING)}\n", CHUNKS),
        post("Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", CHUNKS),
        post("Transfer-Encoding: chunked, identity\n", CHUNKS),
        post("Transfer-Encoding: xchunked\n", CHUNKS),
        post("Transfer-Encoding: gzip, chunked\n", CHUNKS),
        post("Transfer-Encoding : chunked\n", CHUNKS),
        post(f"Content-Length : {len(PING)}\n"),
        post(f"Content-Length: +{len(PING)}\n"),
        post(f"Content-Length: -{len(PING)}\n"),
        post(f"Content-Length: 0x{len(PING):x}\n"),
        post(f"Content-Length: {len(PING)}_0\n"),
        post("Content-Length: 99999999999999999999\n"),
        post("Content-Length:\n"),
        post("Transfer-Encoding: chunked\n", f"0x{len(PING):x}\n{PING}\n0\n\n"),
        post("Transfer-Encoding: chunked\n", f"+{len(PING):x}\n{PING}\n0\n\n"),
        post("Transfer-Encoding: chunked\n", f"{len(PING):x}\n{PING}XX0\n\n"),
        post(f"X-Folded: one\n two\nContent-Length: {len(PING)}\n"),
        post(f"X-Bad: one\rtwo\nContent-Length: {len(PING)}\n"),
        post(f"X\0Nul: one\nContent-Length: {len(PING)}\n"),
        post(f"X-Nul: o\0ne\nContent-Length: {len(PING)}\n"),
        post(f"X Space: one\nContent-Length: {len(PING)}\n"),
        post(f": nameless\nContent-Length: {len(PING)}\n"),
        post(f"Colonless\nContent-Length: {len(PING)}\n"),
        f"POST /mcp HTTP/1.0\n{HOST}{AUTH}Transfer-Encoding: chunked\n\n{CHUNKS}",
        f"POST /mcp HTTP/2.0\n{HOST}{AUTH}Content-Length: {len(PING)}\n\n{PING}",
        f"POST /mcp HTTP/1.1 x\n{HOST}{AUTH}Content-Length: {len(PING)}\n\n{PING}",
        f"POST /mcp\n{HOST}{AUTH}Content-Length: {len(PING)}\n\n{PING}",
        f"POST /m\tcp HTTP/1.1\n{HOST}{AUTH}Content-Length: {len(PING)}\n\n{PING}",
    ],
)
async def test_T79_what_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_answered(sent):
    """Another request hides behind one whose length two servers would read differently, in thirty ways."""
    async with house() as here, raw(here.port) as line:
        line.send(sent + SMUGGLED)
        answered = await line.rest()
        statuses = re.findall(rb"HTTP/1\.[01] (\d+) ", answered)
        assert statuses == [b"400"] or (statuses == [b"413"] and b"9999" in sent.encode()), answered
        assert here.tools.called == []


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1/healthz",
        "http://evil.example/healthz",
        "https://evil.example/mcp",
        "HTTP://127.0.0.1/mcp",
        "//evil.example/healthz",
        "*",
        "evil.example:443",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "CONNECT"])
async def test_T79_a_target_that_is_no_path_of_ours_reaches_nothing(method, target):
    """The request line names a whole address, another host, a port or a star."""
    async with house() as here, raw(here.port) as line:
        line.send(f"{method} {target} HTTP/1.1\n{HOST}{AUTH}Connection: close\n\n")
        answered = await line.rest()
    statuses = re.findall(rb"HTTP/1\.[01] (\d+) ", answered)
    assert len(statuses) == 1
    assert statuses[0] in {b"400", b"404", b"405"}, answered
    assert b"evil" not in answered


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("", 400),
        ("Host:\n", 421),
        ("Host: evil.example\n", 421),
        ("Host: 127.0.0.1\nHost: evil.example\n", 400),
        ("Host: 127.0.0.1\nHost: 127.0.0.1\n", 400),
        ("Host: 127.0.0.1, evil.example\n", 421),
        ("Host: evil.example@127.0.0.1\n", 421),
        ("Host: 127.0.0.1\nOrigin: https://evil.example\n", 403),
        ("Host: 127.0.0.1\nOrigin: null\n", 403),
        ("Host: 127.0.0.1\nOrigin: http://127.0.0.1\nOrigin: https://evil.example\n", 403),
    ],
)
@pytest.mark.parametrize("path", ["/mcp", "/oauth/token", "/oauth/register", "/.well-known/oauth-authorization-server"])
async def test_T75_another_name_or_another_sites_page_is_refused_before_authentication(headers, status, path):
    """The Host header is missing, doubled or another's, or a page of another site calls."""
    async with house() as here, raw(here.port) as line:
        line.send(f"POST {path} HTTP/1.1\n{headers}Connection: close\nContent-Length: 0\n\n")
        answered = await line.rest()
        (found,) = re.findall(rb"HTTP/1\.[01] (\d+) ", answered)
        assert int(found) == status, answered
        assert b"WWW-Authenticate" not in answered
        assert b"Access-Control-Allow" not in answered


@pytest.mark.parametrize("name", ["Host", "Authorization", "Origin", "Content-Type"])
async def test_two_of_a_header_that_counts_once_let_nobody_in(name):
    values = {"Host": "127.0.0.1", "Authorization": "Bearer ann", "Content-Type": "application/json", "Origin": "null"}
    lines = "".join(f"{key}: {value}\n" for key, value in values.items() if key != "Origin")
    async with house() as here, raw(here.port) as line:
        line.send(f"POST /mcp HTTP/1.1\n{lines}{name}: {values[name]}\nContent-Length: {len(PING)}\n\n{PING}")
        status, _, _ = await line.answer()
        assert status in {400, 401, 403, 415, 421}
        assert here.tools.called == []


async def test_requests_in_a_row_are_answered_in_a_row():
    async with house() as here, raw(here.port) as line:
        one = post(f"Content-Length: {len(PING)}\n")
        line.send(one + SMUGGLED + one)
        for expected in (b'"jsonrpc"', b'"status":"ok"', b'"jsonrpc"'):
            status, _, body = await line.answer()
            assert status == 200
            assert expected in body
