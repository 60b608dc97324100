"""What passes the guard: names, origins, sizes; and what every answer carries."""

from __future__ import annotations

import json

import aiohttp
import pytest
from aiohttp import web

from server.guard import Guard, Policy
from server.listener import bind, serve
from tests.server.parts import House, house, wire

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
PAGE = "https://page.example"


async def ping(here: House, **headers: str) -> int:
    async with wire(here) as ann, ann.post(PING, **headers) as answer:
        return answer.status


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "localhost", "[::1]", "cockpit.example", "desk.lan", "DESK.LAN", "desk.lan."]
)
@pytest.mark.parametrize("port", ["", ":8722"])
async def test_a_name_of_this_host_is_let_in(name, port):
    async with house() as here:
        assert await ping(here, Host=name + port) == 200
        assert await ping(here, Host=name + port) == 200


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example:8722",
        "cockpit.example:evil",
        ":",
        "0.0.0.0",
        "[::1",
        "xn--",
        "a" * 300,
    ],
)
@pytest.mark.parametrize("who", ["ann", None])
async def test_another_name_is_refused_before_authentication(name, who):
    async with house() as here, wire(here, who) as client, client.post(PING, Host=name) as answer:
        assert answer.status == 421


@pytest.mark.parametrize("path", ["/mcp", "/healthz", "/nothing"])
async def test_every_path_is_guarded(path):
    async with house() as here, wire(here) as ann:
        async with ann.http.get(here.origin + path, headers={"Host": "evil.example"}) as answer:
            assert answer.status == 421
        async with ann.http.get(here.origin + path, headers={"Origin": "https://evil.example"}) as answer:
            assert answer.status == 403


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost.evil.example",
        "https://page.example.evil",
        "file://",
        "",
    ],
)
async def test_a_page_of_another_origin_may_not_call(origin):
    async with house(origins=(PAGE,)) as here:
        assert await ping(here, Origin=origin) == 403


async def test_a_listed_page_may_call_and_read_what_it_needs():
    async with house(origins=(PAGE,)) as here, wire(here) as ann, ann.post(PING, Origin=PAGE) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert "Access-Control-Allow-Credentials" not in answer.headers
        exposed = answer.headers["Access-Control-Expose-Headers"]
        assert exposed == "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, Retry-After"
        assert answer.headers["Vary"] == "Origin"


async def test_the_hosts_own_pages_may_call():
    async with house() as here:
        assert await ping(here, Origin=here.origin) == 200
        assert await ping(here, Host="cockpit.example", Origin="https://cockpit.example") == 200


async def test_a_listed_page_reads_streams_and_challenges_too():
    async with house(origins=(PAGE,)) as here, wire(here) as ann, wire(here, None) as nobody:
        async with nobody.post(PING, Origin=PAGE) as answer:
            assert answer.status == 401
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        listen = {"notifications": {"toolsListChanged": True}}
        async with ann.modern("subscriptions/listen", listen, Origin=PAGE) as stream:
            assert stream.content_type == "text/event-stream"
            assert stream.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(
    "path",
    [
        "/mcp",
        "/mcp/",
        "/oauth/token",
        "/oauth/register",
        "/oauth/revoke",
        "/oauth/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/mcp",
    ],
)
async def test_T76_a_preflight_is_answered_before_authentication_where_pages_may_call(path):
    """A listed page asks before it calls, without a token; a page that isn't listed asks too."""
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with house(origins=(PAGE,)) as here, wire(here, None) as nobody:
        async with nobody.http.options(here.origin + path, headers={"Origin": PAGE, **asks}) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, DELETE, OPTIONS"
            for name in ("Authorization", "MCP-Protocol-Version", "Mcp-Session-Id", "Mcp-Method", "Last-Event-ID"):
                assert name in answer.headers["Access-Control-Allow-Headers"]
        async with nobody.http.options(
            here.origin + path, headers={"Origin": "https://evil.example", **asks}
        ) as answer:
            assert answer.status == 403
            assert not [name for name in answer.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("path", ["/oauth/authorize", "/oauth/wait/abc", "/healthz", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_T76_what_a_person_looks_at_is_for_no_other_page(path, method):
    """A listed page reads what only a person may look at."""
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
    async with (
        house(origins=(PAGE,)) as here,
        wire(here, None) as nobody,
        nobody.http.request(method, here.origin + path, headers=asks) as answer,
    ):
        assert not [name for name in answer.headers if name.startswith("Access-Control-")]


async def test_what_differs_by_origin_says_so_to_caches():
    metadata = "/.well-known/oauth-authorization-server"
    async with (
        house(origins=(PAGE,)) as here,
        wire(here, None) as nobody,
        nobody.http.get(here.origin + metadata) as answer,
    ):
        assert answer.headers["Vary"] == "Origin"
    async with house() as here, wire(here, None) as nobody, nobody.http.get(here.url) as answer:
        assert "Vary" not in answer.headers


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/oauth/token"])
async def test_T07_what_is_no_page_is_of_no_use_as_one(path):
    """An answer that is no page is opened as one, or put into a frame."""
    async with house() as here, wire(here, None) as nobody, nobody.http.get(here.origin + path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(("public", "told"), [("https://cockpit.example", "max-age=31536000"), ("", None)])
async def test_browsers_are_held_to_https_where_the_host_is_public(public, told):
    async with house(public=public) as here, wire(here, None) as nobody:
        for path in ("/mcp", "/healthz", "/nothing"):
            async with nobody.http.get(here.origin + path) as answer:
                assert answer.headers.get("Strict-Transport-Security") == told


async def test_every_answer_carries_the_headers_that_keep_browsers_careful():
    async with house() as here, wire(here) as ann:
        for path in ("/mcp", "/healthz", "/nothing"):
            async with ann.http.get(here.origin + path) as answer:
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["Server"] == "cockpit"


async def test_a_page_may_set_its_own_headers():
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="hello", headers={"Referrer-Policy": "same-origin"})

    async with (
        house(routes=[web.get("/page", page)]) as here,
        wire(here) as ann,
        ann.http.get(here.origin + "/page") as answer,
    ):
        assert answer.headers["Referrer-Policy"] == "same-origin"


async def test_health_needs_no_token_and_tells_no_secret():
    async with house() as here, wire(here, None) as nobody:
        async with nobody.http.get(here.origin + "/healthz") as answer:
            assert await answer.json() == {"status": "ok", "state": "running"}
        async with nobody.http.head(here.origin + "/healthz") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/nothing", 404), ("POST", "/healthz", 405)]
)
async def test_the_rest_is_refused_in_json(method, path, status):
    async with house() as here, wire(here, None) as nobody, nobody.http.request(method, here.origin + path) as answer:
        assert answer.status == status
        assert answer.content_type == "application/json"
        assert set(await answer.json()) == {"error", "message"}
        assert (status == 405) == ("Allow" in answer.headers)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [66_000, 5_000_000])
async def test_a_body_that_is_too_large_is_an_error_of_the_protocol(chunked, size):
    async def chunks():
        for _ in range(size // 1000):
            yield b"x" * 1000

    async with house() as here, wire(here) as ann:
        try:
            async with ann.post(data=chunks() if chunked else b"x" * size) as answer:
                assert answer.status == 413
                body = await answer.json()
        except ConnectionError:
            assert size > 1_000_000  # the host may hang up before it has been sent
        else:
            assert body["error"]["code"] == -32600
            assert body["id"] is None


async def test_a_body_of_exactly_the_limit_is_read():
    async with house(max_body=4096) as here, wire(here) as ann:
        body = json.dumps(PING).encode()
        async with ann.post(data=body + b" " * (4096 - len(body))) as answer:
            assert answer.status == 200


async def test_a_compressed_body_is_refused():
    async with house() as here:
        assert await ping(here, Content_Encoding="gzip") == 415


async def test_headers_have_a_limit():
    async with house() as here:
        assert await ping(here, X_Long="x" * 20_000) == 431
        async with wire(here) as ann, ann.post(PING, **{f"X-{n}": "x" for n in range(200)}) as answer:
            assert answer.status == 400


async def test_what_nobody_planned_is_logged_with_the_number_that_the_client_gets(caplog):
    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("secret inner text")

    async with (
        house(routes=[web.get("/broken", broken)]) as here,
        wire(here) as ann,
        ann.http.get(here.origin + "/broken") as answer,
    ):
        assert answer.status == 500
        body = await answer.json()
    assert set(body) == {"error", "id"}
    assert body["id"] in caplog.text
    assert "secret inner text" in caplog.text


def test_a_policy_knows_the_public_name_without_its_port():
    policy = Policy.of("https://Trade.Example:8443", ("Desk:80",), ("https://Page.Example/",), 1)
    assert {"trade.example", "desk", "localhost", "127.0.0.1", "[::1]"} == policy.hosts
    assert policy.origins == {"https://page.example"}


async def test_an_unplanned_error_is_logged_with_its_route_and_never_with_its_path(caplog):
    async def breaks(_: web.Request) -> web.StreamResponse:
        raise RuntimeError("nobody thought of this")

    app = web.Application()
    Guard(Policy(frozenset({"127.0.0.1"}))).install(app)
    app.router.add_get("/secret/{link}", breaks)
    async with (
        serve(app, bind("127.0.0.1", 0)) as port,
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/secret/q7Zk") as answer,
    ):
        assert answer.status == 500
    assert "at GET /secret/{link}" in caplog.text
    assert "q7Zk" not in caplog.text
