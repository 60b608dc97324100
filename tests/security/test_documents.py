"""Clients described by a document at their client_id: what is fetched, from where, and what a document may say."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from joserfc import jwt

from oauth.assertions import KIND
from server.fetching import DocumentFetcher, is_public
from tests.oauth.client_shapes import CHATGPT_KEY, CHATGPT_KEYS_AT, chatgpt_document
from tests.oauth.internet import Internet, some_internet
from tests.oauth.outside import Answer, code_of, query_of, tokens_of, wait_of
from tests.security.site import READS, Site, open_site

CLAUDE = "https://claude.ai/oauth/mcp-oauth-client-metadata"
CALLBACK = "https://claude.ai/api/mcp/auth_callback"
CHATGPT = "https://chatgpt.com/oauth/kDmjx77UnKOM/client.json"
CONNECTOR = "https://chatgpt.com/connector/oauth/kDmjx77UnKOM"
STRANGER = "https://stranger.example/client.json"


def document(client_id: str = CLAUDE, redirect: str = CALLBACK, **changed: Any) -> dict[str, Any]:
    return {"client_id": client_id, "client_name": "Claude", "redirect_uris": [redirect]} | changed


@pytest.fixture
async def internet(tmp_path: Path) -> AsyncIterator[Internet]:
    """Hosts with documents."""
    async with some_internet(tmp_path) as here:
        yield here


@pytest.fixture
async def reaching(tmp_path: Path, internet: Internet) -> AsyncIterator[Site]:
    """A cockpit that reaches them."""
    async with open_site(tmp_path / "data", fetcher=lambda: internet.fetcher(seconds=0.5)) as opened:
        yield opened


def assert_local(site: Site, answer: Answer) -> None:
    assert (answer.status, "Location" in answer.headers) == (400, False), answer.text
    assert site.waiting() == []


async def connected(site: Site) -> str:
    """Let Claude in by its document; its refresh token."""
    code = await site.code(CLAUDE, "claude", redirect_uri=CALLBACK)
    return tokens_of(await site.redeem(CLAUDE, code, redirect_uri=CALLBACK)).refresh


@pytest.mark.parametrize(
    "change", [{"redirect_uris": [CALLBACK, "https://evil.example/callback"]}, {"client_name": "Somebody else"}]
)
async def test_T56_a_document_that_changed_is_approved_anew_and_what_was_granted_goes_on(
    reaching: Site, internet: Internet, change: dict[str, Any]
) -> None:
    """An approved client's document names another redirect_uri, or another name, than when it was approved."""
    internet.publish(CLAUDE, document())
    refresh = await connected(reaching)
    internet.publish(CLAUDE, document(**change))
    reaching.clock.go(86_401)
    wanted = change.get("redirect_uris", [CALLBACK])[-1]
    page = await reaching.authorize(CLAUDE, redirect_uri=wanted)
    assert (page.status, len(code_of(page))) == (200, 6)
    ticket: Any = await reaching.cockpit.face.client_ticket(code_of(page))
    assert any("changed" in warning for warning in ticket.warnings)
    assert (await reaching.get(wait_of(page))).status == 200, "nobody has typed its code"
    fresh = tokens_of(await reaching.refresh(CLAUDE, refresh))
    assert await reaching.lives(fresh.access)


async def test_T12_a_genuine_identity_with_a_local_callback_still_waits_for_the_operator(
    reaching: Site, internet: Internet
) -> None:
    """A local program uses Claude Code's genuine client_id with a port of its own, after the genuine one was let in."""
    code = "https://claude.ai/oauth/claude-code-client-metadata"
    internet.publish(code, document(code, "http://localhost/callback"))
    await reaching.code(code, "claude-code", redirect_uri="http://localhost:1111/callback")
    page = await reaching.authorize(code, redirect_uri="http://localhost:2222/callback")
    assert (await reaching.get(wait_of(page))).status == 200
    assert "computer of this browser" in page.text
    ticket: Any = await reaching.cockpit.face.client_ticket(code_of(page))
    assert any("any local program" in warning for warning in ticket.warnings)


LITERALS = (
    "https://127.0.0.1/client",
    "https://127.0.0.1:PORT/client",
    "https://[::1]/client",
    "https://[::1]:PORT/client",
    "https://[::ffff:127.0.0.1]/client",
    "https://2130706433/client",
    "https://0x7f000001/client",
    "https://0177.0.0.1/client",
    "https://127.1/client",
    "https://１２７.０.０.１/client",
    "https://127。0。0。1/client",
    "https://localhost/client",
    "https://localhost./client",
    "https://localhost:PORT/client",
    "https://claude.ai:22/client",
    "https://claude.ai:PORT/client",
    "https://169.254.169.254/latest/meta-data",
    "https://claude.ai@127.0.0.1:PORT/client",
    "http://claude.ai/client",
    "http://127.0.0.1:PORT/client",
    "file:///etc/passwd",
)


async def test_T57_no_address_of_a_client_makes_the_host_knock_at_its_own_doors(tmp_path: Path) -> None:
    """A client_id is an address of this computer or its network: as digits in every spelling, a name, with a port."""
    with socket.create_server(("127.0.0.1", 0)) as inner:
        inner.setblocking(False)
        port = str(inner.getsockname()[1])
        async with open_site(tmp_path / "data", fetcher=DocumentFetcher) as site:
            for literal in LITERALS:
                client_id = literal.replace("PORT", port)
                assert_local(site, await site.authorize(client_id, redirect_uri=CALLBACK))
                answer = await site.redeem(client_id, "x", client_assertion_type=KIND, client_assertion="x")
                assert answer.status in {400, 401}
        with pytest.raises(BlockingIOError):
            inner.accept()


async def test_T57_a_good_name_that_leads_inside_is_not_connected_to(tmp_path: Path, internet: Internet) -> None:
    """A listed host's name leads to this computer, whatever it led to before."""
    internet.publish(CLAUDE, document())
    knocked: list[str] = []

    def only_public(address: Any) -> bool:
        knocked.append(str(address))
        return is_public(address)

    async with open_site(tmp_path / "data", fetcher=lambda: internet.fetcher(only_public)) as site:
        assert_local(site, await site.authorize(CLAUDE, redirect_uri=CALLBACK))
    assert (knocked, internet.asked) == (["127.0.0.1"], [])


async def test_T57_a_stranger_is_fetched_only_after_the_operator_typed_its_code(
    reaching: Site, internet: Internet
) -> None:
    """Anybody opens a link whose client_id is an address of a host of his own, to make this host fetch it."""
    theirs = "https://stranger.example/callback"
    internet.publish(STRANGER, document(STRANGER, theirs))
    page = await reaching.authorize(STRANGER, redirect_uri=theirs)
    for _ in range(3):
        assert (await reaching.get(wait_of(page))).status == 200
    assert internet.asked == []
    await reaching.cockpit.face.client_ticket(code_of(page))
    assert internet.asked == [STRANGER]
    await reaching.approve(page)
    assert (await reaching.get(wait_of(page))).headers["Location"].startswith(f"{theirs}?code=")


async def endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    with_space = b" " * 65_536
    while True:
        await answer.write(with_space)


async def dripping(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    await answer.write(b"{")
    await asyncio.Event().wait()
    return answer


async def test_T59_every_way_to_fail_sounds_alike_is_bounded_and_not_repeated(
    reaching: Site, internet: Internet
) -> None:
    """A document never ends, drips, is packed, huge, moved, no JSON or not there; the answers are compared."""
    at = "https://claude.ai/oauth/{}".format
    internet.pages[at("endless")] = endless
    internet.pages[at("dripping")] = dripping
    internet.says(at("html"), b"<html>", Content_Type="text/html")
    internet.says(at("broken"), b"{")
    internet.says(at("error"), b"{}", 500)
    internet.says(at("moved"), b"{}", 302, Location=CLAUDE)
    internet.publish(at("packed"), document(at("packed")), Content_Encoding="gzip")
    internet.publish(at("large"), document(at("large"), padding="x" * 9000))
    internet.publish(CLAUDE, document())
    ways = ("nothing", "endless", "dripping", "html", "broken", "error", "moved", "packed", "large")
    texts = set()
    for way in ways:
        for _ in range(3):
            answer = await reaching.authorize(at(way), redirect_uri=CALLBACK)
            assert_local(reaching, answer)
            texts.add(answer.text)
        assert internet.asked.count(at(way)) == 1, way
    assert len(texts) == 1
    assert CLAUDE not in internet.asked, "a redirect is not followed"


async def test_T59_two_are_fetched_at_a_time_and_a_flood_waits_for_nobody(reaching: Site, internet: Internet) -> None:
    """Many browsers open links to as many documents that never come."""
    open_now, most = 0, 0

    async def held(request: web.Request) -> web.StreamResponse:
        nonlocal open_now, most
        open_now, most = open_now + 1, max(most, open_now + 1)
        try:
            await asyncio.Event().wait()
        finally:
            open_now -= 1
        return web.Response()

    for number in range(30):
        internet.pages[f"https://claude.ai/oauth/{number}"] = held
    async with asyncio.timeout(10):
        answers = await asyncio.gather(
            *(reaching.authorize(f"https://claude.ai/oauth/{number}", redirect_uri=CALLBACK) for number in range(30))
        )
    assert {answer.status for answer in answers} <= {400, 429, 503}
    assert most <= 2
    client_id = (await reaching.register())["client_id"]
    assert (await reaching.authorize(client_id)).status == 200


@pytest.mark.parametrize(
    "found",
    [
        {"client_id": "https://claude.ai/oauth/other"},
        {"client_id": CLAUDE + "/"},
        {"client_id": None},
        {"client_secret": "x"},
        {"redirect_uris": ["https://evil.example/callback"]},
        {"redirect_uris": []},
        {"client_name": None},
    ],
)
async def test_T60_a_document_that_is_not_about_its_address_counts_for_nothing(
    reaching: Site, internet: Internet, found: dict[str, Any]
) -> None:
    """A document names another client_id than its address, holds a secret, or lacks the redirect_uri or a name."""
    internet.publish(CLAUDE, document() | found)
    assert_local(reaching, await reaching.authorize(CLAUDE, redirect_uri=CALLBACK))


async def test_T60_an_address_that_reads_in_two_ways_is_none(reaching: Site, internet: Internet) -> None:
    """A client_id has dot segments, a query, a fragment, a user, capitals, or no path."""
    for client_id in (
        "https://claude.ai/oauth/../x",
        "https://claude.ai/oauth/./x",
        "https://claude.ai/oauth/%2e%2e/x",
        "https://claude.ai/x?query=1",
        "https://claude.ai/x#fragment",
        "https://user@claude.ai/x",
        "https://Claude.ai/x",
        "https://claude.ai./x",
        "https://claude.ai/",
        "https://claude.ai",
        "https://claude.ai\\@evil.example/x",
        "https://clаude.ai/x",
    ):
        internet.publish(client_id, document(client_id))
        assert_local(reaching, await reaching.authorize(client_id, redirect_uri=CALLBACK))
    assert internet.asked == []


def assertion(site: Site, **changed: Any) -> dict[str, str]:
    now = int(site.clock.now().timestamp())
    claims = {"iss": CHATGPT, "sub": CHATGPT, "aud": f"{site.issuer}/oauth/token", "iat": now, "exp": now + 60}
    text = jwt.encode({"alg": "RS256", "kid": "k1"}, claims | {"jti": f"j{now}"} | changed, CHATGPT_KEY)
    return {"client_assertion_type": KIND, "client_assertion": text}


def publish_chatgpt(internet: Internet, **changed: Any) -> None:
    found = chatgpt_document(CHATGPT, CONNECTOR, **changed)
    internet.publish(CHATGPT, {name: value for name, value in found.items() if value is not None})
    internet.publish(CHATGPT_KEYS_AT, {"keys": [{**CHATGPT_KEY.as_dict(private=False), "kid": "k1", "use": "sig"}]})


@pytest.mark.parametrize("proves", [True, False])
async def test_T61_a_client_that_prefers_its_key_and_lists_none_may_do_either(
    reaching: Site, internet: Internet, proves: bool
) -> None:
    """ChatGPT's document prefers private_key_jwt and lists none beside it; it comes with its key, and without."""
    publish_chatgpt(internet)
    code = await reaching.code(CHATGPT, "chatgpt", redirect_uri=CONNECTOR)
    proof = assertion(reaching) if proves else {}
    tokens = tokens_of(await reaching.redeem(CHATGPT, code, redirect_uri=CONNECTOR, **proof))
    assert await reaching.lives(tokens.access)


async def test_T61_a_wrong_or_repeated_proof_is_no_proof_and_none_is_no_way_around_it(
    reaching: Site, internet: Internet
) -> None:
    """A client that has only its key comes without, for another audience, late, or with the proof of before."""
    publish_chatgpt(internet, token_endpoint_auth_methods_supported=None)
    page = await reaching.authorize(CHATGPT, redirect_uri=CONNECTOR)
    await reaching.approve(page, "chatgpt", READS)
    code = query_of(await reaching.get(wait_of(page)))["code"]
    now = int(reaching.clock.now().timestamp())
    for proof in (
        {},
        assertion(reaching, aud="https://evil.example/token"),
        assertion(reaching, iss="https://evil.example/x"),
        assertion(reaching, sub=CLAUDE),
        assertion(reaching, exp=now - 300, iat=now - 400),
        {"client_assertion_type": KIND, "client_assertion": "x.y.z"},
    ):
        answer = await reaching.redeem(CHATGPT, code, redirect_uri=CONNECTOR, **proof)
        assert answer.json["error"] == "invalid_client", proof
    good = assertion(reaching)
    tokens = tokens_of(await reaching.redeem(CHATGPT, code, redirect_uri=CONNECTOR, **good))
    assert (await reaching.refresh(CHATGPT, tokens.refresh, **good)).json["error"] == "invalid_client"
