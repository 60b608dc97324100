"""Fetching documents: which addresses are reached at all, and what a server can do to the host that asks it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from oauth.fetch import FetchFailed
from server.fetching import DocumentFetcher, is_public
from tests.oauth.internet import Internet, some_internet

URL = "https://claude.ai/document"


@pytest.fixture
async def internet(tmp_path: Path) -> AsyncIterator[Internet]:
    async with some_internet(tmp_path) as here:
        yield here


class Doors:
    """Counts who connects to a port of this computer."""

    def __init__(self) -> None:
        self.knocks = 0

    async def listen(self) -> tuple[asyncio.Server, int]:
        async def knocked(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.knocks += 1
            writer.close()

        server = await asyncio.start_server(knocked, "127.0.0.1", 0)
        return server, server.sockets[0].getsockname()[1]


class To(AbstractResolver):
    """Every name stands for one address."""

    def __init__(self, *hosts: str, port: int = 443) -> None:
        self._hosts = hosts
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=address, port=self._port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in self._hosts
        ]  # fmt: skip

    async def close(self) -> None:
        pass


SPECIAL = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", SPECIAL)
def test_a_special_address_is_not_of_the_internet(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "160.79.104.10", "2606:4700::6812:1", "2a00:1450:4001::200e"])
def test_an_ordinary_address_is(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_way_of_writing_a_private_address_as_another_one_helps(inner: object) -> None:
    value = int(ip_address(str(inner)))
    for outer in (value, 0xFFFF << 32 | value, 0x64FF9B << 96 | value, 0x2002 << 112 | value << 80):
        assert not is_public(ip_address(outer.to_bytes(16)))


async def test_no_connection_is_opened_to_the_host_itself() -> None:
    doors = Doors()
    server, port = await doors.listen()
    async with server:
        for address in ("127.0.0.1", "::ffff:127.0.0.1"):
            async with DocumentFetcher(resolver=To(address, port=port)) as fetch:
                with pytest.raises(FetchFailed):
                    await fetch(URL, 100)
        async with DocumentFetcher() as fetch:
            # Literals never reach a resolver; the guard sees them all the same.
            for host in (f"127.0.0.1:{port}", f"[::ffff:127.0.0.1]:{port}", f"2130706433:{port}", f"localhost:{port}"):
                with pytest.raises(FetchFailed):
                    await fetch(f"https://{host}/", 100)
    assert doors.knocks == 0


async def test_every_address_of_a_name_is_asked_about() -> None:
    doors = Doors()
    server, port = await doors.listen()
    asked: list[str] = []

    def nobody(address: object) -> bool:
        asked.append(str(address))
        return False

    async with server, DocumentFetcher(nobody, resolver=To("192.0.2.1", "127.0.0.1", port=port)) as fetch:
        with pytest.raises(FetchFailed):
            await fetch(URL, 100)
    assert (set(asked), doors.knocks) == ({"192.0.2.1", "127.0.0.1"}, 0)


async def test_an_address_with_a_zone_is_not_reached() -> None:
    asked: list[object] = []

    def anybody(address: object) -> bool:
        asked.append(address)
        return True

    async with DocumentFetcher(anybody, resolver=To("2a00::1%lo")) as fetch:
        with pytest.raises(FetchFailed):
            await fetch(URL, 100)
    assert asked == [], "it is of the local link, whatever a policy says of its digits"


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/xml", "text/json+json"])
async def test_what_is_not_called_json_is_not_taken_for_it(internet: Internet, kind: str) -> None:
    internet.says(URL, b"{}", Content_Type=kind)
    async with internet.fetcher() as fetch:
        with pytest.raises(FetchFailed, match="not JSON"):
            await fetch(URL, 100)


async def test_a_document_comes_with_how_long_it_may_be_kept(internet: Internet) -> None:
    internet.says(URL, b"{}", Cache_Control="public, max-age=60")
    async with internet.fetcher() as fetch:
        got = await fetch(URL, 2)
    assert (got.body, got.keep_seconds) == (b"{}", 60)


async def test_a_suffix_for_json_is_json_too(internet: Internet) -> None:
    internet.says(URL, b"{}", Content_Type="application/cimd+json; charset=utf-8", Cache_Control="no-cache, max-age=9")
    async with internet.fetcher() as fetch:
        got = await fetch(URL, 100)
    assert got.keep_seconds == 0


async def test_an_unknown_certificate_is_not_believed(internet: Internet) -> None:
    internet.says(URL, b"{}")
    async with DocumentFetcher(lambda _: True, resolver=To("127.0.0.1", port=internet.port)) as fetch:
        with pytest.raises(FetchFailed):
            await fetch(URL, 100)
    assert internet.asked == []


async def test_an_endless_body_is_cut_off(internet: Internet) -> None:
    written = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal written
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        try:
            while written < 200_000_000:
                await answer.write(b" " * 65_536)
                written += 65_536
        except ConnectionError:
            pass
        return answer

    internet.pages[URL] = endless
    async with internet.fetcher() as fetch:
        with pytest.raises(FetchFailed, match="too large"):
            await fetch(URL, 8192)
    assert written < 20_000_000


@pytest.mark.parametrize("part", ["headers", "body"])
async def test_a_server_that_dawdles_is_left(internet: Internet, part: str) -> None:
    forever = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        if part == "body":
            await answer.prepare(request)
            await answer.write(b"{")
        await forever.wait()
        return answer

    internet.pages[URL] = slow
    async with internet.fetcher(seconds=0.2) as fetch:
        with pytest.raises(FetchFailed, match="too long"):
            await fetch(URL, 100)


async def test_two_are_fetched_at_a_time_and_a_few_may_wait(internet: Internet) -> None:
    running = most = 0
    go = asyncio.Event()

    async def page(_: web.Request) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go.wait()
        running -= 1
        return web.json_response({})

    internet.pages[URL] = page
    async with internet.fetcher() as fetch:
        asked = [asyncio.ensure_future(fetch(URL, 100)) for _ in range(10)]
        await internet.arrived.wait()
        go.set()
        done = await asyncio.gather(*asked, return_exceptions=True)
    assert most <= 2
    assert sum(isinstance(one, FetchFailed) for one in done) == 2


async def test_a_proxy_of_the_environment_is_not_used(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    doors = Doors()
    server, port = await doors.listen()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    internet.says(URL, b"{}")
    async with server, internet.fetcher() as fetch:
        assert (await fetch(URL, 100)).body == b"{}"
    assert doors.knocks == 0
