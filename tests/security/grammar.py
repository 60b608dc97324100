"""What the fuzz sends: good requests of every kind, with a few things dropped, changed, doubled or added."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from hypothesis import strategies as st

from tests.oauth.outside import CHALLENGE, REDIRECT, VERIFIER

CLIENTS: Final = ("public", "post", "basic")
"""Clients that were let in: without a secret, with one in the body, with one in the header."""

OWN: Final = tuple(f"#{number}" for number in range(8))
"""Stand for the parameters of the good request itself, in their order: there a change goes deepest."""

PIECES: Final = (
    "$CODE", "$OLD_CODE", "$REFRESH", "$OLD_REFRESH", "$ACCESS", "$CLIENT", "$OTHER", "$SECRET", "$RESOURCE", "$KEY",
    "$SERVICE", "$SERVICE_SECRET",
)  # fmt: skip
"""Stand for what is real at the moment when the request is sent."""

NAMES: Final = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
    "resource", "response_mode", "request", "request_uri", "prompt", "grant_type", "code", "code_verifier",
    "refresh_token", "client_secret", "client_assertion", "client_assertion_type", "token", "token_type_hint",
    "username", "iss", "x", "", "é",
)  # fmt: skip

_VALUES: Final = (
    *PIECES, "code", "token", "none", "authorization_code", "refresh_token", "client_credentials", "password", "S256",
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "plain", "query", "fragment", "read:market",
    "read:market write:orders", "offline_access", "openid", REDIRECT, CHALLENGE, VERIFIER, "http://127.0.0.1:1/callback",
    "http://[::1]:1/callback", "cursor://x/y", "https://evil.example/callback", "https://client.example/callback/..",
    "javascript:alert(1)", "https://evil.example/client.json", '"', "\\", "\x00", "\r\nSet-Cookie: a=b", "é", "\ud800",
    "\u202e", "%", "%2e", "=&", "a" * 300, "a" * 5000, 'co"de', "x\\y", "S256\"", "read:market \\", "", " ", "../../x", "[]", "{}", "-1", "eyJhbGciOiJub25lIn0.e30.",
)  # fmt: skip

_VALUE: Final = st.one_of(st.sampled_from(_VALUES), st.sampled_from(_VALUES), st.text(max_size=8))


@dataclass(frozen=True)
class Change:
    """One thing that is done to a good request."""

    how: str
    name: str
    value: str


@dataclass(frozen=True)
class Asked:
    """One request, before the pieces are put in."""

    what: str
    """``authorize``, ``wait``, ``code``, ``refresh``, ``service``, ``other grant``, ``revoke``, ``register`` or ``metadata``."""
    who: str
    changes: tuple[Change, ...]
    method: str
    headers: tuple[tuple[str, str], ...]
    junk: bytes
    """Put behind the body."""


_ATTACKS: Final = (
    ("redirect_uri", "https://evil.example/callback"), ("redirect_uri", "https://client.example/callback/x"),
    ("redirect_uri", "https://client.example/callback?a=b"), ("redirect_uri", "https://client.example@evil.example/"),
    ("redirect_uri", "http://127.0.0.1:7/callback"), ("redirect_uri", "http://127.0.0.1.evil.example/callback"),
    ("redirect_uri", "http://[::1].evil.example/callback"), ("redirect_uri", "cursor://evil/oauth/callback"),
    ("redirect_uri", "javascript:alert(1)"), ("redirect_uri", "//evil.example"),
    ("response_type", "token"), ("response_type", 'code"'), ("response_type", "code id_token"),
    ("scope", "write:everything"), ("scope", "read:market write:orders"), ("scope", '"'),
    ("code_challenge", "short"), ("code_challenge_method", "plain"), ("resource", "https://evil.example/mcp"),
    ("response_mode", "form_post"), ("request_uri", "https://evil.example/request"), ("request", "e30.e30."),
    ("state", "\r\nX: y"), ("client_id", "$OTHER"), ("client_id", "$SERVICE"), ("client_id", "c-nobody"),
    ("client_id", "https://evil.example/client.json"), ("code", "$OLD_CODE"), ("refresh_token", "$OLD_REFRESH"),
    ("refresh_token", "$CODE"), ("code", "$REFRESH"), ("code_verifier", "w" * 50), ("client_secret", "wrong"),
    ("grant_type", "client_credentials"), ("token", "$ACCESS"), ("token", "$KEY"), ("token_type_hint", "nonsense"),
)  # fmt: skip
"""What somebody would try who knows what he does."""

_CHANGE: Final = st.one_of(
    st.builds(
        Change, st.sampled_from(("drop", "set", "set", "twice", "add")), st.sampled_from(OWN * 5 + NAMES), _VALUE
    ),
    st.sampled_from(tuple(Change("set", name, value) for name, value in _ATTACKS)),
)
_CHANGES: Final = st.one_of(
    st.just(()),
    st.just(()),
    st.tuples(_CHANGE),
    st.lists(_CHANGE, min_size=1, max_size=4).map(tuple),
)
_WHAT: Final = st.sampled_from(
    ("authorize",) * 6 + ("wait",) * 2 + ("code",) * 4 + ("refresh",) * 4 + ("other grant",) + ("service",) * 2
    + ("revoke",) * 2 + ("register",) * 3 + ("metadata",) * 2
)  # fmt: skip
_METHOD: Final = st.sampled_from(("",) * 54 + ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"))
"""Mostly the right one."""
_HEADERS: Final = st.sampled_from(
    ((),) * 60
    + (
        (("Content-Type", "application/json"),),
        (("Content-Type", "multipart/form-data"),),
        (("Content-Type", "application/x-www-form-urlencoded; charset=utf-16"),),
        (("Content-Type", "\xff"),),
        (("Content-Encoding", "gzip"),),
        (("Content-Encoding", "deflate"),),
        (("Authorization", "Basic /////w=="),),
        (("Authorization", "Basic YTpi"),),
        (("Authorization", "Basic"),),
        (("Authorization", "Bearer x"),),
        (("Authorization", "Digest x"), ("Authorization", "Basic YTpi")),
        (("Cookie", "cockpit_bind=x; a=b; =; ;;"),),
        (("Cookie", "cockpit_bind=" + "A" * 43),),
        (("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Host", "evil.example")),
        (("Forwarded", 'for="[::1'),),
        (("Accept", "text/html"),),
        (("Range", "bytes=0-1"),),
        (("If-None-Match", "*"),),
        (("Expect", "100-continue"),),
        (("Upgrade", "websocket"), ("Connection", "Upgrade")),
    )
)
_JUNK: Final = st.one_of(st.just(b""), st.just(b""), st.just(b""), st.just(b""), st.binary(max_size=12))

REQUESTS: Final = st.builds(Asked, _WHAT, st.sampled_from(CLIENTS), _CHANGES, _METHOD, _HEADERS, _JUNK)


def applied(good: list[tuple[str, str]], changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    """Return the parameters after the changes; a change of what isn't there adds it."""
    pairs = list(good)
    for asked in changes:
        owned = good[int(asked.name[1:]) % len(good)][0] if asked.name in OWN and good else asked.name
        change = replace(asked, name=owned)
        present = [number for number, (name, _) in enumerate(pairs) if name == change.name]
        if change.how == "drop" and not present:
            pairs = pairs[1:]
        elif change.how == "drop":
            del pairs[present[0]]
        elif change.how == "set" and present:
            pairs[present[0]] = (change.name, change.value)
        elif change.how == "twice" and present:
            pairs.append((change.name, pairs[present[0]][1]))
        else:
            pairs.append((change.name, change.value))
    return pairs
