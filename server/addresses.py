"""Which address a request comes from: its connection's, or what a proxy that the operator trusts says about it.

Door, OAuth routes, limits and audit all ask here. Nothing else that a proxy may say is read: issuer and addresses of
the host come from settings alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from cockpit.model.networks import Networks, plain_address

_MOST_HOPS: Final = 16
"""How many proxies in a row may be trusted ones; what stands further left isn't looked at."""
_SPOKEN_FOR: Final = ("X-Forwarded-For", "Forwarded")


class Addresses:
    """Tells clients' addresses."""

    def __init__(
        self,
        trusted: Networks | None = None,
        header: str = "X-Forwarded-For",
        on_unnamed_proxy: Callable[[str], None] | None = None,
    ) -> None:
        """``on_unnamed_proxy`` hears once of a proxy on this computer or network that nobody named."""
        self._trusted = trusted or Networks()
        self._header = header
        self._read = _forwarded if header == "Forwarded" else _forwarded_for
        self._on_unnamed_proxy = on_unnamed_proxy

    def of(self, request: web.BaseRequest) -> str:
        """Return the client's address in its one spelling; empty where the connection is gone.

        Behind a trusted proxy it is the right-most hop that is no trusted proxy: what stands left of it, its sender can
        have made up.
        """
        peer = request.remote or ""
        if ":" in peer:
            peer = plain_address(peer) or peer
        if self._trusted and peer in self._trusted:
            return self._behind(request, peer)
        if self._on_unnamed_proxy is not None and any(name in request.headers for name in _SPOKEN_FOR):
            self._tell_of(peer)
        return peer

    def _behind(self, request: web.BaseRequest, peer: str) -> str:
        last = peer
        for hop in self._hops(request.headers.getall(self._header, ())):
            address = self._read(hop)
            if address is None:
                break
            last = address
            if address not in self._trusted:
                break
        return last

    def _hops(self, lines: Iterable[str]) -> Iterable[str]:
        """Yield the newest hops first. Lines are cut from the right: what is left may be anything, also open quotes."""
        left = _MOST_HOPS
        for line in reversed(list(lines)):
            for hop in reversed(line.rsplit(",", left)[-left:]):
                yield hop
                left -= 1
                if not left:
                    return

    def _tell_of(self, peer: str) -> None:
        plain = plain_address(peer)
        if self._on_unnamed_proxy is not None and plain is not None and ip_address(plain).is_private:
            self._on_unnamed_proxy(peer)
            self._on_unnamed_proxy = None


def _forwarded_for(hop: str) -> str | None:
    """Read one hop of X-Forwarded-For: an address, some proxies add a port."""
    return _with_port(hop.strip())


def _forwarded(hop: str) -> str | None:
    """Read one element of Forwarded (RFC 7239 section 4): ``for="[2001:db8::1]:4711";proto=https``."""
    for pair in hop.split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals and name.lower() == "for":
            return _with_port(value.strip('"'))
    return None


def _with_port(text: str) -> str | None:
    if text.startswith("["):
        inner, closed, port = text[1:].partition("]")
        return plain_address(inner) if closed and _is_port(port.removeprefix(":") or "0") else None
    name, _, port = text.partition(":")
    if "." in name and port:
        return plain_address(name) if _is_port(port) else None
    return plain_address(text)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5
