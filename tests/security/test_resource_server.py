"""The resource server: whose call it is, what it may do, and what ends it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import RSAKey

from cockpit.model.identity import Scope
from cockpit.model.refusals import Refusal
from cockpit.model.trading import TradingState
from tests.oauth.outside import Answer, ManualClock, code_of, wait_of
from tests.security.site import TRADES, Site, open_site
from tests.server.raw import raw

_STREAMS_CLOSED_WITHIN: Final = 0.1
UPSTREAM = (
    "ya29.a0AfB_byC-" + "x" * 120,
    "gho_" + "x" * 36,
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20ifQ." + "A" * 342,
)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Forge:
    """Makes tokens of all kinds, with the host's own key where that is the point."""

    def __init__(self, site: Site, genuine: str) -> None:
        pem = (site.keys / "oauth_signing.pem").read_text()
        self.own = RSAKey.import_key(pem[pem.index("-----BEGIN") :])
        self.foreign = RSAKey.generate_key(2048)
        self.header, self.claims = (json.loads(_decoded(part)) for part in genuine.split(".")[:2])
        self.body, self.signature = genuine.split(".")[1:]

    def signed(self, **changed: Any) -> str:
        """A token with our own signature whose claims were changed; None leaves one out."""
        claims = {name: value for name, value in (self.claims | changed).items() if value is not None}
        return jwt.encode(self.header, claims, self.own)

    def headed(self, key: RSAKey | None = None, alg: str = "RS256", **changed: Any) -> str:
        """A token whose header was changed, signed over that header."""
        header = {name: value for name, value in (self.header | {"alg": alg} | changed).items() if value is not None}
        return jwt.encode(header, self.claims, key or self.own, algorithms=[alg], default_type=None)

    def with_mac(self) -> str:
        text = f"{encoded(self.header | {'alg': 'HS256'})}.{self.body}"
        mac = hmac.new(self.own.as_pem(private=False), text.encode(), hashlib.sha256).digest()
        return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    def with_crit(self) -> str:
        """A token that demands an extension (RFC 7515, 4.1.11), signed by hand: the library refuses to."""
        text = f"{encoded(self.header | {'crit': ['exp'], 'exp': 1})}.{self.body}"
        key = self.own.get_op_key("sign")
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def unsigned(self) -> str:
        return f"{encoded(self.header | {'alg': 'none'})}.{self.body}."


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def assert_challenged(site: Site, answer: Answer, error: str | None) -> None:
    """401 with a challenge that says where to sign in; without credentials it names no error (RFC 6750, 3.1)."""
    assert answer.status == 401, answer.text
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    assert f'resource_metadata="{site.issuer}/.well-known/oauth-protected-resource/mcp"' in challenge
    assert 'scope="read:market' in challenge
    assert ("error=" in challenge) == (error is not None)
    assert error is None or f'error="{error}"' in challenge


async def test_T62_whoever_brings_no_token_is_told_where_to_sign_in(site: Site) -> None:
    """A call comes without credentials, with another scheme, or with its token in the query or the body."""
    _, tokens = await site.connect()
    bare = (
        await site.mcp(None, "tools/list"),
        await site.mcp(None, "tools/list", Authorization="Basic YTpi"),
        await site.mcp(None, "tools/list", Authorization=f"DPoP {tokens.access}"),
        await site.get("/mcp"),
        await site.ask("DELETE", "/mcp"),
        await site.ask("POST", f"/mcp?access_token={tokens.access}", json={}),
        await site.ask("POST", f"/mcp?token={tokens.access}", json={}),
        await site.ask("POST", "/mcp", data={"access_token": tokens.access}),
    )
    for answer in bare:
        assert_challenged(site, answer, None)


async def test_T62_two_authorization_headers_are_none(site: Site) -> None:
    """A request carries a good token twice, or a good and a bad one."""
    _, tokens = await site.connect()
    for second in (tokens.access, "x"):
        async with raw(site.port) as line:
            line.send(
                f"POST /mcp HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer {tokens.access}\n"
                f"Authorization: Bearer {second}\nContent-Length: 2\n\n{{}}"
            )
            status, headers, _ = await line.answer()
        assert status in {400, 401}
        assert status == 400 or 'error="invalid_request"' in headers["www-authenticate"]


async def test_T64_a_forged_token_is_refused(site: Site) -> None:
    """Tokens with alg none, HMAC by the public key, another algorithm, a foreign key, jwk, jku, x5u, kid or crit."""
    _, tokens = await site.connect()
    forge = Forge(site, tokens.access)
    assert await site.lives(forge.signed()), "the recipe itself is right"
    public = forge.foreign.as_dict(private=False)
    forged = {
        "alg none": forge.unsigned(),
        "alg none, signed": forge.unsigned() + forge.signature,
        "HS256 with the public key": forge.with_mac(),
        "RS512": forge.headed(alg="RS512"),
        "PS256": forge.headed(alg="PS256"),
        "foreign key": forge.headed(forge.foreign),
        "jwk": forge.headed(forge.foreign, jwk=public),
        "jku": forge.headed(forge.foreign, jku=f"{site.base}/oauth/jwks.json"),
        "x5u": forge.headed(forge.foreign, x5u="https://evil.example/cert"),
        "foreign kid": forge.headed(kid="x"),
        "kid as a path": forge.headed(kid="../../etc/passwd"),
        "crit": forge.with_crit(),
        "signature cut": tokens.access[:-8],
        "two parts": tokens.access.rpartition(".")[0],
        "four parts": tokens.access + ".x",
        "an empty part": tokens.access.partition(".")[0] + "..",
        "signature of another": f"{tokens.access.rpartition('.')[0]}.{'A' * len(forge.signature)}",
        "claims changed": f"{tokens.access.split('.')[0]}.{encoded(forge.claims | {'sub': 'Root'})}.{forge.signature}",
    }
    for what, token in forged.items():
        answer = await site.call(token, "get_session")
        assert answer.status == 401, what
        assert_challenged(site, answer, "invalid_token")


async def test_T65_a_token_of_another_kind_is_refused(site: Site) -> None:
    """Tokens with our signature and the type of an ID token or a logout token, or without type, key id or grant."""
    _, tokens = await site.connect()
    forge = Forge(site, tokens.access)
    confused = {
        "typ JWT": forge.headed(typ="JWT"),
        "logout": forge.headed(typ="logout+jwt"),
        "typ case": forge.headed(typ="AT+JWT"),
        "no typ": forge.headed(typ=None),
        "no kid": forge.headed(kid=None),
        "no grant": forge.signed(gid=None),
        "unknown grant": forge.signed(gid="g-nobody"),
        "another client's grant": forge.signed(client_id="c-other"),
        "a refresh token": tokens.refresh,
    }
    for what, token in confused.items():
        assert (await site.call(token, "get_session")).status == 401, what


async def test_T66_a_token_for_another_place_or_another_time_is_refused(site: Site) -> None:
    """Tokens with our signature: foreign audience and issuer, lists and prefixes of them, odd or missing times."""
    _, tokens = await site.connect()
    forge = Forge(site, tokens.access)
    assert await site.lives(forge.signed())
    now = int(site.clock.now().timestamp())
    for changed in (
        {"aud": "https://evil.example/mcp"},
        {"aud": [site.resource]},
        {"aud": [site.resource, "https://evil.example"]},
        {"aud": site.resource + "/x"},
        {"aud": site.resource[:-1]},
        {"aud": site.issuer},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": site.issuer + "/"},
        {"iss": None},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 1e300},
        {"exp": True},
        {"exp": now},
        {"exp": 1},
        {"exp": -1},
        {"iat": None},
        {"iat": now + 3600},
        {"iat": "now"},
        {"nbf": now + 3600},
        {"scope": ["read:market"]},
        {"jti": None},
        {"client_id": 7},
        {"narrowed": "everything"},
        {"narrowed": 1},
    ):
        assert (await site.call(forge.signed(**changed), "get_session")).status == 401, changed


async def test_T67_a_monstrous_token_is_turned_away(site: Site) -> None:
    """A token has 200 kB, the headers have 64 kB, and garbage that looks like a token comes in numbers."""
    async with raw(site.port) as line:
        line.send(f"POST /mcp HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer {'A' * 200_000}\n\n")
        assert (await line.rest()).split(b" ")[1] in {b"400", b"431"}
    async with raw(site.port) as line:
        line.send("GET /mcp HTTP/1.1\nHost: 127.0.0.1\n" + "".join(f"X-{n}: {'y' * 1000}\n" for n in range(64)) + "\n")
        assert (await line.rest()).split(b" ")[1] in {b"400", b"401", b"431"}
    _, tokens = await site.connect()
    for token in ("A" * 7000, tokens.access + "A" * 3000, "eyJ" + "A" * 4000):
        assert (await site.call(token, "get_session")).status == 401
    assert await site.lives(tokens.access)


async def test_T67_garbage_costs_less_than_a_token_that_is_verified(site: Site) -> None:
    """Somebody sends garbage that begins like a token, to keep the host busy with cryptography."""
    _, tokens = await site.connect()
    forge = Forge(site, tokens.access)
    genuine = [forge.signed(jti=f"{number:022}") for number in range(60)]
    first = tokens.access.split(".")[0]
    garbage = [f"eyJ{'A' * 700}{number}" for number in range(30)]
    garbage += [f"{first}.{'!' * 700}.{number}" for number in range(30)]

    def cost(some: list[str]) -> float:
        began = time.perf_counter()
        for token in some:
            site.authority.check(f"Bearer {token}", "127.0.0.1")
        return time.perf_counter() - began

    cost([forge.signed()])
    # New tokens in each round: what was verified is remembered.
    verified = min(cost(genuine[at : at + 20]) for at in (0, 20, 40))
    turned_away = min(cost(garbage[at : at + 20]) for at in (0, 20, 40))
    assert turned_away < verified / 2


async def test_T68_no_token_is_passed_through_in_either_direction(site: Site) -> None:
    """A token of the broker's or of another service comes as bearer; and what the broker is sent is looked at."""
    for token in UPSTREAM:
        assert_challenged(site, await site.call(token, "get_session"), "invalid_token")
    _, tokens = await site.connect("Trader", TRADES)
    waiting = await site.said(tokens.access, "place_order", **ORDER)
    await site.done("order.approve", order_id=waiting["order_id"])
    (sent,) = site.brokers["paper"].sent
    assert tokens.access not in repr(sent)
    assert tokens.access.encode() not in site.bytes_at_rest()


ORDER = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market", "idempotency_key": "order-0001"}


async def test_T69_a_tool_beyond_the_scope_is_not_listed_and_not_callable(site: Site) -> None:
    """A client that may only read calls place_order, which it isn't shown."""
    _, tokens = await site.connect()
    assert "place_order" not in await site.tools(tokens.access)
    refused = await site.place(tokens.access)
    assert refused.status == 403
    challenge = refused.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert "write:orders" in challenge
    assert site.brokers["paper"].sent == []
    assert site.cockpit.face.snapshot().orders == ()


async def test_T69_a_key_beyond_its_scope_is_an_error_of_the_tool(site: Site) -> None:
    """An API key that may only read calls place_order."""
    key = await site.key()
    said = await site.said(key, "place_order", **ORDER)
    assert said["code"] == "SCOPE_MISSING"
    assert site.brokers["paper"].sent == []


async def test_T69_no_spelling_of_a_tool_goes_around_its_scope(site: Site) -> None:
    """place_order is called in capitals, in full-width letters, with hidden signs, and in a batch."""
    _, tokens = await site.connect()
    for name in (
        "Place_Order",
        "PLACE_ORDER",
        " place_order",
        "place_order\u200b",
        "ｐlace_order",
        "place\u2010order",
        "place_order\x00",
        "place_order/",
        "tools/place_order",
    ):
        answer = await site.call(tokens.access, name, **ORDER)
        assert answer.status in {200, 400, 404}, name
        assert "error" in answer.json or answer.json["result"]["isError"], name
    one = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "place_order", "arguments": ORDER}}
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    headers = {"Authorization": f"Bearer {tokens.access}"}
    batch = await site.ask("POST", "/mcp", json=[listing, one], headers=headers)
    assert batch.status == 400
    assert site.cockpit.face.snapshot().orders == ()
    assert site.brokers["paper"].sent == []


async def initialize(site: Site, token: str) -> str:
    said = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    answer = await site.mcp(token, "initialize", said)
    assert answer.status == 200, answer.text
    return answer.headers["Mcp-Session-Id"]


async def test_T71_a_session_is_of_no_use_to_another_client(site: Site) -> None:
    """A client uses, listens to and deletes the session of another."""
    _, victim = await site.connect("Victim")
    _, thief = await site.connect("Thief")
    session = {"Mcp-Session-Id": await initialize(site, victim.access)}
    theirs = session | {"Authorization": f"Bearer {thief.access}", "Accept": "text/event-stream, application/json"}
    assert (await site.mcp(thief.access, "tools/list", **session)).status == 404
    assert (await site.get("/mcp", headers=theirs)).status == 404
    assert (await site.ask("DELETE", "/mcp", headers=theirs)).status == 404
    assert (await site.mcp(victim.access, "tools/list", **session)).status == 200
    assert (await site.mcp(None, "tools/list", **session)).status == 401


@asynccontextmanager
async def open_stream(site: Site, token: str) -> AsyncIterator[aiohttp.StreamReader]:
    """The standing stream of a client."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    headers["Mcp-Session-Id"] = await initialize(site, token)
    async with aiohttp.ClientSession() as http, http.get(f"{site.base}/mcp", headers=headers) as answer:
        assert answer.status == 200
        yield answer.content


async def test_T72_the_kill_switch_ends_every_authority_for_good(tmp_path: Path) -> None:
    """Clients hold tokens, a key, an unredeemed code, a waiting page, a waiting order and a stream; then the kill."""
    clock = ManualClock()
    async with open_site(tmp_path / "data", clock) as site:
        client_id, tokens = await site.connect("Trader", TRADES)
        key = await site.key()
        minted = (await site.done("token.mint", name="robot", scope="read:market"))["token"]
        other = (await site.register())["client_id"]
        code = await site.code(other, "Other")
        page = await site.authorize(other)
        waiting = await site.said(tokens.access, "place_order", **ORDER)
        async with open_stream(site, tokens.access) as stream:
            await site.done("kill")
            await asyncio.wait_for(stream.read(), 10)
        assert [await site.lives(token) for token in (tokens.access, key, minted)] == [False] * 3
        assert (await site.refresh(client_id, tokens.refresh)).status >= 400
        assert (await site.redeem(other, code)).status >= 400
        assert (await site.get(wait_of(page))).status == 503
        assert (await site.authorize(client_id)).status == 503
        assert (
            await site.ask("POST", "/oauth/register", json={"redirect_uris": ["https://a.example/b"]})
        ).status == 503
        assert await site.refused("client.approve", code=code_of(page)) in {"CODE_UNKNOWN", "KILL_SWITCH"}
        assert isinstance(await site.act("order.approve", order_id=waiting["order_id"]), Refusal)
        assert site.brokers["paper"].sent == []
        port = site.port
    async with open_site(tmp_path / "data", clock, port=port) as site:
        assert site.cockpit.face.snapshot().switch.state is TradingState.KILLED
        await site.done("resume")
        assert [await site.lives(token) for token in (tokens.access, key, minted)] == [False] * 3
        assert (await site.refresh(client_id, tokens.refresh)).status >= 400
        assert (await site.redeem(other, code)).status >= 400
        assert (await site.get(wait_of(page))).status == 400
        assert isinstance(await site.act("order.approve", order_id=waiting["order_id"]), Refusal)
        assert site.brokers["paper"].sent == []


async def test_T72_a_kill_closes_200_streams_at_once(site: Site) -> None:
    """Two programs hold a hundred standing streams each; best of three, as the machine does other things too."""
    took: list[float] = []
    while (not took or min(took) > _STREAMS_CLOSED_WITHIN) and len(took) < 3:
        keys = [await site.key(f"program-{len(took)}-{number}") for number in range(2)]
        async with AsyncExitStack() as stack:
            opening = [stack.enter_async_context(open_stream(site, key)) for key in keys for _ in range(100)]
            streams = [await one for one in opening]
            ended = [asyncio.ensure_future(stream.read()) for stream in streams]
            began = time.monotonic()
            await site.done("kill")
            await asyncio.wait_for(asyncio.gather(*ended), 10)
            took.append(time.monotonic() - began)
        await site.done("resume")
    assert min(took) <= _STREAMS_CLOSED_WITHIN


async def test_T72_a_resume_brings_nothing_back(site: Site) -> None:
    """The operator resumes in the same process; everybody comes with what he had before the kill."""
    client_id, tokens = await site.connect("Trader", TRADES)
    key = await site.key()
    code = await site.code(client_id)
    await site.done("kill")
    await site.done("resume")
    assert not await site.lives(tokens.access)
    assert not await site.lives(key)
    assert (await site.refresh(client_id, tokens.refresh)).status >= 400
    assert (await site.redeem(client_id, code)).status >= 400
    await site.done("key.enable", name="script")
    assert await site.lives(key)


async def test_T72_an_order_between_its_check_and_the_broker_is_not_sent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kill comes while an approved order is being written down, just before it goes to the broker."""
    _, tokens = await site.connect("Trader", TRADES)
    waiting = await site.said(tokens.access, "place_order", **ORDER)
    commit, begun, go_on = site.store.commit, asyncio.Event(), asyncio.Event()

    async def slow_at_first(*given: Any, **more: Any) -> tuple[int, ...]:
        first = not begun.is_set()
        begun.set()
        if first:
            await go_on.wait()
        return await commit(*given, **more)

    monkeypatch.setattr(site.store, "commit", slow_at_first)
    approving = asyncio.create_task(site.act("order.approve", order_id=waiting["order_id"]))
    await asyncio.wait_for(begun.wait(), 10)
    killing = asyncio.create_task(site.act("kill"))
    while site.cockpit.face.snapshot().switch.state is not TradingState.KILLED:
        await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait_for(asyncio.gather(approving, killing), 20)
    assert site.brokers["paper"].sent == []
    (order,) = site.cockpit.face.snapshot().orders
    assert order.state.value in {"refused", "expired"}


async def test_T72_a_revoked_client_loses_its_stream_and_its_waiting_order(site: Site) -> None:
    """The operator revokes a client that listens and whose order waits."""
    _, tokens = await site.connect("Trader", TRADES)
    await site.said(tokens.access, "place_order", **ORDER)
    async with open_stream(site, tokens.access) as stream:
        await site.done("client.revoke", client="Trader")
        await asyncio.wait_for(stream.read(), 10)
    async with asyncio.timeout(10):
        while site.cockpit.face.snapshot().pending_orders:
            await asyncio.sleep(0)
    assert site.brokers["paper"].sent == []


TWO = '[connections.paper]\n[connections.other]\nseed = "other"\nscopes = ["read:market"]\n'


async def test_T74_only_the_whole_living_key_lets_in(site: Site) -> None:
    """A key comes cut short, lengthened, in capitals, without its prefix, in the address, and after it was revoked."""
    key = await site.key()
    assert await site.lives(key)
    for wrong in (key[:-1], key[:20], key + "A", key[3:], key.upper(), "ck_" + "A" * 43, "ck_", "ck_" + "é" * 43):
        assert (await site.ask("POST", "/mcp", json={}, headers=bearer(wrong))).status in {400, 401}, wrong
    for query in (f"key={quote(key)}", f"api_key={quote(key)}", f"access_token={quote(key)}"):
        assert_challenged(site, await site.ask("POST", f"/mcp?{query}", json={}), None)
    await site.done("key.revoke", name="script")
    assert not await site.lives(key)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}".encode().decode("latin-1")}


async def test_T74_a_key_is_shown_once_and_kept_as_a_digest(site: Site) -> None:
    """Somebody looks for a key in the list of keys, the audit, the database and the log."""
    key = await site.key()
    assert await site.lives(key)
    shown = [await site.act(name) for name in ("key.list", "clients", "status", "audit.tail", "pending")]
    assert key not in repr(shown)
    await site.store.flush()
    assert key.encode() not in site.bytes_at_rest()
    rows = await site.store.rows("SELECT key_hash FROM oauth_grants WHERE via = 'key'")
    assert [bytes(row["key_hash"]) for row in rows] == [hashlib.sha256(key.encode()).digest()]


async def test_T74_a_key_works_on_its_own_connection_alone(tmp_path: Path) -> None:
    """A key of a connection that only reads the market is used to trade, and names another connection."""
    async with open_site(tmp_path / "data", settings=TWO) as site:
        assert await site.refused("key.create", name="a", scope="write:orders", connection="other")
        key = await site.key("reader", frozenset({Scope.READ_MARKET}), connection="other")
        for more in ({}, {"connection": "paper"}):
            answer = await site.call(key, "place_order", **ORDER, **more)
            assert answer.json["result"]["isError"]
        assert site.brokers["paper"].sent == []
        assert site.brokers["other"].sent == []
        assert (await site.said(key, "get_session"))["connection"] == "other"


async def test_T75_another_name_or_another_page_is_refused_before_anything_else(site: Site) -> None:
    """A browser is led to the host under another name, or a page of another origin calls it, with a good token."""
    _, tokens = await site.connect()
    paths = (
        "/mcp",
        "/healthz",
        "/oauth/authorize",
        "/oauth/token",
        "/oauth/register",
        "/oauth/revoke",
        "/oauth/jwks.json",
        "/.well-known/oauth-authorization-server",
    )
    hosts = ("evil.example", f"evil.example:{site.port}", "127.0.0.1.evil.example", "localhost@evil.example", "0.0.0.0")
    origins = ("https://evil.example", "null", "http://localhost.evil.example", "file://", "http://127.0.0.1:1")
    for path in paths:
        for method in ("GET", "POST"):
            for host in hosts:
                answer = await site.ask(method, path, headers={"Host": host} | bearer(tokens.access))
                assert answer.status == 421, (path, host)
            for origin in origins:
                answer = await site.ask(method, path, headers={"Origin": origin} | bearer(tokens.access))
                assert answer.status == 403, (path, origin)
    assert (await site.authorize("c-x")).status == 400, "without both it is answered"


async def test_T76_only_listed_pages_may_read_answers_and_never_with_cookies(tmp_path: Path) -> None:
    """A page of a listed and one of an unlisted origin call the endpoints from a browser."""
    page, evil = "https://page.example", "https://evil.example"
    async with open_site(tmp_path / "data", settings=f'[server]\nallowed_origins = ["{page}"]\n') as site:
        for path in ("/mcp", "/oauth/token", "/oauth/register", "/oauth/revoke"):
            listed = await site.ask("POST", path, headers={"Origin": page}, data=b"{}")
            assert listed.headers["Access-Control-Allow-Origin"] == page
            assert "WWW-Authenticate" in listed.headers["Access-Control-Expose-Headers"]
            other = await site.ask("POST", path, headers={"Origin": evil}, data=b"{}")
            assert other.status == 403
            asks = {"Origin": evil, "Access-Control-Request-Method": "POST"}
            preflight = await site.ask("OPTIONS", path, headers=asks)
            for answer in (listed, other, preflight):
                assert "Access-Control-Allow-Credentials" not in answer.headers
                assert answer.headers.get("Access-Control-Allow-Origin") in {None, page}
            assert "Access-Control-Allow-Origin" not in preflight.headers


FORWARDED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=https",
    "X-Original-URL": "/healthz",
}


async def test_T77_what_an_untrusted_peer_says_of_its_address_counts_for_nothing(tmp_path: Path) -> None:
    """A client claims another address, host and protocol in the headers of a proxy."""
    async with open_site(tmp_path / "data", roomy=False) as site:
        client_id = (await site.register())["client_id"]
        for number in range(8):
            claimed = FORWARDED | {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"}
            site.http.headers.update(claimed)
            page = await site.authorize(client_id)
            assert page.status == (200 if number < 5 else 429)
            assert "203.0.113." not in page.text
        assert {one.address for one in site.cockpit.face.snapshot().pending_clients} == {"127.0.0.1"}
        metadata = (await site.get("/.well-known/oauth-authorization-server")).json
        assert metadata["issuer"] == site.issuer


async def test_T78_metadata_is_the_same_whatever_the_request_says(tmp_path: Path) -> None:
    """The documents are asked for under another allowed name, and with the headers of a proxy."""
    async with open_site(tmp_path / "data", settings='[server]\nallowed_hosts = ["desk.lan"]\n') as site:
        for name in ("oauth-authorization-server", "openid-configuration", "oauth-protected-resource"):
            for suffix in ("", "/mcp"):
                path = f"/.well-known/{name}{suffix}"
                plain = await site.get(path)
                poisoned = await site.get(path, headers=FORWARDED | {"Host": "desk.lan"})
                assert plain.status == poisoned.status == 200
                assert plain.json == poisoned.json
                assert site.issuer in json.dumps(plain.json)
                assert (await site.get(path, headers={"Host": "evil.example"})).status == 421
        challenge = await site.mcp(None, "tools/list", **FORWARDED | {"Host": "desk.lan"})
        assert_challenged(site, challenge, None)


SMUGGLED = "GET /smuggled HTTP/1.1\nHost: 127.0.0.1\n\n"
TORN = {
    "two lengths": f"Content-Length: 0\nContent-Length: {len(SMUGGLED)}\n\n{SMUGGLED}",
    "two equal lengths": f"Content-Length: 2\nContent-Length: 2\n\n{{}}{SMUGGLED}",
    "length and chunks": f"Content-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n{SMUGGLED}",
    "chunks twice": f"Transfer-Encoding: chunked\nTransfer-Encoding: identity\n\n0\n\n{SMUGGLED}",
    "another coding": f"Transfer-Encoding: xchunked\n\n0\n\n{SMUGGLED}",
    "a folded header": f"X-A: b\n Content-Length: 5\n\n{SMUGGLED}",
    "a space before the colon": f"Content-Length : {len(SMUGGLED)}\n\n{SMUGGLED}",
    "a negative length": f"Content-Length: -1\n\n{SMUGGLED}",
    "a signed length": f"Content-Length: +2\n\n{{}}{SMUGGLED}",
    "a length that is none": f"Content-Length: 0x2\n\n{{}}{SMUGGLED}",
    "a NUL": f"X-A: \x00\n\n{SMUGGLED}",
}


async def test_T79_a_request_that_two_servers_could_read_differently_is_refused(site: Site) -> None:
    """Lengths come twice, with chunks, signed or folded, so that a proxy and the host see different requests."""
    for what, torn in TORN.items():
        async with raw(site.port) as line:
            line.send(f"POST /oauth/token HTTP/1.1\nHost: 127.0.0.1\n{torn}")
            said = await line.rest()
        assert said.split(b" ")[1] == b"400", (what, said[:200])
        assert said.count(b"HTTP/1.") == 1, (what, said)


async def test_T79_the_address_line_names_no_other_host(site: Site) -> None:
    """The request line holds a whole address, so that host and Host header may differ."""
    for target in ("http://evil.example/healthz", "https://evil.example/mcp", "//evil.example/healthz", "evil:80"):
        async with raw(site.port) as line:
            line.send(f"GET {target} HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n")
            said = await line.rest()
        assert said.split(b" ")[1] in {b"400", b"404", b"421"}, (target, said[:200])


async def test_T79_what_follows_a_good_request_is_its_own(site: Site) -> None:
    """A token comes with the first of two requests on one connection; the second is sent without."""
    _, tokens = await site.connect()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    async with raw(site.port) as line:
        line.send(
            f"POST /mcp HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer {tokens.access}\n"
            f"Content-Length: {len(body)}\n\n{body}"
        )
        assert (await line.answer())[0] == 200
        line.send(f"POST /mcp HTTP/1.1\nHost: 127.0.0.1\nContent-Length: {len(body)}\n\n{body}")
        assert (await line.answer())[0] == 401
