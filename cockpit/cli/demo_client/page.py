"""What a browser reads of the consent page: the code that it shows, and when it looks again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final
from urllib.parse import parse_qs, urljoin, urlsplit

from cockpit.model.text import safe

LONGEST_WAIT: Final = 10.0
SHORTEST_WAIT: Final = 0.5
MAX_CODE: Final = 12
_REFRESH: Final = re.compile(
    r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*(?:[;,]\s*(?:url\s*=\s*)?['\"]?([^'\"]*)['\"]?)?\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page, as far as the client cares."""

    code: str
    """The code that it shows, or empty."""
    text: str
    """What a person would read, in one bounded line."""
    next_url: str | None
    """Where it goes on by itself; None where it stays."""
    wait_seconds: float


def read_page(url: str, headers: Mapping[str, str], html: str) -> Page:
    """Read a page that was got from ``url``."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    code = "".join(reader.code.split())[:MAX_CODE]
    text = safe(" ".join(" ".join(reader.words).split()), 200)
    found = _REFRESH.fullmatch(headers.get("Refresh") or reader.refresh)
    if found is None:
        return Page(code, text, None, 0)
    wait = min(max(float(found.group(1)), SHORTEST_WAIT), LONGEST_WAIT)
    return Page(code, text, urljoin(url, (found.group(2) or "").strip() or url), wait)


def answer_in(url: str, redirect_uri: str) -> Mapping[str, str] | None:
    """Return the parameters of the client's own redirect, or None where ``url`` is another page."""
    got, ours = urlsplit(url), urlsplit(redirect_uri)
    if (got.scheme, got.netloc, got.path) != (ours.scheme, ours.netloc, ours.path):
        return None
    return {name: values[0] for name, values in parse_qs(got.query).items()}


def same_origin(url: str, other: str) -> bool:
    """Whether both addresses belong to one server."""
    one, two = urlsplit(url), urlsplit(other)
    return (one.scheme, one.netloc) == (two.scheme, two.netloc)


class _Reader(HTMLParser):
    _SILENT: Final = frozenset({"style", "script", "title"})
    _EMPTY: Final = frozenset(
        {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.code = ""
        self.refresh = ""
        self.words: list[str] = []
        self._in_code = 0
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "meta" and (said.get("http-equiv") or "").lower() == "refresh":
            self.refresh = said.get("content") or ""
        if tag in self._EMPTY:
            return
        if self._in_code or said.get("id") == "code":
            self._in_code += 1
        if tag in self._SILENT:
            self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in self._EMPTY:
            return
        if self._in_code:
            self._in_code -= 1
        if tag in self._SILENT and self._silent:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if self._in_code and not self._silent:
            self.code += data
        if not self._silent:
            self.words.append(data)
