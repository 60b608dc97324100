"""What comes in over HTTP and what goes out, as plain values: no web framework is known here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

Headers = tuple[tuple[str, str], ...]

NO_STORE: Final[Headers] = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
JSON: Final = ("Content-Type", "application/json")
NOSNIFF: Final = ("X-Content-Type-Options", "nosniff")

LARGEST_BODY: Final = 65_536
"""Bytes of a form or of a registration."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The parts of a request that the authorization server looks at."""

    method: str
    address: str
    """The client's address, as the host trusts it."""
    query: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    authorization: str | None = field(default=None, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    origin: str | None = None
    """What a browser says sent a form: the Origin header."""
    fetch_site: str | None = None
    """How that relates to this host: the Sec-Fetch-Site header."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer: status, headers and body."""

    status: int
    headers: Headers
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def json_answer(status: int, value: Mapping[str, object], *headers: tuple[str, str]) -> HttpAnswer:
    """Answer with a JSON object that nobody may keep."""
    return HttpAnswer(status, (JSON, NOSNIFF, *NO_STORE, *headers), orjson.dumps(value))


def json_error(status: int, error: str, description: str, *headers: tuple[str, str]) -> HttpAnswer:
    """Answer with an OAuth error object (RFC 6749, 5.2)."""
    return json_answer(status, {"error": error, "error_description": description}, *headers)
