"""Hundreds of odd requests to every endpoint: none breaks it, and no browser is sent anywhere unregistered."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oauth.house import CHALLENGE, REDIRECT, VERIFIER, House

_NAMES = [
    "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
    "resource", "response_mode", "grant_type", "code", "code_verifier", "refresh_token", "client_secret", "token",
    "token_type_hint", "request_uri", "x",
]  # fmt: skip
_VALUES = st.one_of(
    st.sampled_from(
        [
            "code", "token", "authorization_code", "refresh_token", "S256", "plain", "read:market", "offline_access",
            REDIRECT, CHALLENGE, VERIFIER, "https://evil.example", '"', "\\", "\x00", "é", "a" * 5000, "", "CLIENT",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    st.text(max_size=12),
)  # fmt: skip
_PAIRS = st.lists(st.tuples(st.sampled_from(_NAMES), _VALUES), max_size=12)
_HEADERS = st.sampled_from(
    [
        {},
        {"Content-Type": "application/json"},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-16"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "deflate"},
        {"Authorization": "Basic /////w=="},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer x"},
        {"Cookie": "cockpit_bind=x; a=b; =; ;;"},
    ]
)
_OURS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


async def a_client(house: House) -> str:
    rows = await house.store.rows("SELECT client_id FROM oauth_clients LIMIT 1")
    return rows[0]["client_id"] if rows else (await house.register())["client_id"]


@_OURS
@given(_PAIRS)
async def test_no_query_breaks_the_authorization_endpoint(house: House, pairs: list[tuple[str, str]]) -> None:
    await look(house, urlencode(pairs, errors="replace"))


@_OURS
@given(st.dictionaries(st.sampled_from(_NAMES[:10]), _VALUES, min_size=1, max_size=2))
async def test_no_change_of_a_good_query_breaks_it(house: House, changed: dict[str, str]) -> None:
    right = {"client_id": await a_client(house), "redirect_uri": REDIRECT, "response_type": "code"}
    right |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    await look(house, urlencode(right | changed, errors="replace"))


async def look(house: House, query: str) -> None:
    answer = await house.get(f"/oauth/authorize?{query}")
    assert answer.status in {200, 303, 400, 429}, answer.text
    if "Location" in answer.headers:
        assert answer.headers["Location"].startswith(REDIRECT + "?")
        assert f"iss={quote(house.config.issuer, safe='')}" in answer.headers["Location"]


@_OURS
@given(st.sampled_from(["token", "revoke", "register"]), _PAIRS, _HEADERS, st.binary(max_size=30))
async def test_no_body_breaks_the_endpoints_of_clients(
    house: House, endpoint: str, pairs: list[tuple[str, str]], headers: dict[str, str], junk: bytes
) -> None:
    client_id = await a_client(house)
    values = [(name, client_id if value == "CLIENT" else value) for name, value in pairs]
    form = urlencode(values, errors="replace").encode()
    usual = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await house.ask("POST", f"/oauth/{endpoint}", data=form + junk, headers=usual | headers)
    assert answer.status < 500, answer.text
    if answer.status == 200 and endpoint == "token":
        raise AssertionError("a token for nothing")


@_OURS
@given(st.text(max_size=40))
async def test_no_path_breaks_the_page_that_waits(house: House, rest: str) -> None:
    answer = await house.get(f"/oauth/wait/{quote(rest, safe='', errors='replace')}")
    assert answer.status in {400, 404}
