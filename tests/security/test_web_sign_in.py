"""Signing in at the web page: who may decide in a browser, and what a stranger or a foreign page gets from trying."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cockpit.model.refusals import Refusal
from cockpit.operator.act import Command
from tests.oauth.internet import some_internet
from tests.oauth.outside import Answer, query_of, tokens_of, wait_of
from tests.oauth.test_totp import STEP_SECONDS, WRONG
from tests.security.site import Site, another_browser, open_site
from tests.security.test_documents import STRANGER, document
from tests.security.web_browser import PASSWORD, WEB, WebBrowser, browser, fields_of, operator, token_of

ASKED = "read:market read:account write:orders"
PAGES = ("sign-in", "consent", "sign-out", "enrol")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A cockpit whose operator may sign in at the web page."""
    async with open_site(tmp_path / "data", settings=WEB) as opened:
        yield opened


async def granted(site: Site) -> list[tuple[str, set[str]]]:
    """Every grant that there is: its name and scopes."""
    return [(one["name"], set(one["scopes"])) for one in await site.done("clients")]


def is_plain_page(answer: Answer) -> bool:
    """Whether the answer is a page that stays where it is and gives no session."""
    return "Location" not in answer.headers and "Set-Cookie" not in answer.headers


async def test_nothing_of_it_is_there_unless_the_settings_want_it(tmp_path: Path) -> None:
    async with open_site(tmp_path / "data") as site:
        asking = await browser(site)
        assert "/oauth/web/" not in asking.page.text
        for page in PAGES:
            assert (await asking.look(page)).status == 404
            assert (await asking.post(page)).status == 404
        assert await site.refused("web.enroll") == "WEB_OFF"
        assert (await site.done("web.status")) == {"enabled": False}


async def test_T02_without_a_sign_in_no_form_is_a_consent(site: Site) -> None:
    """A browser posts the consent form without a session, with an invented one, and from another browser's session."""
    phone = await operator(site)
    asking = await browser(site, scope=ASKED)
    form = {"decision": "approve", "scope:read:market": "yes", "connection": "paper", "name": "Evil", "lives": "8h"}
    assert (await asking.look("consent")).headers["Location"] == f"/oauth/web/sign-in/{asking.request_id}"
    for cookie in ({}, {"cockpit_session": "A" * 43}, {"cockpit_session": ""}):
        asking.http.cookie_jar.update_cookies(cookie)
        sign_in = token_of((await asking.look("sign-in")).text, "password")
        for token in ("", sign_in):
            answer = await asking.post("consent", token=token, **form)
            assert (answer.status, is_plain_page(answer)) == (401, True)
    async with another_browser() as other:
        theirs = await browser(site, other)
        page = await theirs.signed_in(phone)
        stolen = WebBrowser(site, other, asking.page)
        assert [(await stolen.look(one)).status for one in ("sign-in", "consent")] == [400, 400]
        assert (await stolen.post("consent", **(fields_of(page.text) | form))).status == 400
    assert (len(site.waiting()), await granted(site)) == (2, [])


async def test_T03_a_form_that_no_page_of_ours_sent_changes_nothing(site: Site) -> None:
    """A foreign page, or none, posts every form in a browser that is signed in: without our token, or from elsewhere."""
    phone = await operator(site)
    asking, second = await browser(site), await browser(site)
    page = await asking.signed_in(phone)
    good, other = fields_of(page.text), fields_of((await second.look("consent")).text)
    foreign = [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
        {"Origin": f"http://localhost:{site.port}"},
    ]  # fmt: skip
    for headers in foreign:
        assert (await asking.post("consent", headers, **good)).status == 403
        assert (await asking.post("sign-out", headers, token=token_of(page.text, "leave"))).status == 403
    for token in ("", "A" * 43, other["token"], token_of(page.text, "leave")):
        assert (await asking.post("consent", None, **(good | {"token": token}))).status == 403
    assert (len(site.waiting()), await granted(site)) == (2, [])
    assert (await asking.look("consent")).status == 200
    assert (await asking.post("consent", None, **good)).status == 200


async def test_T03_nobody_is_signed_in_by_a_foreign_page(site: Site) -> None:
    """A foreign page signs the browser in with a password and a code that are right."""
    phone = await operator(site)
    asking = await browser(site)
    site.clock.go(STEP_SECONDS)
    code = phone.code(site.clock.now())
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await asking.sign_in(code, **headers)
        assert (answer.status, is_plain_page(answer)) == (403, True)
    for token in ("", "A" * 43):
        answer = await asking.post("sign-in", token=token, password=PASSWORD, totp=code)
        assert (answer.status, is_plain_page(answer)) == (403, True)
    assert (await asking.sign_in(code)).status == 303, "the code was not used up by any of them"


async def test_T06_a_live_sign_in_approves_nothing_by_itself(site: Site) -> None:
    """A client that was let in asks again in a browser that is still signed in."""
    phone = await operator(site)
    asking = await browser(site)
    assert (await asking.decide(await asking.signed_in(phone))).status == 200
    again = await browser(site)
    assert 'id="code"' in again.page.text
    assert (await again.look("sign-in")).headers["Location"] == f"/oauth/web/consent/{again.request_id}"
    assert "Let this program in?" in (await again.look("consent")).text
    assert len(site.waiting()) == 1
    assert len(await granted(site)) == 1


async def test_T07_no_page_of_the_sign_in_can_be_framed_or_runs_a_foreign_script(site: Site) -> None:
    """The pages of the sign-in and their mistakes are put into a frame, or made to load something."""
    phone = await operator(site)
    asking = await browser(site, scope=ASKED)
    pages = [await asking.look("sign-in"), await asking.sign_in(WRONG), await asking.signed_in(phone)]
    pages += [await asking.decide(pages[2], name="?!"), await asking.post("consent"), await asking.look("enrol")]
    pages.append(await asking.decide(pages[2]))
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert {"frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} <= set(policy.split("; "))
        assert "script-src" not in policy, "without a passkey there is no script"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert [page.headers["Referrer-Policy"] for page in pages[:4]] == ["same-origin"] * 4


async def test_T13_nothing_is_granted_that_was_not_asked_or_that_settings_forbid(tmp_path: Path) -> None:
    """The consent form comes back with more scopes than were asked, another connection, name or time."""
    settings = WEB + '[connections.paper]\n[connections.other]\nscopes = ["read:market"]\n'
    async with open_site(tmp_path / "data", settings=settings) as site:
        phone = await operator(site)
        asking = await browser(site, scope="read:market read:account")
        page = await asking.signed_in(phone)
        assert "connection" not in fields_of(page.text), "with a choice none is preselected"
        tampered: list[dict[str, str]] = [
            {"scope:write:orders": "yes"}, {"scope:read:orders": "yes"}, {"connection": "other"},
            {"connection": "live"}, {"connection": ""}, {"name": "a\u202eb"}, {"name": ""}, {"lives": "9999d"},
            {"scope:read:market": "", "scope:read:account": ""},
        ]  # fmt: skip
        for changed in tampered:
            answer = await asking.decide(page, **({"connection": "paper"} | changed))
            assert answer.status == 400, changed
        assert await granted(site) == []
        answer = await asking.decide(page, connection="other", **{"scope:read:account": ""})
        assert answer.status == 200
        assert [scopes for _, scopes in await granted(site)] == [{"read:market"}]


async def test_T13_writes_are_never_preselected_and_take_a_fresh_code(site: Site) -> None:
    """A client asks to write; the operator confirms the form as it is, and then with writes and an old code."""
    phone = await operator(site)
    asking = await browser(site, scope=ASKED)
    page = await asking.signed_in(phone)
    assert "scope:write:orders" not in fields_of(page.text)
    writes = {"scope:write:orders": "yes"}
    site.clock.go(61)
    used = phone.code(site.clock.now(), -2)
    for code in ("", WRONG, used):
        answer = await asking.decide(page, totp=code, **writes)
        assert (answer.status, await granted(site)) == (403, [])
    answer = await asking.decide(page, totp=phone.code(site.clock.now()), **writes)
    assert answer.status == 200
    assert [scopes for _, scopes in await granted(site)] == [{"read:market", "read:account", "write:orders"}]


async def test_T84_a_code_counts_for_writes_for_a_minute(site: Site) -> None:
    """The operator signs in with a code and grants writes, within a minute of it."""
    phone = await operator(site)
    asking = await browser(site, scope=ASKED)
    page = await asking.signed_in(phone)
    site.clock.go(60)
    assert (await asking.decide(page, **{"scope:write:orders": "yes"})).status == 200


async def test_T27_the_consent_is_answered_by_a_page_that_goes_on_by_itself(site: Site) -> None:
    """The operator lets a client in, and turns one away; the answers to the forms are looked at."""
    phone = await operator(site)
    asking = await browser(site)
    page = await asking.signed_in(phone)
    answer = await asking.decide(page)
    assert (answer.status, answer.headers["Refresh"]) == (200, f"0; url={wait_of(asking.page)}")
    assert is_plain_page(answer)
    back = await site.get(wait_of(asking.page))
    assert (back.status, "code" in query_of(back)) == (303, True)
    second = await browser(site)
    answer = await second.decide(await second.look("consent"), decision="deny")
    assert (answer.status, is_plain_page(answer)) == (200, True)
    assert query_of(await site.get(wait_of(second.page)))["error"] == "access_denied"
    assert await granted(site) == [("tester", {"read:market", "read:account"})]


async def test_a_client_let_in_at_the_web_page_calls_tools_and_the_record_says_how(site: Site) -> None:
    phone = await operator(site)
    client_id = (await site.register())["client_id"]
    asking = WebBrowser(site, site.http, await site.authorize(client_id))
    await asking.decide(await asking.signed_in(phone))
    code = query_of(await site.get(wait_of(asking.page)))["code"]
    assert await site.lives(tokens_of(await site.redeem(client_id, code)).access)
    (client,) = await site.done("clients")
    assert client["made_by"] == "web"
    told = [(one.tool, one.outcome) for one in await site.store.audit_tail(50)]
    assert {("web password", "done"), ("web sign-in", "ok"), ("approved", "done")} <= set(told)
    assert [notice.bad for notice in site.notices() if "signed in at the web page" in notice.text] == [False]


async def test_T57_a_strangers_document_is_fetched_only_for_the_operator(tmp_path: Path) -> None:
    """A link's client_id is an address of a stranger's host; its pages are opened, and at last the operator signs in."""
    theirs = "https://stranger.example/callback"
    async with (
        some_internet(tmp_path) as internet,
        open_site(tmp_path / "data", settings=WEB, fetcher=lambda: internet.fetcher(seconds=5)) as site,
    ):
        phone = await operator(site)
        internet.publish(STRANGER, document(STRANGER, theirs, client_name="Stranger"))
        asking = WebBrowser(site, site.http, await site.authorize(STRANGER, redirect_uri=theirs))
        assert (await asking.look("sign-in")).status == 200
        assert (await asking.sign_in(WRONG)).status == 401
        assert (await asking.look("consent")).status == 303
        assert internet.asked == []
        page = await asking.signed_in(phone)
        assert internet.asked == [STRANGER]
        assert "Stranger" in page.text
        assert (await asking.decide(page)).status == 200
        assert (await site.get(wait_of(asking.page))).headers["Location"].startswith(f"{theirs}?code=")


async def test_T80_whoever_guesses_the_password_is_locked_out_and_not_the_operator(tmp_path: Path) -> None:
    """A thousand passwords are tried from as many addresses, some with a right code; the answers are compared."""
    settings = WEB + '[server]\ntrusted_proxies = ["127.0.0.1/32"]\n'
    async with open_site(tmp_path / "data", settings=settings) as site:
        phone = await operator(site)
        asking = await browser(site)
        token = token_of((await asking.look("sign-in")).text, "password")
        hashing: Any = site.cockpit.face._rooms.web._credentials._hashing  # type: ignore[union-attr]
        verify, looked_at = hashing._verify, list[str]()

        def counting(digest: str, password: str) -> bool:
            looked_at.append(password)
            return verify(digest, password)

        hashing._verify = counting
        answers = []
        for start in range(0, 1000, 50):
            tries = [
                asking.post(
                    "sign-in", {"X-Forwarded-For": f"2001:db8:{number:x}::1"}, token=token, password=f"guess {number}",
                    totp=phone.code(site.clock.now()) if number % 2 else WRONG,
                )
                for number in range(start, start + 50)
            ]  # fmt: skip
            answers += await asyncio.gather(*tries)
        assert len(looked_at) == 10
        assert {answer.status for answer in answers} <= {401, 429}
        wrong = [answer for answer in answers if answer.status == 401 and "closed for now" not in answer.text]
        assert len({answer.text for answer in wrong}) == 1
        assert sum("closed" in notice.text for notice in site.notices()) == 1
        site.clock.go(STEP_SECONDS)
        right = {"token": token, "password": PASSWORD, "totp": phone.code(site.clock.now())}
        assert (await asking.post("sign-in", **right)).status == 401
        assert await site.refused("web.unlock") == "TOTP_NEEDED"
        assert (await unlocked(site, phone)).status == 303


async def unlocked(site: Site, phone: Any) -> Answer:
    """Unlock at the screen with a code, and sign in with the next one."""
    done = await site.cockpit.face.run(Command("web.unlock", totp=phone.code(site.clock.now())))
    assert not isinstance(done, Refusal), done
    site.clock.go(STEP_SECONDS)
    asking = await browser(site)
    return await asking.sign_in(phone.code(site.clock.now()))


async def test_T80_wrong_password_and_wrong_code_can_not_be_told_apart(site: Site) -> None:
    """Somebody who has the password, and somebody who has a code, try with the other one wrong."""
    phone = await operator(site)
    asking = await browser(site)
    site.clock.go(STEP_SECONDS)
    told = []
    for password, code in ((PASSWORD, WRONG), ("not the password", phone.code(site.clock.now())), ("x", WRONG)):
        began = asyncio.get_running_loop().time()
        answer = await asking.sign_in(code, password)
        took = asyncio.get_running_loop().time() - began
        told.append((answer.status, answer.text, is_plain_page(answer)))
        assert took >= 0.4
    assert [status for status, _, _ in told] == [401, 401, 401]
    assert len(set(told)) == 1
    codes = [(one.tool, one.code) for one in await site.store.audit_tail(20) if one.tool == "web sign-in"]
    assert codes == [("web sign-in", "WEB_WRONG")] * 3


async def test_T80_one_address_has_five_tries_a_minute(tmp_path: Path) -> None:
    """One address posts passwords one after the other, with the limits that the cockpit comes with."""
    async with open_site(tmp_path / "data", settings=WEB, roomy=False) as site:
        await operator(site)
        asking = await browser(site)
        statuses = [(await asking.sign_in(WRONG, "guess")).status for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        site.clock.go(13)
        assert (await asking.sign_in(WRONG, "guess")).status == 401


async def test_T80_a_restart_gives_no_new_tries_and_an_hour_does(tmp_path: Path) -> None:
    """The password is closed by too many tries; the host is started again, and an hour goes by."""
    settings = WEB + "failures_per_hour = 3\n"
    async with open_site(tmp_path / "data", settings=settings) as site:
        phone = await operator(site)
        asking = await browser(site)
        for _ in range(3):
            assert (await asking.sign_in(WRONG, "guess")).status == 401
        clock = site.clock
    async with open_site(tmp_path / "data", clock, settings=settings) as site:
        asking = await browser(site)
        assert 'id="password"' not in (await asking.look("sign-in")).text
        clock.go(3601)
        assert (await (await browser(site)).sign_in(phone.code(clock.now()))).status == 303


async def test_T80_a_password_without_an_authenticator_is_none(tmp_path: Path) -> None:
    """The operator sets a password before an authenticator, and removes the authenticator after it."""
    async with open_site(tmp_path / "data", settings=WEB) as site:
        assert await site.refused("web.password", password=PASSWORD) == "BAD_ACT_ARGUMENTS"
        answer = await site.cockpit.face.run(Command("web.password", {"password": PASSWORD}, by="socket"))
        assert isinstance(answer, Refusal)
        assert answer.code == "TOTP_NOT_ENROLLED"
        phone = await operator(site)
        site.clock.go(STEP_SECONDS)
        await site.cockpit.face.run(Command("totp.remove", totp=phone.code(site.clock.now())))
        asking = await browser(site)
        assert 'id="password"' not in (await asking.look("sign-in")).text


async def test_T83_two_hundred_sign_ins_at_once_cost_one_digest_at_a_time(site: Site) -> None:
    """Two hundred passwords come at once; the host is asked for its health while the first is looked at."""
    await operator(site)
    asking = await browser(site)
    token = token_of((await asking.look("sign-in")).text, "password")
    hashing: Any = site.cockpit.face._rooms.web._credentials._hashing  # type: ignore[union-attr]
    verify, inside, most, go_on, begun = hashing._verify, [0], [0], threading.Event(), threading.Event()

    def slow(digest: str, password: str) -> bool:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        begun.set()
        assert go_on.wait(60)
        right = verify(digest, password)
        inside[0] -= 1
        return right

    hashing._verify = slow
    tries = [
        asyncio.ensure_future(asking.post("sign-in", token=token, password=f"guess {number}", totp=WRONG))
        for number in range(200)
    ]
    assert await asyncio.to_thread(begun.wait, 60)
    assert (await site.get("/healthz")).status == 200, "the host answers while a digest is computed"
    turned_away = asyncio.as_completed(tries)
    assert {(await next(turned_away)).status for _ in range(197)} == {429}
    go_on.set()
    answers = await asyncio.gather(*tries)
    assert sorted(answer.status for answer in answers) == [401] * 3 + [429] * 197
    assert most == [1]
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status == 429)


async def test_T84_a_sign_in_gets_a_new_cookie_that_scripts_and_other_sites_do_not_see(tmp_path: Path) -> None:
    """A session cookie is planted before the sign-in, over https; the cookie that comes is looked at."""
    settings = WEB + '[server]\npublic_url = "https://cockpit.example"\n'
    async with open_site(tmp_path / "data", settings=settings) as site:
        phone = await operator(site)
        client_id = (await site.register())["client_id"]
        page = await site.authorize(client_id)
        bind = page.headers["Set-Cookie"].partition(";")[0]
        request_id = wait_of(page).rpartition("/")[2]
        planted = f"__Host-cockpit_session={'A' * 43}"
        headers = {"Cookie": f"{bind}; {planted}", "Host": "cockpit.example"}
        path = f"/oauth/web/sign-in/{request_id}"
        token = token_of((await site.get(path, headers=headers)).text, "password")
        site.clock.go(STEP_SECONDS)
        given = {"token": token, "password": PASSWORD, "totp": phone.code(site.clock.now())}
        from_page = headers | {"Origin": "https://cockpit.example"}
        answer = await site.ask("POST", path, headers=from_page, data=given)
        assert answer.status == 303
        name, value, flags = re.fullmatch(r"([^=]+)=([^;]+)(.*)", answer.headers["Set-Cookie"]).groups()  # type: ignore[union-attr]
        assert (name, value == "A" * 43) == ("__Host-cockpit_session", False)
        assert set(flags.strip("; ").split("; ")) == {"Max-Age=28800", "Path=/", "HttpOnly", "SameSite=Lax", "Secure"}
        consent = f"/oauth/web/consent/{request_id}"
        assert (await site.get(consent, headers=headers)).status == 303, "the planted one is still nobody"
        good = {"Cookie": f"{bind}; {name}={value}", "Host": "cockpit.example"}
        assert (await site.get(consent, headers=good)).status == 200
        rows = [
            tuple(row) for row in await site.store.rows("SELECT name FROM sqlite_schema WHERE name LIKE '%session%'")
        ]
        assert (rows, value.encode() in site.bytes_at_rest()) == ([], False)


async def test_T84_a_second_sign_in_ends_the_first_ones_cookie(site: Site) -> None:
    """A browser that is signed in posts the sign-in form again; the cookie of before is tried."""
    phone = await operator(site)
    asking = await browser(site)
    token = token_of((await asking.look("sign-in")).text, "password")
    await asking.signed_in(phone)
    before = {cookie.key: cookie.value for cookie in site.http.cookie_jar}
    site.clock.go(STEP_SECONDS)
    code = phone.code(site.clock.now())
    assert (await asking.post("sign-in", token=token, password=PASSWORD, totp=code)).status == 303
    after = {cookie.key: cookie.value for cookie in site.http.cookie_jar}
    assert before["cockpit_session"] != after["cockpit_session"]
    async with another_browser(before) as old:
        assert (await WebBrowser(site, old, asking.page).look("consent")).status == 303
    assert (await asking.look("consent")).status == 200


async def test_T84_a_sign_out_ends_the_session_at_the_host(site: Site) -> None:
    """The operator signs out; somebody uses the cookie of before. Another is ended from the command line."""
    phone = await operator(site)
    asking = await browser(site)
    page = await asking.signed_in(phone)
    kept = {cookie.key: cookie.value for cookie in site.http.cookie_jar}
    assert (await asking.post("sign-out", token=token_of(page.text, "leave"))).status == 303
    async with another_browser(kept) as thief:
        stolen = WebBrowser(site, thief, asking.page)
        assert (await stolen.look("consent")).status == 303
        assert (await stolen.decide(page)).status == 401
    await asking.signed_in(phone)
    assert (await site.done("web.sign_out"))["ended"] == 1
    assert (await asking.look("consent")).status == 303


async def test_T84_the_kill_ends_every_sign_in_and_resuming_brings_none_back(site: Site) -> None:
    """The operator kills while a browser is signed in and its form is filled in; later trading is resumed."""
    phone = await operator(site)
    asking = await browser(site)
    page = await asking.signed_in(phone)
    await site.done("kill")
    assert (await site.done("web.status"))["sessions"] == 0
    for answer in (await asking.look("consent"), await asking.decide(page), await asking.look("sign-in")):
        assert (answer.status, is_plain_page(answer)) == (503, True)
    site.clock.go(STEP_SECONDS)
    resumed = await site.cockpit.face.run(Command("resume", totp=phone.code(site.clock.now())))
    assert not isinstance(resumed, Refusal), resumed
    again = await browser(site)
    assert (await again.look("consent")).headers["Location"] == f"/oauth/web/sign-in/{again.request_id}"
    assert await granted(site) == []


@pytest.mark.parametrize(
    ("pause", "rounds", "lives"), [(899, 1, True), (900, 1, False), (890, 32, True), (890, 33, False)]
)
async def test_T84_a_sign_in_ends_idle_or_old(site: Site, pause: float, rounds: int, lives: bool) -> None:
    """A browser is used every fifteen minutes, a little less, or a little less for more than eight hours."""
    phone = await operator(site)
    await (await browser(site)).signed_in(phone)
    status = 0
    for _ in range(rounds):
        site.clock.go(pause)
        status = (await (await browser(site)).look("consent")).status
    assert (status == 200) is lives


async def test_T84_a_sign_in_that_was_under_way_when_the_kill_came_is_none(site: Site) -> None:
    """The kill comes, and clients may ask again, while a right password is being looked at."""
    phone = await operator(site)
    asking = await browser(site)
    site.clock.go(STEP_SECONDS)
    token = token_of((await asking.look("sign-in")).text, "password")
    hashing: Any = site.cockpit.face._rooms.web._credentials._hashing  # type: ignore[union-attr]
    verify, go_on, begun = hashing._verify, threading.Event(), threading.Event()

    def held(digest: str, password: str) -> bool:
        begun.set()
        assert go_on.wait(60)
        return verify(digest, password)

    hashing._verify = held
    code = phone.code(site.clock.now())
    signing_in = asyncio.ensure_future(asking.post("sign-in", token=token, password=PASSWORD, totp=code))
    assert await asyncio.to_thread(begun.wait, 60)
    await site.done("kill")
    site.authority.reopen()
    go_on.set()
    answer = await signing_in
    assert (answer.status, is_plain_page(answer)) == (503, True)
    assert (await site.done("web.status"))["sessions"] == 0


async def test_T84_a_sign_out_while_the_form_is_looked_at_lets_nobody_in(site: Site) -> None:
    """Every browser is signed out by the operator while a consent with a code is being looked at."""
    phone = await operator(site)
    asking = await browser(site, scope=ASKED)
    page = await asking.signed_in(phone)
    site.clock.go(2 * STEP_SECONDS + 1)
    totp: Any = site.cockpit.face._rooms.totp
    check = totp.check

    async def signed_out_meanwhile(code: str, face: str, act: str) -> Any:
        answer = await check(code, face, act)
        await site.done("web.sign_out")
        return answer

    totp.check = signed_out_meanwhile
    code = phone.code(site.clock.now())
    answer = await asking.decide(page, totp=code, **{"scope:write:orders": "yes"})
    assert answer.headers["Location"].startswith("/oauth/web/sign-in/")
    assert await granted(site) == []


async def test_T86_neither_password_nor_session_can_be_read_at_rest(site: Site) -> None:
    """Somebody copies the data folder after a sign-in and looks for password and cookie."""
    phone = await operator(site)
    asking = await browser(site)
    await asking.signed_in(phone)
    (cookie,) = [one.value for one in site.http.cookie_jar if one.key == "cockpit_session"]
    kept = site.bytes_at_rest()
    assert PASSWORD.encode() not in kept
    assert cookie.encode() not in kept
    (row,) = await site.store.rows("SELECT digest FROM web_password")
    assert row[0].startswith("$argon2id$")


async def test_what_the_client_says_of_itself_is_text_on_the_consent_page(site: Site) -> None:
    phone = await operator(site)
    hostile = '<script>alert(1)</script>"><img src=x>{{7*7}}\u202e'
    client_id = (await site.register(client_name=hostile))["client_id"]
    asking = WebBrowser(site, site.http, await site.authorize(client_id))
    page = await asking.signed_in(phone)
    assert "<script>" not in page.text
    assert "<img" not in page.text
    assert "{{7*7}}" in page.text
    assert "\u202e" not in page.text


async def test_odd_forms_get_a_clear_answer(site: Site) -> None:
    phone = await operator(site)
    asking = await browser(site)
    await asking.signed_in(phone)
    origin = {"Origin": site.issuer}
    for body in (b"", b"\xff\xfe", b"token=" + b"x" * 20_000, b"a=1&a=2", b"&".join(b"f%d=1" % at for at in range(99))):
        for page in ("sign-in", "consent", "sign-out"):
            sent = origin | {"Content-Type": "application/x-www-form-urlencoded"}
            answer = await asking.ask("POST", f"/oauth/web/{page}/{asking.request_id}", headers=sent, data=body)
            assert answer.status == 403, (page, body[:20])
    json = await asking.ask("POST", f"/oauth/web/consent/{asking.request_id}", headers=origin, json={"token": "x"})
    assert json.status == 403
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await asking.ask(method, f"/oauth/web/consent/{asking.request_id}")).status == 405


async def test_nothing_that_is_sent_breaks_a_page_or_leads_away(site: Site) -> None:
    """Good forms with a few things changed, from a browser that is signed in: four hundred of them."""
    phone, chance = await operator(site), Random(14)
    odd = ["", "\x00", "\u202e", "a" * 9000, "{}", "[]", '{"id": "x"}', "-1", "%ff", "https://evil.example/", "approve"]
    good, sign_in, asking = dict[str, str](), "", await browser(site, scope=ASKED)
    for _ in range(400):
        if asking.request_id not in site.waiting() or (await asking.look("consent")).status != 200 or not good:
            site.http.cookie_jar.clear(lambda cookie: cookie.key == "cockpit_session")
            asking = await browser(site, scope=ASKED)
            await site.cockpit.face.run(Command("web.unlock", totp=phone.code(site.clock.now())))
            sign_in = token_of((await asking.look("sign-in")).text, "password")
            good = fields_of((await asking.signed_in(phone)).text)
            site.clock.go(61)  # the code of the sign-in counts for nothing more
        names = [*good, "token", "credential", "password", "totp", "scope:", "scope:write:orders", "decision", "x"]
        fields = good | {chance.choice(names): chance.choice([*odd, sign_in]) for _ in range(chance.randint(1, 3))}
        about = chance.choice([asking.request_id, asking.request_id, "x", "%00", "a" * 300, "..%2f..%2f"])
        headers = {"Origin": site.issuer} if chance.random() < 0.9 else {}
        path, method = (
            f"/oauth/web/{chance.choice(PAGES)}/{about}",
            chance.choice(["POST", "POST", "POST", "GET", "HEAD"]),
        )
        answer = await asking.ask(method, path, headers=headers, data=fields)
        assert answer.status < 500, (path, fields)
        assert answer.headers.get("Location", "/oauth/").startswith("/oauth/")
    assert all(scopes <= {"read:market", "read:account"} for _, scopes in await granted(site))
