"""Step-up: a client that lacks a scope is told all that it needs, and the SDK's own client comes back with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from pydantic import AnyUrl

from cockpit.model.identity import Scope
from tests.oauth.house import query_of, tokens_of, wait_of
from tests.sdk import MemoryStorage
from tests.security.site import READS, TRADES, Site, open_site

ORDER = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market", "idempotency_key": "one-order-0001"}


def asked_for(challenge: str) -> set[str]:
    found = re.search(r' scope="([^"]*)"', challenge)
    assert found, challenge
    return set(found.group(1).split())


async def place(site: Site, token: str) -> Any:
    return await site.mcp(token, "tools/call", {"name": "place_order", "arguments": ORDER})


async def test_the_challenge_asks_for_what_the_token_has_and_what_the_call_needs(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        _, tokens = await site.connect()
        answer = await place(site, tokens.access)
        assert answer.status == 403
        challenge = answer.headers["WWW-Authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert asked_for(challenge) == {"read:market", "read:account", "write:orders"}


async def test_the_challenge_counts_what_the_operator_left_and_not_what_the_token_says(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        _, tokens = await site.connect()
        await site.done("client.scopes", client="Tester", drop="read:account")
        challenge = (await place(site, tokens.access)).headers["WWW-Authenticate"]
        assert asked_for(challenge) == {"read:market", "write:orders"}


async def test_the_challenge_leaves_out_what_the_connection_does_not_allow(tmp_path: Path) -> None:
    """A client that asked for it again would be refused for that alone."""
    settings = '[connections.paper]\n[connections.small]\nscopes = ["read:market", "preview:orders"]\n'
    async with open_site(tmp_path, settings=settings) as site:
        page = await site.authorize(client_id := (await site.register())["client_id"])
        await site.approve(page, connection="paper")
        code = query_of(await site.get(wait_of(page)))["code"]
        tokens = tokens_of(await site.redeem(client_id, code))
        await site.done("client.route", client="Tester", connection="small")
        challenge = (await place(site, tokens.access)).headers["WWW-Authenticate"]
        assert asked_for(challenge) == {"read:market", "write:orders"}


async def test_the_challenge_of_a_token_that_was_narrowed_by_its_client_counts_the_token(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        client_id, tokens = await site.connect(scopes=TRADES)
        less = (await site.refresh(client_id, tokens.refresh, scope="read:market")).json["access_token"]
        challenge = (await place(site, less)).headers["WWW-Authenticate"]
        assert asked_for(challenge) == {"read:market", "write:orders"}


async def test_a_key_a_minted_token_and_a_service_get_a_tool_error_because_no_login_would_help(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        key = await site.key()
        minted = (await site.done("token.mint", name="robot", scope="read:market", connection="paper"))["token"]
        made = await site.done("service.create", name="nightly", scope="read:market", connection="paper")
        form = {"grant_type": "client_credentials", "client_id": made["client_id"]}
        service = (await site.token(**form, client_secret=made["client_secret"])).json["access_token"]
        for token in (key, minted, service):
            answer = await place(site, token)
            assert (answer.status, "WWW-Authenticate" in answer.headers) == (200, False)
            assert answer.json["result"]["structuredContent"]["code"] == "SCOPE_MISSING"


async def test_the_sdk_steps_up_with_all_it_had_and_places_its_order(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        kept, locations, granted = MemoryStorage(), [], [READS, READS | {Scope.WRITE_ORDERS}]

        async def browser(url: str) -> None:
            page = await site.get(url)
            assert page.status == 200, page.text
            await site.approve(page, "Claude", granted[len(locations)])
            locations.append((url, (await site.get(wait_of(page))).headers["Location"]))

        async def callback() -> AuthorizationCodeResult:
            said = parse_qs(urlsplit(locations[-1][1]).query)
            return AuthorizationCodeResult(code=said["code"][0], state=said["state"][0], iss=said["iss"][0])

        metadata = OAuthClientMetadata(
            client_name="Claude",
            redirect_uris=[AnyUrl("http://localhost:3030/callback")],
            token_endpoint_auth_method="none",
            grant_types=["authorization_code", "refresh_token"],
            scope="read:market read:account",
        )
        auth = OAuthClientProvider(site.resource, metadata, kept, browser, callback)
        headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}

        def message(tool: str, arguments: Any) -> Any:
            return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}

        async with httpx2.AsyncClient(auth=auth) as client:
            look = await client.post(site.resource, json=message("get_quote", {"symbol": "ALFA"}), headers=headers)
            assert (look.status_code, len(locations)) == (200, 1)
            answer = await client.post(site.resource, json=message("place_order", ORDER), headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"]["structuredContent"]["state"] == "pending"
        assert len(locations) == 2, "once to come in, once to step up"
        second = set(parse_qs(urlsplit(locations[1][0]).query)["scope"][0].split())
        assert second >= {"read:market", "read:account", "write:orders"}
