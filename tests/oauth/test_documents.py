"""Clients whose client_id is the address of a document: what is fetched, when, and what comes of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.identity import ClientName
from cockpit.model.text import safe
from oauth import records
from oauth.fetch import FetchBusy, Fetched
from oauth.records import Kind, Standing
from tests.oauth.house import READS, House, code_of, open_house, query_of, refusal_code, tokens_of, wait_of
from tests.oauth.internet import Internet

KNOWN = "https://claude.ai/oauth/mcp-oauth-client-metadata"
CALLBACK = "https://claude.ai/api/mcp/auth_callback"
STRANGER = "https://stranger.example/client.json"
THEIRS = "https://stranger.example/callback"


def document(url: str = KNOWN, *redirects: str, **more: Any) -> dict[str, Any]:
    return {
        "client_id": url,
        "client_name": "Claude" if url == KNOWN else "Stranger",
        "redirect_uris": list(redirects) or [CALLBACK if url == KNOWN else THEIRS],
        "token_endpoint_auth_method": "none",
    } | more


async def test_a_client_of_a_known_host_walks_to_its_tokens(connected: House, internet: Internet) -> None:
    internet.publish(KNOWN, document(logo_uri="https://claude.ai/logo.png"))
    page = await connected.authorize(KNOWN, redirect_uri=CALLBACK)
    (waiting,) = connected.authority.waiting()
    assert (waiting.host, waiting.claimed_name, waiting.kind) == ("claude.ai", "Claude", Kind.CIMD)
    assert not waiting.unfetched
    await connected.approve(page, "claude")
    back = await connected.get(wait_of(page))
    assert back.headers["Location"].startswith(CALLBACK + "?")
    tokens = tokens_of(await connected.redeem(KNOWN, query_of(back)["code"], redirect_uri=CALLBACK))
    assert connected.lives(tokens.access)
    again = tokens_of(await connected.refresh(KNOWN, tokens.refresh))
    assert connected.lives(again.access)
    # Neither the picture nor anything else was asked for.
    assert internet.asked == [KNOWN]


async def test_a_fetch_tells_its_server_nothing_of_the_browser(connected: House, internet: Internet) -> None:
    internet.publish(KNOWN, document(), Set_Cookie="track=1")
    await connected.authorize(KNOWN, redirect_uri=CALLBACK)
    connected.clock.go(86_401)
    await connected.authorize(KNOWN, redirect_uri=CALLBACK)
    assert len(internet.headers) == 2
    for headers in internet.headers:
        names = {name.lower() for name in headers}
        assert not names & {"cookie", "referer", "authorization", "x-forwarded-for"}
        assert headers["Accept-Encoding"] == "identity"


async def test_a_stranger_is_fetched_only_after_its_code_was_typed(connected: House, internet: Internet) -> None:
    internet.publish(STRANGER, document(STRANGER))
    page = await connected.authorize(STRANGER, redirect_uri=THEIRS)
    assert "stranger.example" in page.text
    assert "not known yet" in page.text
    for _ in range(3):
        assert (await connected.get(wait_of(page))).status == 200
    assert internet.asked == []
    waiting = connected.authority.by_code(code_of(page))
    assert waiting is not None
    assert (waiting.host, waiting.claimed_name, waiting.unfetched) == ("stranger.example", "", True)
    await connected.authority.examine(waiting.request_id)
    (seen,) = connected.authority.waiting()
    assert (seen.claimed_name, seen.unfetched, internet.asked) == ("Stranger", False, [STRANGER])
    assert "Stranger" in (await connected.get(wait_of(page))).text
    await connected.approve(page, "stranger")
    back = await connected.get(wait_of(page))
    assert back.headers["Location"].startswith(THEIRS + "?")
    tokens_of(await connected.redeem(STRANGER, query_of(back)["code"], redirect_uri=THEIRS))


async def test_a_request_that_was_not_examined_cannot_be_approved(connected: House, internet: Internet) -> None:
    internet.publish(STRANGER, document(STRANGER))
    page = await connected.authorize(STRANGER, redirect_uri=THEIRS)
    waiting = connected.authority.by_code(code_of(page))
    assert waiting is not None
    answer = await connected.authority.approve(waiting.request_id, ClientName("x"), READS, "paper", None, "operator")
    assert refusal_code(answer) == "CODE_UNKNOWN"
    assert connected.authority.grants() == ()


@pytest.mark.parametrize(
    "found",
    [
        document(STRANGER, "https://stranger.example/elsewhere"),
        document(STRANGER + "x"),
        document(STRANGER, client_secret="x"),
        [],
        None,
    ],
)
async def test_a_stranger_whose_document_does_not_fit_ends_here(
    connected: House, internet: Internet, found: Any
) -> None:
    if found is not None:
        internet.publish(STRANGER, found)
    page = await connected.authorize(STRANGER, redirect_uri=THEIRS)
    waiting = connected.authority.by_code(code_of(page))
    assert waiting is not None
    assert refusal_code(await connected.authority.examine(waiting.request_id)) == "CLIENT_DOCUMENT"
    assert connected.authority.by_code(code_of(page)) is None
    ended = await connected.get(wait_of(page))
    assert (ended.status, "Location" in ended.headers, "Refresh" in ended.headers) == (400, False, False)
    refused = await connected.authority.approve(waiting.request_id, ClientName("x"), READS, "paper", None, "operator")
    assert refusal_code(refused) == "ALREADY_DECIDED"


async def test_a_stranger_that_is_turned_away_is_not_sent_anywhere(connected: House, internet: Internet) -> None:
    page = await connected.authorize(STRANGER, redirect_uri="https://evil.example/cb")
    (waiting,) = connected.authority.waiting()
    assert await connected.authority.deny(waiting.request_id, "operator") is None
    ended = await connected.get(wait_of(page))
    assert (ended.status, "Location" in ended.headers, "Refresh" in ended.headers) == (403, False, False)
    assert internet.asked == []


async def test_a_stranger_is_one_again_when_its_document_is_too_old(connected: House, internet: Internet) -> None:
    internet.publish(STRANGER, document(STRANGER))
    first = await connected.authorize(STRANGER, redirect_uri=THEIRS)
    waiting = connected.authority.by_code(code_of(first))
    assert waiting is not None
    await connected.authority.examine(waiting.request_id)
    await connected.approve(first, "stranger")
    await connected.authorize(STRANGER, redirect_uri=THEIRS)
    assert not connected.authority.waiting()[-1].unfetched
    connected.clock.go(86_401)
    page = await connected.authorize(STRANGER, redirect_uri=THEIRS)
    (waiting,) = connected.authority.waiting()
    assert (waiting.unfetched, internet.asked) == (True, [STRANGER])
    assert await connected.authority.deny(waiting.request_id, "operator") is None
    ended = await connected.get(wait_of(page))
    assert (ended.status, "Location" in ended.headers) == (403, False)


@pytest.mark.parametrize(
    "changed",
    [{"response_type": "token"}, {"scope": "trade:orders"}, {"code_challenge": None}, {"resource": "https://evil/"}],
)
async def test_a_fault_of_a_stranger_is_told_here(connected: House, changed: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"redirect_uri": "https://evil.example/cb"} | changed
    answer = await connected.authorize(STRANGER, **asked)
    assert (answer.status, "Location" in answer.headers) == (400, False)


@pytest.mark.parametrize("redirect", [None, "javascript:alert(1)", "http://evil.example/cb"])
async def test_a_stranger_must_say_where_it_wants_its_code(connected: House, redirect: str | None) -> None:
    answer = await connected.authorize(STRANGER, redirect_uri=redirect)
    assert (answer.status, connected.authority.waiting()) == (400, ())


async def test_a_redirect_that_the_document_does_not_name_is_answered_here(
    connected: House, internet: Internet
) -> None:
    internet.publish(KNOWN, document())
    answer = await connected.authorize(KNOWN, redirect_uri="https://claude.ai/elsewhere", response_type="token")
    assert (answer.status, "Location" in answer.headers, connected.authority.waiting()) == (400, False, ())


async def test_a_local_program_gets_its_code_on_any_port(connected: House, internet: Internet) -> None:
    internet.publish(KNOWN, document(KNOWN, "http://localhost/callback", "http://127.0.0.1/callback"))
    page = await connected.authorize(KNOWN, redirect_uri="http://localhost:53211/callback")
    assert "computer of this browser" in page.text
    (waiting,) = connected.authority.waiting()
    assert (waiting.host, waiting.redirect_host) == ("claude.ai", "localhost")


async def test_every_failure_sounds_the_same_and_is_not_repeated_at_once(connected: House, internet: Internet) -> None:
    ways = {
        "none": lambda url: None,
        "html": lambda url: internet.says(url, b"<html>", Content_Type="text/html"),
        "error": lambda url: internet.says(url, b"{}", 500),
        "moved": lambda url: internet.says(url, b"{}", 302, Location=KNOWN),
        "broken": lambda url: internet.says(url, b"{"),
        "large": lambda url: internet.publish(url, document(url, padding="x" * 9000)),
        "packed": lambda url: internet.publish(url, document(url), Content_Encoding="gzip"),
        "foreign": lambda url: internet.publish(url, document()),
    }
    texts: set[str] = set()
    for way, prepare in ways.items():
        url = f"https://claude.ai/oauth/{way}"
        prepare(url)
        for _ in range(3):
            answer = await connected.authorize(url, redirect_uri=CALLBACK)
            assert (answer.status, "Location" in answer.headers) == (400, False)
            texts.add(answer.text)
        assert internet.asked.count(url) == 1, way
    assert len(texts) == 1
    assert KNOWN not in internet.asked
    connected.clock.go(61)
    internet.publish("https://claude.ai/oauth/none", document("https://claude.ai/oauth/none", CALLBACK))
    assert (await connected.authorize("https://claude.ai/oauth/none", redirect_uri=CALLBACK)).status == 200


async def test_that_this_host_is_busy_is_not_held_against_a_document(tmp_path: Path, internet: Internet) -> None:
    internet.publish(KNOWN, document())
    busy = True

    async with internet.fetcher() as really:

        async def fetch(url: str, largest: int) -> Fetched:
            if busy:
                raise FetchBusy("too much is fetched already")
            return await really(url, largest)

        async with open_house(tmp_path / "d", fetch=fetch) as house:
            assert (await house.authorize(KNOWN, redirect_uri=CALLBACK)).status == 400
            busy = False
            assert (await house.authorize(KNOWN, redirect_uri=CALLBACK)).status == 200


async def test_many_browsers_at_once_cause_one_fetch(connected: House, internet: Internet) -> None:
    internet.publish(KNOWN, document())
    asked = [connected.authorize(KNOWN, redirect_uri=CALLBACK) for _ in range(8)]
    assert [page.status for page in await asyncio.gather(*asked)] == [200] * 8
    assert internet.asked == [KNOWN]


async def test_nothing_is_fetched_while_nobody_more_may_wait(tmp_path: Path, internet: Internet) -> None:
    internet.publish(KNOWN, document())
    async with internet.fetcher() as fetch, open_house(tmp_path / "d", fetch=fetch, max_waiting_per_address=1) as house:
        await house.authorize((await house.register())["client_id"])
        assert (await house.authorize(KNOWN, redirect_uri=CALLBACK)).status == 429
        assert (await house.ask("HEAD", f"/oauth/authorize?client_id={KNOWN}")).status == 200
        assert internet.asked == []


@pytest.mark.parametrize(
    ("said", "fresh", "stale"),
    [("max-age=600", 599, 601), ("max-age=9999999", 86_399, 86_401), ("no-store", 59, 61), ("", 3599, 3601)],
)
async def test_a_good_document_is_kept_as_its_server_says_and_for_a_day_at_most(
    connected: House, internet: Internet, said: str, fresh: int, stale: int
) -> None:
    internet.publish(KNOWN, document(), **({"Cache_Control": said} if said else {}))
    await connected.authorize(KNOWN, redirect_uri=CALLBACK)
    connected.clock.go(fresh)
    await connected.authorize(KNOWN, redirect_uri=CALLBACK)
    assert len(internet.asked) == 1
    connected.clock.go(stale - fresh)
    await connected.authorize(KNOWN, redirect_uri=CALLBACK)
    assert len(internet.asked) == 2


@pytest.mark.parametrize("change", [{"client_name": "Other"}, {"redirect_uris": [CALLBACK, "https://evil.example/cb"]}])
async def test_a_document_that_changed_asks_again_and_what_was_granted_goes_on(
    connected: House, internet: Internet, change: dict[str, Any]
) -> None:
    internet.publish(KNOWN, document())
    code = await connected.code(KNOWN, "claude", redirect_uri=CALLBACK)
    tokens = tokens_of(await connected.redeem(KNOWN, code, redirect_uri=CALLBACK))
    connected.clock.go(86_401)
    await connected.authorize(KNOWN, redirect_uri=CALLBACK)
    assert await _standing(connected) is Standing.APPROVED
    assert not connected.authority.waiting()[-1].changed
    internet.publish(KNOWN, document() | change)
    connected.clock.go(86_401)
    page = await connected.authorize(KNOWN, redirect_uri=CALLBACK)
    assert await _standing(connected) is Standing.NEW
    assert connected.authority.waiting()[-1].changed
    renewed = tokens_of(await connected.refresh(KNOWN, tokens.refresh))
    assert connected.lives(renewed.access)
    await connected.approve(page, "claude")
    assert await _standing(connected) is Standing.APPROVED
    await connected.authorize(KNOWN, redirect_uri=CALLBACK)
    assert not connected.authority.waiting()[-1].changed


async def test_revoking_one_name_leaves_the_others_of_the_same_program(connected: House, internet: Internet) -> None:
    internet.publish(KNOWN, document())
    mine = tokens_of(
        await connected.redeem(KNOWN, await connected.code(KNOWN, "mine", redirect_uri=CALLBACK), redirect_uri=CALLBACK)
    )
    other = tokens_of(
        await connected.redeem(
            KNOWN, await connected.code(KNOWN, "other", redirect_uri=CALLBACK), redirect_uri=CALLBACK
        )
    )
    ended = await connected.authority.revoke_client("mine", "operator")
    assert isinstance(ended, tuple)
    assert len(ended) == 1
    assert not connected.lives(mine.access)
    assert connected.lives(other.access)
    assert connected.lives(tokens_of(await connected.refresh(KNOWN, other.refresh)).access)
    await connected.authority.revoke_client("other", "operator")
    for tokens in (mine, other):
        # Not invalid_client: the program is still known, and need not become another one.
        gone = await connected.refresh(KNOWN, tokens.refresh)
        assert (gone.status, gone.json["error"]) == (400, "invalid_grant")


async def test_a_kill_ends_them_too_and_they_may_ask_again(connected: House, internet: Internet) -> None:
    internet.publish(KNOWN, document())
    code = await connected.code(KNOWN, "claude", redirect_uri=CALLBACK)
    tokens = tokens_of(await connected.redeem(KNOWN, code, redirect_uri=CALLBACK))
    connected.authority.kill_now()
    await connected.authority.kill_durably("operator")
    connected.authority.reopen()
    assert not connected.lives(tokens.access)
    assert (await connected.refresh(KNOWN, tokens.refresh)).json["error"] == "invalid_grant"
    assert await _standing(connected) is Standing.NEW
    assert (await connected.authorize(KNOWN, redirect_uri=CALLBACK)).status == 200


async def test_what_was_fetched_is_known_after_a_restart(tmp_path: Path, internet: Internet) -> None:
    internet.publish(KNOWN, document())
    async with internet.fetcher() as fetch:
        async with open_house(tmp_path / "d", fetch=fetch) as house:
            code = await house.code(KNOWN, "claude", redirect_uri=CALLBACK)
            tokens = tokens_of(await house.redeem(KNOWN, code, redirect_uri=CALLBACK))
            port = int(house.base.rpartition(":")[2])
        async with open_house(tmp_path / "d", fetch=fetch, port=port) as house:
            assert house.lives(tokens_of(await house.refresh(KNOWN, tokens.refresh)).access)
    assert internet.asked == [KNOWN]


async def _standing(house: House) -> Standing:
    found = await records.registration(house.store, KNOWN)
    assert found is not None
    assert found.claimed_name == safe(found.claimed_name)
    return found.standing
