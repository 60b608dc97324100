"""How the demo client connects: the SDK's own client, registration, consent in a browser, and calls of tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp_types import Implementation
from pydantic import AnyUrl

from cockpit.cli.demo_client.browser import Browser
from cockpit.cli.demo_client.endings import Consent, Ended
from cockpit.cli.demo_client.report import Report

NAME: Final = "Demo Trader"
REDIRECT_URI: Final = "http://127.0.0.1:43117/callback"
"""Never visited: the browser is this process, and reads the answer from the redirect itself."""
SCOPES: Final = "read:market read:account read:orders write:orders"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave: its object, or the refusal that is its error."""

    content: Mapping[str, Any]
    refused: bool

    def text(self, name: str) -> str:
        """Return a member as text; empty where it is missing."""
        value = self.content.get(name)
        return "" if value is None else str(value)

    def rows(self, name: str) -> list[Mapping[str, Any]]:
        """Return a member that is a list of objects; empty where it isn't."""
        value = self.content.get(name)
        return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


class McpSession:
    """An open session."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def tools(self) -> frozenset[str]:
        """Return the names of the tools that it may use now."""
        return frozenset(tool.name for tool in (await self._client.list_tools(cache_mode="bypass")).tools)

    async def call(self, tool: str, **arguments: object) -> ToolResult:
        """Call a tool. Raises what the SDK raises where the line or the authority is gone."""
        result = await self._client.call_tool(tool, arguments, read_timeout_seconds=60)
        content = result.structured_content
        return ToolResult(content if isinstance(content, dict) else {}, bool(result.is_error))


@asynccontextmanager
async def connect(url: str, report: Report) -> AsyncIterator[McpSession]:
    """Register, get the operator's consent, and open a session. Raises Consent where it is denied, and Ended where the
    token stops working; both may come in an exception group.
    """
    async with Browser(report) as browser:
        provider = _provider(url, browser, report)
        async with create_mcp_http_client(auth=provider) as http:
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport, client_info=Implementation(name=NAME, version="1")) as client:
                yield McpSession(client)


def with_scopes(authorize_url: str, scopes: str) -> str:
    """Ask for these scopes: the SDK asks for all that the server offers."""
    parts = urlsplit(authorize_url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "scope"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("scope", scopes)])))


def _provider(url: str, browser: Browser, report: Report) -> OAuthClientProvider:
    asked: list[str] = []

    async def open_browser(authorize_url: str) -> None:
        if asked:  # the SDK would ask in the middle of a call; the pause before a new consent is ours to make
            raise Ended("the server no longer takes the token")
        asked.append(with_scopes(authorize_url, SCOPES))
        report.event("asking", f"{NAME} asks to be let in")

    async def read_redirect() -> AuthorizationCodeResult:
        answer = await browser.consent(asked[0], REDIRECT_URI)
        if "code" not in answer:
            raise Consent(answer.get("error_description") or answer.get("error") or "no reason was given")
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))

    metadata = OAuthClientMetadata(
        client_name=NAME,
        redirect_uris=[AnyUrl(REDIRECT_URI)],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",  # noqa: S106 - the name of a method
        scope=SCOPES,
    )
    return OAuthClientProvider(url, metadata, _Memory(), open_browser, read_redirect)


class _Memory:
    """Keeps registration and tokens as long as the process lives."""

    def __init__(self) -> None:
        self._tokens: OAuthToken | None = None
        self._client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info
