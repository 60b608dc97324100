"""What the authorization server asks of the internet, and what it gets: the asking itself is somebody else's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class FetchFailed(Exception):
    """There is no usable answer. Nobody outside is told why; the text is for the log."""


class FetchBusy(FetchFailed):
    """This host fetches too much already: that says nothing about what was asked for."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A JSON document, unread."""

    body: bytes = field(repr=False)
    keep_seconds: int | None = None
    """How long its server says that it may be kept (RFC 9111, 5.2.2.1); None when it says nothing."""


class Fetch(Protocol):
    """Gets one JSON document of an https address. It follows nothing and reaches only public addresses."""

    async def __call__(self, url: str, largest: int) -> Fetched:
        """Return at most ``largest`` bytes within a few seconds, or raise `FetchFailed`."""
        ...


async def out_of_reach(url: str, largest: int) -> Fetched:
    """Stand for a host without a way out: no document can be had."""
    raise FetchFailed(f"nothing may be fetched: {url}")
