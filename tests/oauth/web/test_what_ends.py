"""What a sign-out, a kill or a change of what the operator signs in with ends, also where something is under way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yarl

from oauth.web import signing_in
from oauth.web.records import Passkey
from oauth.web.signing_in import Outcome
from tests.oauth.test_totp import STEP_SECONDS, Phone
from tests.security.site import Site, open_site
from tests.security.web_browser import WEB, browser, operator

NAMED = WEB + '[server]\npublic_url = "https://cockpit.example"\n'
HEADERS = {"Host": "cockpit.example", "Origin": "https://cockpit.example"}
ASKED = "read:market write:orders"
NEW = "quite another password"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A cockpit with a name, whose operator may sign in at the web page."""
    async with open_site(tmp_path / "data", settings=WEB) as opened:
        yield opened


@pytest.fixture
async def named(tmp_path: Path) -> AsyncIterator[Site]:
    """The same under a name, so that passkeys can be made."""
    async with open_site(tmp_path / "data", settings=NAMED) as opened:
        yield opened


def web_of(site: Site) -> Any:
    return site.cockpit.face._rooms.web  # type: ignore[union-attr]


def link_of(site: Site) -> str:
    return web_of(site).begin_passkey().removeprefix("https://cockpit.example")


async def enroll_another(site: Site) -> None:
    totp = site.cockpit.face._rooms.totp  # type: ignore[union-attr]
    begun = totp.begin("another")
    assert isinstance(await totp.finish(Phone(begun.secret).code(site.clock.now()), "screen"), tuple)


def held(work: Callable[..., Any]) -> tuple[Callable[..., Any], threading.Event, threading.Event]:
    """Return the work held up until told to go on, the event of its begin, and the one that lets it go on."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(*given: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return work(*given)

    return slow, begun, go_on


@pytest.mark.parametrize("how", ["logout", "password removed", "password changed", "authenticator"])
async def test_a_sign_in_that_was_under_way_when_all_were_signed_out_is_none(site: Site, how: str) -> None:
    """A right password is being looked at while the operator signs everybody out, or changes what counts."""
    phone = await operator(site)
    asking, web = await browser(site), web_of(site)
    site.clock.go(STEP_SECONDS)
    code, credentials = phone.code(site.clock.now()), web._credentials
    write, reached, go_on = credentials.write, asyncio.Event(), asyncio.Event()

    async def slow(writes: Any, event: str, *more: Any, **detail: Any) -> None:
        await write(writes, event, *more, **detail)
        if event == "web sign-in":
            reached.set()
            await go_on.wait()

    credentials.write = slow
    under_way = asyncio.ensure_future(asking.sign_in(code))
    await reached.wait()
    if how == "logout":
        await web.sign_out("socket")
    elif how == "password removed":
        assert await web.remove("password", "socket") is None
    elif how == "password changed":
        assert await web.set_password(NEW, "socket") is None
    else:
        assert await site.cockpit.face._rooms.totp.remove("screen") is None  # type: ignore[union-attr]
    go_on.set()
    answer = await under_way
    assert (answer.status, "Set-Cookie" in answer.headers) == (401, False)
    assert (await asking.look("consent")).status == 303
    assert web.standing().sessions == 0


async def test_the_old_password_signs_nobody_in_while_the_new_one_is_made(site: Site) -> None:
    phone = await operator(site)
    asking, web = await browser(site), web_of(site)
    site.clock.go(STEP_SECONDS)
    hashing = web._credentials._hashing
    hasher = hashing._hasher
    slow, begun, go_on = held(hasher.hash)

    class Slow:
        hash = staticmethod(slow)
        verify = staticmethod(hasher.verify)

    hashing._hasher = Slow()
    changing = asyncio.ensure_future(web.set_password(NEW, "socket"))
    assert await asyncio.to_thread(begun.wait, 60)
    under_way = asyncio.ensure_future(asking.sign_in(phone.code(site.clock.now())))
    while hashing._here < 2:
        await asyncio.sleep(0)
    go_on.set()
    assert await changing is None
    assert (await under_way).status == 401
    assert web.standing().sessions == 0


async def test_a_new_authenticator_ends_sessions_with_their_fresh_codes(site: Site) -> None:
    """A browser is signed in with a code; the operator enrolls another authenticator within the minute."""
    phone = await operator(site)
    asking = await browser(site, scope=ASKED)
    page = await asking.signed_in(phone)
    await enroll_another(site)
    assert web_of(site).standing().sessions == 0
    answer = await asking.decide(page, **{"scope:write:orders": "yes"})
    assert answer.status == 401
    assert await site.done("clients") == []


async def test_removing_the_authenticator_ends_sessions(site: Site) -> None:
    phone = await operator(site)
    await (await browser(site)).signed_in(phone)
    assert await site.cockpit.face._rooms.totp.remove("screen") is None  # type: ignore[union-attr]
    assert web_of(site).standing().sessions == 0


@pytest.mark.parametrize("how", ["password removed", "password changed", "passkey removed", "logout", "authenticator"])
async def test_a_link_for_a_passkey_ends_with_what_ends_every_session(named: Site, how: str) -> None:
    await operator(named)
    web = web_of(named)
    await web._credentials.add(Passkey("phone", b"id", b"key", 0, named.clock.now()), "web")
    path = link_of(named)
    assert (await named.get(path, headers=HEADERS)).status == 200
    if how == "password removed":
        assert await web.remove("password", "socket") is None
    elif how == "password changed":
        assert await web.set_password(NEW, "socket") is None
    elif how == "passkey removed":
        assert await web.remove("phone", "socket") is None
    elif how == "logout":
        await web.sign_out("socket")
    else:
        await enroll_another(named)
    assert (await named.get(path, headers=HEADERS)).status == 404
    assert (await named.ask("POST", path, headers=HEADERS, data={"credential": "{}"})).status == 404


async def test_a_link_for_a_passkey_ends_with_the_kill_also_after_resuming(named: Site) -> None:
    await operator(named)
    path = link_of(named)
    await named.done("kill")
    assert (await named.get(path, headers=HEADERS)).status == 503
    assert (await named.ask("POST", path, headers=HEADERS, data={"credential": "{}"})).status == 503
    named.authority.reopen()
    assert (await named.get(path, headers=HEADERS)).status == 404


@pytest.mark.parametrize("answer", ["[" * 14_000, '{"a":' * 2_500, "9" * 5_000, "\x00", "[]", "{}"])
async def test_no_answer_of_a_browser_breaks_the_making_of_a_passkey(named: Site, answer: str) -> None:
    await operator(named)
    path = link_of(named)
    await named.get(path, headers=HEADERS)
    sent = await named.ask("POST", path, headers=HEADERS, data={"credential": answer})
    assert sent.status == 400
    assert (await named.get(path, headers=HEADERS)).status == 200


async def test_a_fault_of_the_page_puts_no_link_into_the_log(named: Site, caplog: pytest.LogCaptureFixture) -> None:
    await operator(named)
    path, web = link_of(named), web_of(named)

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    web.making._enrolment.knows = broken
    assert (await named.get(path, headers=HEADERS)).status == 500
    assert "/oauth/web/enrol/{about}" in caplog.text
    assert path.rpartition("/")[2] not in caplog.text


async def test_a_passkey_named_like_the_password_can_be_removed_apart_from_it(site: Site) -> None:
    await operator(site)
    web = web_of(site)
    kept = await web._credentials.add(Passkey("Password", b"id", b"key", 0, site.clock.now()), "web")
    assert kept.name == "Password 2"
    assert await web.remove(kept.name, "socket") is None
    assert web.standing().passkeys == ()
    assert web.standing().password_since is not None


async def test_a_passkey_removed_while_its_answer_is_looked_at_is_gone(
    named: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removal is on disk and not yet in memory when the passkey's answer is taken."""
    await operator(named)
    web = web_of(named)
    passkey = await web._credentials.add(Passkey("phone", b"id", b"key", 0, named.clock.now()), "web")
    monkeypatch.setattr(signing_in, "shown", lambda *_: passkey)
    credentials, write, answered = web._credentials, web._credentials.write, []

    async def meanwhile(writes: Any, event: str, *more: Any, **detail: Any) -> None:
        await write(writes, event, *more, **detail)
        if event == "web passkey removed":
            web.site._signing_in.challenge("request")
            answered.append(await web.site._signing_in.by_passkey("request", "{}", "192.0.2.1"))

    credentials.write = meanwhile
    assert await web.remove("phone", "socket") is None
    assert [one.outcome for one in answered] == [Outcome.WRONG]
    assert web.standing().passkeys == ()


async def test_signing_out_leads_nowhere_else(site: Site) -> None:
    await operator(site)
    for about in ("a%0d%0aX-Evil:%201", "a", "a" * 23, "%2F%2Fevil.example" + "a" * 10):
        address = yarl.URL(f"{site.base}/oauth/web/sign-out/{about}", encoded=True)
        async with site.http.post(address, headers={"Origin": site.issuer}, allow_redirects=False) as answer:
            assert answer.status in {403, 404}
            assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_sign_out_while_the_grant_is_made_leaves_none(site: Site, when: str) -> None:
    """Every browser is signed out while its approval waits for its turn, or while it is being written."""
    phone = await operator(site)
    asking = await browser(site)
    page = await asking.signed_in(phone)
    state, web = site.authority._state, web_of(site)
    commit = state.commit

    async def signed_out_meanwhile(writes: Any, audit: Any = ()) -> None:
        await commit(writes, audit)
        if any(one.tool == "approved" for one in audit):
            await web.sign_out("socket")

    if when == "after":
        state.commit = signed_out_meanwhile
        answer = await asking.decide(page)
    else:
        async with state.lock:
            deciding = asyncio.ensure_future(asking.decide(page))
            while not state.lock._waiters:
                await asyncio.sleep(0)
            await web.sign_out("socket")
        answer = await deciding
    assert answer.headers["Location"] == f"/oauth/web/sign-in/{asking.request_id}"
    assert await site.done("clients") == []
    assert await site.store.rows("SELECT 1 FROM oauth_grants WHERE ended_at IS NULL") == []
    assert asking.request_id in site.waiting()
