"""The browser's cookie behind https, and pages that stand alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oauth.messages import HttpRequest
from tests.oauth.house import CHALLENGE, REDIRECT, open_house


async def test_behind_https_the_cookie_is_bound_to_the_host_and_pages_insist_on_https(tmp_path: Path) -> None:
    public: Any = {"issuer": "https://cockpit.example", "resource": "https://cockpit.example/mcp"}
    async with open_house(tmp_path / "data", **public) as house:
        told = await house.authority.registrations.register(
            HttpRequest("POST", "::1", body=b'{"redirect_uris": ["https://client.example/callback"]}')
        )
        client_id = told.body.decode().split('"client_id":"')[1].split('"')[0]
        query = f"client_id={client_id}&response_type=code&redirect_uri={REDIRECT}&code_challenge={CHALLENGE}"
        page = await house.authority.consent.authorize(
            HttpRequest("GET", "::1", query=f"{query}&code_challenge_method=S256")
        )
        cookie = page.header("Set-Cookie") or ""
        assert cookie.startswith("__Host-cockpit_bind=")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        assert (page.header("Strict-Transport-Security") or "").startswith("max-age=")
