"""Where an authorization code may be sent: which addresses can be registered, and which request fits one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from cockpit.model.text import Safe, safe

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})
APP_SCHEMES: Final = frozenset({"cursor"})
"""Schemes of desktop applications that are known to receive codes; PKCE guards them."""

_URI: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]{1,512}")
_HOST: Final = re.compile(
    r"[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?)*|\[[0-9a-f:.]+\]"
)
_APP_HOST: Final = re.compile(r"[a-z0-9.\-]{1,100}")


def may_be_registered(uri: str) -> bool:
    """Whether a redirect is https, http to this computer, or of a known application; byte for byte as it is."""
    parts = _split(uri)
    if parts is None or "@" in parts.netloc:
        return False
    if parts.scheme in APP_SCHEMES:
        return bool(_APP_HOST.fullmatch(parts.netloc))
    host = parts.netloc.rpartition(":")[0] if _has_port(parts) else parts.netloc
    if not _HOST.fullmatch(host) or parts.netloc.endswith(":"):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def fits(uri: str, registered: Iterable[str]) -> bool:
    """Whether a requested redirect is one of the registered: equal bytes, or equal but for a loopback's port.

    RFC 8252, 7.3; ``localhost`` counts too, because clients in the field register it without a port.
    """
    known = tuple(registered)
    if uri in known:
        return True
    parts = _split(uri)
    if parts is None or not _is_loopback(parts):
        return False
    return any(_same_but_port(parts, other) for other in map(_split, known) if other is not None)


def shown_host(uri: str) -> Safe:
    """Return the part of a redirect that its client can't invent: the host, or the application's scheme and name."""
    parts = _split(uri)
    if parts is None:
        return safe(uri, 100)
    if parts.scheme in APP_SCHEMES:
        return safe(f"{parts.scheme}://{parts.netloc}", 100)
    if _is_loopback(parts):
        return safe(parts.hostname or "", 100)
    return safe(parts.netloc, 100)


def shown_hosts(uris: Iterable[str]) -> frozenset[Safe]:
    """Return every host that codes of a client may go to."""
    return frozenset(map(shown_host, uris))


def is_local(uri: str) -> bool:
    """Whether the code goes to a program on the browser's own computer."""
    parts = _split(uri)
    return parts is not None and (parts.scheme in APP_SCHEMES or _is_loopback(parts))


def _split(uri: str) -> SplitResult | None:
    if not _URI.fullmatch(uri):
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.netloc and uri.startswith(f"{parts.scheme}://") else None


def _has_port(parts: SplitResult) -> bool:
    return parts.port is not None


def _is_loopback(parts: SplitResult) -> bool:
    # The whole name counts: of "[::1].evil.example" the library reads a host "::1".
    name = parts.netloc.rpartition(":")[0] if _has_port(parts) else parts.netloc
    return parts.scheme == "http" and name in _LOOPBACK_NAMES


def _same_but_port(one: SplitResult, other: SplitResult) -> bool:
    return _is_loopback(other) and one.hostname == other.hostname and (one.path, one.query) == (other.path, other.query)
