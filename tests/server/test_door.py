"""Who comes in, and what the others are told: the challenges that start, renew and widen a client's authority."""

from __future__ import annotations

import pytest

from cockpit.model.identity import Via
from cockpit.model.refusals import refuse
from server.door import Challenge
from tests.server.parts import caller, house, wire

READS = "read:market read:account read:orders read:research read:audit preview:orders"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_whoever_comes_without_a_token_is_told_where_to_get_one(method, path):
    async with (
        house() as here,
        wire(here, None) as nobody,
        nobody.http.request(method, here.origin + path, allow_redirects=False) as answer,
    ):
        assert answer.status == 401
        metadata = f"{here.origin}/.well-known/oauth-protected-resource/mcp"
        assert answer.headers["WWW-Authenticate"] == f'Bearer resource_metadata="{metadata}", scope="{READS}"'


@pytest.mark.parametrize(
    "sent", ["Bearer wrong", "bearer wrong", "Basic YW5uOmFubg==", "Bearer", "ann", "Bearer ann,Bearer ben"]
)
async def test_a_bad_token_is_called_so(sent):
    async with (
        house() as here,
        wire(here, None) as nobody,
        nobody.http.post(here.url, headers={"Authorization": sent}, json={}) as answer,
    ):
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_two_tokens_are_none():
    async with house() as here, wire(here, None) as nobody:
        headers = [("Authorization", "Bearer ann"), ("Authorization", "Bearer ben")]
        async with nobody.http.post(here.url, headers=headers, json={}) as answer:
            assert answer.status in {400, 401}
        assert here.tools.called == []


@pytest.mark.parametrize("name", ["access_token", "token", "Authorization"])
async def test_a_token_in_the_query_is_not_looked_at(name):
    async with (
        house() as here,
        wire(here, None) as nobody,
        nobody.http.post(f"{here.url}?{name}=ann", json={}) as answer,
    ):
        assert answer.status == 401


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_both_spellings_of_the_address_are_served_without_redirect(path):
    async with house() as here, wire(here) as ann:
        body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        async with ann.http.post(here.origin + path, headers=ann.auth, json=body, allow_redirects=False) as answer:
            assert answer.status == 200
            assert (await answer.json())["result"] == {}


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("code", ["GRANT_ENDED", "KILL_SWITCH"])
async def test_a_dead_authority_is_answered_with_401(era, code):
    async with house() as here, wire(here) as ann:
        here.tools.refusal = refuse(code)
        ask = ann.modern if era == "modern" else ann.legacy
        async with ask("tools/call", {"name": "refuse"}) as answer:
            assert answer.status == 401
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
            assert (await answer.json())["error"]["data"]["code"] == code


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_missing_scope_is_a_challenge_for_an_oauth_client(era):
    async with house() as here, wire(here) as ann:
        here.tools.refusal = refuse("SCOPE_MISSING", scope="read:market write:orders")
        ask = ann.modern if era == "modern" else ann.legacy
        async with ask("tools/call", {"name": "refuse"}) as answer:
            assert answer.status == 403
            metadata = f"{here.origin}/.well-known/oauth-protected-resource/mcp"
            assert answer.headers["WWW-Authenticate"] == (
                f'Bearer error="insufficient_scope", resource_metadata="{metadata}", scope="read:market write:orders"'
            )


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_missing_scope_is_an_error_of_the_tool_for_a_key(era):
    async with house() as here, wire(here, "robot") as robot:
        here.door.callers["robot"] = caller("robot", via=Via.KEY)
        here.tools.refusal = refuse("SCOPE_MISSING", scope="write:orders")
        ask = robot.modern if era == "modern" else robot.legacy
        async with ask("tools/call", {"name": "refuse"}) as answer:
            assert answer.status == 200
            assert (await answer.json())["result"]["structuredContent"]["code"] == "SCOPE_MISSING"


def test_nothing_breaks_out_of_a_challenge():
    said = Challenge.at("https://host").insufficient('a" , error="x\r\nSet-Cookie: y\\')
    assert said.endswith('scope="a , error=xSet-Cookie: y"')
    assert said.count('"') == 6
