"""Registration: where codes may be sent, what a body may hold, and what a client can't give itself."""

from __future__ import annotations

from typing import Any

from tests.oauth.outside import REDIRECT, code_of
from tests.security.site import Site

EVIL: tuple[Any, ...] = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "javascript://x/%0aalert(1)",
    "data:text/html,x",
    "data://x/y",
    "file:///etc/passwd",
    "vbscript:x",
    "blob:https://client.example/x",
    "about:blank",
    "http://remote.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://localhost.evil.example/callback",
    "http://127.0.0.1@evil.example/callback",
    "http://[::1].evil.example/callback",
    "http://0.0.0.0/callback",
    "https://*.example/callback",
    "https://user:pw@client.example/callback",
    "https://client.example/callback#",
    "https://client.example/callback#x",
    "https://client.example/callback\r\nX: y",
    "https://client.example/callback\x00",
    "https://clıent.example/callback",
    "https://сlient.example/callback",
    "https://",
    "https:///callback",
    "https:client.example/callback",
    "https://client.example:99999/callback",
    "https://client.example:/callback",
    "cursor://",
    "vscode-evil://x/callback",
    "//client.example/callback",
    "/callback",
    "",
    1,
    None,
    {},
    ["https://client.example/callback"],
)

BODIES = (
    b"",
    b"[]",
    b'"x"',
    b"1",
    b"null",
    b"true",
    b"{",
    b"\xff",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b"{}",
    b'{"redirect_uris": "https://client.example/cb"}',
    b'{"redirect_uris": []}',
    b'{"redirect_uris": [1]}',
    b'{"redirect_uris": {"0": "https://client.example/cb"}}',
    b'{"redirect_uris": [' + b'"https://client.example/cb",' * 1000 + b'"https://client.example/cb"]}',
    b'{"redirect_uris": ["https://client.example/cb"], "client_name": {"a": 1}}',
    b'{"redirect_uris": ["https://client.example/cb"], "client_name": 1e999}',
    b'{"redirect_uris": ["https://client.example/cb"], "client_name": "' + b"x" * 50_000 + b'"}',
    b'{"redirect_uris": ["https://client.example/cb"], "client_name": "' + b"x" * 100_000 + b'"}',
    b'{"redirect_uris": ["https://client.example/cb"], "scope": ["a"]}',
    b'{"redirect_uris": ["https://client.example/cb"], "grant_types": "authorization_code"}',
    b'{"redirect_uris": ["https://client.example/cb"], "grant_types": [1]}',
    b'{"redirect_uris": ["https://client.example/cb"], "grant_types": ["client_credentials"]}',
    b'{"redirect_uris": ["https://client.example/cb"], "token_endpoint_auth_method": "client_secret_jwt"}',
    b'{"redirect_uris": ["https://client.example/cb"], "response_types": ["token"]}',
    b'{"redirect_uris": ["https://client.example/cb"], "token_endpoint_auth_method": ["none"]}',
)


async def test_T52_a_redirect_that_could_lead_astray_is_refused(site: Site) -> None:
    """A client registers script, data, file and remote http addresses, wildcards, users, line breaks, homographs."""
    for uri in EVIL:
        for uris in ([uri], [REDIRECT, uri]):
            answer = await site.ask("POST", "/oauth/register", json={"redirect_uris": uris})
            assert (answer.status, answer.json["error"]) == (400, "invalid_redirect_uri"), uri
    assert await site.store.rows("SELECT 1 FROM oauth_clients WHERE kind = 'dcr'") == []


async def test_T53_a_malformed_registration_is_a_bad_request(site: Site) -> None:
    """A body is a list, text, a number or null, holds wrong types, is nested or huge."""
    for body in BODIES:
        answer = await site.ask("POST", "/oauth/register", data=body, headers={"Content-Type": "application/json"})
        assert answer.status in {400, 413}, body[:80]
        assert answer.json["error"] in {"invalid_client_metadata", "invalid_redirect_uri"}


async def test_T54_a_client_can_not_give_itself_anything(site: Site) -> None:
    """A registration names its own client_id and secret, and says that it was approved, with scopes and grants."""
    told = await site.register(
        client_id="c-mine", client_secret="mine", approved=True, status="approved", standing="approved",
        scope="write:orders", grant_types=["authorization_code", "client_credentials", "password"], is_admin=True,
    )  # fmt: skip
    client_id = told["client_id"]
    assert client_id != "c-mine"
    assert "client_secret" not in told
    assert set(told["grant_types"]) == {"authorization_code", "refresh_token"}
    assert (await site.redeem(client_id, "x")).json["error"] == "unauthorized_client"
    page = await site.authorize(client_id)
    data = await site.done("client.approve", code=code_of(page))
    assert "write:orders" not in data["scopes"]
