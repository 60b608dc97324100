"""Documents of clients as values: which client_ids are addresses of one, and what is taken of what is found there."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from cockpit.model.text import Safe
from oauth.cimd import BadDocument, Described, document_address, is_address, read_document

URL = "https://claude.ai/oauth/mcp-oauth-client-metadata"
GOOD: dict[str, Any] = {
    "client_id": URL,
    "client_name": "Claude",
    "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
    "token_endpoint_auth_method": "none",
}
KEYS_AT = "https://claude.ai/oauth/jwks.json"
KEY = RSAKey.generate_key(2048)


def read(**changed: Any) -> Described:
    given = {name: value for name, value in (GOOD | changed).items() if value != "left out"}
    return read_document(document_address(URL), orjson.dumps(given))


@pytest.mark.parametrize(
    "client_id",
    [
        "http://claude.ai/oauth/x",
        "HTTPS://claude.ai/oauth/x",
        "https://claude.ai",
        "https://claude.ai/",
        "https://Claude.ai/oauth/x",
        "https://claude.ai./oauth/x",
        "https://localhost/x",
        "https://localhost./x",
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://0x7f000001/x",
        "https://127.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://１２７.０.０.１/x",
        "https://127。0。0。1/x",
        "https://clаude.ai/x",
        "https://claude.ai:22/x",
        "https://claude.ai:443/x",
        "https://claude.ai:/x",
        "https://user@claude.ai/x",
        "https://claude.ai@evil.example/x",
        "https://claude.ai\\@evil.example/x",
        "https://claude.ai/x#fragment",
        "https://claude.ai/x?query=1",
        "https://claude.ai/x?",
        "https://claude.ai/a/../x",
        "https://claude.ai/a/./x",
        "https://claude.ai/a/..",
        "https://claude.ai/a/%2e%2E/x",
        "https://claude.ai/a/.%2e/x",
        "https://claude.ai/%zz",
        "https://claude.ai/x\n",
        "https://claude.ai/x y",
        "https://-claude.ai/x",
        "https://claude..ai/x",
        "https://" + "a." * 130 + "ai/x",
        "https://claude.ai/" + "x" * 256,
        "ftp://claude.ai/x",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_could_be_read_in_two_ways_is_none(client_id: str) -> None:
    with pytest.raises(BadDocument):
        document_address(client_id)
    assert is_address(client_id)


@pytest.mark.parametrize(
    ("client_id", "host"),
    [
        (URL, "claude.ai"),
        ("https://chatgpt.com/oauth/kDmjx77UnKOM/client.json", "chatgpt.com"),
        ("https://xn--bcher-kva.example/a..b/client", "xn--bcher-kva.example"),
    ],
)
def test_an_address_is_taken_byte_for_byte(client_id: str, host: str) -> None:
    address = document_address(client_id)
    assert (address.url, address.host) == (client_id, host)


def test_an_id_that_was_given_here_is_no_address() -> None:
    assert not is_address("c-01JD")


def test_a_good_document_is_read() -> None:
    assert read(logo_uri="https://claude.ai/logo.png", jwks=None) == Described(
        Safe("Claude"), ("https://claude.ai/api/mcp/auth_callback",), "none", False, "", ""
    )  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": URL + "/"},
        {"client_id": "https://claude.ai/oauth/other"},
        {"client_id": None},
        {"client_name": None},
        {"client_name": "   "},
        {"client_name": {"a": 1}},
        {"redirect_uris": None},
        {"redirect_uris": []},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["http://claude.ai/cb"]},
        {"client_secret": "x"},
        {"client_secret_expires_at": 0},
        {"grant_types": ["client_credentials"]},
        {"response_types": ["token"]},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "client_secret_basic", "token_endpoint_auth_methods_supported": ["x"]},
        {"token_endpoint_auth_method": ["none"]},
        {"token_endpoint_auth_methods_supported": "none"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://evil.example/keys"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://claude.ai/keys"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://127.0.0.1/keys"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": 1},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY.as_dict(private=True)]}},
        {"jwks_uri": KEYS_AT, "jwks": {"keys": [KEY.as_dict(private=False)]}},
    ],
)
def test_a_document_that_promises_what_it_may_not_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(BadDocument):
        read(**changed)


@pytest.mark.parametrize(
    ("changed", "method", "or_none"),
    [
        ({"token_endpoint_auth_method": "left out"}, "none", False),
        ({"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"]}, "none", False),
        ({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS_AT}, "private_key_jwt", False),
        (
            {
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
                "jwks_uri": KEYS_AT,
            },
            "private_key_jwt",
            True,
        ),
        (
            {
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            },
            "none",
            False,
        ),
        (
            {
                "token_endpoint_auth_method": "client_secret_post",
                "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
            },
            "none",
            False,
        ),
    ],
)
def test_the_method_is_the_best_that_needs_no_secret(changed: dict[str, Any], method: str, or_none: bool) -> None:
    described = read(**changed)
    assert (described.auth_method, described.or_none) == (method, or_none)


def test_a_name_is_cleaned_before_anybody_sees_it() -> None:
    assert read(client_name="Cla\x1b[2Jude\u202e\u200b").claimed_name == "Cla\\x1b[2Jude\\u202e\\u200b"


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.text(), lambda x: st.lists(x, max_size=3)).map(orjson.dumps)
)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(BadDocument):
        read_document(document_address(URL), body)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for client_id in (text, f"https://{text}", f"https://claude.ai/{text}"):
        try:
            assert document_address(client_id).url == client_id
        except BadDocument:
            continue
