"""Twenty thousand odd requests to one cockpit: none breaks it, none sends a browser astray, no answer may be kept."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cockpit.model.identity import Scope
from tests.oauth.outside import CHALLENGE, READS, REDIRECT, VERIFIER, ManualClock
from tests.security.grammar import CLIENTS, REQUESTS, Asked, applied
from tests.security.line import Heard, Line
from tests.security.site import Site, open_site

BATCHES: Final = 1000
AT_ONCE: Final = 20
LINES: Final = 5
LOCAL: Final = "http://127.0.0.1/callback"
APPLICATION: Final = "cursor://anysphere.cursor-mcp/oauth/callback"
_LOCAL: Final = re.compile(r"http://127\.0\.0\.1(:[0-9]{1,5})?/callback")
_METHODS: Final = {"public": "none", "post": "client_secret_post", "basic": "client_secret_basic"}
_ERRORS: Final = {
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "invalid_target", "unsupported_token_type", "invalid_client_metadata", "invalid_redirect_uri",
}  # fmt: skip
_NOT_TO_BE_KEPT: Final = {"code", "refresh", "service", "other grant", "revoke", "register"}
_DOCUMENTS: Final = (
    "/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration", "/.well-known/oauth-protected-resource/mcp", "/oauth/jwks.json",
)  # fmt: skip


class Page(NamedTuple):
    """A page that waits."""

    target: str
    cookie: str
    code: str


class Fuzz:
    """One cockpit, three clients that were let in, and what is real at the moment."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.lines = [Line(site.port) for _ in range(LINES)]
        self.ids: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.pieces: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.pages: list[Page] = []
        self.seen: Counter[tuple[str, int]] = Counter()
        self.key = ""
        self.documents: dict[str, bytes] = {}

    async def prepare(self) -> None:
        for who in CLIENTS:
            told = await self.site.register(
                redirect_uris=[REDIRECT, LOCAL, APPLICATION], token_endpoint_auth_method=_METHODS[who]
            )
            self.ids[who], self.secrets[who] = told["client_id"], told.get("client_secret", "")
        self.key = await self.site.key()
        made = await self.site.done("service.create", name="nightly", scope="read:market read:account")
        self.ids["service"], self.secrets["service"] = made["client_id"], made["client_secret"]
        for path in _DOCUMENTS:
            self.documents[path] = (await self.site.get(path)).text.encode()
        await self.restock()

    async def play(self, batch: list[Asked]) -> None:
        """Send a batch over all lines at once, look at every answer, and put what was used up anew."""
        try:
            async with asyncio.TaskGroup() as group:
                for at, line in enumerate(self.lines):
                    group.create_task(self._on(line, batch[at::LINES]))
        except BaseException:
            for line in self.lines:
                await line.hang_up()
            raise
        await self.restock()

    async def _on(self, line: Line, some: list[Asked]) -> None:
        for asked in some:
            if asked.what == "wait" and self.pages:
                await self.decide(asked.who, self.pages[-1].code)
            method, target, headers, body = self.written(asked)
            heard = await line.ask(method, target, headers, body)
            try:
                self.judge(asked, method, heard)
            except AssertionError as error:
                error.add_note(f"{method} {target}\n{headers}\n{body!r}\n{heard}")
                raise
            self.seen[asked.what, heard[0]] += 1

    async def decide(self, who: str, code: str) -> None:
        """Let the browser that came last in, turn it away, or leave it waiting; somebody may have decided before."""
        if who == "post":
            await self.site.act("client.approve", code=code, scope="read:market", **{"as": "Waited"})
        elif who == "basic":
            await self.site.act("client.deny", code=code)

    async def restock(self) -> None:
        """Let everybody who waits expire, and every client have two codes again."""
        self.site.clock.go(31)
        await self.site.authority.sweep()
        await asyncio.gather(*(self._two_codes(who, line) for who, line in zip(CLIENTS, self.lines, strict=False)))

    async def _two_codes(self, who: str, line: Line) -> None:
        while len(self.pieces[who, "$CODE"]) < 2:
            query = urlencode(self.site.asking(self.ids[who]))
            _, told, body = await line.ask("GET", f"/oauth/authorize?{query}", (), b"")
            page = page_of(told, body)
            terms = {"as": who, "scope": "read:market read:account write:orders"}
            await self.site.done("client.approve", code=page.code, **terms)
            _, told, _ = await line.ask("GET", page.target, (("Cookie", page.cookie),), b"")
            self.pieces[who, "$CODE"].append(parse_qs(urlsplit(told["location"]).query)["code"][0])

    # what is sent

    def written(self, asked: Asked) -> tuple[str, str, list[tuple[str, str]], bytes]:
        good, headers, right = self.good(asked)
        pairs = [(name, self.piece(asked.who, value)) for name, value in applied(good, asked.changes)]
        method = asked.method or right
        text = urlencode(pairs, errors="replace")
        headers = [*headers, *asked.headers]
        match asked.what:
            case "authorize":
                return method, f"/oauth/authorize?{text}", headers, asked.junk if method != right else b""
            case "wait":
                page, cookie, _ = self.pages[-1] if self.pages else Page("/oauth/wait/x", "", "")
                if asked.changes:
                    page = f"/oauth/wait/{quote(asked.changes[0].value, safe='', errors='replace')}"
                return method, f"{page}?{text}", [*headers, ("Cookie", cookie)], b""
            case "metadata":
                path = _DOCUMENTS[len(asked.changes) % len(_DOCUMENTS)]
                more = "".join(f"/{quote(change.value, safe='', errors='replace')}" for change in asked.changes[:1])
                return method, f"{path}{more if asked.junk else ''}?{text}", headers, b""
            case "register":
                kind = [] if any(name == "Content-Type" for name, _ in headers) else [("Content-Type", _JSON)]
                return method, "/oauth/register", [*headers, *kind], self.registration(asked) + asked.junk
            case _:
                kind = [] if any(name == "Content-Type" for name, _ in headers) else [("Content-Type", _FORM)]
                path = "/oauth/revoke" if asked.what == "revoke" else "/oauth/token"
                return method, path, [*headers, *kind], text.encode() + asked.junk

    def good(self, asked: Asked) -> tuple[list[tuple[str, str]], list[tuple[str, str]], str]:
        """The parameters and headers of a request in which nothing is wrong, and its method."""
        if asked.what in {"wait", "metadata", "register"}:
            return [], [], "POST" if asked.what == "register" else "GET"
        if asked.what == "authorize":
            pairs = [
                ("response_type", "code"), ("client_id", "$CLIENT"), ("redirect_uri", REDIRECT), ("state", "st4te"),
                ("scope", "read:market"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256"),
                ("resource", "$RESOURCE"),
            ]  # fmt: skip
            return pairs, [], "GET"
        if asked.what == "service":
            return [
                ("grant_type", "client_credentials"), ("client_id", "$SERVICE"), ("client_secret", "$SERVICE_SECRET"),
                ("scope", "read:market"),
            ], [], "POST"  # fmt: skip
        pairs, headers = [("client_id", "$CLIENT")], []
        if asked.who == "post":
            pairs.append(("client_secret", "$SECRET"))
        elif asked.who == "basic":
            both = f"{self.ids['basic']}:{self.secrets['basic']}".encode()
            headers.append(("Authorization", f"Basic {base64.b64encode(both).decode()}"))
        what = {
            "code": [
                ("grant_type", "authorization_code"), ("code", "$CODE"), ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ],
            "refresh": [("grant_type", "refresh_token"), ("refresh_token", "$REFRESH")],
            "other grant": [("grant_type", "client_credentials"), ("scope", "read:market")],
            "revoke": [("token", "$OLD_REFRESH")],
        }  # fmt: skip
        return [*pairs, *what[asked.what]], headers, "POST"

    def registration(self, asked: Asked) -> bytes:
        members: dict[str, Any] = {
            "client_name": "Fuzz", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
        }  # fmt: skip
        names = (
            "client_name",
            "redirect_uris",
            "token_endpoint_auth_method",
            "grant_types",
            "scope",
            "jwks",
            "jwks_uri",
        )
        for change in asked.changes:
            name = names[sum(map(ord, change.name)) % len(names)]
            odd: Any = [
                change.value,
                [change.value],
                {change.value: 1},
                len(change.value),
                None,
                [REDIRECT, change.value],
            ]
            members[name] = odd[len(change.value) % len(odd)]
        return json.dumps(members).encode()

    def piece(self, who: str, value: str) -> str:
        if not value.startswith("$"):
            return value
        constant = {
            "$CLIENT": self.ids[who], "$OTHER": self.ids[CLIENTS[CLIENTS.index(who) - 1]], "$KEY": self.key,
            "$SERVICE": self.ids["service"], "$SERVICE_SECRET": self.secrets["service"],
            "$SECRET": self.secrets[who] or "x", "$RESOURCE": self.site.resource,
        }  # fmt: skip
        if value in constant:
            return constant[value]
        held = self.pieces[who, value]
        if value == "$CODE" and held:
            used = held.pop(0)
            self.pieces[who, "$OLD_CODE"][:] = [used]
            return used
        return held[-1] if held else "nothing"

    # what comes back

    def judge(self, asked: Asked, method: str, heard: Heard) -> None:
        status, headers, body = heard
        assert status < 500
        if "location" in headers:
            self.judge_redirect(status, headers["location"])
        if asked.what in _NOT_TO_BE_KEPT:
            assert headers["cache-control"] == "no-store"
        assert "access-control-allow-credentials" not in headers
        kind = headers.get("content-type", "")
        told = json.loads(body) if kind.startswith("application/json") and body else {}
        if asked.what in _NOT_TO_BE_KEPT and status in {400, 401}:
            assert told["error"] in _ERRORS, told
        if "access_token" in told:
            self.take(asked.who, told)
        if asked.what == "authorize" and status == 200 and method == "GET" and "set-cookie" in headers:
            self.pages = [*self.pages[-9:], page_of(headers, body)]
        if asked.what == "metadata" and status == 200 and method == "GET":
            assert body in self.documents.values()

    def judge_redirect(self, status: int, location: str) -> None:
        """Only to a registered address, with our name, and with nothing of the request but its state."""
        assert status == 303
        target, _, query = location.partition("?")
        assert target in {REDIRECT, APPLICATION} or _LOCAL.fullmatch(target), location
        said = parse_qs(query, keep_blank_values=True, strict_parsing=True)
        assert said["iss"] == [self.site.issuer]
        assert said.keys() <= {"code", "state", "iss", "error", "error_description", "error_uri"}
        assert ("code" in said) != ("error" in said)

    def take(self, who: str, told: dict[str, Any]) -> None:
        assert told["token_type"] == "Bearer"
        assert set(told["scope"].split()) <= {scope.value for scope in READS | {Scope.WRITE_ORDERS}}
        self.pieces[who, "$ACCESS"][:] = [told["access_token"]]
        if "refresh_token" in told:
            self.pieces[who, "$OLD_REFRESH"][:] = self.pieces[who, "$REFRESH"][-1:]
            self.pieces[who, "$REFRESH"][:] = [told["refresh_token"]]
        else:
            assert "write:orders" not in told["scope"], "only the service has no refresh token"


def page_of(headers: dict[str, str], body: bytes) -> Page:
    code = re.search(rb'id="code"[^>]*>([A-Z]{6})<', body)
    assert code, body
    return Page(headers["refresh"].partition("url=")[2], headers["set-cookie"].partition(";")[0], code[1].decode())


_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


@pytest.mark.timeout(600)
def test_twenty_thousand_odd_requests_break_nothing(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        # Who waits expires within each batch, and what a client holds does not.
        settings_text = "max_unapproved_clients = 50\nask_seconds = 30\ncode_seconds = 600\n"
        site = runner.run(stack.enter_async_context(open_site(tmp_path / "data", ManualClock(), oauth=settings_text)))
        fuzz = Fuzz(site)
        runner.run(fuzz.prepare())

        @settings(
            max_examples=BATCHES,
            deadline=None,
            # A batch meets what those before it left behind, so a smaller one shows nothing: the note tells the request.
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        )
        @given(st.lists(REQUESTS, min_size=AT_ONCE, max_size=AT_ONCE))
        def play(batch: list[Asked]) -> None:
            runner.run(fuzz.play(batch))

        try:
            play()
        finally:
            for line in fuzz.lines:
                runner.run(line.hang_up())
            runner.run(stack.aclose())
    seen = fuzz.seen
    assert seen.total() >= BATCHES * AT_ONCE

    def share(what: str, *statuses: int) -> float:
        of = sum(count for (one, _), count in seen.items() if one == what)
        return sum(seen[what, status] for status in statuses) / of

    assert share("authorize", 200) > 0.3, seen
    assert share("authorize", 303) > 0.03, seen
    assert share("wait", 303) > 0.03, seen
    assert share("code", 200) > 0.2, seen
    assert share("refresh", 200) > 0.2, seen
    assert share("service", 200) > 0.2, seen
    assert share("revoke", 200) > 0.2, seen
    assert share("register", 201) > 0.25, seen
    assert share("metadata", 200) > 0.4, seen
