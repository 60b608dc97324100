"""The authorization endpoint: what is answered here, what goes back to the client, and where a browser ends up."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.oauth.outside import CHALLENGE, REDIRECT, Answer, code_of, query_of, wait_of
from tests.security.site import Site

LOOPBACKS = ("127.0.0.1", "localhost", "[::1]")


def assert_local(site: Site, answer: Answer) -> None:
    """Answered on our own origin, and nobody waits."""
    assert (answer.status, "Location" in answer.headers) == (400, False), answer.text
    assert site.waiting() == []


def assert_sent_back(site: Site, answer: Answer, error: str) -> Mapping[str, str]:
    """Sent to the registered redirect with an error, the client's state and our name."""
    assert answer.status == 303, answer.text
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    said = query_of(answer)
    assert (said["error"], said["state"], said["iss"]) == (error, "st4te", site.issuer)
    assert "code" not in said
    return said


@pytest.mark.parametrize("client_id", ["c-nobody", "x", None])
async def test_T16_an_unknown_client_is_answered_here(site: Site, client_id: str | None) -> None:
    """A link names a client that is not registered, or none."""
    assert_local(site, await site.authorize(client_id))


async def test_T16_an_unregistered_redirect_is_never_followed(site: Site) -> None:
    """A link of a known client names somebody else's redirect_uri."""
    client_id = (await site.register())["client_id"]
    assert_local(site, await site.authorize(client_id, redirect_uri="https://evil.example/callback"))


SPELLINGS = (
    "https://client.example/callback/",
    "https://client.example/callback?x=1",
    "https://CLIENT.example/callback",
    "HTTPS://client.example/callback",
    "https://client.example:443/callback",
    "https://client.example.evil/callback",
    "https://client.example@evil.example/callback",
    "https://evil.example@client.example/callback",
    "https://client.example/%2e%2e/callback",
    "https://client.example/%63allback",
    "https://client.example/./callback",
    "https://client.example//callback",
    "https://client.example\\@evil.example/callback",
    "https://client.example/callback\t",
    "https://client.example/callback\n",
    " https://client.example/callback",
    "https://client.example/callback#",
    "https://client.example./callback",
)


async def test_T17_a_redirect_is_compared_byte_by_byte(site: Site) -> None:
    """The registered redirect_uri comes in another spelling: case, slash, query, port, escapes, suffix, user, tab."""
    client_id = (await site.register())["client_id"]
    for uri in SPELLINGS:
        assert_local(site, await site.authorize(client_id, redirect_uri=uri))


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_T18_a_loopback_redirect_may_change_its_port_and_nothing_else(site: Site, host: str) -> None:
    """A native client asks for another port than it registered; then for another host, path, query or scheme."""
    client_id = (await site.register(redirect_uris=[f"http://{host}/callback"]))["client_id"]
    other = "127.0.0.1" if host == "localhost" else "localhost"
    for uri in (
        f"http://{host}:5/other",
        f"http://{other}:5/callback",
        f"http://{host}:5/callback?a=b",
        f"https://{host}:5/callback",
        f"http://{host}:5@evil.example/callback",
        f"http://{host}.evil.example:5/callback",
        f"http://{host}.evil.example/callback",
        f"http://[{host}]:5/callback",
    ):
        assert_local(site, await site.authorize(client_id, redirect_uri=uri))
    page = await site.authorize(client_id, redirect_uri=f"http://{host}:53211/callback")
    await site.approve(page)
    assert (await site.get(wait_of(page))).headers["Location"].startswith(f"http://{host}:53211/callback?code=")


async def test_T18_the_port_of_https_is_part_of_the_address(site: Site) -> None:
    """An https redirect_uri comes with another port."""
    client_id = (await site.register(redirect_uris=["https://client.example:8443/callback"]))["client_id"]
    for uri in ("https://client.example:8444/callback", REDIRECT):
        assert_local(site, await site.authorize(client_id, redirect_uri=uri))


async def test_T19_no_error_is_carried_to_an_unregistered_address(site: Site) -> None:
    """A request has a second fault besides its foreign redirect_uri, so that an error would be sent there."""
    client_id = (await site.register())["client_id"]
    faults = ({"response_type": "token"}, {"scope": "trade:orders"}, {"code_challenge": None}, {"resource": "x"})
    for fault in faults:
        assert_local(site, await site.authorize(client_id, redirect_uri="https://evil.example/callback", **fault))


UNPROVEN: tuple[dict[str, Any], ...] = (
    {"code_challenge": None},
    {"code_challenge": None, "code_challenge_method": None},
    {"code_challenge_method": "plain"},
    {"code_challenge_method": None},
    {"code_challenge_method": "s256"},
    {"code_challenge": CHALLENGE[:42]},
    {"code_challenge": CHALLENGE + "A"},
    {"code_challenge": CHALLENGE[:42] + "="},
)


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
async def test_T20_every_client_proves_itself_by_S256(site: Site, method: str) -> None:
    """A public and a confidential client leave PKCE out, ask for plain, or send a challenge of 42 or 44 characters."""
    client_id = (await site.register(token_endpoint_auth_method=method))["client_id"]
    for changed in UNPROVEN:
        assert_sent_back(site, await site.authorize(client_id, **changed), "invalid_request")
    assert site.waiting() == []


async def test_T21_a_repeated_parameter_is_answered_here(site: Site) -> None:
    """A parameter comes twice, with one value or with two."""
    client_id = (await site.register())["client_id"]
    good = site.asking(client_id)
    for name in (*(good.keys() - {"resource"}), "response_mode"):
        for second in ("", "x"):
            value = good.get(name, "query")
            query = urlencode(good | {name: [value, value + second]}, doseq=True)
            assert_local(site, await site.get(f"/oauth/authorize?{query}"))


async def test_T22_a_token_is_for_this_resource_or_not_given(site: Site) -> None:
    """Another resource is asked for, ours with a fragment, or ours and another."""
    client_id = (await site.register())["client_id"]
    at, other = site.issuer, "https://other.example/mcp"
    for resource in (other, f"{at}/mcp#x", f"{at}/other", f"{at}.evil.example/mcp", [site.resource, other], "x"):
        assert_sent_back(site, await site.authorize(client_id, resource=resource), "invalid_target")


async def test_T23_the_answer_goes_back_in_the_query_alone(site: Site) -> None:
    """Another response_mode is asked for."""
    client_id = (await site.register())["client_id"]
    for mode in ("fragment", "form_post", "query.jwt"):
        assert_sent_back(site, await site.authorize(client_id, response_mode=mode), "invalid_request")


async def test_T23_a_request_object_is_refused_and_never_fetched(site: Site) -> None:
    """A request comes as an object, or as the address of one that only the host could reach."""
    client_id = (await site.register())["client_id"]
    with socket.create_server(("127.0.0.1", 0)) as inner:
        inner.setblocking(False)
        for changed in (
            {"request_uri": f"http://127.0.0.1:{inner.getsockname()[1]}/request"},
            {"request": "e30.e30."},
        ):
            assert_sent_back(site, await site.authorize(client_id, **changed), "invalid_request")
        with pytest.raises(BlockingIOError):
            inner.accept()


ODD = ('https://x/"é', "\\", "é", "\x00", "a" * 7500, "\u202e", "\r\nX-Evil: 1", '"><b>')


@pytest.mark.parametrize("name", ["redirect_uri", "response_type", "client_id", "scope", "code_challenge", "resource"])
async def test_T24_odd_characters_are_a_bad_request_and_no_failure(site: Site, name: str) -> None:
    """Quotes, backslashes, unicode, NUL, line breaks or kilobytes stand in a parameter."""
    client_id = (await site.register())["client_id"]
    for value in ODD:
        query = urlencode(site.asking(client_id) | {name: value})
        answer = await site.get(f"/oauth/authorize?{query}")
        assert answer.status in {303, 400}, answer.text
        assert answer.headers.get("Location", REDIRECT).startswith(REDIRECT)
        assert "X-Evil" not in answer.headers
        assert site.waiting() == []


async def test_T24_a_broken_escape_is_a_bad_request(site: Site) -> None:
    """The query holds bytes that are no UTF-8, or half an escape."""
    for query in ("client_id=%ff", "client_id=%", "client_id=%zz&state=%e9"):
        assert_local(site, await site.get(f"/oauth/authorize?{query}"))


async def test_T25_every_answer_that_a_client_gets_names_the_issuer(site: Site) -> None:
    """A client that talks to two servers gets a code, access_denied, and invalid_scope."""
    client_id = (await site.register())["client_id"]
    let_in, denied = await site.authorize(client_id), await site.authorize(client_id)
    await site.approve(let_in)
    await site.done("client.deny", code=code_of(denied))
    bad = await site.authorize(client_id, scope="trade:orders")
    answers = [await site.get(wait_of(let_in)), await site.get(wait_of(denied)), bad]
    assert [query_of(answer)["iss"] for answer in answers] == [site.issuer] * 3
    assert "code" in query_of(answers[0])
    metadata = (await site.get("/.well-known/oauth-authorization-server")).json
    assert metadata["issuer"] == site.issuer
    assert metadata["authorization_response_iss_parameter_supported"] is True


async def test_T26_a_denied_client_gets_no_code(site: Site) -> None:
    """The operator turns a client away, while another one of the same registration is let in."""
    client_id, _ = await site.connect()
    before = await site.store.rows("SELECT 1 FROM oauth_codes")
    page = await site.authorize(client_id)
    await site.done("client.deny", code=code_of(page))
    assert_sent_back(site, await site.get(wait_of(page)), "access_denied")
    assert len(await site.store.rows("SELECT 1 FROM oauth_codes")) == len(before) == 1
    assert await site.refused("client.approve", code=code_of(page)) in {"CODE_UNKNOWN", "ALREADY_DECIDED"}


async def test_T27_a_browser_is_never_told_to_repeat_what_it_posted(site: Site) -> None:
    """A browser is sent back to its client after the operator's decision."""
    client_id = (await site.register())["client_id"]
    page = await site.authorize(client_id)
    await site.approve(page)
    back = await site.get(wait_of(page), headers={"Cookie": "session=secret"})
    assert back.status == 303
    assert set(query_of(back)) == {"code", "state", "iss"}
    assert "Set-Cookie" not in back.headers
