"""How addresses are spelled, which lists hold them, and what counts as one place."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.networks import Networks, place_of, plain_address, read_network


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("203.0.113.09", None),
        ("203.0.113", None),
        ("0x7f.1", None),
        ("unknown", None),
        ("", None),
        ("1" * 5000, None),
    ],
)
def test_an_address_has_one_spelling(said, plain):
    assert plain_address(said) == plain


@given(st.text(max_size=80))
def test_whatever_comes_as_an_address_is_an_address_or_none(said):
    plain = plain_address(said)
    assert plain is None or plain_address(plain) == plain
    assert isinstance(place_of(said), str)


def test_a_64_of_ipv6_is_one_place_and_an_address_of_ipv4_is_one():
    assert place_of("2001:db8:1:2:aaaa::1") == place_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert place_of("2001:db8:1:3::1") != place_of("2001:db8:1:2::1")
    assert place_of("203.0.113.9") == place_of("::ffff:203.0.113.9") == "203.0.113.9"
    assert place_of("203.0.113.10") != place_of("203.0.113.9")


@given(st.ip_addresses())
def test_a_list_holds_what_its_networks_hold(address):
    networks = Networks(["203.0.113.0/24", "2001:db8::/32", "::1"])
    held = (
        address in read_network("203.0.113.0/24")
        if isinstance(address, IPv4Address)
        else address in read_network("2001:db8::/32") or address == IPv6Address("::1")
    )
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        held = address.ipv4_mapped in read_network("203.0.113.0/24")
    assert (str(address) in networks) == held
    assert (str(address) in networks) == held


def test_nothing_that_is_no_address_is_in_a_list():
    assert "" not in Networks(["0.0.0.0/0", "::/0"])
    assert "evil" not in Networks(["0.0.0.0/0", "::/0"])


def test_a_list_remembers_a_bounded_number_of_answers():
    networks = Networks(["10.0.0.0/8"])
    for number in range(10_000):
        assert f"10.0.{number // 256}.{number % 256}" in networks
    assert len(networks._answers) <= 4096


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "desk.example", "", "*"])
def test_what_is_no_network_is_called_so(text):
    with pytest.raises(ValueError, match="is no network"):
        read_network(text)
