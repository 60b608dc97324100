"""Which address a request comes from, and who is believed about it."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cockpit.model.networks import Networks, plain_address
from server.addresses import Addresses
from tests.server.parts import house, wire

PROXIES = ("127.0.0.1/32", "10.0.0.0/8", "2001:db8:f::/48")


class Asked:
    """As much of a request as addresses are read from."""

    def __init__(self, peer: str | None, *headers: tuple[str, str]) -> None:
        self.remote = peer
        self.headers = CIMultiDict(headers)


def address(peer: str | None, *headers: tuple[str, str], trusted: tuple[str, ...] = PROXIES, **more: Any) -> str:
    return Addresses(Networks(trusted), **more).of(Asked(peer, *headers))  # type: ignore[arg-type]


def forwarded_for(*lines: str) -> tuple[tuple[str, str], ...]:
    return tuple(("X-Forwarded-For", line) for line in lines)


@pytest.mark.parametrize("said", ["198.51.100.7", "127.0.0.1", "10.0.0.1", "garbage", ""])
def test_a_peer_that_nobody_trusts_is_the_address_whatever_it_says(said):
    assert address("203.0.113.9", *forwarded_for(said), ("Forwarded", f"for={said}")) == "203.0.113.9"
    assert address("127.0.0.1", *forwarded_for(said), trusted=()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), "127.0.0.1"),
        (("198.51.100.7",), "198.51.100.7"),
        (("1.1.1.1, 198.51.100.7",), "198.51.100.7"),
        (("1.1.1.1", "198.51.100.7"), "198.51.100.7"),
        (("1.1.1.1, 198.51.100.7, 10.0.0.2",), "198.51.100.7"),
        (("198.51.100.7, 10.0.0.2", "10.0.0.3"), "198.51.100.7"),
        (("10.0.0.9, 10.0.0.2",), "10.0.0.9"),
        (("198.51.100.7:5123",), "198.51.100.7"),
        (("[2001:db8::7]:5123",), "2001:db8::7"),
        (("2001:db8::7",), "2001:db8::7"),
        (("[2001:db8::7]",), "2001:db8::7"),
        (("::ffff:198.51.100.7",), "198.51.100.7"),
        (("198.51.100.7, evil",), "127.0.0.1"),
        (("198.51.100.7, ",), "127.0.0.1"),
        (("198.51.100.7, evil, 10.0.0.2",), "10.0.0.2"),
        (("198.51.100.7:port",), "127.0.0.1"),
        (("198.51.100.7\t",), "198.51.100.7"),
        (("[198.51.100.7",), "127.0.0.1"),
        (("0x7f000001",), "127.0.0.1"),
        (("unknown",), "127.0.0.1"),
    ],
)
def test_behind_trusted_proxies_the_right_most_untrusted_hop_counts(lines, found):
    assert address("127.0.0.1", *forwarded_for(*lines)) == found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("for=198.51.100.7",), "198.51.100.7"),
        (('for="[2001:db8::7]:4711";proto=https;by=10.0.0.1',), "2001:db8::7"),
        (("for=1.1.1.1, For=198.51.100.7;host=evil",), "198.51.100.7"),
        (("for=198.51.100.7, for=10.0.0.2",), "198.51.100.7"),
        (('for="1.1.1.1, for=198.51.100.7',), "198.51.100.7"),
        (("proto=https",), "127.0.0.1"),
        (("for=_hidden",), "127.0.0.1"),
        (("for=unknown",), "127.0.0.1"),
        (("198.51.100.7",), "127.0.0.1"),
    ],
)
def test_the_standard_header_is_read_where_the_settings_name_it(lines, found):
    headers = [("Forwarded", line) for line in lines]
    assert address("127.0.0.1", *headers, *forwarded_for("1.2.3.4"), header="Forwarded") == found
    assert address("127.0.0.1", *headers) == "127.0.0.1"


def test_an_ipv6_peer_has_one_spelling():
    assert address("::ffff:203.0.113.9") == "203.0.113.9"
    assert address("::ffff:127.0.0.1", *forwarded_for("198.51.100.7")) == "198.51.100.7"
    assert address("2001:DB8:f::1", *forwarded_for("198.51.100.7")) == "198.51.100.7"
    assert address("fe80::1%eth0") == "fe80::1"


def test_a_connection_that_is_gone_has_no_address():
    assert address(None) == ""


def test_only_so_many_hops_are_followed():
    hops = ["198.51.100.7", *("10.0.0.2" for _ in range(15))]
    assert address("127.0.0.1", *forwarded_for(", ".join(hops))) == "198.51.100.7"
    assert address("127.0.0.1", *forwarded_for(*hops)) == "198.51.100.7"
    for more in (", ".join([*hops, "10.0.0.2"]),), (*hops, "10.0.0.2"):
        assert address("127.0.0.1", *forwarded_for(*more)) == "10.0.0.2"


@given(st.lists(st.text(max_size=60), max_size=6), st.sampled_from(["X-Forwarded-For", "Forwarded"]))
def test_whatever_a_proxy_hands_on_an_address_comes_out(lines, header):
    found = address("127.0.0.1", *((header, line) for line in lines), header=header)
    assert plain_address(found) == found


@given(st.lists(st.text(max_size=60), max_size=6))
def test_nothing_that_a_client_writes_hides_the_hop_that_the_proxy_adds(lines):
    assert address("127.0.0.1", *forwarded_for(*lines, "198.51.100.7")) == "198.51.100.7"
    assert address("127.0.0.1", *forwarded_for(", ".join([*lines, "198.51.100.7"]))) == "198.51.100.7"


def test_a_proxy_that_nobody_named_is_told_of_once():
    told: list[str] = []
    addresses = Addresses(on_unnamed_proxy=told.append)
    addresses.of(Asked("9.9.9.9", ("X-Forwarded-For", "1.2.3.4")))  # type: ignore[arg-type]
    assert told == []  # anybody on the internet can send the header
    for _ in range(3):
        assert addresses.of(Asked("127.0.0.1", ("X-Forwarded-For", "1.2.3.4"))) == "127.0.0.1"  # type: ignore[arg-type]
    assert told == ["127.0.0.1"]


async def test_T77_the_headers_of_an_untrusted_peer_change_nothing():
    """A peer that is no trusted proxy names another address, host and protocol."""
    seen: list[str] = []
    addresses = Addresses()

    async def page(request: web.Request) -> web.Response:
        seen.append(addresses.of(request))
        return web.Response(text=f"{request.url.origin()}")

    spoofed = {"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7;proto=https;host=evil.example"}
    spoofed |= {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Real-IP": "198.51.100.7"}
    async with house(routes=[web.get("/page", page)]) as here, wire(here, None) as nobody:
        async with nobody.http.get(here.origin + "/page", headers=spoofed) as answer:
            assert await answer.text() == here.origin
        async with nobody.post({}, **spoofed) as answer:
            assert f'resource_metadata="{here.origin}/' in answer.headers["WWW-Authenticate"]
    assert seen == ["127.0.0.1"]
