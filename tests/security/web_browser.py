"""A browser that fills in the operator's web pages, and an operator who has a password and an authenticator."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

import aiohttp

from cockpit.operator.act import Command, Done
from tests.oauth.outside import Answer, wait_of
from tests.oauth.test_totp import STEP_SECONDS, Phone
from tests.security.site import Site
from tests.security.test_operator import enrolled

PASSWORD = "correct horse battery staple"
WEB = "[web]\nenabled = true\n"


@dataclass
class WebBrowser:
    """A browser in which one request waits."""

    site: Site
    http: aiohttp.ClientSession
    page: Answer
    """The page with the code."""

    @property
    def request_id(self) -> str:
        return wait_of(self.page).rpartition("/")[2]

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        before, self.site.http = self.site.http, self.http
        try:
            return await self.site.ask(method, path, **more)
        finally:
            self.site.http = before

    async def look(self, what: str) -> Answer:
        """Open one of the pages about the request."""
        return await self.ask("GET", f"/oauth/web/{what}/{self.request_id}")

    async def post(self, what: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        """Send a form as our own page would, unless headers say otherwise."""
        sent = {"Origin": self.site.issuer, "Sec-Fetch-Site": "same-origin"} | (headers or {})
        sent = {name: value for name, value in sent.items() if value}
        return await self.ask("POST", f"/oauth/web/{what}/{self.request_id}", headers=sent, data=fields)

    async def sign_in(self, code: str, password: str = PASSWORD, **headers: str) -> Answer:
        """Fill in the form of the sign-in page."""
        page = await self.look("sign-in")
        assert page.status == 200, page.text
        return await self.post(
            "sign-in", headers, token=token_of(page.text, "password"), password=password, totp=code
        )  # fmt: skip

    async def signed_in(self, phone: Phone) -> Answer:
        """Sign in with the next unused code, and return the consent page."""
        self.site.clock.go(STEP_SECONDS)
        answer = await self.sign_in(phone.code(self.site.clock.now()))
        assert answer.status == 303, answer.text
        page = await self.look("consent")
        assert page.status == 200, page.text
        return page

    async def decide(self, page: Answer, **changed: str) -> Answer:
        """Send the consent form as it stands on the page, with changes; an empty text leaves a field out."""
        fields = fields_of(page.text) | changed
        return await self.post("consent", None, **{name: value for name, value in fields.items() if value})


async def browser(site: Site, http: aiohttp.ClientSession | None = None, **asked: Any) -> WebBrowser:
    """Open the link of a new client."""
    client_id = (await site.register())["client_id"]
    return WebBrowser(site, http or site.http, await site.authorize(client_id, http=http, **asked))


async def operator(site: Site) -> Phone:
    """An operator who has enrolled an authenticator and set the password."""
    phone = await enrolled(site)
    site.clock.go(STEP_SECONDS)
    command = Command("web.password", {"password": PASSWORD}, by="socket", totp=phone.code(site.clock.now()))
    answer = await site.cockpit.face.run(command)
    assert isinstance(answer, Done), answer
    return phone


def token_of(text: str, form: str) -> str:
    found = re.search(rf'<form id="{form}".*?name="token" value="([^"]+)"', text, re.DOTALL)
    assert found, text
    return found.group(1)


def fields_of(text: str) -> dict[str, str]:
    """What a browser would send of the consent form as it stands, with approval."""
    found = re.search(r'<form id="consent".*?</form>', text, re.DOTALL)
    assert found, text
    form, fields = found.group(), {"decision": "approve"}
    for tag in re.findall(r"<input [^>]*>", form):
        given = {name: html.unescape(value) for name, value in re.findall(r'(\w+)="([^"]*)"', tag)}
        if given.get("type") not in {"checkbox", "radio"} or tag.rstrip(">").endswith(" checked"):
            fields[given["name"]] = given.get("value", "")
    chosen = re.search(r'<option value="([^"]*)" selected', form)
    assert chosen, form
    return fields | {"lives": chosen.group(1)}
