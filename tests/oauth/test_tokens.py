"""Access tokens: what is in a genuine one, and that nothing else passes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey

from cockpit.model.identity import Caller
from cockpit.store.folder import StoreCannotOpen
from cockpit.store.keys import secret_file
from oauth.authority import TokenProblem
from oauth.signing import load_keys
from tests.oauth.house import House

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = token.split(".")
    return json.loads(_decoded(header)), json.loads(_decoded(claims))


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _keyed(text: str, key: bytes) -> str:
    mac = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def signing_key(house: House) -> RSAKey:
    return RSAKey.import_key((house.store.keys / "oauth_signing.pem").read_bytes())


async def test_a_token_says_who_for_whom_and_until_when(house: House) -> None:
    client_id, tokens = await house.connect()
    header, claims = parts_of(tokens.access)
    now = int(house.clock.now().timestamp())
    jwks = (await house.get("/oauth/jwks.json")).json["keys"]
    assert header == {"alg": "RS256", "typ": "at+jwt", "kid": jwks[0]["kid"]}
    assert claims.pop("jti")
    assert claims == {
        "iss": house.config.issuer,
        "aud": house.config.resource,
        "sub": "Tester",
        "client_id": client_id,
        "scope": "read:market read:account",
        "gid": house.authority.grants()[0].grant_id,
        "iat": now,
        "exp": now + 3600,
    }


def test_the_first_start_makes_a_key_and_every_later_one_finds_it(tmp_path: Path) -> None:
    first = load_keys(tmp_path / "keys", NOW)
    assert load_keys(tmp_path / "keys", NOW + timedelta(days=1)).active.kid == first.active.kid
    assert load_keys(tmp_path / "other", NOW).active.kid != first.active.kid


def test_a_key_file_that_holds_something_else_is_said_to(tmp_path: Path) -> None:
    secret_file(tmp_path / "keys", "oauth_signing.pem", lambda: b"no key")
    with pytest.raises(StoreCannotOpen, match="no RSA key"):
        load_keys(tmp_path / "keys", NOW)


async def test_only_the_public_half_of_the_key_is_shown(house: House) -> None:
    keys = (await house.get("/oauth/jwks.json")).json["keys"]
    assert [set(key) for key in keys] == [{"kty", "n", "e", "kid", "use", "alg"}]
    assert (house.store.keys / "oauth_signing.pem").stat().st_mode & 0o777 == 0o600


async def test_a_forged_token_is_refused(house: House) -> None:
    _, tokens = await house.connect()
    header, claims = parts_of(tokens.access)
    own, foreign = signing_key(house), RSAKey.generate_key(2048)
    body = tokens.access.split(".")[1]
    signature = tokens.access.split(".")[2]
    public = own.as_pem(private=False)
    assert house.lives(jwt.encode(header, claims, own)), "the recipe itself is right"
    forged = {
        "alg none": f"{_encoded(header | {'alg': 'none'})}.{body}.",
        "alg none, signed": f"{_encoded(header | {'alg': 'none'})}.{body}.{signature}",
        "HS256 with the public key": _keyed(f"{_encoded(header | {'alg': 'HS256'})}.{body}", public),
        "PS256": jwt.encode(header | {"alg": "PS256"}, claims, own, algorithms=["PS256"]),
        "RS512": jwt.encode(header | {"alg": "RS512"}, claims, own, algorithms=["RS512"]),
        "foreign key": jwt.encode(header, claims, foreign),
        "foreign key in the header": jwt.encode(header | {"jwk": foreign.as_dict(private=False)}, claims, foreign),
        "foreign kid": jwt.encode(header | {"kid": "x"}, claims, own),
        "no kid": jwt.encode({"alg": "RS256", "typ": "at+jwt"}, claims, own),
        "typ JWT": jwt.encode(header | {"typ": "JWT"}, claims, own),
        "no typ": jwt.encode({"alg": "RS256", "kid": header["kid"]}, claims, own, default_type=None),
        "signature cut": tokens.access[:-8],
        "four parts": tokens.access + ".x",
        "two parts": tokens.access.rpartition(".")[0],
        "claims changed": f"{tokens.access.split('.')[0]}.{_encoded(claims | {'sub': 'Root'})}.{signature}",
        "empty": "",
        "spaces": f" {tokens.access}",
        "huge": tokens.access + "A" * 200_000,
        "not ascii": tokens.access[:-1] + "é",
    }
    assert {what for what, token in forged.items() if house.lives(token)} == set()
    assert house.check(forged["foreign key"]) == house.check("x.y.z")


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (None, ""),
        ("", ""),
        ("Basic YTpi", ""),
        ("Bearer", "invalid_token"),
        ("Bearer ", "invalid_token"),
        ("Bearer x", "invalid_token"),
        ("bearer ck_x", "invalid_token"),
        ("Bearer ck_" + "é" * 43, "invalid_token"),
        ("Bearer " + "A" * 70_000, "invalid_token"),
    ],
)
async def test_a_header_without_a_genuine_token_has_no_caller(house: House, header: str | None, error: str) -> None:
    problem = house.authority.check(header, "127.0.0.1")
    assert isinstance(problem, TokenProblem)
    assert problem.error == error


async def test_the_scheme_is_read_whatever_its_case(house: House) -> None:
    _, tokens = await house.connect()
    assert isinstance(house.authority.check(f"bEARER {tokens.access}", "127.0.0.1"), Caller)


async def test_a_remembered_token_dies_with_its_grant_and_with_its_time(house: House) -> None:
    _, tokens = await house.connect()
    assert house.lives(tokens.access)
    assert house.lives(tokens.access)
    house.clock.go(3600)
    assert not house.lives(tokens.access)
    _, other = await house.connect("Other")
    assert house.lives(other.access)
    await house.authority.revoke_client("Other", "operator")
    assert not house.lives(other.access)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
async def test_any_header_is_answered_without_an_exception(house: House, text: str) -> None:
    assert isinstance(house.authority.check(text, "::1"), TokenProblem)
    assert isinstance(house.authority.check(f"Bearer {text}", "::1"), TokenProblem)
