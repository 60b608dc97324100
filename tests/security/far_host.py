"""A cockpit in a process of its own, with the clients outside and the operator at the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from cockpit.model.identity import Scope
from tests.e2e.hosts import Host
from tests.oauth.outside import READS, Answer, Outside, code_of


@dataclass
class FarHost(Outside):
    """Reached by HTTP and by the command line alone."""

    host: Host
    http: aiohttp.ClientSession

    @classmethod
    @asynccontextmanager
    async def at(cls, host: Host) -> AsyncIterator[FarHost]:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, auto_decompress=False) as http:
            yield cls(host, http)

    @property
    def base(self) -> str:
        return self.host.origin

    @property
    def resource(self) -> str:
        return self.host.url

    async def approve(self, page: Answer, name: str = "Tester", scopes: frozenset[Scope] = READS, **more: Any) -> Any:
        chosen = [word for scope in sorted(scopes) for word in ("--scope", scope.value)]
        return await self.host.ask("approve", code_of(page), "--as", name, *chosen, "--yes")
