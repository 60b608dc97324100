"""Fetching a client's document from the internet, so that nobody can make the host knock at its own network's doors."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from ssl import SSLContext
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver
from yarl import URL

from oauth.fetch import FetchBusy, Fetched, FetchFailed

Address = IPv4Address | IPv6Address
AddressPolicy = Callable[[Address], bool]
"""Whether an address may be connected to. Asked for each one at the moment of the connection, so no name can change
what it stands for in between."""

_SECONDS: Final = 5.0
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 8
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})\"?", re.IGNORECASE)
_DONT_KEEP: Final = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)(?:$|[,\s])", re.IGNORECASE)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""Everything else leads to special places: mapped, translated, local, multicast."""
_TUNNELS: Final = (
    IPv6Network("2002::/16"),  # 6to4 holds an IPv4 address
    IPv6Network("2001::/23"),  # Teredo and other protocol assignments
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)
_ASSIGNED: Final = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
"""IPv4 for protocols' own ends: among others NAT64's own addresses and relays of 6to4."""


def is_public(address: Address) -> bool:
    """Whether an address is an ordinary one of the internet.

    What the standard library calls global holds addresses that a router or the kernel turns into private ones: NAT64,
    6to4, mapped and compatible IPv4, site-local. They are left out, and multicast with them.
    """
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _ASSIGNED)
    return address in _GLOBAL_UNICAST and not any(address in tunnel for tunnel in _TUNNELS)


class DocumentFetcher:
    """Fetches small JSON documents over https, two at a time. An async context manager.

    It follows no redirect, keeps no cookie, uses no proxy of the environment and unpacks nothing.
    """

    def __init__(
        self,
        may_reach: AddressPolicy = is_public,
        *,
        resolver: AbstractResolver | None = None,
        tls: SSLContext | None = None,
        seconds: float = _SECONDS,
    ) -> None:
        self._may_reach = may_reach
        self._resolver = resolver
        self._tls = tls
        self._seconds = seconds
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            ssl=self._tls or True,
            resolver=self._resolver,
            use_dns_cache=False,
            force_close=True,
            socket_factory=self._socket,
        )
        self._http = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={hdrs.ACCEPT: "application/json", hdrs.ACCEPT_ENCODING: "identity", hdrs.USER_AGENT: "cockpit"},
            max_line_size=8190,
            max_field_size=8190,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def __call__(self, url: str, largest: int) -> Fetched:
        """Return a document, or raise `FetchFailed`; never later than after the seconds it was given."""
        if self._http is None or self._waiting >= _MOST_WAITING:
            raise FetchBusy("too much is fetched already")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds), self._slots:
                return await self._get(self._http, url, largest)
        except TimeoutError:
            raise FetchFailed("the document took too long") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchFailed(f"the document can't be had: {type(error).__name__}") from error
        finally:
            self._waiting -= 1

    async def _get(self, http: aiohttp.ClientSession, url: str, largest: int) -> Fetched:
        async with http.get(URL(url, encoded=True), allow_redirects=False) as answer:
            if answer.status != 200:
                raise FetchFailed(f"the document's server answered {answer.status}")
            kind = answer.content_type
            if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
                raise FetchFailed("the document is not JSON")
            if answer.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
                raise FetchFailed("the document is packed")
            if (answer.content_length or 0) > largest:
                raise FetchFailed("the document is too large")
            body = b""
            while chunk := await answer.content.read(largest + 1 - len(body)):
                body += chunk
                if len(body) > largest:
                    raise FetchFailed("the document is too large")
            return Fetched(body, _kept(answer.headers.getall(hdrs.CACHE_CONTROL, [])))

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, where = info
        # An address with a zone is of the local link, whatever its digits say.
        text = str(where[0])
        if "%" in text or not self._may_reach(ip_address(text)):
            raise PermissionError(f"{text} is not an address of the internet")
        return socket.socket(family=family, type=kind, proto=protocol)


def _kept(headers: list[str]) -> int | None:
    said = ", ".join(headers)
    if _DONT_KEEP.search(said):
        return 0
    age = _MAX_AGE.search(said)
    return int(age[1]) if age else None
