"""The operator's sign-in at a web page: guessed, flooded, replayed, stolen and tricked."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import argon2
import pytest

from cockpit.model.identity import Scope
from cockpit.operator.act import Command, Done
from oauth.web.credentials import Credentials
from tests.oauth.outside import Answer, tokens_of, wait_of
from tests.oauth.test_totp import STEP_SECONDS, Phone
from tests.security.site import Site, open_site
from tests.security.test_operator import enrolled

PASSWORD = "a password of some length"
ON = "[web]\nenabled = true\nfailures_per_hour = {}\n"


class Web:
    """A site where the operator has a password and an authenticator, and a browser in front of it."""

    def __init__(self, site: Site, phone: Phone) -> None:
        self.site = site
        self.phone = phone

    async def waits(self, http: aiohttp.ClientSession | None = None, **changed: Any) -> str:
        """Let a browser wait; the id of its request."""
        client_id = (await self.site.register())["client_id"]
        return wait_of(await self.site.authorize(client_id, http=http, **changed)).rpartition("/")[2]

    async def look(self, path: str) -> Answer:
        return await self.site.get(path)

    async def post(self, path: str, origin: str | None = None, **form: str) -> Answer:
        headers = {"Origin": self.site.issuer if origin is None else origin, "Sec-Fetch-Site": "same-origin"}
        return await self.site.ask("POST", path, data=form, headers=headers)

    def code(self) -> str:
        """A code that was not used before."""
        self.site.clock.go(STEP_SECONDS)
        return self.phone.code(self.site.clock.now())

    async def sign_in(self, request_id: str, password: str = PASSWORD, code: str | None = None) -> Answer:
        path = f"/oauth/web/sign-in/{request_id}"
        token = token_of(await self.look(path), "password")
        return await self.post(path, token=token, password=password, totp=self.code() if code is None else code)

    async def consent(self, request_id: str, *scopes: str, **more: str) -> Answer:
        path = f"/oauth/web/consent/{request_id}"
        token = token_of(await self.look(path), "consent")
        ticked = {f"scope:{scope}": "yes" for scope in scopes or ("read:market",)}
        chosen = {"token": token, "decision": "approve", "connection": "paper", "name": "Web", "lives": "1h"}
        return await self.post(path, **(chosen | ticked | more))


def token_of(page: Answer, form: str) -> str:
    found = re.search(rf'<form id="{form}".*?name="token" value="([^"]+)"', page.text, re.DOTALL)
    assert found, page.text
    return found[1]


async def prepared(site: Site) -> Web:
    phone = await enrolled(site)
    site.clock.go(STEP_SECONDS)
    code = phone.code(site.clock.now())
    set_now = await site.cockpit.face.run(Command("web.password", {"password": PASSWORD}, by="socket", totp=code))
    assert isinstance(set_now, Done), set_now
    return Web(site, phone)


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Web]:
    """A site with the sign-in at a web page."""
    async with open_site(tmp_path / "data", settings=ON.format(10)) as site:
        yield await prepared(site)


async def test_T02_a_consent_without_a_sign_in_or_without_our_form_changes_nothing(web: Web) -> None:
    """A browser posts the consent of its own request without being signed in; then signed in, without our token."""
    request_id = await web.waits()
    path = f"/oauth/web/consent/{request_id}"
    given = {"decision": "approve", "connection": "paper", "name": "x", "lives": "1h", "scope:read:market": "yes"}
    assert (await web.post(path, **given)).status == 401
    assert (await web.sign_in(request_id)).status == 303
    for token in ({}, {"token": "x"}, {"token": token_of(await web.look(path), "leave")}):
        assert (await web.post(path, **given, **token)).status == 403
    assert len(web.site.waiting()) == 1


async def test_T03_a_consent_from_another_site_changes_nothing(web: Web) -> None:
    """Another site posts our own form, with the cookies of the operator's browser and even with its token."""
    request_id = await web.waits()
    await web.sign_in(request_id)
    path = f"/oauth/web/consent/{request_id}"
    token = token_of(await web.look(path), "consent")
    form = {"token": token, "decision": "approve", "connection": "paper", "name": "x", "scope:read:market": "yes"}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
        {"Origin": web.site.issuer, "Sec-Fetch-Site": "cross-site"},
    ):
        answer = await web.site.ask("POST", path, data=form, headers=headers)
        assert (answer.status, len(web.site.waiting())) == (403, 1), headers


async def test_T04_a_signed_in_operator_decides_only_about_his_own_browsers_request(web: Web) -> None:
    """Somebody sends the operator, who is signed in, the address of a request that waits in another browser."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as theirs:
        foreign = await web.waits(theirs)
    await web.sign_in(await web.waits())
    assert (await web.look(f"/oauth/web/consent/{foreign}")).status == 400
    assert (await web.post(f"/oauth/web/consent/{foreign}", decision="approve")).status == 400
    assert len(web.site.waiting()) == 2


async def test_T06_a_live_sign_in_lets_nothing_in_by_itself(web: Web) -> None:
    """A client that was let in opens the browser again, in which the operator is still signed in."""
    request_id = await web.waits()
    await web.sign_in(request_id)
    assert (await web.consent(request_id)).status in {200, 303}
    again = await web.waits()
    assert (await web.look(f"/oauth/wait/{again}")).status == 200
    page = await web.look(f"/oauth/web/consent/{again}")
    assert (page.status, 'id="consent"' in page.text) == (200, True)
    assert len(web.site.waiting()) == 1


async def test_T07_sign_in_and_consent_can_not_be_framed(web: Web) -> None:
    """The pages where the operator signs in and decides are put into frames of another site."""
    request_id = await web.waits()
    pages = [await web.look(f"/oauth/web/sign-in/{request_id}")]
    await web.sign_in(request_id)
    pages.append(await web.look(f"/oauth/web/consent/{request_id}"))
    for page in pages:
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "same-origin"


async def test_T13_the_consent_page_grants_nothing_that_was_not_asked_for(web: Web) -> None:
    """The form of the consent page is changed: another scope, another connection, another life."""
    request_id = await web.waits(scope="read:market")
    await web.sign_in(request_id)
    for more in (
        {"scope:write:orders": "yes"},
        {"scope:read:account": "yes"},
        {"connection": "live"},
        {"lives": "99d"},
        {"name": "[@click=app.quit]x"},
    ):
        assert (await web.consent(request_id, "read:market", **more)).status in {400, 403}, more
    assert len(web.site.waiting()) == 1
    assert (await web.consent(request_id, "read:market")).status in {200, 303}


async def test_T27_a_consent_is_never_answered_by_a_redirect_that_repeats_the_form(web: Web) -> None:
    """The browser has posted password and consent; each answer is looked at."""
    request_id = await web.waits()
    answers = [await web.sign_in(request_id), await web.consent(request_id)]
    back = await web.look(f"/oauth/wait/{request_id}")
    assert {answer.status for answer in (*answers, back)} <= {200, 303}
    assert back.headers["Location"].startswith("https://client.example/callback?code=")
    for answer in answers:
        assert "client.example" not in answer.headers.get("Location", "")


async def test_T80_of_a_thousand_guesses_ten_are_looked_at(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody guesses the password a thousand times, no address being limited; then it is typed right."""
    looked_at = 0
    fits = Credentials.fits

    async def counted(self: Credentials, password: str) -> bool:
        nonlocal looked_at
        looked_at += 1
        return await fits(self, password)

    monkeypatch.setattr(Credentials, "fits", counted)
    request_id = await web.waits()
    token = token_of(await web.look(f"/oauth/web/sign-in/{request_id}"), "password")
    texts, path = set(), f"/oauth/web/sign-in/{request_id}"
    for number in range(1000):
        answer = await web.post(path, token=token, password=f"guess {number}", totp="123456")
        assert answer.status == 401
        if number < 9:
            texts.add(re.sub(r'value="[^"]+"', "", answer.text))
    assert (looked_at, len(texts)) == (10, 1)
    assert any(notice.bad and "closed" in notice.text for notice in web.site.notices())
    right = await web.post(path, token=token, password=PASSWORD, totp=web.code())
    assert (right.status, looked_at) == (401, 10)
    command = Command("web.unlock", {}, by="socket", totp=web.code())
    assert isinstance(await web.site.cockpit.face.run(command), Done)
    assert (await web.sign_in(request_id)).status == 303


async def test_T80_a_wrong_password_and_a_wrong_code_look_alike(web: Web) -> None:
    """The answers to a wrong password, a right one with a wrong code, and none at all are compared."""
    request_id = await web.waits()
    answers = [
        await web.sign_in(request_id, "wrong password here"),
        await web.sign_in(request_id, PASSWORD, "000000"),
        await web.sign_in(request_id, "", ""),
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({re.sub(r'value="[^"]+"', "", answer.text) for answer in answers}) == 1
    assert not any("cockpit_session" in answer.headers.get("Set-Cookie", "") for answer in answers)


async def test_T82_a_code_signs_in_once(web: Web) -> None:
    """The code of a sign-in is used again for another one, at once."""
    request_id = await web.waits()
    code = web.code()
    assert (await web.sign_in(request_id, code=code)).status == 303
    web.site.http.cookie_jar.clear(lambda cookie: "session" in cookie.key)
    assert (await web.sign_in(request_id, code=code)).status == 401


async def test_T83_two_hundred_sign_ins_at_once_compute_one_digest_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred browsers send a password at the same moment, each of which costs 64 MiB to look at."""
    verify, lock, now, most = argon2.PasswordHasher.verify, threading.Lock(), 0, 0

    def watched(self: argon2.PasswordHasher, *given: Any) -> bool:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        try:
            return verify(self, *given)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(argon2.PasswordHasher, "verify", watched)
    async with open_site(tmp_path / "data", settings=ON.format(100)) as site:
        web = await prepared(site)
        request_id = await web.waits()
        path = f"/oauth/web/sign-in/{request_id}"
        token = token_of(await web.look(path), "password")
        tries = (web.post(path, token=token, password="wrong password here", totp="123456") for _ in range(200))
        answers = [answer.status for answer in await asyncio.gather(*tries)]
        assert most == 1
        assert set(answers) == {401, 429}
        assert answers.count(401) <= 10, "few wait, the rest is told to come again"
        assert (await web.sign_in(request_id)).status == 303


async def test_T84_a_sign_in_gives_a_session_that_nobody_chose(web: Web) -> None:
    """Somebody puts a session cookie of his choice into the operator's browser before the sign-in."""
    request_id = await web.waits()
    chosen = "A" * 43
    web.site.http.cookie_jar.update_cookies({"cockpit_session": chosen})
    cookie = (await web.sign_in(request_id)).headers["Set-Cookie"]
    assert chosen not in cookie
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    session = cookie.partition(";")[0]
    (bind,) = [f"{one.key}={one.value}" for one in web.site.http.cookie_jar if "bind" in one.key]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as bare:
        for sent, status in ((f"cockpit_session={chosen}", 303), (session, 200)):
            url = f"{web.site.base}/oauth/web/consent/{request_id}"
            async with bare.get(url, headers={"Cookie": f"{bind}; {sent}"}, allow_redirects=False) as answer:
                assert answer.status == status


@pytest.mark.parametrize("end", ["sign-out", "kill", "idle", "absolute", "everybody out"])
async def test_T84_a_session_ends_and_its_cookie_is_worth_nothing_then(tmp_path: Path, end: str) -> None:
    """A session cookie is used after its sign-out, a kill, 15 idle minutes, 8 hours, or the operator's act."""
    async with open_site(tmp_path / "data", settings=ON.format(10), oauth="ask_seconds = 1800\n") as site:
        web = await prepared(site)
        request_id = await web.waits()
        cookie = (await web.sign_in(request_id)).headers["Set-Cookie"].partition(";")[0].partition("=")[2]
        page = await web.look(f"/oauth/web/consent/{request_id}")
        assert page.status == 200
        if end == "sign-out":
            await web.post(f"/oauth/web/sign-out/{request_id}", token=token_of(page, "leave"))
        elif end == "kill":
            await site.done("kill")
            resumed = await site.cockpit.face.run(Command("resume", totp=web.code()))
            assert isinstance(resumed, Done), resumed
        elif end == "idle":
            site.clock.go(15 * 60)
        elif end == "absolute":
            for _ in range(8 * 6):
                site.clock.go(10 * 60)
                fresh = await web.waits()
                await web.look(f"/oauth/web/consent/{fresh}")
        else:
            await site.done("web.sign_out")
        site.http.cookie_jar.update_cookies({"cockpit_session": cookie})
        fresh = await web.waits()
        after = await web.look(f"/oauth/web/consent/{fresh}")
        assert (after.status, "sign-in" in after.headers.get("Location", "")) == (303, True)


async def test_T84_behind_https_the_session_is_bound_to_the_host(tmp_path: Path) -> None:
    """The host is reached by https, and a sibling domain could set cookies for it."""
    settings = '[server]\npublic_url = "https://cockpit.example"\n' + ON.format(10)
    async with open_site(tmp_path / "data", settings=settings) as site:
        web = await prepared(site)
        client_id = (await site.register())["client_id"]
        page = await site.authorize(client_id)
        bind = {"Cookie": page.headers["Set-Cookie"].partition(";")[0]}
        path = f"/oauth/web/sign-in/{wait_of(page).rpartition('/')[2]}"
        token = token_of(await site.get(path, headers=bind), "password")
        form = {"token": token, "password": PASSWORD, "totp": web.code()}
        answer = await site.ask(
            "POST", path, data=form, headers=bind | {"Origin": site.issuer, "Host": "cockpit.example"}
        )
        assert answer.status == 303, answer.text
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


async def test_T84_what_changes_something_takes_a_code_of_the_last_minute(web: Web) -> None:
    """A minute after the sign-in the operator's browser lets a client trade, without and with a fresh code."""
    request_id = await web.waits(scope="read:market write:orders")
    await web.sign_in(request_id)
    web.site.clock.go(61)
    both = ("read:market", "write:orders")
    assert (await web.consent(request_id, *both)).status == 403
    assert (await web.consent(request_id, *both, totp="000000")).status == 403
    assert len(web.site.waiting()) == 1
    assert (await web.consent(request_id, *both, totp=web.code())).status in {200, 303}
    back = await web.look(f"/oauth/wait/{request_id}")
    code = re.search(r"code=([^&]+)", back.headers["Location"])
    assert code
    client = (await web.site.store.rows("SELECT client_id FROM oauth_grants"))[0]["client_id"]
    assert Scope.WRITE_ORDERS in tokens_of(await web.site.redeem(client, code[1])).scope
