"""The MCP SDK's own OAuth client against the real thing."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from pydantic import AnyUrl

from tests.oauth.house import House, wait_of
from tests.oauth.internet import Internet
from tests.sdk import MemoryStorage


def sdk(house: House, kept: MemoryStorage, locations: list[str], document: str | None = None) -> OAuthClientProvider:
    """Make the SDK's client, with a browser whose operator lets everybody in."""

    async def browser(url: str) -> None:
        page = await house.get(url)
        assert page.status == 200, page.text
        await house.approve(page, "Claude")
        locations.append((await house.get(wait_of(page))).headers["Location"])

    async def callback() -> AuthorizationCodeResult:
        said = parse_qs(urlsplit(locations[-1]).query)
        return AuthorizationCodeResult(code=said["code"][0], state=said["state"][0], iss=said["iss"][0])

    metadata = OAuthClientMetadata(
        client_name="Claude",
        redirect_uris=[AnyUrl("http://localhost:3030/callback")],
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
    )
    return OAuthClientProvider(house.config.resource, metadata, kept, browser, callback, client_metadata_url=document)


async def test_the_sdk_is_known_by_its_document_and_registers_nowhere(connected: House, internet: Internet) -> None:
    document = "https://claude.ai/oauth/sdk"
    internet.publish(
        document,
        {"client_id": document, "client_name": "Claude", "redirect_uris": ["http://localhost:3030/callback"]},
    )
    kept, locations = MemoryStorage(), list[str]()
    async with httpx2.AsyncClient(auth=sdk(connected, kept, locations, document)) as client:
        answer = await client.post(connected.config.resource)
    assert (answer.status_code, answer.json()) == (200, {"client": "Claude"})
    assert kept.client is not None
    assert kept.client.client_id == document
    rows = await connected.store.rows("SELECT client_id, kind FROM oauth_clients")
    assert [tuple(row) for row in rows] == [(document, "cimd")]


async def test_the_sdk_finds_its_way_in_and_stays_in(house: House) -> None:
    kept, locations = MemoryStorage(), list[str]()
    auth = sdk(house, kept, locations)
    async with httpx2.AsyncClient(auth=auth) as client:
        answer = await client.post(house.config.resource)
        assert (answer.status_code, answer.json()) == (200, {"client": "Claude"})
        assert len(locations) == 1
        first = kept.tokens
        assert first is not None
        assert first.refresh_token is not None

        house.clock.go(3601)
        auth.context.token_expiry_time = 1
        answer = await client.post(house.config.resource)
        assert (answer.status_code, answer.json()) == (200, {"client": "Claude"})
        assert len(locations) == 1, "refreshed, without a browser"
        assert kept.tokens is not None
        assert kept.tokens.refresh_token != first.refresh_token

        await house.authority.revoke_client("Claude", "operator")
        answer = await client.post(house.config.resource)
        assert answer.status_code == 200
        assert len(locations) == 2, "a revoked client asks the operator again"
