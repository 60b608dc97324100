"""Clients that sign for themselves: which assertions prove something, once, and whose keys are fetched."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from oauth.assertions import KIND, BadAssertion, read_assertion
from oauth.jwks import BadKeys, fitting, read_keys
from tests.oauth.house import Answer, House, open_house, tokens_of
from tests.oauth.internet import Internet

CLIENT = "https://chatgpt.com/oauth/kDmjx77UnKOM/client.json"
KEYS_AT = "https://chatgpt.com/oauth/jwks.json"
CALLBACK = "https://chatgpt.com/connector/oauth/kDmjx77UnKOM"
RSA = RSAKey.generate_key(2048)
OTHER = RSAKey.generate_key(2048)
CURVE = ECKey.generate_key("P-256")


def document(**changed: Any) -> dict[str, Any]:
    return {
        "client_id": CLIENT,
        "client_name": "ChatGPT",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg": "RS256",
        "jwks_uri": KEYS_AT,
    } | changed


def public(key: Any, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **more}


def assertion(house: House, key: Any = RSA, header: dict[str, Any] | None = None, **changed: Any) -> str:
    now = int(house.clock.now().timestamp())
    claims = {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": house.config.issuer,
        "iat": now,
        "exp": now + 60,
        "jti": f"j{now}",
    } | changed
    given = {name: value for name, value in claims.items() if value is not None}
    algorithm = "ES256" if isinstance(key, ECKey) else "HS256" if isinstance(key, OctKey) else "RS256"
    top = {"alg": algorithm, "kid": "k1"} | (header or {})
    shown = {name: value for name, value in top.items() if value is not None}
    return jwt.encode(shown, given, key, algorithms=[str(shown["alg"])])


def signed(text: str, kind: str | None = KIND) -> dict[str, str]:
    return {"client_assertion": text} | ({} if kind is None else {"client_assertion_type": kind})


async def granted(house: House) -> str:
    """A refresh token of a client that has a key; it came in without a proof, which its document allows."""
    code = await house.code(CLIENT, "chatgpt", redirect_uri=CALLBACK)
    return tokens_of(await house.redeem(CLIENT, code, redirect_uri=CALLBACK)).refresh


async def refreshed(house: House, token: str, text: str, **more: Any) -> Answer:
    return await house.token(grant_type="refresh_token", refresh_token=token, **(signed(text) | more))


@pytest.fixture
def chatgpt(internet: Internet) -> Internet:
    """ChatGPT's host with its document and one key."""
    internet.publish(CLIENT, document())
    internet.publish(KEYS_AT, {"keys": [public(RSA, kid="k1", use="sig", alg="RS256")]})
    return internet


@pytest.mark.parametrize("proves", [True, False])
async def test_a_client_that_lists_both_methods_may_use_either(
    connected: House, chatgpt: Internet, proves: bool
) -> None:
    code = await connected.code(CLIENT, "chatgpt", redirect_uri=CALLBACK)
    shown = signed(assertion(connected)) if proves else {}
    tokens = tokens_of(await connected.redeem(CLIENT, code, redirect_uri=CALLBACK, **shown))
    connected.clock.go(1)
    shown = signed(assertion(connected)) if proves else {}
    again = tokens_of(await connected.refresh(CLIENT, tokens.refresh, **shown))
    connected.clock.go(1)
    shown = signed(assertion(connected)) if proves else {}
    ended = await connected.ask("POST", "/oauth/revoke", data={"token": again.refresh, "client_id": CLIENT} | shown)
    assert (ended.status, connected.lives(again.access)) == (200, False)
    assert (KEYS_AT in chatgpt.asked) is proves


async def test_a_client_that_lists_its_key_alone_must_prove_itself(connected: House, chatgpt: Internet) -> None:
    chatgpt.publish(CLIENT, document(token_endpoint_auth_methods_supported=["private_key_jwt"]))
    code = await connected.code(CLIENT, "chatgpt", redirect_uri=CALLBACK)
    bare = await connected.redeem(CLIENT, code, redirect_uri=CALLBACK)
    assert bare.json["error"] == "invalid_client"
    tokens_of(await connected.redeem(CLIENT, code, redirect_uri=CALLBACK, **signed(assertion(connected))))


@pytest.mark.parametrize("audience", ["", "/oauth/token"])
async def test_the_client_is_named_by_its_assertion(connected: House, chatgpt: Internet, audience: str) -> None:
    token = await granted(connected)
    text = assertion(connected, aud=[connected.config.issuer + audience])
    tokens_of(await refreshed(connected, token, text))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://chatgpt.com/oauth/other/client.json"},
        {"iss": None},
        {"sub": None},
        {"sub": "c-other"},
        {"aud": "https://evil.example"},
        {"aud": None},
        {"aud": []},
        {"aud": ["https://evil.example", "http://127.0.0.1"]},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1_700_000_000},
        {"exp": 9_999_999_999},
        {"exp": 1e300},
        {"iat": 9_999_999_999},
        {"iat": "now"},
        {"nbf": 9_999_999_999},
        {"jti": None},
        {"jti": ""},
        {"jti": 1},
        {"jti": "x" * 257},
    ],
)
async def test_claims_that_prove_nothing_end_it_and_burn_nothing(
    connected: House, chatgpt: Internet, changed: dict[str, Any]
) -> None:
    token = await granted(connected)
    answer = await refreshed(connected, token, assertion(connected, **changed))
    assert (answer.status, answer.json["error"]) == (400, "invalid_client")
    assert answer.headers["Cache-Control"] == "no-store"
    tokens_of(await refreshed(connected, token, assertion(connected)))


async def test_an_audience_beside_ours_is_too_many(connected: House, chatgpt: Internet) -> None:
    token = await granted(connected)
    text = assertion(connected, aud=[connected.config.issuer, "https://other.example"])
    assert (await refreshed(connected, token, text)).json["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("key", "header"),
    [
        (OTHER, {}),
        (RSA, {"kid": "other"}),
        (RSA, {"alg": "RS512"}),
        (RSA, {"alg": "PS256"}),
        (RSA, {"jwk": public(RSA)}),
        (RSA, {"jku": "https://evil.example/keys"}),
        (RSA, {"x5u": "https://evil.example/keys"}),
        (RSA, {"typ": "at+jwt"}),
        (CURVE, {}),
        (OctKey.import_key("a shared secret"), {}),
    ],
)
async def test_a_signature_that_proves_nothing_ends_it(
    connected: House, chatgpt: Internet, key: Any, header: dict[str, Any]
) -> None:
    token = await granted(connected)
    answer = await refreshed(connected, token, assertion(connected, key, header))
    assert (answer.status, answer.json["error"]) == (400, "invalid_client")
    assert all("evil" not in url for url in chatgpt.asked)


async def test_a_wrong_proof_never_falls_back_to_none(connected: House, chatgpt: Internet) -> None:
    token = await granted(connected)
    answer = await connected.refresh(CLIENT, token, **signed(assertion(connected, OTHER)))
    assert answer.json["error"] == "invalid_client"
    for shown in ({"client_assertion": "x"}, {"client_assertion_type": KIND}, signed(assertion(connected), "saml")):
        assert (await connected.refresh(CLIENT, token, **shown)).json["error"] == "invalid_client"


async def test_an_assertion_counts_once_and_also_after_a_restart(tmp_path: Path, chatgpt: Internet) -> None:
    async with chatgpt.fetcher() as fetch:
        async with open_house(tmp_path / "d", fetch=fetch) as house:
            token = await granted(house)
            text = assertion(house)
            token = tokens_of(await refreshed(house, token, text)).refresh
            assert (await refreshed(house, token, text)).json["error"] == "invalid_client"
            clock, port = house.clock, int(house.base.rpartition(":")[2])
        async with open_house(tmp_path / "d", clock, fetch=fetch, port=port) as house:
            assert (await refreshed(house, token, text)).json["error"] == "invalid_client"
            clock.go(1)
            tokens_of(await refreshed(house, token, assertion(house)))
            assert len(await house.store.rows("SELECT * FROM oauth_assertions")) == 2
            clock.go(400)
            await house.authority.sweep()
            assert await house.store.rows("SELECT * FROM oauth_assertions") == []


async def test_a_client_may_not_prove_itself_in_two_ways(connected: House, chatgpt: Internet) -> None:
    token = await granted(connected)
    twice = await refreshed(connected, token, assertion(connected), client_secret="x")
    assert (twice.status, twice.json["error"]) == (400, "invalid_request")
    headers = {"Authorization": "Basic YTpi"}
    both = await refreshed(connected, token, assertion(connected), headers=headers)
    assert (both.status, both.json["error"]) == (400, "invalid_request")
    other = await refreshed(connected, token, assertion(connected), client_id="c-other")
    assert (other.status, other.json["error"]) == (400, "invalid_client")


async def test_a_registered_client_has_no_key(connected: House, chatgpt: Internet) -> None:
    client_id, tokens = await connected.connect()
    text = assertion(connected, iss=client_id, sub=client_id)
    assert (await refreshed(connected, tokens.refresh, text)).json["error"] == "invalid_client"


async def test_a_client_that_does_not_list_its_key_may_not_use_it(connected: House, chatgpt: Internet) -> None:
    chatgpt.publish(CLIENT, document(token_endpoint_auth_method="none", token_endpoint_auth_methods_supported=None))
    token = await granted(connected)
    assert (await refreshed(connected, token, assertion(connected))).json["error"] == "invalid_client"
    tokens_of(await connected.refresh(CLIENT, token))


async def test_keys_are_fetched_for_a_living_grant_alone_and_seldom(connected: House, chatgpt: Internet) -> None:
    def fetches() -> int:
        return chatgpt.asked.count(KEYS_AT)

    await connected.authorize(CLIENT, redirect_uri=CALLBACK)
    assert (await refreshed(connected, "x", assertion(connected))).json["error"] == "invalid_client"
    assert fetches() == 0
    token = await granted(connected)
    for _ in range(5):
        connected.clock.go(1)
        token = tokens_of(await refreshed(connected, token, assertion(connected))).refresh
    assert fetches() == 1
    for kid in "abcdefgh":
        unknown = await refreshed(connected, token, assertion(connected, OTHER, {"kid": kid}))
        assert unknown.json["error"] == "invalid_client"
    assert fetches() == 1
    chatgpt.publish(KEYS_AT, {"keys": [public(RSA, kid="k1"), public(OTHER, kid="k2")]})
    connected.clock.go(61)
    token = tokens_of(await refreshed(connected, token, assertion(connected, OTHER, {"kid": "k2"}))).refresh
    assert fetches() == 2
    # A server that is down for a while locks nobody out; keys that nobody confirms for a day count no longer.
    del chatgpt.pages[KEYS_AT]
    connected.clock.go(3601)
    token = tokens_of(await refreshed(connected, token, assertion(connected))).refresh
    assert fetches() == 3
    connected.clock.go(86_400)
    for _ in range(2):
        connected.clock.go(1)
        assert (await refreshed(connected, token, assertion(connected))).json["error"] == "invalid_client"
    assert fetches() == 4


async def test_keys_in_the_document_itself_are_used_without_a_fetch(connected: House, chatgpt: Internet) -> None:
    inline = {"keys": [public(CURVE, kid="k1"), public(OTHER, kid="k2")]}
    chatgpt.publish(CLIENT, document(jwks=inline, jwks_uri=None))
    token = await granted(connected)
    tokens_of(await refreshed(connected, token, assertion(connected, CURVE)))
    assert chatgpt.asked == [CLIENT]


def test_several_keys_need_a_name() -> None:
    keys = read_keys({"keys": [public(RSA, kid="a"), public(OTHER, kid="b"), public(CURVE, kid="a")]})
    assert fitting(keys, "", "RS256") is None
    found = fitting(keys, "a", "ES256")
    assert found is not None
    assert found.algorithm == "ES256"
    assert fitting(keys, "c", "RS256") is None
    alone = read_keys({"keys": [public(RSA)]})
    assert fitting(alone, "", "RS256") is alone[0]
    assert fitting(alone, "", "ES256") is None
    twice = read_keys({"keys": [public(RSA, kid="a"), public(OTHER, kid="a")]})
    assert fitting(twice, "a", "RS256") is None


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {},
        {"keys": []},
        {"keys": [1]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [RSA.as_dict(private=True)]},
        {"keys": [public(RSA), RSA.as_dict(private=True)]},
        {"keys": [{"kty": "RSA", "n": urlsafe_b64encode(b"\xc3" * 128).decode().rstrip("="), "e": "AQAB"}]},
        {"keys": [public(RSA, use="enc")]},
        {"keys": [public(RSA, alg="RS512")]},
        {"keys": [public(ECKey.generate_key("P-384"))]},
        {"keys": [{"kty": "RSA", "n": "!", "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "n": 1, "e": "AQAB"}]},
        {"keys": [public(RSA, kid=str(number)) for number in range(17)]},
    ],
)
def test_a_set_without_a_usable_public_key_is_none(given: object) -> None:
    with pytest.raises(BadKeys):
        read_keys(given)


@pytest.mark.parametrize("algorithm", ["RS512", "PS256", "HS256", "none", "", None])
def test_an_assertion_of_another_algorithm_is_none(algorithm: str | None) -> None:
    header, claims = (urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=") for part in ({"alg": algorithm}, {"sub": "c"}))
    with pytest.raises(BadAssertion):
        read_assertion(f"{header.decode()}.{claims.decode()}.x")


@given(st.text(max_size=100) | st.from_regex(r"[A-Za-z0-9_\-]{1,40}\.[A-Za-z0-9_\-]{1,40}\.[A-Za-z0-9_\-]{1,40}"))
def test_any_text_is_an_assertion_or_refused(text: str) -> None:
    with pytest.raises(BadAssertion):
        read_assertion(text)
