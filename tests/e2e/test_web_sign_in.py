"""The operator's web pages in a real browser: a passkey of a virtual authenticator, the password, and the consent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cockpit.app.wiring import running
from cockpit.operator.act import Command, Done
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind
from tests.e2e.chromium import Tab, chromium
from tests.e2e.hosts import COMMAND, environment, host
from tests.e2e.test_browser import Desk, ShiftedClock, _callbacks, code_of, is_at
from tests.oauth.test_totp import STEP_SECONDS, Phone

PASSWORD = "correct horse battery staple"
_WEB = '[server]\nhost = "localhost"\n[web]\nenabled = true\n'
"""Browsers make passkeys for names, and this one leads to the loopback."""


@contextlib.asynccontextmanager
async def web_desk(tmp_path: Path, program: str) -> AsyncIterator[Desk]:
    config = tmp_path / "cockpit.toml"
    config.write_text(_WEB)
    settings = load(Given(data_dir=tmp_path / "data", port=0, config=config), {})
    clock, arrived = ShiftedClock(), list[dict[str, list[str]]]()
    async with (
        running(settings, bind("127.0.0.1", 0), clock, asyncio.Event()) as cockpit,
        _callbacks(arrived) as (callback, elsewhere),
        chromium(program, tmp_path / "profile") as browser,
        aiohttp.ClientSession() as http,
    ):
        yield Desk(cockpit, clock, browser, http, callback, elsewhere, arrived)


@pytest.fixture
async def desk(tmp_path: Path, require_chromium: str) -> AsyncIterator[Desk]:
    async with web_desk(tmp_path, require_chromium) as opened:
        yield opened


async def with_authenticator(tab: Tab, *, verifies: bool = True) -> str:
    """Give the tab an authenticator of the computer itself, whose user is there and shows to be the owner."""
    await tab.call("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": verifies, "automaticPresenceSimulation": True,
    }  # fmt: skip
    return str((await tab.call("WebAuthn.addVirtualAuthenticator", options=options))["authenticatorId"])


async def press(tab: Tab, form: str, button: str = "") -> None:
    """Press a form's first button, or the one of a value, as soon as it can be pressed."""
    which = f'button[value="{button}"]' if button else "button"
    script = f"""(() => {{
      const button = document.querySelector('#{form} {which}');
      const go = () => button.disabled ? requestAnimationFrame(go) : button.click();
      go();
    }})()"""
    await tab.call("Runtime.evaluate", expression=script, userGesture=True)


async def fill(tab: Tab, **fields: str) -> None:
    for name, value in fields.items():
        await tab.value(f"document.querySelector('input[name=\"{name}\"]').value = {value!r}")


async def passkey_made(desk: Desk, tab: Tab) -> str:
    """Enrol a passkey under the operator's link; return the link."""
    link = (await desk.act("web.enroll"))["link"]
    await tab.open(link)
    await tab.wait(lambda _, text: "Make a passkey" in text)
    await fill(tab, name="Phone")
    await press(tab, "passkey")
    await tab.wait(lambda _, text: "Your passkey is made" in text)
    return link


async def at_sign_in(desk: Desk, tab: Tab, callback: str = "", **asked: str) -> None:
    """Open a client's link and follow the way to the sign-in page."""
    await tab.open(await desk.link(callback or f"{desk.callback}/callback", **asked))
    await code_of(tab)
    await tab.value("document.getElementById('sign-in').click()")
    await tab.wait(lambda _, text: "Sign in as the operator" in text)


async def by_passkey(desk: Desk, tab: Tab, callback: str = "", **asked: str) -> None:
    await at_sign_in(desk, tab, callback, **asked)
    await press(tab, "passkey")
    await tab.wait(lambda _, text: "Let this program in?" in text)


async def enrolled(desk: Desk) -> Phone:
    begun = await desk.act("totp.enroll")
    phone = Phone(begun["secret"])
    await desk.act("totp.confirm", code=phone.code(desk.clock.now(), -1))
    return phone


async def test_a_passkey_is_made_once_and_lets_a_client_in(desk: Desk) -> None:
    tab = await desk.browser.tab()
    await with_authenticator(tab)
    link = await passkey_made(desk, tab)
    await tab.open(link)
    await tab.wait(lambda _, text: "This link is over" in text)
    await by_passkey(desk, tab)
    await press(tab, "consent", "approve")
    await tab.wait(is_at(f"{desk.callback}/callback"))
    (came,) = desk.arrived
    assert (came["state"], "code" in came, came["referer"]) == (["st4te"], True, [""])
    (client,) = await desk.act("clients")
    assert (client["made_by"], client["scopes"]) == ("web", ["read:market"])
    (passkey,) = (await desk.act("web.status"))["passkeys"]
    assert (passkey["name"], passkey["last_used"] is not None) == ("Phone", True)
    assert tab.violations == []


async def test_T06_in_a_browser_that_is_signed_in_consent_is_shown_again(desk: Desk) -> None:
    """In Chromium, a client asks again in the browser of an operator who has signed in before."""
    tab = await desk.browser.tab()
    await with_authenticator(tab)
    await passkey_made(desk, tab)
    await by_passkey(desk, tab)
    await press(tab, "consent", "deny")
    await tab.wait(is_at(f"{desk.callback}/callback"))
    await tab.open(await desk.link(f"{desk.callback}/callback"))
    await code_of(tab)
    await tab.value("document.getElementById('sign-in').click()")
    await tab.wait(lambda _, text: "Let this program in?" in text)
    assert [("error" in came, "code" in came) for came in desk.arrived] == [(True, False)]
    assert await desk.act("clients") == []
    assert tab.violations == []


@pytest.mark.parametrize("onward", [True, False])
async def test_T28_after_the_consent_form_every_callback_is_reached(desk: Desk, onward: bool) -> None:
    """In Chromium, the consent form is sent, and the callback sends on to a third origin or has its own scheme."""
    tab = await desk.browser.tab()
    await with_authenticator(tab)
    await passkey_made(desk, tab)
    redirect = f"{desk.callback}/onward" if onward else "cursor://anysphere.cursor-mcp/oauth/callback"
    await by_passkey(desk, tab, redirect)
    await press(tab, "consent", "approve")
    await tab.asked_for(f"{desk.elsewhere}/done" if onward else redirect)
    assert tab.violations == []


async def test_password_and_code_sign_in_and_grant_writes(desk: Desk) -> None:
    phone = await enrolled(desk)
    desk.clock.ahead += STEP_SECONDS
    code = phone.code(desk.clock.now())
    answer = await desk.cockpit.face.run(Command("web.password", {"password": PASSWORD}, by="socket", totp=code))
    assert isinstance(answer, Done), answer
    tab = await desk.browser.tab()
    await at_sign_in(desk, tab, scope="read:market write:orders")
    await fill(tab, password="a wrong password", totp="000000")
    await press(tab, "password")
    await tab.wait(lambda _, text: "That was not right." in text)
    desk.clock.ahead += STEP_SECONDS
    await fill(tab, password=PASSWORD, totp=phone.code(desk.clock.now()))
    await press(tab, "password")
    await tab.wait(lambda _, text: "Let this program in?" in text)
    box = "document.querySelector('input[name=\"scope:write:orders\"]')"
    assert await tab.value(f"{box}.checked") is False
    await tab.value(f"{box}.checked = true")
    await press(tab, "consent", "approve")
    await tab.wait(is_at(f"{desk.callback}/callback"))
    (client,) = await desk.act("clients")
    assert client["scopes"] == ["read:market", "write:orders"]
    assert tab.violations == []


async def test_a_passkey_whose_user_is_not_verified_is_refused(desk: Desk) -> None:
    tab = await desk.browser.tab()
    authenticator = await with_authenticator(tab)
    await passkey_made(desk, tab)
    await tab.call("WebAuthn.setUserVerified", authenticatorId=authenticator, isUserVerified=False)
    await at_sign_in(desk, tab)
    await press(tab, "passkey")
    await tab.wait(lambda _, text: "The browser gave no passkey" in text)
    assert (await desk.act("web.status"))["sessions"] == 0


async def test_an_answer_of_a_passkey_counts_once_and_only_where_it_was_asked_for(desk: Desk) -> None:
    tab = await desk.browser.tab()
    await with_authenticator(tab)
    await passkey_made(desk, tab)
    await at_sign_in(desk, tab)
    # The form is held back, and its answer read as somebody in the middle of the browser would.
    await tab.value("HTMLFormElement.prototype.submit = () => { window.held = true; }")
    await press(tab, "passkey")
    credential = await _held(tab)
    sent = await _posted(tab, credential)
    assert sent == 200, "the consent page, after the redirect"
    assert await _posted(tab, credential) == 401
    assert (await desk.act("web.status"))["sessions"] == 1


async def test_a_passkey_that_was_removed_signs_nobody_in(desk: Desk) -> None:
    tab = await desk.browser.tab()
    await with_authenticator(tab)
    await passkey_made(desk, tab)
    await passkey_gone(desk)
    await tab.open(await desk.link(f"{desk.callback}/callback"))
    await code_of(tab)
    await tab.value("document.getElementById('sign-in').click()")
    await tab.wait(lambda _, text: "Nothing to sign in with is set up" in text)


async def test_the_command_line_sets_it_up_and_its_link_is_drawn(tmp_path: Path) -> None:
    async with host(tmp_path / "data", settings=_WEB) as running_host:
        code, out, err = await running_host.run("web", "enroll", "--yes")
        assert code == 0, err
        lines = out.splitlines()
        assert lines[-1].startswith(f"{running_host.origin}/oauth/web/enrol/")
        drawn = [line for line in lines if set(line.strip()) & set("█▀▄")]
        assert 15 < len(drawn) < 24
        assert max(map(len, lines)) <= 80
        phone = Phone((await running_host.ask("totp", "enroll"))["secret"])
        await running_host.ask("totp", "confirm", phone.code(datetime.now(UTC), -1))
        code, out, err = await typed(running_host.folder, f"{PASSWORD}\n", phone.code(datetime.now(UTC)))
        assert (code, PASSWORD in out + err) == (0, False), err
        assert (await running_host.ask("web", "status"))["password_since"] is not None
        assert (await running_host.run("web", "remove", "password"))[0] == 0
        assert (await running_host.ask("web", "status"))["password_since"] is None
    assert PASSWORD not in (tmp_path / "stderr.log").read_text()


async def typed(folder: Path, text: str, code: str) -> tuple[int, str, str]:
    """Set the password as a script does, which gives it on standard input."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--data-dir", str(folder), "web", "password", "--yes", "--totp", code,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(text.encode()), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def passkey_gone(desk: Desk) -> Any:
    return await desk.act("web.remove", what="phone")


async def _held(tab: Tab) -> str:
    async with asyncio.timeout(20):
        while not await tab.value("window.held === true"):
            await asyncio.sleep(0.05)
    return str(await tab.value("document.querySelector('#passkey input[name=credential]').value"))


async def _posted(tab: Tab, credential: str) -> int:
    """Send the sign-in form from outside the page, with the browser's cookies and our page's token."""
    address = str(await tab.value("location.href"))
    token = str(await tab.value("document.querySelector('#passkey input[name=token]').value"))
    cookies = (await tab.call("Network.getCookies", urls=[address]))["cookies"]
    origin = address.partition("/oauth/")[0]
    jar = {one["name"]: one["value"] for one in cookies}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), cookies=jar) as http:
        form = {"token": token, "credential": credential}
        async with http.post(address, data=form, headers={"Origin": origin}) as answer:
            return answer.status
