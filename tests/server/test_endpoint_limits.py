"""The limits of a whole cockpit: what each endpoint says when too many come, and what the operator sees of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.model.events import Notice
from tests.server.raw import until
from tests.server.whole import REDIRECT, VERIFIER, Answered, Client, done, whole

FROM = {"X-Forwarded-For": "198.51.100.7"}
OTHERS = {"X-Forwarded-For": "198.51.100.8"}
PROXY = {"SERVER__TRUSTED_PROXIES": '["127.0.0.1/32"]'}


def two_each(kind: str) -> dict[str, str]:
    return PROXY | {f"SERVER__LIMITS__{kind.upper()}_EACH": "2"}


async def third(client: Client, method: str, path: str, **more: object) -> Answered:
    """Ask three times from one address, and check that another isn't held back."""
    client.headers = FROM
    for _ in range(2):
        assert (await client.ask(method, path, **more)).status != 429
    answer = await client.ask(method, path, **more)
    assert answer.status == 429, answer.text
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["Cache-Control"] == "no-store"
    client.headers = OTHERS
    assert (await client.ask(method, path, **more)).status != 429
    return answer


@pytest.mark.parametrize(
    ("kind", "method", "path"),
    [
        ("token", "POST", "/oauth/token"),
        ("revoke", "POST", "/oauth/revoke"),
        ("register", "POST", "/oauth/register"),
        ("metadata", "GET", "/.well-known/oauth-authorization-server"),
        ("metadata", "GET", "/.well-known/oauth-protected-resource/mcp"),
        ("metadata", "GET", "/oauth/jwks.json"),
    ],
)
async def test_a_program_that_asks_too_often_gets_an_error_of_oauth(
    tmp_path: Path, kind: str, method: str, path: str
) -> None:
    async with whole(tmp_path / "data", **two_each(kind)) as client:
        answer = await third(client, method, path)
        assert answer.json["error"] == "too_many_requests"
        assert answer.json["error_description"]


@pytest.mark.parametrize(("kind", "path"), [("authorize", "/oauth/authorize"), ("wait", "/oauth/wait/abc")])
async def test_T07_a_browser_that_asks_too_often_gets_a_page_with_every_header_of_a_page(
    tmp_path: Path, kind: str, path: str
) -> None:
    """The page that says no more is put into a frame."""
    async with whole(tmp_path / "data", **two_each(kind), SERVER__PUBLIC_URL="https://desk.example") as client:
        answer = await third(client, "GET", path)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert ("Refresh" in answer.headers) == (kind == "wait")  # a page that waits goes on asking


async def test_bad_tokens_at_mcp_are_limited_and_a_good_one_of_the_same_address_is_not(tmp_path: Path) -> None:
    async with whole(tmp_path / "data", **two_each("bad_tokens")) as client:
        key = (await done(client.cockpit, "key.create", name="bot", scope="read:market"))["key"]
        said = (await third(client, "POST", "/mcp", headers={"Authorization": "Bearer garbage"})).json
        assert (said["error"], said["code"], said["who_can_fix"]) == ("too_many_requests", "RATE_LIMITED", "client")
        client.headers = FROM
        assert (await client.call(key, symbol="ALFA")).status == 200


async def test_the_operator_reads_one_notice_and_the_number(tmp_path: Path) -> None:
    async with whole(tmp_path / "data", **two_each("token")) as client:
        client.headers = FROM
        for _ in range(30):
            await client.ask("POST", "/oauth/token")
        face = client.cockpit.face
        notices = [notice.text for notice in face.snapshot().notices if isinstance(notice, Notice)]
        assert notices == ["Too many requests (token), the last from 198.51.100.7: more are turned away."]
        await until(lambda: face.snapshot().counters.turned_away == 28)
        assert (await done(client.cockpit, "status"))["turned_away"] == 28


async def test_a_flood_from_everywhere_leaves_the_way_to_a_token_open_for_who_was_let_in(tmp_path: Path) -> None:
    async with whole(tmp_path / "data", **PROXY, SERVER__LIMITS__TOKEN_ALL="5") as client:
        client.headers = FROM
        client_id = (await client.register()).json["client_id"]
        _, code = await client.code(client_id)
        redeem = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": client_id}
        given = await client.ask("POST", "/oauth/token", data=redeem | {"code_verifier": VERIFIER})
        assert given.status == 200
        for number in range(20):
            await client.ask("POST", "/oauth/token", headers={"X-Forwarded-For": f"203.0.113.{number}"})
        stranger = await client.ask("POST", "/oauth/token", headers=OTHERS)
        assert stranger.status == 429
        refresh = {
            "grant_type": "refresh_token",
            "refresh_token": given.json["refresh_token"],
            "client_id": client_id,
        }
        assert (await client.ask("POST", "/oauth/token", data=refresh)).status == 200


async def test_a_client_that_was_let_in_keeps_its_way_to_the_token_endpoint_over_a_restart(tmp_path: Path) -> None:
    settings = PROXY | {"SERVER__LIMITS__TOKEN_ALL": "5"}
    async with whole(tmp_path / "data", **settings) as client:
        key = (await done(client.cockpit, "key.create", name="robot", scope="read:market"))["key"]
        assert (await client.call(key)).status == 200
        client.headers = FROM
        assert (await client.call(key)).status == 200
    async with whole(tmp_path / "data", **settings) as client:
        for number in range(20):
            await client.ask("POST", "/oauth/token", headers={"X-Forwarded-For": f"203.0.113.{number}"})
        assert (await client.ask("POST", "/oauth/token", headers=OTHERS)).status == 429
        assert (await client.ask("POST", "/oauth/token", headers=FROM)).status == 400, "asked wrongly, but heard"


async def test_what_hosted_clients_do_in_a_busy_minute_is_within_the_limits(tmp_path: Path) -> None:
    # Twenty users of one hosted client connect anew at once, from one address: twice registered each, metadata
    # four times, then the code and a first refresh.
    async with whole(tmp_path / "data", **PROXY) as client:
        client.headers = FROM
        for _ in range(30):
            assert (await client.register()).status == 201
        for path, times in (("/.well-known/oauth-authorization-server", 80), ("/oauth/token", 100)):
            for _ in range(times):
                assert (await client.ask("GET" if "well" in path else "POST", path)).status != 429
        for _ in range(200):
            assert (await client.ask("POST", "/mcp", headers={"Authorization": "Bearer expired"})).status == 401


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
async def test_the_address_that_a_trusted_proxy_tells_is_the_one_on_the_screen_and_in_the_record(
    tmp_path: Path, header: str
) -> None:
    value = "for=203.0.113.77" if header == "Forwarded" else "1.2.3.4, 203.0.113.77"
    async with whole(tmp_path / "data", **PROXY, SERVER__PROXY_HEADER=header) as client:
        client.headers = {header: value}
        client_id = (await client.register()).json["client_id"]
        await client.authorize(client_id)
        (waiting,) = client.cockpit.face.snapshot().pending_clients
        assert waiting.address == "203.0.113.77"
        found = await done(client.cockpit, "audit.tail")
        assert "203.0.113.77" in str(found)


async def test_T78_headers_of_a_proxy_never_change_issuer_or_addresses(tmp_path: Path) -> None:
    """A trusted proxy hands on headers that name another host, port and protocol."""
    async with whole(tmp_path / "data", **PROXY, SERVER__PUBLIC_URL="https://desk.example") as client:
        client.headers = FROM | {
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Port": "81",
            "Forwarded": "for=1.2.3.4;host=evil.example;proto=http",
            "X-Original-URL": "/evil",
        }
        for name in ("Host", "X-Nothing"):
            for path in ("oauth-authorization-server", "openid-configuration", "oauth-protected-resource/mcp"):
                told = await client.ask("GET", f"/.well-known/{path}", headers={name: "desk.example"})
                assert told.status == 200
                assert "evil" not in told.text
                assert told.json.get("issuer", "https://desk.example") == "https://desk.example"
        challenge = (await client.ask("POST", "/mcp")).headers["WWW-Authenticate"]
        assert 'resource_metadata="https://desk.example/.well-known/' in challenge
        assert (await client.ask("GET", "/healthz", headers={"Host": "evil.example"})).status == 421


async def test_pages_and_tokens_stay_open_where_a_list_says_who_may_call(tmp_path: Path) -> None:
    allowed = PROXY | {"SERVER__ALLOWED_CLIENTS": '["160.79.104.0/21"]'}
    async with whole(tmp_path / "data", **allowed) as client:
        key = (await done(client.cockpit, "key.create", name="bot", scope="read:market"))["key"]
        client.headers = FROM
        assert (await client.call(key, symbol="ALFA")).status == 403
        client_id = (await client.register()).json["client_id"]
        assert (await client.authorize(client_id)).status == 200
        assert (await client.ask("POST", "/oauth/token")).status == 400
        client.headers = {"X-Forwarded-For": "160.79.106.1"}
        assert (await client.call(key, symbol="ALFA")).status == 200


async def test_a_proxy_that_nobody_named_is_told_of_to_the_operator(tmp_path: Path) -> None:
    async with whole(tmp_path / "data") as client:
        client.headers = FROM
        for _ in range(3):
            await client.ask("POST", "/mcp")
        (notice,) = client.cockpit.face.snapshot().notices
        assert "server.trusted_proxies" in notice.text
        assert "127.0.0.1" in notice.text
