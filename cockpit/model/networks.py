"""Addresses of the network: how one is spelled, lists of them, and what counts as one place."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

_REMEMBERED: Final = 4096
_LONGEST: Final = 64


def read_network(text: str) -> Network:
    """Read ``10.0.0.0/8``, ``2001:db8::/32`` or a single address. Raises ValueError with a sentence."""
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no network, such as 203.0.113.0/24 or 2001:db8::/32") from None


def plain_address(text: str) -> str | None:
    """Return an address in its one spelling, None for anything else.

    IPv4 in IPv6's clothes becomes IPv4, so that no list has to name it twice; the zone of a link-local one is left out.
    """
    if len(text) > _LONGEST:
        return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


@lru_cache(maxsize=_REMEMBERED)
def place_of(address: str) -> str:
    """Return what limits count as one place: an IPv4 address, and of IPv6 the /64 that one customer is given."""
    if ":" not in address:
        return address
    plain = plain_address(address)
    if plain is None or ":" not in plain:
        return plain or address
    return str(IPv6Network((int(IPv6Address(plain)) >> 64 << 64, 64)))


class Networks:
    """A list of networks that can be asked whether an address is in one of them."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(read_network(text) for text in networks)
        self._answers: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        known = self._answers.get(address)
        if known is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            known = self._answers[address] = self._holds(address)
        return known

    def _holds(self, address: str) -> bool:
        plain = plain_address(address)
        if plain is None:
            return False
        found = ip_address(plain)
        return any(found.version == network.version and found in network for network in self._networks)
