"""The demo client's browser: opens the authorize address, shows the code, and waits until the page goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin

from aiohttp import ClientSession, ClientTimeout, CookieJar

from cockpit.cli.demo_client.endings import Consent
from cockpit.cli.demo_client.page import answer_in, read_page, same_origin
from cockpit.cli.demo_client.report import Report

MOST_STEPS: Final = 5000
"""Pages and reloads before it gives up: far more than a code lives."""
MAX_PAGE_BYTES: Final = 262_144
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Browser:
    """Follows redirects and reloads like a browser without script; never leaves the server that it was sent to."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def consent(self, url: str, redirect_uri: str) -> Mapping[str, str]:
        """Show the page until the operator has decided; return what the client's redirect carries.

        Raises Consent where the server turns the browser away.
        """
        if self._session is None:
            jar = CookieJar(unsafe=True, treat_as_secure_origin=_origin(url))  # a browser trusts loopback the same way
            self._session = ClientSession(cookie_jar=jar, timeout=ClientTimeout(total=30))
        start, shown = url, ""
        for _ in range(MOST_STEPS):
            answer = answer_in(url, redirect_uri)
            if answer is not None:
                return answer
            if not same_origin(url, start):
                raise Consent("the page went on to another server")
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status in _REDIRECTS:
                    url = urljoin(url, response.headers.get("Location", ""))
                    continue
                html = (await response.content.read(MAX_PAGE_BYTES)).decode("utf-8", "replace")
                page = read_page(url, response.headers, html)
            if page.code and page.code != shown:
                shown = page.code
                self._report.code(shown)
            if page.next_url is None:
                raise Consent(page.text or f"the server answered {response.status}")
            await asyncio.sleep(page.wait_seconds)
            url = page.next_url
        raise Consent("the page never went on")


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])
