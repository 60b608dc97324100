"""Where requests begin on one connection, byte for byte, and the heads that were served on it.

aiohttp's parser alone reads heads. What it read is only found again by the very same bytes, on the same connection, and
only where a request is sure to begin: after one whose bytes were counted to its end, as the parser found it. Where that
isn't sure, it never is again on this connection.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from aiohttp import web

K = TypeVar("K")

_END: Final = b"\r\n\r\n"
_LONGEST: Final = 4096
_MOST: Final = 8
"""Heads of one connection that are kept: a client's differ in the length of the body alone."""
_BYTES: Final = 8192
"""Of all of them together; what was read of each takes some ten times as much."""
_UNUSUAL: Final = ("Transfer-Encoding", "Content-Encoding", "Upgrade", "Expect")


class Heads(Generic[K]):
    """Follows the bytes of one connection; keeps with each head what was learned of it."""

    __slots__ = ("_after", "_head", "_known", "at_start")

    def __init__(self) -> None:
        self.at_start = True
        """Whether the next byte is sure to be the first of a request."""
        self._head = b""
        self._after = 0
        self._known: dict[bytes, K] = {}

    def find(self, data: bytes) -> tuple[K, bytes] | None:
        """Return what is known of the head with which ``data`` begins, and what comes after it."""
        if not self.at_start:
            return None
        end = data.find(_END) + len(_END)
        known = self._known.get(data[:end])
        return None if known is None else (known, data[end:])

    def read(self, data: bytes) -> None:
        """Follow what the parser is given."""
        if not self.at_start:
            self._after += len(data)
            return
        end = data.find(_END) + len(_END)
        self.at_start = False
        self._head = data[:end] if len(_END) < end <= _LONGEST else b""
        self._after = len(data) - end

    def answered(self, request: web.Request) -> bytes:
        """Return the head of the request that is answered now, if it came whole and nothing came after it."""
        head, self._head = self._head, b""
        if self.at_start or not head or not _is_whole(request, head, self._after):
            return b""
        self.at_start = True
        return head

    def keep(self, head: bytes, known: K) -> None:
        """Keep what was learned of a head; the oldest gives way."""
        self._known.pop(head, None)
        while len(self._known) >= _MOST or sum(map(len, self._known)) + len(head) > _BYTES:
            del self._known[next(iter(self._known))]
        self._known[head] = known


def _is_whole(request: web.Request, head: bytes, after: int) -> bool:
    """Whether the parser made of exactly these bytes exactly this request."""
    first = f"{request.method} {request.raw_path} HTTP/1.1\r\n".encode("utf-8", "surrogateescape")
    return (
        head.startswith(first)
        and head.count(b"\r\n") == head.count(b"\n") == len(request.raw_headers) + 2
        and not any(name in request.headers for name in _UNUSUAL)
        and (request.content_length or 0) == after
        and request.content.is_eof()
    )
