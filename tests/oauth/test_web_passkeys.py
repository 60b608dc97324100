"""What comes as a passkey's answer may be anything: it is refused, and nothing else happens."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.web.config import WebConfig
from oauth.web.passkeys import BadPasskey, asked_to_make, asked_to_show, made, shown
from oauth.web.records import Passkey

HOUSE = WebConfig("https://desk.example")
CHALLENGE = b"c" * 32
KNOWN = Passkey("phone", b"credential-id-01", b"\xa0", 0, datetime(2026, 1, 1, tzinfo=UTC))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


BYTES = st.binary(max_size=64).map(text)
CLIENT_DATA = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["webauthn.get", "webauthn.create", "other"]),
        "challenge": st.just(text(CHALLENGE)) | BYTES,
        "origin": st.sampled_from([HOUSE.origin, "https://evil.example"]) | JSON,
    }
).map(lambda said: text(json.dumps(said).encode()))
ANSWER = st.fixed_dictionaries(
    {
        "id": st.just(text(KNOWN.credential_id)) | BYTES,
        "rawId": st.just(text(KNOWN.credential_id)) | BYTES,
        "type": st.just("public-key") | JSON,
        "response": st.fixed_dictionaries(
            {},
            optional={
                "clientDataJSON": CLIENT_DATA | BYTES | JSON,
                "attestationObject": BYTES | JSON,
                "authenticatorData": BYTES | JSON,
                "signature": BYTES | JSON,
                "userHandle": BYTES | JSON,
                "transports": JSON,
            },
        ),
        "clientExtensionResults": JSON,
    }
)


@given(st.text(max_size=200) | JSON.map(json.dumps) | ANSWER.map(json.dumps))
def test_an_odd_answer_is_refused_and_breaks_nothing(answer: str) -> None:
    with pytest.raises(BadPasskey):
        made(HOUSE, CHALLENGE, answer)
    with pytest.raises(BadPasskey):
        shown(HOUSE, CHALLENGE, answer, [KNOWN])
    with pytest.raises(BadPasskey):
        shown(HOUSE, CHALLENGE, answer, [])


def test_a_browser_is_asked_for_a_verified_user_and_told_of_no_passkey() -> None:
    show: Any = json.loads(asked_to_show(HOUSE, CHALLENGE))
    assert (show["rpId"], show["userVerification"], show.get("allowCredentials", [])) == (
        "desk.example",
        "required",
        [],
    )
    make: Any = json.loads(asked_to_make(HOUSE, CHALLENGE, [KNOWN]))
    selection = make["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
    assert [one["id"] for one in make["excludeCredentials"]] == [text(KNOWN.credential_id)]


@pytest.mark.parametrize(
    ("origin", "takes"),
    [
        ("https://desk.example", True), ("http://localhost:8722", True), ("http://127.0.0.1:8722", False),
        ("https://[2001:db8::1]", False),
    ],
)  # fmt: skip
def test_passkeys_are_for_names_and_not_for_addresses(origin: str, takes: bool) -> None:
    assert WebConfig(origin).takes_passkeys is takes
